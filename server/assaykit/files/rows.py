"""One row of a file, and the limits of all formats."""

from typing import NamedTuple

from assaykit.errors import Invalid, quote

MAX_ROWS = 1_000_000
MAX_COLUMNS = 512
MAX_CELL = 1024 * 1024  # characters of one CSV cell


class FileRow(NamedTuple):
    """One row. `line` is the number of its first line in the file, from 1; in a Parquet file, the number of the row.

    A missing value is `None`. An empty CSV cell is a missing value, because CSV cannot distinguish it from empty text.
    """

    line: int
    values: dict[str, object]


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
