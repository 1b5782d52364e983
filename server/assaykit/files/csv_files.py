"""Reading and writing of CSV files.

Cells may come from foreign traces, so a cell that a spreadsheet would run as a formula gets a leading apostrophe.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from assaykit.errors import Invalid, quote
from assaykit.files.rows import MAX_CELL, FileRow, Record, cell_text, columns_of, require_width
from assaykit.files.utf8 import lines

_OTHER_MARKS = (";", "\t", "|")
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The first characters of a formula, with their full-width forms."""
_UNSEEN = re.compile(
    # White space, control characters, and characters without width, which a spreadsheet may drop.
    r"\A[\s\x00-\x20\x7f-\x9f"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]*"
)


def csv_rows(file: BinaryIO, path: str, _nan_is_null: bool) -> Iterator[FileRow]:
    """Yield the rows; an empty cell is None.

    Raises:
        Invalid: the content is malformed; the sentence names the line.
    """
    # The limit applies to the whole process. Its default of 128 KiB is too small for long answers.
    csv.field_size_limit(MAX_CELL)
    records = _csv_records(lines(file, path), path)
    line, header = next(records, (1, list[str]()))
    names = _csv_names(header, path, line)
    for line, cells in records:
        if len(cells) != len(names):
            raise Invalid(
                f"Line {line} of {quote(path)!r} has {len(cells)} cells, but the header has {len(names)}.",
                "Put cells that hold a comma or a line break in double quotes.",
            )
        if "" in cells:
            yield FileRow(line, {name: cell or None for name, cell in zip(names, cells, strict=True)})
        else:
            yield FileRow(line, dict(zip(names, cells, strict=True)))


def _csv_records(text: Iterator[str], path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of its first line, without blank lines."""
    reader = csv.reader(text, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _not_csv(path, line, str(error)) from error
        if cells is None:
            return
        if cells:
            yield line, cells


def _not_csv(path: str, line: int, said: str) -> Invalid:
    reason, advice = said, "Cells are separated by commas; a double quote inside a quoted cell is doubled."
    if "field limit" in said:
        reason = f"a cell has more than {MAX_CELL:,} characters"
        advice = "Close the double quote that opens it, or shorten it; JSON lines take longer ones."
    elif "new-line" in said:
        reason, advice = "a line ends with a carriage return alone", "Save it with the line ends of Unix or Windows."
    elif "unexpected end" in said:
        reason, advice = "a double quote opens and never closes", f"Close it. {advice}"
    return Invalid(f"The record from line {line} of {quote(path)!r} is not CSV: {quote(reason)}.", advice)


def _csv_names(header: list[str], path: str, line: int) -> list[str]:
    names = [name.strip() for name in header]
    if not names:
        raise Invalid(f"{quote(path)!r} is empty.", "The first line of a CSV file names the columns.")
    if len(names) == 1 and (mark := next((mark for mark in _OTHER_MARKS if mark in names[0]), None)):
        raise Invalid(
            f"{quote(path)!r} has one column, {quote(names[0], 60)!r}: its cells seem to be separated by {mark!r}.",
            "Separate them by commas, and put cells that hold one in double quotes.",
        )
    require_width(len(names), path, line)
    if "" in names:
        raise Invalid(
            f"Column {names.index('') + 1} of {quote(path)!r} has no name.",
            "Name every column in the first line.",
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Invalid(
            f"The header of {quote(path)!r} has {quote(twice)!r} more than once.",
            "Give every column its own name.",
        )
    return names


def write_csv(file: BinaryIO, rows: Sequence[Record]) -> None:
    """Write the rows below one header line, with an empty cell for null."""
    columns = columns_of(rows)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow([_cell(column) for column in columns])
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    text.detach()


def _cell(value: Any) -> Any:
    """Return a CSV cell: empty for null, JSON for an object or a list, with an apostrophe before a formula."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    text = cell_text(value)
    return f"'{text}" if _is_formula(text) else text


def unguarded(text: str) -> str:
    """Return the text of a cell that `write_csv` wrote: without the apostrophe before its formula."""
    return text[1:] if text.startswith("'") and _is_formula(text[1:]) else text


def _is_formula(text: str) -> bool:
    """Whether a spreadsheet may run the text, perhaps after unseen characters.

    Apostrophes before a formula count as part of it, so that a guarded cell always has one more than its text.
    """
    text = text.lstrip("'")
    return text.startswith(("\t", "\r", "\n")) or _UNSEEN.sub("", text, count=1).startswith(_FORMULA)
