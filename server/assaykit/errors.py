"""Everything that can go wrong and that we can explain.

    AssayError
    ├─ Invalid          the caller can fix the arguments (HTTP 400, 413, 422)
    ├─ NotFound         no such thing (404); carries near names
    ├─ Ambiguous        a name matched several things; lists them
    ├─ Unauthorized     the key is missing, wrong or not allowed (401, 403)
    ├─ Conflict         the name is taken, or the state forbids it (409)
    ├─ RateLimited      too many requests (429); carries `retry_after_s`
    ├─ Unavailable      the other side failed or could not be reached (5xx, network, deadline)
    ├─ Unsupported      the backend does not offer it, or not yet (501)
    └─ ContractBroken   a reply did not match the model: our bug or theirs

An error is one sentence of fact and one of help: `message` says what is wrong, `next` says what to do.
Neither ever holds a secret, a traceback or more than a clipped quote of foreign text.
"""

from typing import ClassVar, cast

QUOTE_LIMIT = 300


class AssayError(Exception):
    """Anything we can explain. `str(error)` is the message and the next step."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, next: str = "") -> None:  # noqa: A002  (the word the caller reads)
        self.message = message
        self.next = next
        # A message that shows lines of the user's own ends with one of them.
        between = "\n" if "\n" in message else " "
        super().__init__(f"{message}{between}{next}".strip())

    def as_dict(self) -> dict[str, str]:
        """The three facts every caller gets: `{code, message, next}`."""
        return {"code": self.code, "message": self.message, "next": self.next}


class Invalid(AssayError):
    """The caller can fix the arguments."""

    code = "invalid"
    status = 422


class NotFound(AssayError):
    """No such thing; the message lists near names when there are any."""

    code = "not_found"
    status = 404


class Ambiguous(AssayError):
    """A name matched several things, or none was named and there are several."""

    code = "ambiguous"
    status = 422


class Unauthorized(AssayError):
    """The key is missing, wrong or not allowed to do this; the message names the setting that holds it."""

    code = "unauthorized"
    status = 401


class Conflict(AssayError):
    """The name is taken, or the present state forbids it; the message says what exists."""

    code = "conflict"
    status = 409


class RateLimited(AssayError):
    """Too many requests. `retry_after_s` is what the other side asked for, in seconds."""

    code = "rate_limited"
    status = 429

    def __init__(self, message: str, next: str = "", *, retry_after_s: float | None = None) -> None:  # noqa: A002
        super().__init__(message, next)
        self.retry_after_s = retry_after_s


class Unavailable(AssayError):
    """The other side failed, could not be reached or took too long; the message says if a retry is safe."""

    code = "unavailable"
    status = 503


class Unsupported(AssayError):
    """This backend does not offer it, or not yet; `next` says what does it instead."""

    code = "unsupported"
    status = 501


class ContractBroken(AssayError):
    """A reply did not match the contract."""

    code = "contract_broken"
    status = 502


def quote(text: str, limit: int = QUOTE_LIMIT) -> str:
    """Foreign text on one line, at most `limit` characters, so that it cannot pose as ours."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def explained(raised: BaseException) -> list[AssayError]:
    """The errors of ours in what was raised, out of any groups; empty when something else is among them."""
    if isinstance(raised, AssayError):
        return [raised]
    if not isinstance(raised, BaseExceptionGroup):
        return []
    group = cast("BaseExceptionGroup[BaseException]", raised)
    found = [explained(one) for one in group.exceptions]
    return [error for some in found for error in some] if all(found) else []
