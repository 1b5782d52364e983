"""Rate control for one provider: a few concurrent calls, at a rate that the provider accepts.

Without a configured rate, calls are not throttled at first. Two things start the throttling. First, the provider's
rate-limit headers say that few calls are left; then calls go out at the rate at which the limit refills. Second, more
calls are refused (status 429) than chance explains; then calls go out evenly at the measured rate of accepted calls.
The rate grows while no call is refused. After refusals it falls back towards the last rate without refusals.
"""

import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from time import monotonic

import anyio

from assaykit.judge.providers.rate_limit_headers import allowance

SLOTS = 16
"""Concurrent calls to one integration."""

WINDOW_S, WINDOW_CALLS = 1.0, 10
"""A rate is assessed after this many seconds and this many calls."""

_SIGNS = ((20, 0.5), (200, 0.2))
"""Without a rate: (number of answers, share of refusals) from which the refusals are more than chance."""
_FEW, _OFTEN = 3, 0.05
"""At a known rate: the rate is too high from this number of refusals and above this share of the calls."""
_CATCH_UP_S = 0.05
"""Seconds by which the next call may catch up after a late one, because sleeps are not exact."""
_FIRST_STEP, _SMALL_STEP, _LARGEST_STEP, _STEPS_GROW = 0.5, 0.03, 0.5, 1.5

_WEIGHT = 0.1
"""Weight of the newest prompt in the moving average of prompt lengths."""


class Pace:
    """The schedule of calls. Times are seconds of any one clock; `rate` is in calls per second, None for no limit.

    `most` is a configured rate: calls go out at that rate at most, or at a lower rate that the refusals imply.
    """

    def __init__(self, most: float | None = None) -> None:
        self.rate = most
        self._most = self._given = math.inf if most is None else most
        self._next = self._paused_until = 0.0
        self._since: float | None = None
        self._taken = self._refused = 0
        self._clean = 0.0
        self._step = _FIRST_STEP

    def due(self, now: float) -> float:
        """The moment from which a call may go out, `now` or later."""
        held = max(now, self._paused_until)
        return held if self.rate is None else max(held, self._next)

    def left(self, now: float) -> None:
        """Record that a call goes out."""
        if self._since is None:
            self._since = now
        if self.rate is not None:
            self._next = max(self._next, now - _CATCH_UP_S) + 1 / self.rate

    def told(self, rate: float, now: float, *, few: bool) -> None:
        """Record the provider's limit of `rate` calls per second; `few` says that few calls are left right now."""
        self._most = min(self._given, rate)
        if not few:
            return
        if self.rate is None:
            self._begin(now)
        self.rate = self._most if self.rate is None else min(self.rate, self._most)

    def answered(self, started: float, now: float, *, refused: bool, wait_s: float = 1.0) -> None:
        """Record the outcome of a call that went out at `started`; `wait_s` is the wait after a refusal."""
        if self._since is None or started < self._since:
            return  # the call went out at an earlier rate, so its outcome does not apply to this one
        self._refused += refused
        self._taken += not refused
        passed = now - self._since
        if self.rate is None:
            self._look_for_ceiling(now, passed, wait_s)
        elif self._refused >= _FEW and self._refused > _OFTEN * (self._taken + self._refused):
            self._fall(self.rate, passed)
            self._begin(now)
        elif passed >= max(WINDOW_S, WINDOW_CALLS / self.rate):
            self._grow(self.rate, passed)
            self._begin(now)

    def _look_for_ceiling(self, now: float, passed: float, wait_s: float) -> None:
        number = self._taken + self._refused
        if any(number >= enough and self._refused > part * number for enough, part in _SIGNS):
            self.rate = max(self._taken, 1) / max(passed, 0.1)
            self._paused_until = self._next = now + wait_s
            self._begin(self._paused_until)
        elif number >= _SIGNS[-1][0]:
            self._begin(now)

    def _fall(self, rate: float, passed: float) -> None:
        if rate <= self._clean:
            self._clean = 0.0  # the rate without refusals is now refused too
        measured = 0.95 * self._taken / max(passed, 0.1)
        self.rate = min(0.95 * rate, max(self._clean, 0.5 * rate, measured))
        self._step = _SMALL_STEP

    def _grow(self, rate: float, passed: float) -> None:
        used = self._taken >= 0.8 * rate * passed
        if used and not self._refused:
            self._clean = max(self._clean, 0.98 * rate)
            self.rate = min(rate * (1 + self._step), self._most)
            self._step = min(self._step * _STEPS_GROW, _LARGEST_STEP)

    def _begin(self, now: float) -> None:
        self._since, self._taken, self._refused = now, 0, 0


class Gate:
    """The gate for all calls to one integration, shared by every run and preview of the process."""

    def __init__(self, slots: int = SLOTS, most: float | None = None) -> None:
        self.pace = Pace(most)
        # The concurrent calls, and as many again that go out before those answers report the remaining calls.
        self._few = 2 * slots
        self._length = 0.0
        self._slots = anyio.Semaphore(slots, fast_acquire=True)
        self._head = anyio.Lock(fast_acquire=True)

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[float]:
        """Wait for a turn without a slot, then hold a slot until the block ends. Yield the start time of the call."""
        async with self._head:
            await self._admitted()
        try:
            began = monotonic()
            self.pace.left(began)
            yield began
        finally:
            self._slots.release()

    def told(self, headers: Mapping[str, str], length: int) -> None:
        """Read the rate-limit headers of an answer to a prompt of `length` bytes."""
        self._length += _WEIGHT * (length - self._length) if self._length else length
        allowed = allowance(headers, self._length)
        if allowed is not None:
            self.pace.told(allowed.rate, monotonic(), few=allowed.left <= self._few)

    async def _admitted(self) -> None:
        while True:
            await self._until_due()
            await self._slots.acquire()
            if self.pace.due(now := monotonic()) <= now:
                return
            self._slots.release()  # the provider asked for a pause in the meantime

    async def _until_due(self) -> None:
        # Check again after each sleep, because an answer in the meantime may have postponed the turn.
        while (wait_s := self.pace.due(now := monotonic()) - now) > 0:  # noqa: ASYNC110
            await anyio.sleep(wait_s)
