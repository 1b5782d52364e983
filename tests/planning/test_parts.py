"""The parts of a backfill: every row to score is in exactly one, and no part is larger than it must be."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from assaykit.judge.selection import Part, Stretch, split

END = 86_400


def stretches(*told: tuple[int, str, bool]) -> dict[str, Stretch]:
    """The rows that spans at these seconds belong to, newest first."""
    found: dict[str, Stretch] = {}
    for at, row, is_left in sorted(told, reverse=True):
        newest, _, _ = found.get(row, (at, at, is_left))
        found[row] = Stretch(newest, at, is_left)
    return found


def parts_of(told: Iterable[tuple[int, str, bool]], most: int) -> list[Part]:
    return split(stretches(*told).values(), 0, END, most)


def test_the_newest_part_is_full_and_the_windows_touch() -> None:
    found = parts_of([(number, f"s{number}", True) for number in range(5)], 2)
    assert found == [Part(3, END, 2), Part(1, 2, 2), Part(0, 0, 1)]


def test_labelled_rows_take_no_room_and_nothing_left_makes_no_part() -> None:
    told = [(number, f"s{number}", number % 2 == 0) for number in range(6)]
    assert [part.rows for part in parts_of(told, 2)] == [2, 1]
    assert parts_of([(1, "a", False)], 2) == []
    assert parts_of([], 2) == []


def test_a_row_whose_spans_lie_far_apart_is_in_one_part_with_the_rows_between() -> None:
    told = [(0, "old", True), (1, "long", True), (2, "x", True), (3, "y", True), (4, "long", True), (5, "new", True)]
    assert [part.rows for part in parts_of(told, 2)] == [1, 3, 1]


TOLD = st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abcdefghij"), st.just(value=True)), max_size=30)


@given(told=TOLD, most=st.integers(1, 5), labelled=st.sets(st.sampled_from("abcdefghij")))
def test_every_row_to_score_is_in_one_part(told: list[tuple[int, str, bool]], most: int, labelled: set[str]) -> None:
    found = [(at, row, row not in labelled) for at, row, _ in told]
    parts = parts_of(found, most)
    inside = [{row for at, row, is_left in found if is_left and part.start <= at <= part.end} for part in parts]
    assert sorted(row for rows in inside for row in rows) == sorted({row for _, row, is_left in found if is_left})
    assert [len(rows) for rows in inside] == [part.rows for part in parts]
    for newer, older in pairwise(parts):
        assert older.end < newer.start
        assert newer.rows + older.rows > most
    spans = [(at, f"{at}", True) for at in {at for at, _, _ in told}]
    assert all(part.rows <= most for part in parts_of(spans, most))
