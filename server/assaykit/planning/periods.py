"""Time windows as people write them: "last 7 days", "yesterday", "2026-01-01..2026-01-31"."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

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
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Backends count nanoseconds in 64 bits, so a moment must lie between these."""

_CLOCKS_AHEAD = timedelta(days=366)
"""The clock of a traced machine may be ahead, so "everything" ends later than now."""

_WEEK = re.compile(r"\d{4}-?w\d{2}", re.IGNORECASE)


class Period(NamedTuple):
    """A time window in UTC. Both ends are included."""

    start: datetime
    end: datetime

    @property
    def told(self) -> str:
        """The period after a noun: `from 2026-01-01 00:00 to 2026-01-02 00:00 UTC`, or `at any time`."""
        return "at any time" if self.start == _EARLIEST else f"from {self}"

    def __str__(self) -> str:
        if self.start == _EARLIEST:
            return "all time"
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


def parse(text: str, now: datetime) -> Period:
    """The period that `text` means at the moment `now`. A date as the end includes the whole day, a week its days.

    A date alone is a start: the period lasts until now. Days are those of UTC, or of an IANA time zone at the end of
    the text: "yesterday Europe/Berlin". "Everything" has the spans of clocks that are ahead too.

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


def past(text: str, now: datetime) -> Period:
    """As `parse`, but ending at `now` at the latest: a later run goes on where a run's window ended.

    Raises:
        Invalid: as `parse`.
    """
    period = parse(text, now)
    return period._replace(end=now) if period.start <= now < period.end else period


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
        moment = read(text.strip(), text).astimezone(UTC)
    except OverflowError:
        moment = _LATEST + timedelta(days=1)
    if not _EARLIEST <= moment <= _LATEST:
        raise Invalid(f"The moment {text[:80]!r} lies too far away.", "Stay between the years 1970 and 2200.")
    return moment


def _period(text: str, now: datetime) -> Period:
    words, zone = _zoned(text)
    here = now.astimezone(zone)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    if words in {"everything", "all", "all time"}:
        return Period(_EARLIEST, now + _CLOCKS_AHEAD)
    if words == "today":
        return _utc(midnight, now)
    if words == "yesterday":
        return _utc(midnight - timedelta(days=1), midnight - timedelta(microseconds=1))
    if last := _LAST.fullmatch(words):
        if int(last[1] or 1) == 0:
            raise Invalid(f"The window {text[:80]!r} is empty.", f"Write one of {EXAMPLES}.")
        return Period(now - int(last[1] or 1) * _UNIT[last[2]], now)
    start, separator, end = _split(words)
    if not start or (separator and not end):
        raise Invalid(f"The window {text[:80]!r} is not understood.", f"Write one of {EXAMPLES}.")
    begins = _moment(start, text, zone)
    if not separator and begins > now:
        raise Invalid(
            f"The window {text[:80]!r} starts in the future.",
            "A date alone is a start: give one before now, or two ends.",
        )
    return _utc(begins, _end(end, text, zone) if separator else now)


def _utc(start: datetime, end: datetime) -> Period:
    return Period(start.astimezone(UTC), end.astimezone(UTC))


def _zoned(text: str) -> tuple[str, tzinfo]:
    """The words in lower case without the time zone at their end, and that zone; UTC if there is none.

    Raises:
        Invalid: the zone is not one of the IANA database.
    """
    words = " ".join(text.split())
    rest, _, last = words.rpartition(" ")
    if "/" not in last or not rest:
        return words.lower(), UTC
    zone = next((key for key in available_timezones() if key.lower() == last.lower()), None)
    if zone is None:
        raise Invalid(
            f"There is no time zone {last[:60]!r}.",
            "Write a name of the IANA database, such as 'yesterday Europe/Berlin', or leave it out for UTC.",
        )
    return rest.lower().removesuffix(" in").strip(), ZoneInfo(zone)


def _split(words: str) -> tuple[str, str, str]:
    for separator in ("..", " to ", " until "):
        start, found, end = words.partition(separator)
        if found:
            return start.strip().removeprefix("from ").removeprefix("since "), found, end.strip()
    return words.removeprefix("since ").removeprefix("from "), "", ""


def _moment(word: str, text: str, zone: tzinfo = UTC) -> datetime:
    try:
        moment = datetime.fromisoformat(word.upper())
    except ValueError:
        raise Invalid(f"The window {text[:80]!r} is not understood.", f"Write one of {EXAMPLES}.") from None
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment


def _end(word: str, text: str, zone: tzinfo = UTC) -> datetime:
    moment = _moment(word, text, zone)
    return moment + _width(word) - timedelta(microseconds=1) if _width(word) else moment


def _width(word: str) -> timedelta:
    """The time that a date or a week takes: 2026-01-31, 20260131, 2026-W05-6 or 2026-W05. Zero for a time of day."""
    try:
        date.fromisoformat(word.upper())
    except ValueError:
        return timedelta(0)
    return timedelta(weeks=1) if _WEEK.fullmatch(word) else timedelta(days=1)
