"""Time windows as people write them: "last 7 days", "yesterday", "2026-01-01..2026-01-31"."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from assaykit.errors import Invalid

EXAMPLES = "'last 7 days', 'last 24 hours', 'today', 'yesterday', 'everything', '2026-01-01..2026-01-31'"

_LAST = re.compile(r"(?:the\s+)?(?:last|past)\s+(?:(\d{1,5})\s+)?(minute|hour|day|week|month)s?")
_UNIT = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
}
_EVERYTHING_SINCE = datetime(2000, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Backends count nanoseconds in 64 bits, so a moment must lie between these."""

_LENGTH_OF_DATE = len("2026-01-01")


class Period(NamedTuple):
    """A time window in UTC. Both ends are included."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def parse(text: str, now: datetime) -> Period:
    """The period that `text` means at the moment `now`. A date as the end includes the whole day.

    Raises:
        Invalid: the text is not understood, an end lies before 1970 or after 2200, or the period is empty.
    """
    try:
        period = _period(text, now)
    except OverflowError:
        period = None
    if period is None or period.start < _EARLIEST or period.end > _LATEST:
        raise Invalid(f"The window {text[:80]!r} reaches too far.", "Stay between the years 1970 and 2200.")
    if period.start > period.end:
        raise Invalid(f"The window {text[:80]!r} ends before it starts.", "Swap the two ends.")
    return period


def between(start: str | None, end: str | None) -> tuple[datetime | None, datetime | None]:
    """Parse two ISO 8601 moments, in UTC unless they carry an offset. A date as the end includes the whole day.

    Raises:
        Invalid: a text is not a moment or lies before 1970 or after 2200, or the end comes before the start.
    """
    found = (_within(start, _moment), _within(end, _end))
    if found[0] is not None and found[1] is not None and found[0] > found[1]:
        raise Invalid(f"The window {start!r} to {end!r} ends before it starts.", "Swap the two ends.")
    return found


def _within(text: str | None, read: Callable[[str, str], datetime]) -> datetime | None:
    if text is None:
        return None
    try:
        moment = read(text.strip(), text)
    except OverflowError:
        moment = _LATEST + timedelta(days=1)
    if not _EARLIEST <= moment <= _LATEST:
        raise Invalid(f"The moment {text[:80]!r} lies too far away.", "Stay between the years 1970 and 2200.")
    return moment


def _period(text: str, now: datetime) -> Period:
    words = " ".join(text.lower().split())
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if words in {"everything", "all", "all time"}:
        return Period(_EVERYTHING_SINCE, now)
    if words == "today":
        return Period(midnight, now)
    if words == "yesterday":
        return Period(midnight - timedelta(days=1), midnight - timedelta(microseconds=1))
    if last := _LAST.fullmatch(words):
        if int(last[1] or 1) == 0:
            raise Invalid(f"The window {text[:80]!r} is empty.", f"Write one of {EXAMPLES}.")
        return Period(now - int(last[1] or 1) * _UNIT[last[2]], now)
    start, separator, end = _split(words)
    if not start or (separator and not end):
        raise Invalid(f"The window {text[:80]!r} is not understood.", f"Write one of {EXAMPLES}.")
    return Period(_moment(start, text), _end(end, text) if separator else now)


def _split(words: str) -> tuple[str, str, str]:
    for separator in ("..", " to ", " until "):
        start, found, end = words.partition(separator)
        if found:
            return start.strip().removeprefix("from ").removeprefix("since "), found, end.strip()
    return words.removeprefix("since ").removeprefix("from "), "", ""


def _moment(word: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(word.upper())
    except ValueError:
        raise Invalid(f"The window {text[:80]!r} is not understood.", f"Write one of {EXAMPLES}.") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _end(word: str, text: str) -> datetime:
    moment = _moment(word, text)
    return moment + timedelta(days=1, microseconds=-1) if len(word) == _LENGTH_OF_DATE else moment
