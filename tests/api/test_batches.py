from assaykit.api.batches import CHARACTERS_PER_REQUEST, batches


def test_no_rows_make_no_request() -> None:
    rows: list[dict[str, int]] = []
    assert list(batches(rows)) == []


def test_a_thousand_rows_go_at_a_time_in_their_order() -> None:
    rows = [{"n": number} for number in range(2001)]
    found = list(batches(rows))
    assert [len(batch) for batch in found] == [1000, 1000, 1]
    assert [row for batch in found for row in batch] == rows


def test_long_rows_go_in_smaller_requests_and_a_longer_one_goes_alone() -> None:
    half = {"text": "x" * (CHARACTERS_PER_REQUEST // 2)}
    whole = {"text": "x" * CHARACTERS_PER_REQUEST}
    assert [len(batch) for batch in batches([{"n": 1}, half, half, whole, {"n": 2}])] == [2, 1, 1, 1]
