"""The parts of a backfill: every unit with work left is in exactly one, and no part is larger than it must be."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from assaykit.planning.parts import BackfillPart, DatedSpan, split
from assaykit.planning.periods import Period

START = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = Period(START, START + timedelta(days=1))


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def rows(*told: tuple[int, str, bool]) -> list[DatedSpan]:
    """Newest first."""
    return sorted((DatedSpan(at(second), unit, is_left) for second, unit, is_left in told), reverse=True)


def test_the_newest_part_is_full_and_the_windows_touch() -> None:
    found = split(rows(*((number, f"s{number}", True) for number in range(5))), PERIOD, 2)
    tick = timedelta(microseconds=1)
    assert found == [
        BackfillPart(Period(at(3), PERIOD.end), 2),
        BackfillPart(Period(at(1), at(3) - tick), 2),
        BackfillPart(Period(PERIOD.start, at(1) - tick), 1),
    ]


def test_what_is_labelled_takes_no_room_and_nothing_left_makes_no_part() -> None:
    told = [(number, f"s{number}", number % 2 == 0) for number in range(6)]
    assert [part.units for part in split(rows(*told), PERIOD, 2)] == [2, 1]
    assert split(rows((1, "a", False)), PERIOD, 2) == []
    assert split([], PERIOD, 2) == []


def test_a_unit_whose_spans_lie_far_apart_is_in_one_part_with_what_lies_between() -> None:
    told = [(0, "old", True), (1, "long", True), (2, "x", True), (3, "y", True), (4, "long", True), (5, "new", True)]
    assert [part.units for part in split(rows(*told), PERIOD, 2)] == [1, 3, 1]


TOLD = st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abcdefghij"), st.just(value=True)), max_size=30)


@given(told=TOLD, most=st.integers(1, 5), labelled=st.sets(st.sampled_from("abcdefghij")))
def test_every_unit_with_work_left_is_in_one_part(
    told: list[tuple[int, str, bool]], most: int, labelled: set[str]
) -> None:
    found = rows(*((second, unit, unit not in labelled) for second, unit, _ in told))
    parts = split(found, PERIOD, most)
    inside = [
        {row.unit for row in found if row.is_left and part.period.start <= row.at <= part.period.end} for part in parts
    ]
    every = [unit for units in inside for unit in units]
    assert sorted(every) == sorted({row.unit for row in found if row.is_left})
    assert [len(units) for units in inside] == [part.units for part in parts]
    for newer, older in pairwise(parts):
        assert older.period.end < newer.period.start
        assert newer.units + older.units > most
    spans = rows(*((second, f"{second}", True) for second in {second for second, _, _ in told}))
    assert all(part.units <= most for part in split(spans, PERIOD, most))
