"""UTF-8 text of a file, by lines or in chunks, with or without a byte order mark."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from assaykit.errors import Invalid, quote
from assaykit.files.opening import MAX_BYTES

MAX_LINE = 16 * 1024 * 1024
"""Bytes of one line."""

CHUNK = 256 * 1024
"""Bytes of JSON read at a time."""

_BOM = b"\xef\xbb\xbf"


def lines(file: BinaryIO, path: str) -> Iterator[str]:
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
            raise not_utf8(path, number, line[error.start], error.start + 1) from error


def chunks(file: BinaryIO, path: str) -> Iterator[str]:
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
            raise not_utf8(path, line + before.count(b"\n"), raw[error.start], place) from error
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


def not_utf8(path: str, line: int, byte: int, position: int) -> Invalid:
    """The error for a byte that is not UTF-8; `position` counts bytes of the line from 1."""
    return Invalid(
        f"Line {line} of {quote(path)!r} is not UTF-8: byte 0x{byte:02x} at position {position} of the line.",
        "Save the file as UTF-8. In a spreadsheet, save it as CSV UTF-8.",
    )
