import pytest
from tests.small_disks import smallest_files

from assaykit.engine.flight.spool import FlightMessage, Spool
from assaykit.engine.problems import TooLarge
from assaykit.errors import Invalid, Unavailable

ROWS = [{"n": n, "word": f"w{n}" * (n % 7)} for n in range(1200)]


def test_what_one_spool_writes_another_reads_part_by_part() -> None:
    with Spool() as sent, Spool() as taken:
        sent.write(lambda: ROWS, {"n": "int"})
        parts = 0
        while (part := sent.next()) is not None:
            taken.add(part)
            parts += 1
        assert parts == 4, "the schema and three batches"
        assert [row for some in taken.rows() for row in some] == ROWS


def test_a_projection_writes_the_columns_it_names_and_no_others() -> None:
    with Spool() as sent, Spool() as taken:
        sent.write(lambda: ROWS[:2], {"word": None, "nowhere": None}, only=True)
        while (part := sent.next()) is not None:
            taken.add(part)
        assert list(taken.rows()) == [[{"word": "", "nowhere": None}, {"word": "w1", "nowhere": None}]]


def test_what_is_no_arrow_stream_is_refused() -> None:
    for parts in ([], [FlightMessage(b"nonsense", b"")], [FlightMessage(b"\0" * 64, b"\0" * 64)]):
        with Spool() as spool:
            for part in parts:
                spool.add(part)
            with pytest.raises(Invalid, match="The data is not a readable Arrow stream"):
                list(spool.rows())


def test_a_table_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assaykit.engine.flight.spool.MAX_BYTES", 1_000)
    with Spool() as spool:
        spool.add(FlightMessage(b"head", b"x" * 800))
        with pytest.raises(TooLarge, match="larger than 1000 bytes"):
            spool.add(FlightMessage(b"head", b"x" * 800))


def test_a_table_without_room_for_its_rows_says_where_to_make_room() -> None:
    with smallest_files(100_000), Spool() as spool, pytest.raises(Unavailable) as refused:
        spool.add(FlightMessage(b"head", b"x" * 200_000))
    assert "The table could not be kept in" in refused.value.message
    assert "TMPDIR" in refused.value.next


def test_an_answer_without_room_for_its_rows_says_so_too() -> None:
    rows = [{"text": f"{number}" * 100} for number in range(5_000)]
    with smallest_files(20_000), Spool() as spool, pytest.raises(Unavailable, match="The answer could not be kept in"):
        spool.write(lambda: rows, {"text": "text"})
