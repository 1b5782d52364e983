"""Reading and writing of JSON files and of JSON lines."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from pydantic_core import PydanticSerializationError, to_json

from assaykit.errors import Invalid, quote
from assaykit.files.rows import FileRow, Record, cell_text, require_width
from assaykit.files.strict_json import JsonError, parse, parse_rows
from assaykit.files.utf8 import chunks, lines


def jsonl_rows(file: BinaryIO, path: str, nan_is_null: bool) -> Iterator[FileRow]:
    """Yield the rows of a file with one object on each line.

    Raises:
        Invalid: the content is malformed; the sentence names the line.
    """
    for number, line in enumerate(lines(file, path), start=1):
        if line.strip():
            try:
                value = parse(line, nan_is_null=nan_is_null)
            except JsonError as error:
                is_list = number == 1 and line.lstrip().startswith("[")
                raise _not_json(path, number, error, _IF_LIST if is_list else _ONE_OBJECT) from error
            yield _row(number, value, path)


def json_rows(file: BinaryIO, path: str, nan_is_null: bool) -> Iterator[FileRow]:
    """Yield the rows of a file that is one list of objects.

    Raises:
        Invalid: the content is malformed; the sentence names the line.
    """
    try:
        for line, value in parse_rows(chunks(file, path), nan_is_null=nan_is_null):
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


def write_json(file: BinaryIO, rows: Sequence[Record]) -> None:
    """Write the rows as one list, with a row on each line."""
    # Line by line, because JSON text of all rows at once would double the memory.
    file.write(b"[\n")
    for number, row in enumerate(rows):
        file.write(b",\n" if number else b"")
        file.write(_row_text(row))
    file.write(b"\n]\n")


def write_jsonl(file: BinaryIO, rows: Sequence[Record]) -> None:
    """Write each row as an object on its own line."""
    file.writelines(_row_text(row) + b"\n" for row in rows)


def _row_text(row: Record) -> bytes:
    """A row as JSON. pydantic's writer takes a fifth of the time of the `json` module."""
    try:
        return to_json(row)
    except (PydanticSerializationError, ValueError):
        return cell_text(row).encode()  # pydantic refuses deep nesting and lone surrogates
