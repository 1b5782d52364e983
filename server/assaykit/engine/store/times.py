"""Between the store's nanoseconds and the wire's timestamps."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(ns: int | None) -> datetime | None:
    """The timestamp, cut to microseconds; None stays None."""
    return None if ns is None else _EPOCH + timedelta(microseconds=ns // 1000)


def nanoseconds(when: datetime | None) -> int | None:
    """Nanoseconds since 1970; None stays None. A time with no zone was read as UTC at the door."""
    return None if when is None else (when - _EPOCH) // timedelta(microseconds=1) * 1000
