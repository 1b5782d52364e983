"""One row of a file, its cells as text, and the limits of all formats."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.errors import Invalid, quote

MAX_ROWS = 1_000_000
MAX_COLUMNS = 512
MAX_CELL = 1024 * 1024  # characters of one CSV cell

Record = Mapping[str, Any]


class FileRow(NamedTuple):
    """One row. `line` is the number of its first line in the file, from 1; in a Parquet file, the number of the row.

    A missing value is `None`. An empty CSV cell is a missing value, because CSV cannot distinguish it from empty text.
    `tool` is the evaluation tool of an export, whose columns have our names; None for a file of rows.
    """

    line: int
    values: dict[str, object]
    tool: str | None = None


def require_width(count: int, path: str, line: int) -> None:
    """Raises: Invalid: more columns than `MAX_COLUMNS`."""
    if count > MAX_COLUMNS:
        raise Invalid(
            f"Line {line} of {quote(path)!r} has {count:,} columns; the limit is {MAX_COLUMNS}.",
            "Leave out the columns that are not needed.",
        )


def too_many_rows(path: str, max_rows: int) -> Invalid:
    """The error for a file with more rows than the caller takes."""
    return Invalid(
        f"{quote(path)!r} has more than {max_rows:,} rows.",
        "Split it into several files, or take a sample of it.",
    )


def columns_of(rows: Sequence[Record]) -> list[str]:
    """Every column of any row, in order of appearance."""
    return list(dict.fromkeys(column for row in rows for column in row))


_written = json.JSONEncoder(ensure_ascii=False).encode


def cell_text(value: Any) -> str:
    """A string unchanged; any other value as JSON."""
    return value if isinstance(value, str) else _written(value)
