"""Rows told apart by all their columns, or by some."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from assaykit.analysis.duplicates import Likeness, firsts
from assaykit.spelling import key_of

VALUE = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0, "1", "a"])
ROWS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUE, min_size=1), max_size=30)


def same(one: Any, other: Any, *, is_named: bool) -> bool:
    if is_named and None not in (one, other):
        return key_of(one) == key_of(other)
    return type(one) is type(other) and one == other


@given(ROWS, st.none() | st.sets(st.sampled_from("abc"), min_size=1))
def test_the_first_of_equal_rows_stays_and_the_others_go(rows: list[dict[str, Any]], columns: set[str] | None) -> None:
    expected: list[dict[str, Any]] = []
    for row in rows:
        is_named = columns is not None
        pairs = ([(row.get(one), kept.get(one)) for one in columns or "abc"] for kept in expected)
        if not any(all(same(*pair, is_named=is_named) for pair in every) for every in pairs):
            expected.append(row)
    assert list(firsts(rows, Likeness(columns))) == expected


def test_values_inside_a_value_count_and_their_order_in_an_object_does_not() -> None:
    rows = [{"a": {"x": 1, "y": [1, 2]}}, {"a": {"y": [1, 2], "x": 1}}, {"a": {"x": 1, "y": [2, 1]}}]
    assert list(firsts(rows, Likeness(None))) == [rows[0], rows[2]]


def test_what_is_aside_tells_no_rows_apart() -> None:
    rows = [{"a": 1, "id": "x"}, {"a": 1, "id": "y"}, {"a": 2, "id": "x"}]
    assert list(firsts(rows, Likeness(None, {"id"}))) == [rows[0], rows[2]]
