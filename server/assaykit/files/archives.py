"""Zip archives with rows, such as logs of Inspect. Their sizes are checked before anything is unpacked."""

import zipfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from assaykit.errors import Invalid, quote
from assaykit.files.rows import FileRow
from assaykit.files.strict_json import MAX_VALUE, JsonError, parse

BUDGET_BYTES = 512 * 1024 * 1024
"""Limit on the unpacked bytes of all members together."""

_SAMPLES = "samples/"
_UNPACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def require_small(file: BinaryIO, path: str) -> zipfile.ZipFile:
    """The archive in a file. `zipfile` unpacks no more of a member than the size that is checked here.

    Raises:
        Invalid: the file is no archive, or it unpacks to more than the budget.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, RuntimeError) as error:
        raise _broken(path) from error
    if sum(member.file_size for member in archive.infolist()) > BUDGET_BYTES:
        raise Invalid(f"{quote(path)!r} unpacks to more than {BUDGET_BYTES // 1024 // 1024} MiB.", "Split the file.")
    return archive


def eval_rows(file: BinaryIO, path: str, _nan_is_null: bool) -> Iterator[FileRow]:
    """Yield the samples of an Inspect log; `line` is the number of the sample.

    Raises:
        Invalid: the archive is malformed, has no sample, or has one of more than 16 MiB.
    """
    archive = require_small(file, path)
    members = [
        one for one in archive.infolist() if one.filename.startswith(_SAMPLES) and one.filename.endswith(".json")
    ]
    if not members:
        raise Invalid(f"{quote(path)!r} holds no samples.", "Give the log of a run that has ended.")
    for number, member in enumerate(members, start=1):
        if member.file_size > MAX_VALUE:
            raise Invalid(
                f"Sample {number} of {quote(path)!r} is larger than {MAX_VALUE // 1024 // 1024} MiB.", "Leave it out."
            )
        if member.compress_type not in _UNPACKED:
            raise Invalid(
                f"Sample {number} of {quote(path)!r} is packed with zstd or another method that is not read.",
                "Run inspect log convert --to json --output-dir json FILE, and give the .json file.",
            )
        try:
            value = parse(archive.read(member).decode(), nan_is_null=True)
        except (zipfile.BadZipFile, RuntimeError, OSError, UnicodeDecodeError, EOFError) as error:
            raise _broken(path) from error
        except JsonError as error:
            raise Invalid(
                f"Sample {number} of {quote(path)!r} is not JSON: {quote(error.reason)}.", "Write the log again."
            ) from error
        yield FileRow(number, cast("dict[str, object]", value) if isinstance(value, dict) else {})


def _broken(path: str) -> Invalid:
    return Invalid(f"{quote(path)!r} is not a whole zip archive.", "Write the file again.")
