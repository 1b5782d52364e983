"""Reading and writing of CSV files.

Cells may come from foreign traces, so a cell that a spreadsheet would run as a formula gets a leading apostrophe. The
reader takes the apostrophe away again.

A file with a quoted header quotes its texts, as files of this writer do: a bare cell is then a number, true, false or
null. A quoted cell of an object or a list begins with a space. In any other file every cell is text.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, BinaryIO

from assaykit.errors import Invalid, quote
from assaykit.files.exports.promptfoo import names_told_apart
from assaykit.files.rows import MAX_CELL, FileRow, Record, cell_text, columns_of, require_width
from assaykit.files.strict_json import JsonError, parse
from assaykit.files.utf8 import lines

_OTHER_MARKS = (";", "\t", "|")
"""The marks that may separate cells in place of commas; the most frequent one in a header without a comma does."""

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The first characters of a formula, with their full-width forms."""
_UNSEEN = re.compile(
    # White space, control characters, and characters without width, which a spreadsheet may drop.
    r"\A[\s\x00-\x20\x7f-\x9f"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]*"
)


_CELL = re.compile(r'("[^"]*(?:""[^"]*)*"|[^,]*)(?:,|\Z)')
"""One cell of a record with its quotes, as the record's text has it."""

_QUOTED_HEADER = re.compile(r'"[^"]*(?:""[^"]*)*"(?:,"[^"]*(?:""[^"]*)*")*')
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_MOST_DIGITS = 1000
_BARE = {"": None, "true": True, "false": False}
_NESTED = (" {", " [")
"""The beginnings of a quoted cell that holds an object or a list."""


def csv_rows(file: BinaryIO, path: str, _nan_is_null: bool) -> Iterator[FileRow]:
    """Yield the rows; an empty cell is None, unless it is quoted below a quoted header.

    Raises:
        Invalid: the content is malformed; the sentence names the line.
    """
    # The limit applies to the whole process. Its default of 128 KiB is too small for long answers.
    csv.field_size_limit(MAX_CELL)
    text = lines(file, path)
    begin = _first_record(text)
    records = _csv_records(chain(begin, text), path, _mark("".join(begin)))
    line, header, told = next(records, (1, list[str](), ""))
    has_types = _has_types(told, header)
    names = _csv_names(names_told_apart(header if has_types else [name.strip() for name in header]), path, line)
    for line, cells, raw in records:
        if len(cells) != len(names):
            raise Invalid(
                f"Line {line} of {quote(path)!r} has {len(cells)} cells, but the header has {len(names)}.",
                "Put cells that hold a comma or a line break in double quotes.",
            )
        values = _typed(cells, raw) if has_types else (unguarded(cell) if cell else None for cell in cells)
        yield FileRow(line, dict(zip(names, values, strict=True)))


def _has_types(told: str, header: Sequence[str]) -> bool:
    """Whether every name of a header is in quotes, also one that could do without."""
    is_quoted = _QUOTED_HEADER.fullmatch(told.rstrip("\r\n")) is not None
    return is_quoted and any(not set(name) & set(',"\r\n') for name in header)


def _first_record(text: Iterator[str]) -> list[str]:
    """The lines of the first record. Quotes inside a cell are doubled, so their number is even at its end."""
    taken: list[str] = []
    for line in text:
        taken.append(line)
        if "".join(taken).count('"') % 2 == 0:
            break
    return taken


def _typed(cells: Sequence[str], raw: str) -> Iterator[Any]:
    """The values of the cells of a record, whose text `raw` tells which of them are quoted."""
    written = _CELL.findall(raw.rstrip("\r\n"))
    for cell, told in zip(cells, written, strict=False):
        yield _quoted_value(cell) if told.startswith('"') else _bare_value(cell)


def _quoted_value(cell: str) -> Any:
    if cell.startswith(_NESTED):
        try:
            return parse(cell)
        except JsonError:
            return cell
    return unguarded(cell)


def _bare_value(cell: str) -> Any:
    if cell in _BARE:
        return _BARE[cell]
    if len(cell) > _MOST_DIGITS or (found := _NUMBER.fullmatch(cell)) is None:
        return unguarded(cell)
    if found[2] is None and found[3] is None:
        return int(cell)
    number = float(cell)
    return number if math.isfinite(number) else cell


def _mark(header: str) -> str:
    """The mark that separates the cells of a header."""
    outside = re.sub(r'"[^"]*"', "", header)
    return "," if "," in outside else max((",", *_OTHER_MARKS), key=outside.count)


def _csv_records(text: Iterable[str], path: str, mark: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield the cells of each record, with the number of its first line and its text, without blank lines."""
    taken: list[str] = []

    def seen() -> Iterator[str]:
        for one in text:
            taken.append(one)
            yield one

    reader = csv.reader(seen(), delimiter=mark, strict=True)
    while True:
        line = reader.line_num + 1
        taken.clear()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _not_csv(path, line, str(error)) from error
        if cells is None:
            return
        if cells:
            yield line, cells, "".join(taken)


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


def _csv_names(header: Sequence[str], path: str, line: int) -> list[str]:
    names = [unguarded(name) for name in header]
    if not names:
        raise Invalid(f"{quote(path)!r} is empty.", "The first line of a CSV file names the columns.")
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
    """Write the rows below one header line: texts in quotes, and nothing for null."""
    columns = columns_of(rows)
    file.write(_record([_cell(column) for column in columns]))
    file.writelines(_record([_cell(row.get(column)) for column in columns]) for row in rows)


def _record(cells: Sequence[str]) -> bytes:
    # A blank line would be no row.
    return f"{','.join(cells) or _in_quotes('')}\r\n".encode()


def _cell(value: Any) -> str:
    """Return a CSV cell: bare for a number, bool or null, else in quotes, with an apostrophe before a formula."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return cell_text(value)
    if isinstance(value, str):
        return _in_quotes(f"'{value}" if _is_guarded(value) else value)
    return _in_quotes(f" {cell_text(value)}")


def _in_quotes(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""'))


def unguarded(text: str) -> str:
    """Return the text of a cell that `write_csv` wrote: without the apostrophe before its formula."""
    return text[1:] if text.startswith("'") and _is_guarded(text[1:]) else text


def _is_guarded(text: str) -> bool:
    """Whether a spreadsheet may run the text, perhaps after unseen characters, or the reader would take it for JSON.

    Apostrophes before such a text count as part of it, so that a guarded cell always has one more than its text.
    """
    text = text.lstrip("'")
    return text.startswith(("\t", "\r", "\n", *_NESTED)) or _UNSEEN.sub("", text, count=1).startswith(_FORMULA)
