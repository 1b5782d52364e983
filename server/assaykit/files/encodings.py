"""Text of a file as UTF-8: UTF-16 is converted, with a byte order mark or without, and UTF-8 stays as it is.

A file in the encoding of one language, such as Windows-1252, is refused: its bytes do not say which one it is, and a
wrong guess changes letters without a sign.
"""

import codecs
import io
from typing import BinaryIO

from assaykit.errors import Invalid, quote

_MARKS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_LEAST = 2


def as_utf8(file: BinaryIO, path: str) -> BinaryIO:
    """The file from its begin, in UTF-8.

    Raises:
        Invalid: the file begins as UTF-32, or as UTF-16 and has bytes that are not; the sentence names the line.
    """
    begin = file.read(4)
    file.seek(0)
    encoding, skipped = _encoding(begin)
    if encoding is None:
        return file
    raw = file.read()[skipped:]
    if begin in _WIDE:
        raise Invalid(f"{quote(path)!r} is UTF-32.", "Save the file as UTF-8.")
    try:
        return io.BytesIO(raw.decode(encoding).encode())
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = raw[:start].decode(encoding, "replace").count("\n") + 1
        raise Invalid(f"Line {line} of {quote(path)!r} is not UTF-16.", "Save the file as UTF-8.") from error


def _encoding(begin: bytes) -> tuple[str | None, int]:
    """The encoding other than UTF-8 that the first bytes tell, and the bytes of its mark."""
    for mark, encoding in _MARKS:
        if begin.startswith(mark):
            return encoding, len(mark)
    # The first character of a table or of JSON is ASCII, which has a zero byte beside it in UTF-16.
    if len(begin) >= _LEAST and (begin[0] == 0) != (begin[1] == 0):
        return ("utf-16-be" if begin[0] == 0 else "utf-16-le"), 0
    return None, 0
