"""The errors that assaykit explains to its users.

    AssayError
    ├─ Invalid          the caller can fix the arguments (HTTP 400, 413, 422)
    ├─ NotFound         nothing has the name or id (404); the message lists near names
    ├─ Ambiguous        a name matched several things; the message lists them; or a create may have happened
    ├─ Unauthorized     the key is missing, wrong or not allowed (401, 403)
    ├─ Conflict         the name is taken, or the state forbids it (409)
    ├─ RateLimited      too many requests (429); carries `retry_after_s`
    ├─ Unavailable      the backend or a provider failed or could not be reached (5xx, network, deadline)
    ├─ Unsupported      the backend does not offer the operation, or not yet (501)
    └─ ContractBroken   a reply did not match the model: our bug or theirs

Every error has one sentence of fact, `message`, and one sentence of help, `next`.
Neither ever holds a secret, a traceback or more than a clipped quote of foreign text.
"""

import errno
from collections.abc import Sequence
from typing import ClassVar, Final, cast

from assaykit.foreign import clipped

QUOTE_LIMIT = 300


class AssayError(Exception):
    """An error with an explanation for the user. `str(error)` is the message and the next step.

    `may_have_happened` is set if a call that writes got no answer, and so may have written. `may_be_under_way` is set
    if it got none in time, so the backend may still be at work on it.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, next: str = "") -> None:  # noqa: A002  (the key that callers read)
        self.message = message
        self.next = next
        self.may_have_happened = False
        self.may_be_under_way = False
        # A message of several lines ends with a line of the user's text, so the next step gets a line of its own.
        between = "\n" if "\n" in message else " "
        super().__init__(f"{message}{between}{next}".strip())

    def also(self, fact: str, step: str) -> None:
        """Add a sentence of fact to the message, and put a step before the next one."""
        end = "" if self.message.endswith((".", "!", "?")) else "."
        self.message, self.next = f"{self.message}{end} {fact}", f"{step} {self.next}".strip()
        self.args = (f"{self.message} {self.next}",)

    def as_dict(self) -> dict[str, str]:
        """The error as every caller gets it: `{code, message, next}`."""
        return {"code": self.code, "message": self.message, "next": self.next}


class Invalid(AssayError):
    """The caller can fix the arguments."""

    code = "invalid"
    status = 422


class NotFound(AssayError):
    """Nothing has the name or id. The message lists near names if there are any."""

    code = "not_found"
    status = 404


class Ambiguous(AssayError):
    """A name matched several things, or no name was given and there are several things.

    Also a create whose answer was lost, if it cannot be told whether it took effect.
    """

    code = "ambiguous"
    status = 422


class Unauthorized(AssayError):
    """The key is missing, wrong or not allowed to do this. The message names the setting that holds the key."""

    code = "unauthorized"
    status = 401


class Conflict(AssayError):
    """The name is taken, or the current state forbids the operation. The message names the existing thing."""

    code = "conflict"
    status = 409


class RateLimited(AssayError):
    """Too many requests. `retry_after_s` is the wait that the server asked for, in seconds."""

    code = "rate_limited"
    status = 429

    def __init__(self, message: str, next: str = "", *, retry_after_s: float | None = None) -> None:  # noqa: A002
        super().__init__(message, next)
        self.retry_after_s = retry_after_s


class Unavailable(AssayError):
    """The backend or a provider failed, could not be reached or took too long. The message says if a retry is safe."""

    code = "unavailable"
    status = 503


class Unsupported(AssayError):
    """The backend does not offer the operation, or not yet. `next` names an alternative."""

    code = "unsupported"
    status = 501


class ContractBroken(AssayError):
    """A reply did not match the contract."""

    code = "contract_broken"
    status = 502


def quote(text: str, limit: int = QUOTE_LIMIT) -> str:
    """Foreign text on one line, at most `limit` characters, so that it cannot be mistaken for our own text."""
    return clipped(text, limit)


_NO_ROOM: Final = "Free some space on the disk, then try again."
_LACKS: Final = {
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
    errno.EROFS: "The disk is read-only: choose a folder on another one.",
    errno.EIO: "Check that the disk is attached and has no faults, then try again.",
    errno.EMFILE: "Raise the limit of open files (`ulimit -n`), then start again.",
    errno.ENFILE: "Close some programs, then try again: the computer has too many open files.",
    errno.ENOMEM: "Close some programs, then try again: the computer has no memory left.",
    errno.EAGAIN: "Close some programs, or raise the limit of processes (`ulimit -u`), then try again.",
}
"""The next step by the system's error number, where the cause is the computer and no name or permission."""


def system_advice(error: OSError, otherwise: str) -> str:
    """The next step for an error of the system: for a full disk and the like, or `otherwise` for any other cause."""
    return _LACKS.get(error.errno or 0, otherwise)


def an(noun: str) -> str:
    """`a task`, `an experiment`."""
    return f"{'an' if noun[:1].lower() in set('aeiou') else 'a'} {noun}"


def either(names: Sequence[str]) -> str:
    """`a, b or c`."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def explained(raised: BaseException) -> list[AssayError]:
    """The `AssayError`s in an exception, taken out of its groups. Empty if any other exception is among them."""
    if isinstance(raised, AssayError):
        return [raised]
    if not isinstance(raised, BaseExceptionGroup):
        return []
    group = cast("BaseExceptionGroup[BaseException]", raised)
    found = [explained(one) for one in group.exceptions]
    return [error for some in found for error in some] if all(found) else []
