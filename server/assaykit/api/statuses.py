"""Errors of `assaykit.errors` for HTTP statuses and their problem bodies."""

import math

import httpx
from pydantic import ValidationError

from assaykit import redaction
from assaykit.errors import (
    AssayError,
    Conflict,
    Invalid,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    Unsupported,
    quote,
)
from assaykit.retry_after import seconds
from assaykit.wire.bodies import Problem

DETAIL_LIMIT = 1200

BY_STATUS: dict[int, type[AssayError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    405: Unsupported,
    409: Conflict,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: RateLimited,
    501: Unsupported,
}

_KEY = "ARIZE_API_KEY"
_KEY_HELP = f"Check {_KEY}, and that the key may use this space."


def error_for(response: httpx.Response, who: str) -> AssayError:
    """The error for a failed response. It quotes the backend's text, clipped; `who` names the backend."""
    detail, following = _told(response)
    kind = BY_STATUS.get(response.status_code)
    if kind is RateLimited:
        asked = seconds(response.headers.get("retry-after", ""))
        pause = "Wait" if asked is None else f"Wait {math.ceil(asked)} s"
        return RateLimited(f"{who} asks to slow down.", f"{pause}, then try again.", retry_after_s=asked)
    if kind is None:
        return Unavailable(
            f"{who} failed with status {response.status_code}: {detail}",
            following or "Try again later; check its status first.",
        )
    if kind is Unauthorized:
        at = response.request.url.copy_with(query=None)
        return Unauthorized(f"{who} refused the key in {_KEY} at {at}: {detail}", f"{_KEY_HELP} {following}".strip())
    return kind(detail, following)


def _told(response: httpx.Response) -> tuple[str, str]:
    """The fault and, if the backend sends one, the next step."""
    try:
        problem = Problem.read(response.content)
    except ValidationError:
        plain = "html" not in response.headers.get("content-type", "")
        return (quote(redaction.struck(response.text)) if plain else "an HTML page"), ""
    text = problem.detail or problem.title or f"status {response.status_code}"
    following = problem.next or ""
    text = redaction.struck(text.removesuffix(following).rstrip())
    following = redaction.struck(following)
    # Quoting makes one space of several, which a name may have.
    is_line = text.isprintable() and len(text) <= DETAIL_LIMIT
    return (text if is_line else quote(text, DETAIL_LIMIT)), quote(following, DETAIL_LIMIT)
