"""The rate-limit headers of a provider's answer, read as calls per second and calls left.

OpenAI-compatible providers send headers such as `x-ratelimit-limit-requests`; Anthropic sends
`anthropic-ratelimit-...`. Both limits refill within a minute. A limit that takes longer to refill, such as a daily one,
is ignored.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

CHARACTERS = 4
"""Characters per token, a rule of thumb for the share of a prompt in a token limit."""

_MINUTE_S = 60.0


class _Names(NamedTuple):
    limit: str
    remaining: str
    reset: str


_FAMILIES = tuple(
    tuple(_Names(*(name.format(what=what) for what in _Names._fields)) for name in names)
    for names in (
        ("x-ratelimit-{what}-requests", "x-ratelimit-{what}-tokens"),
        ("anthropic-ratelimit-requests-{what}", "anthropic-ratelimit-input-tokens-{what}"),
    )
)
"""The headers of the limit on requests and of the limit on tokens, for each family of providers."""
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Allowance(NamedTuple):
    """The provider allows `rate` calls per second permanently, and `left` calls right now."""

    rate: float
    left: float


def allowance(headers: Mapping[str, str], length: float) -> Allowance | None:
    """Return the allowance for prompts of `length` bytes; None if the headers contain no limit.

    If there are limits on requests and on tokens, the tighter one counts.
    """
    for requests, tokens in _FAMILIES:
        if requests.limit in headers or tokens.limit in headers:
            size = max(length / CHARACTERS, 1.0)
            found = [
                Allowance(one.rate / weight, one.left / weight)
                for names, weight in ((requests, 1.0), (tokens, size))
                if (one := _of(headers, names)) is not None
            ]
            return Allowance(min(one.rate for one in found), min(one.left for one in found)) if found else None
    return None


def _of(headers: Mapping[str, str], names: _Names) -> Allowance | None:
    limit, left = (_number(headers.get(name, "")) for name in (names.limit, names.remaining))
    if not limit or left is None or _seconds(headers.get(names.reset, "")) > _MINUTE_S:
        return None
    return Allowance(limit / _MINUTE_S, left)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,12}", text.strip()) else None


def _seconds(text: str) -> float:
    """Seconds from now: from `1m2.5s`, `120ms`, plain seconds or an ISO 8601 time; 0 for anything else."""
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
