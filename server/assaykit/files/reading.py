"""Reading of a file row by row. The suffix selects the format."""

import codecs
import csv
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import BinaryIO, TypeAlias

from assaykit.errors import Invalid, quote
from assaykit.files.folders import Folders, open_inside
from assaykit.files.opening import MAX_BYTES
from assaykit.files.parquet import parquet_rows
from assaykit.files.rows import MAX_CELL, MAX_ROWS, FileRow, require_width, too_many_rows
from assaykit.files.strict_json import JsonError, parse, parse_rows

MAX_LINE = 16 * 1024 * 1024
"""Bytes of one line."""

CHUNK = 256 * 1024
"""Bytes of JSON read at a time."""

_BOM = b"\xef\xbb\xbf"
_Reader: TypeAlias = Callable[[BinaryIO, str, bool], Iterator[FileRow]]
_OTHER_MARKS = (";", "\t", "|")
_COMPRESSED = {".gz", ".zst", ".zip", ".bz2", ".xz"}
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"\xfd7zXZ", b"BZh")
"""The first bytes of gzip, zstd, zip (and so Excel workbooks), xz and bzip2 files."""


def read_rows(path: str, folders: Folders, *, max_rows: int = MAX_ROWS, nan_is_null: bool = False) -> Iterator[FileRow]:
    """Yield the rows of `path` lazily. Text is UTF-8, with or without a byte order mark.

    With `nan_is_null`, NaN in JSON and Parquet is a missing value, as in data frames; otherwise it is refused.

    The limits are 100 MiB and 512 columns, and 1 MiB for a CSV cell. `.json` holds an array of objects,
    or an object with such an array under `rows`, `data`, `examples` or `runs`.

    Raises:
        NotFound, Invalid: as `open_inside`.
        Invalid: the suffix is not known, the content is malformed, or there are more than `max_rows` rows; for
            malformed content the sentence names the line.
        Unsupported: Parquet without pyarrow.
    """
    # Open first, so that an error about a path outside the folders reveals nothing else about the file.
    with open_inside(path, folders) as file:
        read = _reader_for(path)
        begin = file.read(max(map(len, _PACKED)))
        if begin.startswith(_PACKED):
            raise _packed(path)
        if read is not parquet_rows and b"\0" in begin[:2]:
            # UTF-16 without a byte order mark: ASCII text in it would also decode as UTF-8.
            raise _not_utf8(path, 1, 0, begin.index(0) + 1)
        file.seek(0)
        for count, row in enumerate(read(file, path, nan_is_null), start=1):
            if count > max_rows:
                raise too_many_rows(path, max_rows)
            yield row


def _reader_for(path: str) -> _Reader:
    suffix = PurePath(path).suffix.lower()
    if suffix in _COMPRESSED:
        raise _packed(path)
    if suffix not in _READERS:
        raise Invalid(
            f"{quote(path)!r} cannot be read: {quote(suffix)!r} is not the suffix of a known format.",
            f"Give a file that ends in one of {', '.join(_READERS)}.",
        )
    return _READERS[suffix]


def _packed(path: str) -> Invalid:
    return Invalid(f"{quote(path)!r} is compressed; compressed files are not supported.", "Unpack it first.")


def _lines(file: BinaryIO, path: str) -> Iterator[str]:
    """Yield the lines with their line ends. Each is decoded on its own, so that an error gives the place of a byte."""
    read = 0
    for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), start=1):
        read += len(raw)
        _refuse_grown(read, path)
        if len(raw) > MAX_LINE:
            raise Invalid(
                f"Line {number} of {quote(path)!r} is longer than {MAX_LINE // 1024 // 1024} MiB.",
                "Write one row per line, and leave out the large columns.",
            )
        line = raw.removeprefix(_BOM) if number == 1 else raw
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _not_utf8(path, number, line[error.start], error.start + 1) from error


def _chunks(file: BinaryIO, path: str) -> Iterator[str]:
    """Yield the text in chunks of about 256 KiB, regardless of line ends."""
    read, line, column = 0, 1, 0
    rest = b""
    while True:
        more = file.read(CHUNK)
        read += len(more)
        _refuse_grown(read, path)
        raw = rest + (more.removeprefix(_BOM) if read == len(more) else more)
        try:
            text, used = codecs.utf_8_decode(raw, "strict", not more)
        except UnicodeDecodeError as error:
            before = raw[: error.start]
            newline = before.rfind(b"\n")
            place = error.start - newline if newline >= 0 else column + error.start + 1
            raise _not_utf8(path, line + before.count(b"\n"), raw[error.start], place) from error
        if text:
            yield text
        if not more:
            return
        newline = raw.rfind(b"\n", 0, used)
        column = used - newline - 1 if newline >= 0 else column + used
        line += raw.count(b"\n", 0, used)
        rest = raw[used:]


def _refuse_grown(read: int, path: str) -> None:
    # The size was checked at the open, but another program may still be writing the file.
    if read > MAX_BYTES:
        raise Invalid(f"{quote(path)!r} grew while it was read.", "Read it again when it is complete.")


def _not_utf8(path: str, line: int, byte: int, position: int) -> Invalid:
    return Invalid(
        f"Line {line} of {quote(path)!r} is not UTF-8: byte 0x{byte:02x} at position {position} of the line.",
        "Save the file as UTF-8.",
    )


def _csv_rows(file: BinaryIO, path: str, _nan_is_null: bool) -> Iterator[FileRow]:
    # The limit applies to the whole process. Its default of 128 KiB is too small for long answers.
    csv.field_size_limit(MAX_CELL)
    records = _csv_records(_lines(file, path), path)
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


def _csv_records(lines: Iterator[str], path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of its first line, without blank lines."""
    reader = csv.reader(lines, strict=True)
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
        advice = "Close the double quote at its start, or shorten the cell; JSON lines allow longer values."
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


def _jsonl_rows(file: BinaryIO, path: str, nan_is_null: bool) -> Iterator[FileRow]:
    for number, line in enumerate(_lines(file, path), start=1):
        if line.strip():
            try:
                value = parse(line, nan_is_null=nan_is_null)
            except JsonError as error:
                is_list = number == 1 and line.lstrip().startswith("[")
                raise _not_json(path, number, error, _IF_LIST if is_list else _ONE_OBJECT) from error
            yield _row(number, value, path)


def _json_rows(file: BinaryIO, path: str, nan_is_null: bool) -> Iterator[FileRow]:
    try:
        for line, value in parse_rows(_chunks(file, path), nan_is_null=nan_is_null):
            yield _row(line, value, path)
    except JsonError as error:
        raise _not_json(path, error.line, error, _ONE_OBJECT if error.has_rows else _NO_LIST) from error


_ONE_OBJECT = "Write one object per row; a missing value is null."
_IF_LIST = "Write one object on each line. A file with one list of objects ends in .json."
_NO_LIST = "Put the rows into a list. A file with one object on each line ends in .jsonl."


def _not_json(path: str, line: int, error: JsonError, advice: str) -> Invalid:
    return Invalid(f"Line {line} of {quote(path)!r} is not JSON: {quote(error.reason)}.", advice)


def _row(line: int, value: object, path: str) -> FileRow:
    if not isinstance(value, dict):
        kind = "null" if value is None else type(value).__name__
        raise Invalid(
            f"Line {line} of {quote(path)!r} holds a row that is not an object but {kind}.",
            'A row is an object such as {"example_id": "...", "output": "..."}.',
        )
    values: dict[str, object] = {str(key): cell for key, cell in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  (JSON is untyped)
    require_width(len(values), path, line)
    return FileRow(line, values)


_READERS: dict[str, _Reader] = {
    ".csv": _csv_rows,
    ".json": _json_rows,
    ".jsonl": _jsonl_rows,
    ".ndjson": _jsonl_rows,
    ".parquet": parquet_rows,
}
