"""Conversion between the store's nanoseconds and the wire's timestamps."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_IN_UTC = datetime(1970, 1, 1)  # noqa: DTZ001  (its text gets the zone)
_FURTHEST = (2**63 - 1) // 1_000_000 * 1_000_000
"""The last whole millisecond in 64 bits, in nanoseconds. Up to 999 ns may be added without an overflow."""


def moment(ns: int | None) -> datetime | None:
    """Convert nanoseconds since 1970 to a timestamp, truncated to microseconds; None stays None."""
    return None if ns is None else _EPOCH + timedelta(microseconds=ns // 1000)


def text(ns: int | None) -> str | None:
    """Convert nanoseconds since 1970 to the text of a timestamp on the wire; None stays None."""
    # Without a zone, because a page has thousands of times.
    return None if ns is None else f"{(_EPOCH_IN_UTC + timedelta(microseconds=ns // 1000)).isoformat()}Z"


def nanoseconds(when: datetime | None) -> int | None:
    """Convert a timestamp with a zone to nanoseconds since 1970; None stays None.

    Times outside the years 1678 to 2261 are clamped to the range of the store's integers.
    """
    if when is None:
        return None
    return max(-_FURTHEST, min(_FURTHEST, (when - _EPOCH) // timedelta(microseconds=1) * 1000))


def earlier(ns: int, width_ns: int) -> int:
    """Return `ns - width_ns`, clamped to the range of the store's integers."""
    return max(-_FURTHEST, ns - width_ns)
