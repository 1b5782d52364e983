"""Between the store's nanoseconds and the wire's timestamps."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FURTHEST = (2**63 - 1) // 1_000_000 * 1_000_000
"""A whole number of milliseconds, so that the rest of a microsecond still fits on top."""


def moment(ns: int | None) -> datetime | None:
    """The timestamp, cut to microseconds; None stays None."""
    return None if ns is None else _EPOCH + timedelta(microseconds=ns // 1000)


def nanoseconds(when: datetime | None) -> int | None:
    """Nanoseconds since 1970; None stays None. A time with no zone was read as UTC at the door.

    Times outside the years 1678 to 2261 are brought to the nearest one that the store's integers can hold.
    """
    if when is None:
        return None
    return max(-_FURTHEST, min(_FURTHEST, (when - _EPOCH) // timedelta(microseconds=1) * 1000))


def earlier(ns: int, width_ns: int) -> int:
    """So much before, at the earliest the first moment that the store's integers can hold."""
    return max(-_FURTHEST, ns - width_ns)
