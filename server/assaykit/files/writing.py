"""Rows into a new file: CSV, JSON, JSON lines or Parquet, told apart by the suffix.

A file is only ever made, never written over, and only inside the allowed folders. Cells of a table may come from
anybody's traces, so one that a spreadsheet would take for a formula gets an apostrophe in front.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, BinaryIO, NamedTuple

from assaykit.errors import Invalid, NotFound, quote
from assaykit.files.folders import Folders, places_of
from assaykit.files.opening import creating_below, require_free_below
from assaykit.files.parquet import pyarrow

Record = Mapping[str, Any]

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What begins a formula, also in its full-width form."""

_INT64 = 2**63


class NewFile(NamedTuple):
    """Where a new file will lie: below `folder`, at `parts`."""

    folder: Path
    parts: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The whole path."""
        return self.folder.joinpath(*self.parts)


def free_place(path: str, folders: Folders, suffixes: Sequence[str] = ()) -> NewFile:
    """Where `path` would be written: in the first folder that has its parent. Nothing is created yet.

    Without other suffixes those of rows may be written.

    Raises:
        Invalid: the suffix is not known, there is such a file already, or the path is not allowed.
        NotFound: no folder has the parent.
        Unsupported: Parquet without pyarrow.
    """
    places = places_of(path, folders)
    suffix, known = PurePath(path).suffix.lower(), suffixes or list(_WRITERS)
    if suffix not in known:
        raise Invalid(f"{quote(path)!r} does not end in a format that can be written.", f"Use {_either(known)}.")
    if suffix == ".parquet":
        pyarrow(path)
    for folder, parts in places:
        try:
            require_free_below(folder, parts)
        except FileNotFoundError:
            continue
        return NewFile(folder, parts)
    raise NotFound(
        f"There is no folder {quote(str(PurePath(path).parent))!r}; looked in: {folders}.",
        "Create it first, or name one that is there.",
    )


def write_rows(place: NewFile, rows: Sequence[Record]) -> None:
    """The rows as a new file at `place`: all of it, or none.

    Raises:
        Invalid: there is such a file by now, or it cannot be written.
        NotFound: its folder is gone.
    """
    write = _WRITERS[place.path.suffix.lower()]
    _write(place, lambda file: write(file, rows))


def write_text(place: NewFile, text: str) -> None:
    """The text as a new file at `place`: all of it, or none.

    Raises: as `write_rows`.
    """
    _write(place, lambda file: file.write(text.encode("utf-8", "replace")))


def _either(known: Sequence[str]) -> str:
    return known[0] if len(known) == 1 else f"one of {', '.join(known)}"


def _write(place: NewFile, write: Callable[[BinaryIO], object]) -> None:
    try:
        with creating_below(place.folder, place.parts) as file:
            write(file)
    except FileNotFoundError as error:
        raise NotFound(f"The folder of {quote(str(place.path))!r} is gone.", "Create it, then try again.") from error


def columns_of(rows: Sequence[Record]) -> list[str]:
    """Every column of any row, in order of appearance."""
    return list(dict.fromkeys(column for row in rows for column in row))


def _csv(file: BinaryIO, rows: Sequence[Record]) -> None:
    columns = columns_of(rows)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow([_cell(column) for column in columns])
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    text.detach()


def _cell(value: Any) -> Any:
    """A cell: nothing for null, JSON for an object or a list, and no formula."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    text = _text(value)
    return f"'{text}" if _is_formula(text) else text


def unguarded(text: str) -> str:
    """A cell of a table as it was before it got an apostrophe for the sake of spreadsheets."""
    return text[1:] if text.startswith("'") and _is_formula(text[1:]) else text


def _is_formula(text: str) -> bool:
    return text.startswith(("\t", "\r", "\n")) or text.lstrip().startswith(_FORMULA)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _json(file: BinaryIO, rows: Sequence[Record]) -> None:
    # Line by line, as one tree of 100,000 rows would be held twice.
    file.write(b"[\n")
    for number, row in enumerate(rows):
        file.write(b",\n" if number else b"")
        file.write(_text(row).encode())
    file.write(b"\n]\n")


def _jsonl(file: BinaryIO, rows: Sequence[Record]) -> None:
    file.writelines(_text(row).encode() + b"\n" for row in rows)


def _parquet(file: BinaryIO, rows: Sequence[Record]) -> None:
    arrow, parquet = pyarrow("the file")
    columns = {column: _column(arrow, [row.get(column) for row in rows]) for column in columns_of(rows)}
    parquet.write_table(arrow.table(columns), file)


def _column(arrow: Any, values: Sequence[Any]) -> Any:
    """One column of one type: what is not all numbers, or all true and false, is text."""
    kinds = {_kind(value) for value in values if value is not None}
    if kinds == {bool}:
        return arrow.array(values, arrow.bool_())
    if kinds == {int}:
        return arrow.array(values, arrow.int64())
    if kinds and kinds <= {int, float}:
        return arrow.array([None if value is None else float(value) for value in values], arrow.float64())
    return arrow.array([None if value is None else _text(value) for value in values], arrow.string())


def _kind(value: Any) -> type:
    """Its type; a number that no column of numbers can hold is text."""
    if isinstance(value, bool):
        return bool
    if isinstance(value, int):
        return int if -_INT64 <= value < _INT64 else str
    return float if isinstance(value, float) else str


_WRITERS: dict[str, Callable[[BinaryIO, Sequence[Record]], None]] = {
    ".csv": _csv,
    ".json": _json,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
