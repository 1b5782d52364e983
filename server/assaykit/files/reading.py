"""Reading of a file row by row. The suffix selects the format."""

from collections.abc import Generator
from pathlib import PurePath

from assaykit.errors import Invalid, quote
from assaykit.files.encodings import as_utf8
from assaykit.files.exports.table import translated
from assaykit.files.folders import Folders, open_inside
from assaykit.files.formats import BY_SUFFIX, FileFormat
from assaykit.files.rows import MAX_ROWS, FileRow, too_many_rows
from assaykit.files.xlsx import sheet_in, sheet_names

_COMPRESSED = {".gz", ".zst", ".zip", ".bz2", ".xz"}
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"\xfd7zXZ", b"BZh")
"""The first bytes of gzip, zstd, zip (and so Excel workbooks), xz and bzip2 files."""


def read_rows(
    path: str, folders: Folders, *, max_rows: int = MAX_ROWS, nan_is_null: bool = False, own_names: bool = False
) -> Generator[FileRow]:
    """Yield the rows of `path` lazily. Text is UTF-8 or UTF-16.

    `book.xlsx#Prices` is one sheet of a workbook.
    Rows of another tool's export have our names, as `exports` says, unless `own_names` is set.

    With `nan_is_null`, NaN in JSON and Parquet is a missing value, as in data frames; otherwise it is refused.

    The limits are 100 MiB and 512 columns, and 1 MiB for a CSV cell. `.json` holds an array of objects,
    or an object with such an array under one of `strict_json.ROW_KEYS`.

    Raises:
        NotFound, Invalid: as `open_inside`.
        Invalid: the suffix is not known, the content is malformed, or there are more than `max_rows` rows; for
            malformed content the sentence names the line.
        Unsupported: Parquet without pyarrow.
    """
    # Open first, so that an error about a path outside the folders reveals nothing else about the file.
    with open_inside(sheet_in(path)[0], folders) as file:
        found = _format_for(path)
        begin = file.read(max(map(len, _PACKED)))
        if begin.startswith(_PACKED) and not found.is_archive:
            raise _packed(path)
        file.seek(0)
        text = as_utf8(file, path) if found.is_text else file
        rows = found.read(text, path, nan_is_null)
        for count, row in enumerate(rows if own_names else translated(rows), start=1):
            if count > max_rows:
                raise too_many_rows(path, max_rows)
            yield row


def other_sheets(path: str, folders: Folders) -> list[str]:
    """The sheets of a workbook behind the first one, which is read if `path` names none; empty for any other file.

    Raises:
        NotFound, Invalid, Unsupported: as `read_rows`.
    """
    if sheet_in(path)[1] is not None or PurePath(path).suffix.lower() != ".xlsx":
        return []
    with open_inside(path, folders) as file:
        return sheet_names(file, path)[1:]


def _format_for(path: str) -> FileFormat:
    suffix = PurePath(sheet_in(path)[0]).suffix.lower()
    if suffix in _COMPRESSED:
        raise _packed(path)
    if suffix not in BY_SUFFIX:
        raise Invalid(
            f"{quote(path)!r} cannot be read: {quote(suffix)!r} is not the suffix of a known format.",
            f"Give a file that ends in one of {', '.join(BY_SUFFIX)}.",
        )
    return BY_SUFFIX[suffix]


def _packed(path: str) -> Invalid:
    return Invalid(f"{quote(path)!r} is compressed; compressed files are not supported.", "Unpack it first.")
