"""Sheets of Excel workbooks, with openpyxl from the extra `xlsx`: the first one, or that of `book.xlsx#Name`.

A formula stands for its cached value.
"""

import datetime as dt
import importlib
import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from assaykit.errors import Invalid, Unsupported, quote
from assaykit.files.archives import require_small
from assaykit.files.rows import FileRow, require_width

SHEETS_SHOWN = 10

_MALFORMED = (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, OSError, SyntaxError)
_WITH_SHEET = re.compile(r"(.+\.xlsx)#(.+)", re.IGNORECASE | re.DOTALL)


def xlsx_rows(file: BinaryIO, path: str, _nan_is_null: bool) -> Iterator[FileRow]:
    """Yield the rows below the header of a sheet; `line` is the row's number there. Dates become ISO 8601 text.

    Raises:
        Unsupported: openpyxl is not installed.
        Invalid: the workbook is malformed or unpacks to more than the budget, it has no such sheet, a column has no
            name, two have the same one, or a cell holds an error of Excel.
    """
    openpyxl = _openpyxl(path)
    require_small(file, path)
    file.seek(0)
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        if not book.worksheets:
            raise Invalid(f"{quote(path)!r} has no sheet with cells.", "Save the rows in its first sheet.")
        names: list[str] = []
        sheet = _sheet(book, path)
        for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            if cells.count(None) == len(cells):
                continue
            if not names:
                names = _names(cells, path, number)
                continue
            if any(cell is not None for cell in cells[len(names) :]):
                raise Invalid(f"Row {number} of {quote(path)!r} has a cell beyond the header.", "Name every column.")
            short = (*cells, *[None] * (len(names) - len(cells)))[: len(names)]
            yield FileRow(number, {name: _plain(cell, path, number) for name, cell in zip(names, short, strict=True)})
    except _MALFORMED as error:
        raise _unreadable(path) from error


def _unreadable(path: str) -> Invalid:
    return Invalid(f"{quote(path)!r} cannot be read as a workbook.", "Save it again as .xlsx, or as CSV.")


def sheet_in(path: str) -> tuple[str, str | None]:
    """The path of a file, and the name of the sheet in `book.xlsx#Name`; None for any other path."""
    found = _WITH_SHEET.fullmatch(path)
    return (path, None) if found is None else (found[1], found[2])


def _sheet(book: Any, path: str) -> Any:
    file, wanted = sheet_in(path)
    # The size that a sheet claims may be far beyond its cells, and each row would be filled up to it.
    for one in book.worksheets:
        one.reset_dimensions()
    names = [one.title for one in book.worksheets]
    shown = ", ".join(repr(quote(name, 60)) for name in names[:SHEETS_SHOWN])
    if wanted is not None:
        found = next((one for one in book.worksheets if one.title.casefold() == wanted.casefold()), None)
        if found is None:
            raise Invalid(f"{quote(file)!r} has no sheet {quote(wanted, 60)!r}; it has {shown}.", "Name one of them.")
        return found
    return book.worksheets[0]


def sheet_names(file: BinaryIO, path: str) -> list[str]:
    """The names of the sheets of a workbook, in order.

    Raises:
        Unsupported: openpyxl is not installed.
        Invalid: the workbook is malformed or unpacks to more than the budget.
    """
    openpyxl = _openpyxl(path)
    require_small(file, path)
    file.seek(0)
    try:
        names: list[str] = openpyxl.load_workbook(file, read_only=True).sheetnames
    except _MALFORMED as error:
        raise _unreadable(path) from error
    return names


def _openpyxl(path: str) -> Any:
    try:
        return importlib.import_module("openpyxl")
    except ImportError as error:
        raise Unsupported(
            f"{quote(path)!r} is an Excel workbook, which needs openpyxl, but openpyxl is not installed.",
            "Run pip install 'assaykit[xlsx]', or save it as CSV UTF-8.",
        ) from error


def _names(cells: Sequence[Any], path: str, number: int) -> list[str]:
    last = max(place for place, cell in enumerate(cells) if cell is not None)
    names = ["" if cell is None else str(cell).strip() for cell in cells[: last + 1]]
    require_width(len(names), path, number)
    if "" in names:
        raise Invalid(f"Column {names.index('') + 1} of {quote(path)!r} has no name.", "Name every column.")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise Invalid(f"{quote(path)!r} has the column {quote(twice)!r} more than once.", "Give each its own name.")
    return names


def _plain(value: Any, path: str, number: int) -> object:
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, str) and value.startswith("#") and value in _ERRORS:
        raise Invalid(f"Row {number} of {quote(path)!r} holds the error {quote(value)} of a formula.", "Correct it.")
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)


_ERRORS = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"})
