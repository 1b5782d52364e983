"""Parquet files, batch by batch, with pyarrow from the extra `parquet`.

A few hundred bytes of Parquet can stand for gigabytes of repeated text. So pages are held against limits by what they
unpack to, before one is; texts stay in dictionaries, one copy of each, until it has been counted what the rows of a
batch come to; and reading stops at a budget.
"""

import datetime as dt
import decimal
import importlib
import math
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, cast

from assaykit.errors import Invalid, Unsupported, quote
from assaykit.files.parquet_pages import Chunk, Pages, Unreadable
from assaykit.files.rows import Row, require_names, require_width

BATCH_ROWS = 256
BATCH_BYTES = 64 * 1024 * 1024  # of one batch, unpacked
UNSURE_BYTES = 16 * 1024 * 1024  # of one batch whose values may be as long as a page
BUDGET_BYTES = 512 * 1024 * 1024  # of all batches together, unpacked
MOST_TEXT_OF_FOOTER = 16 * 1024 * 1024


def parquet_rows(file: BinaryIO, path: str, nan_is_null: bool = False) -> Iterator[Row]:
    """The rows; `line` is the number of the row. Times become ISO 8601 text, decimals floats, and maps objects.

    Raises:
        Unsupported: pyarrow is not installed.
        Invalid: the file is malformed, unpacks to more than the budget, has a column without a name or two of one, or
            holds bytes, an infinity or, unless that is null, NaN.
    """
    arrow, parquet = pyarrow(path)
    try:
        footer = parquet.ParquetFile(file, thrift_string_size_limit=MOST_TEXT_OF_FOOTER).metadata
        require_width(footer.num_columns, path, 1)
        layout = _layout(file, footer, path)
        source = parquet.ParquetFile(file, metadata=footer, read_dictionary=layout.texts)
        require_names(source.schema_arrow.names, path)
        number = 0
        for batch in _batches(source, layout.rows, path):
            for values in batch.to_pylist():
                number += 1
                plain = {name: _plain(cell, name, number, path, nan_is_null) for name, cell in values.items()}
                yield Row(number, plain)
    except (arrow.ArrowException, OSError, Unreadable) as error:
        raise Invalid(
            f"{quote(path)!r} is not a Parquet file that can be read: {quote(str(error))}.",
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
            f"{quote(path)!r} is Parquet, which needs pyarrow, and that is not installed.",
            "Run pip install 'assaykit[parquet]', or use CSV or JSON lines.",
        ) from error


def _batches(source: Any, rows: int, path: str) -> Iterator[Any]:
    """The batches, none of which has rows of two groups, with their texts unpacked."""
    arrow, _ = pyarrow(path)
    spent = 0
    for group in range(source.num_row_groups):
        for batch in source.iter_batches(batch_size=rows, row_groups=[group], use_threads=False):
            size = sum(_unpacked_bytes(column, arrow) for column in batch.columns)
            spent += size
            if size > BATCH_BYTES or spent > BUDGET_BYTES:
                raise _too_large(path)
            plain = [
                column.dictionary_decode() if hasattr(column, "dictionary") else column for column in batch.columns
            ]
            yield arrow.RecordBatch.from_arrays(plain, names=batch.schema.names)


class _Layout(NamedTuple):
    """How many rows may be unpacked at once, and the columns of texts that stay in dictionaries at first."""

    rows: int
    texts: list[str]


class _Column(NamedTuple):
    """A column as it is stored, of nested values each part is one; `by_words` if its texts stay in dictionaries."""

    length: int
    is_text: bool
    is_repeated: bool
    by_words: bool

    def longest(self, chunk: Chunk) -> int:
        """How many bytes a value may have that takes them from others, or from a dictionary."""
        return chunk.words + chunk.shared if self.is_text and not self.by_words else max(0, self.length)

    def cost(self, chunk: Chunk, rows: int) -> int:
        """Bytes that a row group takes; where few bytes may stand for many values, these are counted."""
        if self.is_repeated:
            return max(chunk.unpacked, chunk.values * max(8, self.longest(chunk)))
        at_once = 8 * chunk.values if chunk.is_delta else 0
        return max(chunk.unpacked, at_once, min(rows, BATCH_ROWS) * self.length)


def _layout(file: BinaryIO, footer: Any, path: str) -> _Layout:
    """By what the pages of the file say of themselves.

    Raises:
        Invalid: the rows of a group, or single values, are beyond the limits.
        Unreadable: it cannot be told what they come to.
    """
    pages, places = Pages(file), range(footer.num_columns)
    every = [footer.row_group(number) for number in range(footer.num_row_groups)]
    groups = [(one.num_rows, [pages.chunk(one.column(place)) for place in places]) for one in every if one.num_rows]
    columns = [_column(footer.schema.column(place), [chunks[place] for _, chunks in groups]) for place in places]
    spent, longest = 0, 1
    for rows, chunks in groups:
        size = sum(column.cost(chunk, rows) for chunk, column in zip(chunks, columns, strict=True))
        spent += size
        if spent > BUDGET_BYTES or size > BATCH_BYTES * max(1, -(-rows // BATCH_ROWS)):
            raise _too_large(path)
        longest = max(longest, sum(column.longest(chunk) for chunk, column in zip(chunks, columns, strict=True)))
    texts = [footer.schema.column(place).path for place in places if columns[place].by_words]
    return _Layout(max(1, min(BATCH_ROWS, UNSURE_BYTES // longest)), texts)


def _column(told: Any, chunks: Sequence[Chunk]) -> _Column:
    is_text = told.physical_type == "BYTE_ARRAY"
    # pyarrow cannot keep in a dictionary what is written as differences.
    by_words = is_text and any(one.words for one in chunks) and not any(one.is_delta for one in chunks)
    return _Column(told.length, is_text, told.max_repetition_level > 0, by_words)


def _too_large(path: str) -> Invalid:
    return Invalid(
        f"{quote(path)!r} unpacks to more than {BUDGET_BYTES // 1024 // 1024} MiB, or to more than"
        f" {BATCH_BYTES // 1024 // 1024} MiB within {BATCH_ROWS} rows.",
        "Leave out the large columns, or split the file.",
    )


def _unpacked_bytes(column: Any, arrow: Any) -> int:
    """How much a column of a batch, or a part of one, becomes once every row holds its own value."""
    own = 8 * len(column)
    if hasattr(column, "storage"):
        return _unpacked_bytes(column.storage, arrow)
    if arrow.types.is_nested(column.type):
        return own + sum(_unpacked_bytes(part, arrow) for part in _inside(column, arrow))
    if not arrow.types.is_dictionary(column.type):
        return max(own, int(column.nbytes))
    if arrow.types.is_primitive(column.type.value_type):
        return own
    compute = importlib.import_module("pyarrow.compute")
    lengths = compute.take(compute.binary_length(column.dictionary), column.indices)
    return own + int(compute.sum(lengths).as_py() or 0)


def _inside(column: Any, arrow: Any) -> list[Any]:
    """What a column of lists, objects or maps holds."""
    if arrow.types.is_map(column.type):
        return [arrow.ListArray.from_arrays(column.offsets, part).flatten() for part in (column.keys, column.items)]
    inside = column.flatten()
    return inside if arrow.types.is_struct(column.type) else [inside]


def _plain(value: object, name: str, number: int, path: str, nan_is_null: bool) -> object:
    """A value JSON can carry."""
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value) or (nan_is_null and math.isnan(value)):
            return None if math.isnan(value) else value
        case decimal.Decimal() if value.is_finite():
            return float(value)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case list() if not _is_map(cast("list[object]", value)):
            return [_plain(inner, name, number, path, nan_is_null) for inner in cast("list[object]", value)]
        case dict() | list():
            inner = dict(cast("dict[object, object]", value))
            return {str(key): _plain(cell, name, number, path, nan_is_null) for key, cell in inner.items()}
        case _:
            shown = repr(value) if isinstance(value, float) else type(value).__name__
            raise Invalid(
                f"Row {number} of {quote(path)!r} holds {shown} in {quote(name)!r}, which JSON cannot carry.",
                "Write a number, text or null there, or leave out the column.",
            )


def _is_map(value: list[object]) -> bool:
    """Whether they are the pairs of a map; what pyarrow has in a list is no tuple otherwise."""
    return bool(value) and isinstance(value[0], tuple)
