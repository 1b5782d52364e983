"""What a provider's answer says of how often it may be asked: its rate-limit headers, read into one figure.

OpenAI and those that speak like it send `x-ratelimit-limit-requests` and the like, Anthropic `anthropic-ratelimit-...`.
Both refill by the minute. What takes longer than that to refill, as a limit for the day, is no pace.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

CHARACTERS = 4
"""Of a token, as a rule of thumb; what a question takes of a limit of tokens."""

_MINUTE_S = 60.0
_FAMILIES = (
    ("x-ratelimit-{what}-requests", "x-ratelimit-{what}-tokens"),
    ("anthropic-ratelimit-requests-{what}", "anthropic-ratelimit-input-tokens-{what}"),
)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Allowance(NamedTuple):
    """`rate` calls a second may be made for good, and `left` of them right now."""

    rate: float
    left: float


def allowance(headers: Mapping[str, str], length: float) -> Allowance | None:
    """What an answer's headers allow for questions of `length` bytes; None where they say nothing of it.

    Of a limit of requests and one of tokens, the tighter counts.
    """
    for requests, tokens in _FAMILIES:
        if requests.format(what="limit") in headers or tokens.format(what="limit") in headers:
            size = max(length / CHARACTERS, 1.0)
            found = [
                Allowance(one.rate / weight, one.left / weight)
                for name, weight in ((requests, 1.0), (tokens, size))
                if (one := _of(headers, name)) is not None
            ]
            return Allowance(min(one.rate for one in found), min(one.left for one in found)) if found else None
    return None


def _of(headers: Mapping[str, str], name: str) -> Allowance | None:
    limit, left = (_number(headers.get(name.format(what=what), "")) for what in ("limit", "remaining"))
    if not limit or left is None or _seconds(headers.get(name.format(what="reset"), "")) > _MINUTE_S:
        return None
    return Allowance(limit / _MINUTE_S, left)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,12}", text.strip()) else None


def _seconds(text: str) -> float:
    """How long from now: `1m2.5s`, `120ms`, plain seconds, or a moment; 0 for anything else."""
    text = text.strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    if parts := _PART.findall(text):
        return sum(float(number) * _SECONDS[unit] for number, unit in parts) if _PART.sub("", text) == "" else 0.0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (moment - datetime.now(UTC)).total_seconds() if moment.tzinfo else 0.0
