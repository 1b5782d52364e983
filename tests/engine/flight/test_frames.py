import datetime as dt
import decimal
import json
from typing import Any, cast

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assaykit.engine.flight import frames
from assaykit.errors import Invalid

arrow = cast("Any", pa)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)
ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "b.c", "d"]), VALUES), max_size=6)


def back(rows: list[frames.ArrowRow]) -> tuple[dict[str, frames.ColumnType], list[frames.ArrowRow]]:
    """The columns of the rows, and the rows as they come back out of a batch."""
    columns = frames.columns_of(rows)
    batch = frames.batch(rows, columns, frames.schema(columns))
    return columns, [row for some in frames.rows_of([batch]) for row in some]


@given(ROWS)
def test_any_rows_come_back_as_they_were_or_as_json_text(rows: list[frames.ArrowRow]) -> None:
    columns, found = back(rows)
    for row, other in zip(rows, found, strict=bool(columns)):
        for name, kind in columns.items():
            sent = row.get(name)
            if kind == "text" and sent is not None and not isinstance(sent, str):
                assert json.loads(other[name]) == sent
            else:
                assert other[name] == sent


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, None], "bool"),
        ([1, 2], "int"),
        ([1, 2.5], "float"),
        ([1, 2**60], "long"),
        ([2**60, 2.5], "text"),
        ([[1, 2.5]], ("float",)),
        ([[2**60, 1]], ("long",)),
        ([[2**60, 2.5]], "text"),
        ([[2**63]], "text"),
        ([[[1]]], "text"),
        (["a", 1], "text"),
        ([True, 1], "text"),
        ([2**63], "text"),
        ([{"a": 1}], "text"),
        ([["a"], []], ("text",)),
        ([[1], [2.5]], ("float",)),
        ([["a", 1]], "text"),
        ([["a"], [1]], "text"),
        ([[["a"]]], "text"),
        ([None], None),
    ],
)
def test_a_column_has_the_narrowest_type_that_holds_its_values(values: list[Any], kind: frames.ColumnType) -> None:
    assert frames.columns_of([{"x": value} for value in values]) == {"x": kind}


def test_times_come_back_as_timestamps_where_the_writer_says_so() -> None:
    columns = frames.columns_of([{"time": 1_500_000_000}], {"time": "time"})
    batch = frames.batch([{"time": 1_500_000_000}], columns, frames.schema(columns))
    assert str(batch.schema.field("time").type) == "timestamp[ns, tz=UTC]"
    assert next(frames.rows_of([batch])) == [{"time": "1970-01-01T00:00:01.500000Z"}]


def test_what_arrow_has_and_json_has_not_is_brought_over() -> None:
    when = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    batch = arrow.record_batch(
        {
            "nan": [float("nan")],
            "decimal": [decimal.Decimal("1.50")],
            "day": [when.date()],
            "word": arrow.array(["a"]).dictionary_encode(),
            "struct": [{"x": [when]}],
        }
    )
    assert next(frames.rows_of([batch])) == [
        {
            "nan": None,
            "decimal": "1.50",
            "day": "2026-01-02",
            "word": "a",
            "struct": {"x": ["2026-01-02T03:04:05Z"]},
        }
    ]


def test_large_batches_come_a_thousand_rows_at_a_time() -> None:
    batch = arrow.record_batch({"n": list(range(2500))})
    assert [len(rows) for rows in frames.rows_of([batch])] == [1000, 1000, 500]


def test_bytes_doubled_names_and_broken_offsets_are_refused() -> None:
    with pytest.raises(Invalid, match="The column 'raw' holds bytes"):
        list(frames.rows_of([arrow.record_batch({"raw": [b"x"]})]))
    doubled = arrow.RecordBatch.from_arrays([arrow.array([1]), arrow.array([2])], names=["a", "a"])
    with pytest.raises(Invalid, match="The column 'a' occurs twice"):
        list(frames.rows_of([doubled]))
    offsets = arrow.array([0, 900_000, 3], arrow.int32()).buffers()[1]
    broken = arrow.Array.from_buffers(arrow.string(), 2, [None, offsets, arrow.py_buffer(b"abc")])
    with pytest.raises(Invalid, match="The Arrow data cannot be read"):
        list(frames.rows_of([arrow.RecordBatch.from_arrays([broken], names=["a"])]))
