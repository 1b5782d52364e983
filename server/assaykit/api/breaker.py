"""The breaker of a connection: after several failures in a row, calls fail at once instead of waiting for one more."""

import time
from collections.abc import Callable

FAILURES = 8
"""Failures in a row after which no call is made for a while. A failure is an attempt that got no HTTP answer."""

FIRST_PAUSE_S = 5.0
"""Seconds without a call after that many failures. Each probe that fails doubles them."""

LONGEST_PAUSE_S = 60.0


class Breaker:
    """Counts failures in a row. While it is open, one call at a time is let through after each pause, as a probe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._pause_s = FIRST_PAUSE_S
        self._until = 0.0
        self._probes = False

    @property
    def failures(self) -> int:
        """The failures since the last answer."""
        return self._failures

    @property
    def is_closed(self) -> bool:
        """True while every call may go."""
        return self._failures < FAILURES

    @property
    def state(self) -> str:
        """`closed`, `open`, or `half-open` while a probe may go or is under way."""
        if self.is_closed:
            return "closed"
        return "half-open" if self._probes or self._clock() >= self._until else "open"

    @property
    def next_try_s(self) -> float:
        """Seconds until the next probe. 0 if calls may go."""
        return 0.0 if self.is_closed else max(0.0, self._until - self._clock())

    def admits(self) -> bool:
        """Whether a call may go now. A call that may has to end with `answered`, `failed` or `left`."""
        if self.is_closed:
            return True
        if self._probes or self._clock() < self._until:
            return False
        self._probes = True
        return True

    def answered(self) -> None:
        """A call got an HTTP answer, of whatever status."""
        self._failures, self._pause_s, self._probes = 0, FIRST_PAUSE_S, False

    def failed(self) -> None:
        """A call got no HTTP answer."""
        self._failures += 1
        if self.is_closed:
            return
        if self._probes:
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._probes = False
        self._until = self._clock() + self._pause_s

    def left(self) -> None:
        """A call was given up by its caller, which tells nothing."""
        self._probes = False
