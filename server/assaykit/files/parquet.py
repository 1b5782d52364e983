"""Parquet files, batch by batch, with pyarrow from the extra `parquet`.

The sizes in a Parquet file cannot be trusted: a few hundred bytes can stand for hundreds of megabytes of repeated
text. So the unpacked bytes are counted, and reading stops at a budget. The footer's sizes are checked against the same
limits first, because pyarrow unpacks a value as a whole. If the rows of a batch can share a long text, the batch has
fewer rows, so that it stays small in memory.
"""

import datetime as dt
import decimal
import importlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, BinaryIO, cast

from assaykit.errors import Invalid, Unsupported, quote
from assaykit.files.rows import FileRow, Record, columns_of, require_width
from assaykit.files.strict_json import MAX_VALUE, JsonError, parse

BATCH_ROWS = 256
BATCH_BYTES = 64 * 1024 * 1024  # limit on one unpacked batch
UNSURE_BYTES = 16 * 1024 * 1024  # limit on one batch if each of its rows has the longest text
BUDGET_BYTES = 512 * 1024 * 1024  # limit on all unpacked batches together

_BEGINNINGS = "DELTA_BYTE_ARRAY"
_SHARING = {"PLAIN_DICTIONARY", "RLE_DICTIONARY", _BEGINNINGS}
"""Encodings in which many rows share a text, in whole or in part, so that few bytes stand for many."""

JSON_MARK = {b"assaykit": b"json"}
"""The metadata of a column whose texts are JSON. A text that is no JSON stands for itself."""

_INT64 = 2**63
_TEXT_TYPES = {"string", "large_string", "binary", "large_binary"}


def parquet_rows(file: BinaryIO, path: str, nan_is_null: bool = False) -> Iterator[FileRow]:
    """Yield the rows; `line` is the number of the row. Times become ISO 8601 text, decimals become floats.

    Raises:
        Unsupported: pyarrow is not installed.
        Invalid: the file is malformed, unpacks to more than the budget, or has bytes, an infinity or, without
            `nan_is_null`, NaN.
    """
    arrow, parquet = pyarrow(path)
    try:
        source = parquet.ParquetFile(file, thrift_string_size_limit=16 * 1024 * 1024)
        require_width(len(source.schema_arrow.names), path, 1)
        _require_names(source.schema_arrow.names, path)
        _require_countable(source.schema_arrow, path)
        _require_small(source.metadata, path)
        marked = {one.name for one in source.schema_arrow if JSON_MARK.items() <= (one.metadata or {}).items()}
        number = 0
        for batch in _batches(source, _rows_at_once(file, source.metadata, parquet), path):
            for values in batch.to_pylist():
                number += 1
                plain = {
                    name: _plain(_of_json_cell(cell) if name in marked else cell, name, number, path, nan_is_null)
                    for name, cell in values.items()
                }
                yield FileRow(number, plain)
    except (arrow.ArrowException, OSError) as error:
        raise Invalid(
            f"{quote(path)!r} cannot be read as Parquet: {quote(str(error))}.",
            "Write the file again.",
        ) from error


def pyarrow(path: str) -> tuple[Any, Any]:
    """The modules `pyarrow` and `pyarrow.parquet`.

    Raises:
        Unsupported: the extra is not installed.
    """
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise Unsupported(
            f"{quote(path)!r} is a Parquet file, which needs pyarrow, but pyarrow is not installed.",
            "Run pip install 'assaykit[parquet]', or use CSV or JSON lines.",
        ) from error


def _batches(source: Any, rows: Sequence[int], path: str) -> Iterator[Any]:
    """Yield the batches; `rows` has the batch size of each row group."""
    spent = 0
    for at_once, groups in groupby(range(len(rows)), rows.__getitem__):
        for batch in source.iter_batches(batch_size=at_once, row_groups=list(groups), use_threads=False):
            size = sum(_unpacked_bytes(column) for column in batch.columns)
            spent += size
            if size > BATCH_BYTES or spent > BUDGET_BYTES:
                raise _too_large(path)
            yield batch


def _rows_at_once(file: BinaryIO, metadata: Any, parquet: Any) -> list[int]:
    """Return a batch size for each row group that keeps to the limits even if all rows have the longest text."""
    found: list[int] = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = [group.column(place) for place in range(group.num_columns)]
        shared = [one for one in chunks if one.physical_type == "BYTE_ARRAY" and _SHARING.intersection(one.encodings)]
        longest = sum(one.total_uncompressed_size for one in shared)
        # This bound suffices for most files. Otherwise the dictionaries give the longest texts.
        if longest * min(group.num_rows, BATCH_ROWS) > BATCH_BYTES:
            words = [one for one in shared if _BEGINNINGS not in one.encodings]
            others = sum(one.total_uncompressed_size for one in shared if _BEGINNINGS in one.encodings)
            longest = others + _longest_words(file, metadata, number, [one.path_in_schema for one in words], parquet)
            found.append(max(1, min(BATCH_ROWS, UNSURE_BYTES // max(1, longest))))
        else:
            found.append(BATCH_ROWS)
    return found


def _longest_words(file: BinaryIO, metadata: Any, group: int, columns: list[str], parquet: Any) -> int:
    """Sum the bytes of the longest text in each dictionary of these columns; one copy of each is unpacked."""
    source = parquet.ParquetFile(file, metadata=metadata, read_dictionary=columns)
    compute = importlib.import_module("pyarrow.compute")
    total = 0
    for first in islice(source.iter_batches(batch_size=1, row_groups=[group], use_threads=False), 1):
        for words in _dictionaries(first.columns):
            total += int(compute.max(compute.binary_length(words)).as_py() or 0)
    return total


def _dictionaries(columns: Iterable[Any]) -> Iterator[Any]:
    """Yield the dictionaries of texts in the columns, including those inside lists and objects."""
    for column in columns:
        if hasattr(column, "dictionary"):
            if str(column.dictionary.type) in _TEXT_TYPES:
                yield column.dictionary
        elif hasattr(column, "flatten"):
            inside: Any = column.flatten()
            parts = cast("list[Any]", inside) if isinstance(inside, list) else [inside]
            yield from _dictionaries(part for part in parts if part is not column)


def _require_small(metadata: Any, path: str) -> None:
    """Raises: Invalid: by the footer's sizes, a row group or a span of 256 rows exceeds the limits."""
    rows = size = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        of_group = sum(_cost(group.column(place), group.num_rows) for place in range(group.num_columns))
        # A batch may contain rows of several groups.
        rows, size = rows + group.num_rows, size + of_group
        if of_group > BUDGET_BYTES or size > BATCH_BYTES * max(1, -(-rows // BATCH_ROWS)):
            raise _too_large(path)
        if rows >= BATCH_ROWS:
            rows = size = 0


def _cost(chunk: Any, rows: int) -> int:
    """Bytes of a column of a row group. Values in lists count 8 bytes each, because few bytes can encode many."""
    in_lists = chunk.num_values * 8 if chunk.num_values > rows else 0
    return max(chunk.total_uncompressed_size, in_lists)


def _too_large(path: str) -> Invalid:
    return Invalid(
        f"{quote(path)!r} unpacks to more than {BUDGET_BYTES // 1024 // 1024} MiB, or to more than"
        f" {BATCH_BYTES // 1024 // 1024} MiB within {BATCH_ROWS} rows.",
        "Leave out the large columns, or split the file.",
    )


def _unpacked_bytes(column: Any) -> int:
    """Bytes of a column of a batch after every row has its own copy of its value."""
    if not hasattr(column, "dictionary"):
        return int(column.nbytes)
    # A dictionary has one copy of a text, to which a million rows can point.
    words = column.dictionary
    if str(words.type) not in _TEXT_TYPES:
        return int(column.nbytes) + 8 * len(column)
    compute = importlib.import_module("pyarrow.compute")
    lengths = compute.take(compute.binary_length(words), column.indices)
    return int(column.nbytes) + int(compute.sum(lengths).as_py() or 0)


def _require_names(names: Sequence[str], path: str) -> None:
    # Of two columns with one name, a row would silently drop one.
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Invalid(
            f"{quote(path)!r} has a column {quote(twice)!r} more than once.", "Give every column its own name."
        )


def _require_countable(schema: Any, path: str) -> None:
    for field in schema:
        if "dictionary<" in str(field.type) and not hasattr(field.type, "index_type"):
            raise Invalid(
                f"Column {quote(field.name)!r} of {quote(path)!r} keeps a dictionary inside a nested value.",
                "Write the column without categorical types inside.",
            )


def _plain(value: object, name: str, number: int, path: str, nan_is_null: bool) -> object:
    """Convert a value to one that JSON can express."""
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value) or (nan_is_null and math.isnan(value)):
            return None if math.isnan(value) else value
        case decimal.Decimal() if value.is_finite():
            return float(value)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case list():
            return [_plain(inner, name, number, path, nan_is_null) for inner in cast("list[object]", value)]
        case dict():
            inner = cast("dict[object, object]", value)
            return {str(key): _plain(cell, name, number, path, nan_is_null) for key, cell in inner.items()}
        case _:
            shown = repr(value) if isinstance(value, float) else type(value).__name__
            raise Invalid(
                f"Row {number} of {quote(path)!r} holds {shown} in {quote(name)!r}, which JSON cannot express.",
                "Write a number, text or null there, or leave out the column.",
            )


def write_parquet(file: BinaryIO, rows: Sequence[Record]) -> None:
    """Write the rows as one table. Each column has one type; a column of several types is marked, and holds JSON."""
    arrow, parquet = pyarrow("the file")
    fields: list[Any] = []
    columns: list[Any] = []
    for name in columns_of(rows):
        values = [row.get(name) for row in rows]
        kind, cells = _column(arrow, values)
        fields.append(arrow.field(name, kind, metadata=JSON_MARK if cells is not values else None))
        columns.append(arrow.array(cells, kind))
    parquet.write_table(arrow.Table.from_arrays(columns, schema=arrow.schema(fields)), file)


def _column(arrow: Any, values: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """Return the type of a column, and its values; as JSON texts in a new list if they have several types."""
    kinds = {_kind(value) for value in values if value is not None}
    if kinds == {bool}:
        return arrow.bool_(), values
    if kinds == {int}:
        return arrow.int64(), values
    if kinds and kinds <= {int, float} and all(value is None or float(value) == value for value in values):
        return arrow.float64(), values
    if kinds <= {str}:
        return arrow.string(), values
    return arrow.string(), [None if value is None else _json_cell(value) for value in values]


def _kind(value: Any) -> type:
    """The type of a value; `object` for an object, a list, or a whole number beyond 64 bits."""
    if isinstance(value, bool):
        return bool
    if isinstance(value, int):
        return int if -_INT64 <= value < _INT64 else object
    return type(value) if isinstance(value, float | str) else object


def _json_cell(value: Any) -> str:
    """A value of a marked column: JSON, or a text as it is if it is no JSON itself."""
    if isinstance(value, str) and _of_json_cell(value) is value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _of_json_cell(cell: Any) -> Any:
    """The value that a cell of a marked column stands for."""
    if not isinstance(cell, str) or len(cell) > MAX_VALUE:
        return cell
    try:
        return parse(cell)
    except JsonError:
        return cell
