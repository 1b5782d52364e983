"""The refusals of SQLite and of the file system as errors: the advice follows the cause."""

import errno
import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError

from assaykit.errors import AssayError, Invalid, Unavailable, quote, system_advice


class StoreBusy(Unavailable):
    """The store cannot be written just now: another program holds the file, or the disk is full.

    The same write may succeed later.
    """


Refusal = DBAPIError | sqlite3.Error | OSError | OverflowError | UnicodeEncodeError
"""Any exception that `explained` takes."""

_ELSEWHERE: Final = "set ASSAYKIT_HOME to a folder that you may write to"
_HELD = "Close every other program that holds the file, then try again."
_FULL = "Free some space, or set ASSAYKIT_HOME to a folder on another disk; all that is stored is safe."
_READ_ONLY = f"Get the right to write to the file and to its folder, or {_ELSEWHERE}."
_DAMAGED = "Copy the folder, then put a backup of the file in place, or set ASSAYKIT_HOME to a new folder."
_NO_STORE = "Move the file away, or set ASSAYKIT_HOME to another folder."
_FAULTY_DISK = "Check that the disk is attached and has free space and no faults, then try again."
_UNOPENABLE = f"Check that the folder of the file is there and that you may read and write it, or {_ELSEWHERE}."
_REPORT = "Run `assaykit doctor`, which checks the store; if it finds nothing, please report this sentence."

_BY_RESULT = {
    sqlite3.SQLITE_BUSY: _HELD,
    sqlite3.SQLITE_LOCKED: _HELD,
    sqlite3.SQLITE_PROTOCOL: _HELD,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _NO_STORE,
    sqlite3.SQLITE_IOERR: _FAULTY_DISK,
    sqlite3.SQLITE_CANTOPEN: _UNOPENABLE,
}
"""By SQLite's primary result code."""

_PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_FULL}
"""Primary result codes after which the same write may succeed later."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}

_BY_EXTENDED_RESULT = {
    sqlite3.SQLITE_READONLY_DBMOVED: "Put the file back in its place, then start again: it was moved or deleted.",
}
"""By SQLite's extended result code, where the primary one says too little."""

_BY_NUMBER = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
    errno.ENOENT: _UNOPENABLE,
    errno.ENOTDIR: _UNOPENABLE,
    errno.EISDIR: _UNOPENABLE,
    errno.ELOOP: _UNOPENABLE,
    errno.ENAMETOOLONG: _UNOPENABLE,
}
"""By the system's error number, where the store knows more than `system_advice`."""


def explained(error: Refusal, file: str) -> AssayError:
    """The error for a refusal by the store's file, with the advice for its cause.

    `file` is the path of the file. A value that SQLite cannot hold is `Invalid`, a cause that may pass is `StoreBusy`,
    and every other cause is `Unavailable`.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    match cause:
        case OverflowError() | UnicodeEncodeError() | sqlite3.DataError():
            reason = cause.reason if isinstance(cause, UnicodeEncodeError) else str(cause)
            return Invalid(
                f"The store {quote(file)!r} cannot hold a value: {reason}.", "Change the value or shorten it."
            )
        case OSError():
            advice = _BY_NUMBER.get(cause.errno or 0) or system_advice(cause, _REPORT)
            passes = cause.errno in _NO_SPACE
            return _unusable(file, cause.strerror or type(cause).__name__, advice, passes=passes)
        case _:
            code: int = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            # An extended code holds the primary one in its lowest byte.
            advice = _BY_EXTENDED_RESULT.get(code) or _BY_RESULT.get(code & 0xFF, _REPORT)
            return _unusable(file, str(cause), advice, passes=code & 0xFF in _PASSING)


def _unusable(file: str, cause: str, advice: str, *, passes: bool) -> Unavailable:
    kind = StoreBusy if passes else Unavailable
    return kind(f"The store {quote(file)!r} could not be used: {cause}.", advice)
