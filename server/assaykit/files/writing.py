"""Writing of rows to a new file. The suffix selects the format.

Files are created only inside the allowed folders and never overwritten. Cells of a table may come from foreign traces,
so a CSV cell that a spreadsheet would run as a formula gets a leading apostrophe.
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
"""The first characters of a formula, with their full-width forms."""

_INT64 = 2**63


class NewFile(NamedTuple):
    """The location of a new file: `parts` below `folder`."""

    folder: Path
    parts: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The whole path."""
        return self.folder.joinpath(*self.parts)


def free_place(path: str, folders: Folders, suffixes: Sequence[str] = ()) -> NewFile:
    """Return the location for a new file `path`, in the first folder that has its parent. Nothing is created yet.

    `suffixes` are the allowed suffixes; by default those of `write_rows`.

    Raises:
        Invalid: the suffix is not allowed, the file exists already, or the path is not allowed.
        NotFound: no folder has the parent.
        Unsupported: Parquet without pyarrow.
    """
    places = places_of(path, folders)
    suffix, known = PurePath(path).suffix.lower(), suffixes or list(_WRITERS)
    if suffix not in known:
        raise Invalid(f"{quote(path)!r} does not have the suffix of a format for writing.", f"Use {_either(known)}.")
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
        "Create it first, or name an existing folder.",
    )


def write_rows(place: NewFile, rows: Sequence[Record]) -> None:
    """Write the rows to a new file at `place`: the whole file or nothing.

    Raises:
        Invalid: the file exists by now, or it cannot be written.
        NotFound: its folder is gone.
    """
    write = _WRITERS[place.path.suffix.lower()]
    _write(place, lambda file: write(file, rows))


def write_text(place: NewFile, text: str) -> None:
    """Write the text to a new file at `place`: the whole file or nothing.

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
    """Return a CSV cell: empty for null, JSON for an object or a list, with an apostrophe before a formula."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    text = _text(value)
    return f"'{text}" if _is_formula(text) else text


def unguarded(text: str) -> str:
    """Return a cell without the apostrophe that guards spreadsheets against its formula."""
    return text[1:] if text.startswith("'") and _is_formula(text[1:]) else text


def _is_formula(text: str) -> bool:
    return text.startswith(("\t", "\r", "\n")) or text.lstrip().startswith(_FORMULA)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _json(file: BinaryIO, rows: Sequence[Record]) -> None:
    # Line by line, because JSON text of all rows at once would double the memory.
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
    """Return a column of one type: booleans, whole numbers or floats if all its values are, else text."""
    kinds = {_kind(value) for value in values if value is not None}
    if kinds == {bool}:
        return arrow.array(values, arrow.bool_())
    if kinds == {int}:
        return arrow.array(values, arrow.int64())
    if kinds and kinds <= {int, float}:
        return arrow.array([None if value is None else float(value) for value in values], arrow.float64())
    return arrow.array([None if value is None else _text(value) for value in values], arrow.string())


def _kind(value: Any) -> type:
    """The column type of a value; a whole number beyond 64 bits counts as text."""
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
