"""Tolerant reading of the JSON objects that providers answer with.

Gateways fill the fields beside the reply with odd values: a fraction of a token, a list for `usage`, a number for
`finish_reason`. An odd value counts as absent, so that it never costs a reply that was paid for. An error inside a 200
is found here too.
"""

import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, cast

MOST_TOKENS = 10**12
"""A count above this is no count."""

Fields = Mapping[str, Any]


class Fault(NamedTuple):
    """An error that a provider reports inside a 200: its own status, or 0 where it names none, and its words."""

    status: int
    text: str


_KINDS: tuple[tuple[HTTPStatus, str], ...] = (
    (HTTPStatus.TOO_MANY_REQUESTS, r"rate.?limit|too.?many.?requests|resource.?exhausted|throttl|slow down"),
    (
        HTTPStatus.SERVICE_UNAVAILABLE,
        r"overload|unavailable|server.?error|internal|api_error|timed?.?out|loading\b|\bbusy\b|try again|temporar",
    ),
    (HTTPStatus.UNAUTHORIZED, r"authenticat|unauthori[sz]ed|invalid.?api.?key|incorrect api key"),
    (HTTPStatus.FORBIDDEN, r"permission|forbidden"),
    (HTTPStatus.NOT_FOUND, r"not_found|model.{0,60}(?:not found|does not exist)"),
    (HTTPStatus.BAD_REQUEST, r"invalid.?request|bad request|unsupported|not supported"),
)
_KINDS_OF_WORDS = tuple((status, re.compile(words, re.IGNORECASE)) for status, words in _KINDS)
_STATUSES = ("code", "status", "status_code", "http_status", "statusCode", "error_code")
_SAID = ("message", "detail", "msg", "status_msg", "error_description", "title", "code", "param")


def fields(value: Any) -> Fields:
    """Return the value if it is an object; an empty one for any other value."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return the value if it is a list; an empty one for any other value."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def word(value: Any) -> str | None:
    """Return the value if it is a text that is not blank."""
    return value if isinstance(value, str) and value.strip() else None


def count(value: Any) -> int | None:
    """Return a number of tokens, a fraction rounded up; None for any other value."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,12}(\.\d{1,6})?\s*", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MOST_TOKENS:
        return None
    return math.ceil(value)


def first_count(usage: Fields, *names: str) -> int | None:
    """Return the first of the named counts that is there."""
    return next((found for name in names if (found := count(usage.get(name))) is not None), None)


def fault(answer: Fields) -> Fault | None:
    """Return the error in an answer of status 200; None if the answer has a reply or reports no error."""
    choice = fields(next(iter(items(answer.get("choices"))), None))
    has_broken = _ended_with_error(choice) or bool(choice.get("error"))
    if _has_reply(answer, choice) and not has_broken:
        return None
    found = choice.get("error") or answer.get("error") or next(iter(items(answer.get("errors"))), None)
    found = found or fields(answer.get("base_resp")) or (answer if _is_bare_error(answer) else None)
    if not found and not has_broken:
        return None
    inner = fields(found)
    text = words(inner) if inner else str(found or "the reply ended with an error")
    kind = " ".join(str(inner[name]) for name in ("type", "status", "code") if isinstance(inner.get(name), str))
    return Fault(_status(inner) or _status(answer) or _status_by_words(f"{kind} {text}"), text)


def words(error: Fields) -> str:
    """Return the words of an error object: its message, code and parameter, and the words of the provider behind it."""
    said = [str(error[name]) for name in _SAID if error.get(name)]
    behind = fields(error.get("metadata")).get("raw")
    return " ".join([*said, *([str(behind)] if behind else [])])


def _has_reply(answer: Fields, choice: Fields) -> bool:
    message = fields(choice.get("message"))
    said = (message.get(name) for name in ("content", "tool_calls", "function_call", "refusal"))
    return any(said) or bool(choice.get("text")) or bool(answer.get("content")) or bool(answer.get("output"))


def _ended_with_error(choice: Fields) -> bool:
    return str(choice.get("finish_reason")).casefold() == "error"


def _is_bare_error(answer: Fields) -> bool:
    """Whether the answer is an error without an object of its own: `{"code": 429, "message": "..."}`."""
    return "choices" not in answer and "content" not in answer and any(word(answer.get(name)) for name in _SAID[:6])


def _status(told: Fields) -> int:
    for name in _STATUSES:
        value = count(told.get(name))
        if value is not None and HTTPStatus.BAD_REQUEST <= value < 600:  # noqa: PLR2004  (the end of the statuses)
            return value
    return 0


def _status_by_words(text: str) -> int:
    return next((int(status) for status, known in _KINDS_OF_WORDS if known.search(text)), 0)
