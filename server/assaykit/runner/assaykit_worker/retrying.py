# pyright: basic
"""Repeated calls of a user's function whose client was refused with 429 or failed with 5xx.

The exceptions of clients keep the status in different places: `status_code` (openai, anthropic, mistral, cohere),
`response.status_code` (httpx, requests), `status` (aiohttp), `code` (urllib, google), `http_status`, and in the
response of botocore. A status may be that of an inner exception, the cause or one of a group.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

TOO_MANY = 429
LONGEST_PAUSE_S = 60.0
_FIRST_PAUSE_S = 0.5
_NEVER = (501, 505)
"""Errors of a server that a second call meets again."""

_LEFT_SHARE = 0.9
"""The share of a row's time in which a pause must end."""

_DEEPEST = 5
_NAMES = ("status_code", "http_status", "status", "code")
_GRPC = {"RESOURCE_EXHAUSTED": TOO_MANY, "UNAVAILABLE": 503, "INTERNAL": 500, "DEADLINE_EXCEEDED": 504}
_SPENT = ("insufficient_quota", "billing_hard_limit_reached")
"""Codes of a 429 that no pause heals."""


class CallRetries:
    """The retries of one row: at most `most`, within its time limit of `timeout_s` seconds."""

    def __init__(self, most: int, timeout_s: float) -> None:
        self.made = 0
        self._most = most
        self._ends = time.monotonic() + timeout_s * _LEFT_SHARE

    def pause_s(self, error: BaseException, number: int) -> float | None:
        """Seconds to wait before the call is made again. None if it is not made again.

        `number` is that of the failed call, from 1.
        """
        if number > self._most or not is_passing(error):
            return None
        named = retry_after_s(error)
        pause = min(_FIRST_PAUSE_S * 2 ** (number - 1), LONGEST_PAUSE_S) if named is None else named
        pause += random.uniform(0, 0.1 * pause)  # noqa: S311  (a jitter is no secret)
        if pause > 1.1 * LONGEST_PAUSE_S or time.monotonic() + pause > self._ends:
            return None
        self.made += 1
        return pause


def is_passing(error: BaseException) -> bool:
    """Whether the error is a 429 or a 5xx that a later call may not meet."""
    status = status_of(error)
    if status == TOO_MANY:
        return not any(one in (_text(error, "code"), _text(error, "type")) for one in _SPENT)
    return status is not None and 500 <= status < 600 and status not in _NEVER  # noqa: PLR2004  (HTTP's own)


def status_of(error: Any, depth: int = 0) -> int | None:
    """The HTTP status that an exception of a client tells; None if it tells none."""
    if error is None or depth > _DEEPEST:
        return None
    response = getattr(error, "response", None)
    for told in (error, response):
        for name in _NAMES:
            if (status := _status(_get(told, name))) is not None:
                return status
    if (status := _status(_get(_get(response, "ResponseMetadata"), "HTTPStatusCode"))) is not None:
        return status
    inner = getattr(error, "exceptions", None)
    inner = inner[0] if isinstance(inner, (list, tuple)) and inner else None
    for one in (inner, getattr(error, "__cause__", None), getattr(error, "__context__", None)):
        if isinstance(one, BaseException) and (status := status_of(one, depth + 1)) is not None:
            return status
    return None


def retry_after_s(error: Any, depth: int = 0) -> float | None:
    """The seconds that the server asks to wait, from `Retry-After` or `retry-after-ms`; None if it asks for none."""
    if error is None or depth > _DEEPEST:
        return None
    response = getattr(error, "response", None)
    of_aws = _get(_get(response, "ResponseMetadata"), "HTTPHeaders")
    for headers in (_get(response, "headers"), getattr(error, "headers", None), of_aws):
        if (seconds := _asked(headers)) is not None:
            return seconds
    inner = getattr(error, "exceptions", None)
    inner = inner[0] if isinstance(inner, (list, tuple)) and inner else None
    for one in (inner, getattr(error, "__cause__", None), getattr(error, "__context__", None)):
        if isinstance(one, BaseException) and (seconds := retry_after_s(one, depth + 1)) is not None:
            return seconds
    return None


def _get(holder: Any, name: str) -> Any:
    if isinstance(holder, Mapping):
        return holder.get(name)
    return None if holder is None else getattr(holder, name, None)


def _text(error: Any, name: str) -> Any:
    value = getattr(error, name, None)
    return value if isinstance(value, str) else None


def _status(value: Any) -> int | None:
    """A status from 400 to 599 in a number, in text, in an enum, or in the method `code` of grpc."""
    if callable(value) and not isinstance(value, type):
        try:
            value = value()
        except Exception:  # noqa: BLE001  (a method of the user's exception)
            return None
    name = getattr(value, "name", None)
    if isinstance(name, str) and name in _GRPC:
        return _GRPC[name]
    value = getattr(value, "value", value)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    return number if 400 <= number < 600 else None  # noqa: PLR2004  (HTTP's own)


def _asked(headers: Any) -> float | None:
    if headers is None or not hasattr(headers, "get"):
        return None
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0), ("Retry-After", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit
        except (TypeError, ValueError):
            seconds = _until(value)
        if seconds is not None and seconds >= 0:
            return seconds
    return None


def _until(value: Any) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(str(value)).timestamp() - time.time())
    except (TypeError, ValueError, IndexError):
        return None
