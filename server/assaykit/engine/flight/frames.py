"""Rows as Arrow batches and back. A row is a dict of JSON values; a batch has one type per column.

Objects, lists of mixed types, and values of a column of mixed types become JSON text, one value at a time. Text stays
unchanged.
"""

import datetime as dt
import decimal
import functools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, cast

import pyarrow as pa

from assaykit.errors import Invalid, quote

# pyarrow has no type annotations, so only this module and `spool` use it; they return plain values.
arrow = cast("Any", pa)

ArrowRow: TypeAlias = dict[str, Any]
ScalarType: TypeAlias = Literal["bool", "int", "long", "float", "text", "time"]
ColumnType: TypeAlias = ScalarType | tuple[ScalarType | None] | None
"""The type of a column. A tuple holds the type of a list's items. None means that all values so far are null.

`long` is an integer that a double cannot hold exactly; together with fractions it becomes text, not a float.
`time` is nanoseconds since 1970. It is never inferred from values: the caller declares such a column.
"""

ROWS_PER_BATCH: Final = 500
_ROWS_PER_SLICE: Final = 1000
_INT64: Final = 2**63
_EXACT: Final = 2**53
_TYPES: Final = {
    "bool": arrow.bool_(),
    "int": arrow.int64(),
    "long": arrow.int64(),
    "float": arrow.float64(),
    "text": arrow.string(),
    "time": arrow.timestamp("ns", tz="UTC"),
}


def columns_of(
    rows: Iterable[Mapping[str, Any]], begin: Mapping[str, ColumnType] | None = None
) -> dict[str, ColumnType]:
    """The columns of `begin` and then of all rows, in order of appearance, each with a type that holds all values."""
    kinds: dict[str, ColumnType] = dict(begin or {})
    for row in rows:
        for name, value in row.items():
            if kinds.get(name, "") not in {"text", "time"}:
                kinds[name] = _joined(kinds.get(name), _kind(value))
    return kinds


def schema(columns: Mapping[str, ColumnType]) -> Any:
    """The Arrow schema. A column of nulls only has the type text."""
    return arrow.schema([arrow.field(name, _type(kind)) for name, kind in columns.items()])


def batch(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, ColumnType], known: Any) -> Any:
    """Rows as one batch of the schema `known`. Other columns of a row are left out."""
    arrays = [
        arrow.array([_cell(row.get(name), kind) for row in rows], type=_type(kind)) for name, kind in columns.items()
    ]
    return arrow.record_batch(arrays, schema=known)


def rows_of(batches: Iterable[Any]) -> Iterator[list[ArrowRow]]:
    """The rows of batches from a client, in lists of at most 1,000.

    NaN and the infinities become null, times become RFC 3339 text, decimals become text.

    Raises:
        Invalid: a batch is broken, has two columns of one name, or holds a type that JSON cannot carry, such as bytes.
    """
    try:
        for each in batches:
            # Without a full validation Arrow trusts the offsets and would read outside its buffers.
            each.validate(full=True)
            names: list[str] = each.schema.names
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise Invalid(f"The column {quote(twice, 60)!r} occurs twice.", "Give each column its own name.")
            for start in range(0, each.num_rows, _ROWS_PER_SLICE):
                some: list[ArrowRow] = each.slice(start, _ROWS_PER_SLICE).to_pylist()
                yield [{name: _plain(value, name) for name, value in row.items()} for row in some]
    except (arrow.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
        raise Invalid(
            f"The Arrow data cannot be read: {quote(str(error), 120)}.", "Send the table again, as written by Arrow."
        ) from error


def _kind(value: Any) -> ColumnType:
    match value:
        case bool():
            kind: ColumnType = "bool"
        case int():
            kind = "int" if abs(value) <= _EXACT else "long" if -_INT64 <= value < _INT64 else "text"
        case float():
            kind = "float"
        case list():
            kind = _list_kind(cast("list[Any]", value))
        case _:
            kind = None if value is None else "text"
    return kind


def _list_kind(items: Sequence[Any]) -> ColumnType:
    some = [item for item in items if item is not None]
    kinds = [_kind(item) for item in some]
    if any(kind == "text" and not isinstance(item, str) for item, kind in zip(some, kinds, strict=True)):
        return "text"
    if any(isinstance(kind, tuple) for kind in kinds):
        return "text"
    return functools.reduce(_joined, [(cast("ScalarType", kind),) for kind in kinds], cast("ColumnType", (None,)))


def _joined(one: ColumnType, other: ColumnType) -> ColumnType:
    """The narrowest type that holds both."""
    if one == other or other is None:
        return one
    if one is None:
        return other
    if isinstance(one, tuple) and isinstance(other, tuple):
        inner = _joined(one[0], other[0])
        # Lists without a common item type become JSON text as a whole, not item by item.
        like = None in {one[0], other[0]} or inner in {"float", "long"}
        return (cast("ScalarType | None", inner),) if like else "text"
    if {one, other} == {"int", "long"}:
        return "long"
    return "float" if {one, other} == {"int", "float"} else "text"


def _type(kind: ColumnType) -> Any:
    if isinstance(kind, tuple):
        return arrow.list_(_TYPES[kind[0] or "text"])
    return _TYPES[kind or "text"]


def _cell(value: Any, kind: ColumnType) -> Any:
    if value is None:
        return value
    if isinstance(kind, tuple):
        return [_cell(item, kind[0]) for item in value] if kind[0] == "float" else value
    if kind == "float":
        return float(value)
    if kind in {"text", None} and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return value


def _plain(value: Any, name: str) -> Any:
    """The value in a form that JSON can carry.

    Raises:
        Invalid: the value is of a type that JSON cannot carry.
    """
    match value:
        case None | bool() | int() | str():
            plain = value
        case float():
            plain = value if math.isfinite(value) else None
        case dt.datetime():
            aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
            plain = aware.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
        case dt.date() | dt.time():
            plain = value.isoformat()
        case decimal.Decimal():
            plain = str(value)
        case list() | tuple():  # a tuple is an entry of a map
            plain = [_plain(inner, name) for inner in cast("Sequence[Any]", value)]
        case dict():
            plain = {str(key): _plain(inner, name) for key, inner in cast("dict[Any, Any]", value).items()}
        case _:
            raise Invalid(
                f"The column {quote(name, 60)!r} holds {type(value).__name__}, which JSON cannot carry.",
                "Write text or numbers, or leave the column out.",
            )
    return plain
