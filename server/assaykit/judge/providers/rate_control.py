"""How fast one provider is asked: a few calls at once, and no faster than it takes them.

Unless a rate is given, nothing is held back until the provider refuses, or says in its answers that little is left of
what it allows: then calls go out as fast as that grows back. One refusal in ten is chance and costs only the
row that waits; when more are refused there is a ceiling. Then calls go out evenly, at the rate that was measured, which
grows while nothing is refused and falls back to what was clean before when something is.
"""

import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from time import monotonic

import anyio

from assaykit.judge.providers.rate_limit_headers import allowance

SLOTS = 16
"""Calls under way at once, to one integration."""

WINDOW_S, WINDOW_CALLS = 1.0, 10
"""A rate is judged after this time and this many calls."""

_SIGNS = ((20, 0.5), (200, 0.2))
"""Answers of a provider that was never held back, and the part refused of them that is no chance any more."""
_FEW, _OFTEN = 3, 0.05
"""At a known rate: so many refusals, and so great a part of the calls, mean that it is too high."""
_CATCH_UP_S = 0.05
"""A call that went out late may be followed sooner; a sleep is never exact."""
_FIRST_STEP, _SMALL_STEP, _LARGEST_STEP, _STEPS_GROW = 0.5, 0.03, 0.5, 1.5

_WEIGHT = 0.1
"""Of a question in the usual length of one."""


class Pace:
    """When the next call may go out. Times are seconds of any one clock; `rate` is calls a second, None unlimited.

    `most` is a rate that is known from the start: calls go out at that rate at most, and at a lower one that is learnt.
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
        """A call goes out."""
        if self._since is None:
            self._since = now
        if self.rate is not None:
            self._next = max(self._next, now - _CATCH_UP_S) + 1 / self.rate

    def told(self, rate: float, now: float, *, few: bool) -> None:
        """The provider says that it takes `rate` calls a second, and whether `few` are left of those it takes now."""
        self._most = min(self._given, rate)
        if not few:
            return
        if self.rate is None:
            self._begin(now)
        self.rate = self._most if self.rate is None else min(self.rate, self._most)

    def answered(self, started: float, now: float, *, refused: bool, wait_s: float = 1.0) -> None:
        """What became of a call that went out at `started`; a refusal asked for a wait of `wait_s`."""
        if self._since is None or started < self._since:
            return  # it went out at another rate, and says nothing of this one
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
            self._clean = 0.0  # what was clean once is so no longer
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
    """The one way out to an integration, shared by every run and preview of a process."""

    def __init__(self, slots: int = SLOTS, most: float | None = None) -> None:
        self.pace = Pace(most)
        # Those under way, and as many that go out before their answers tell how few are left.
        self._few = 2 * slots
        self._length = 0.0
        self._slots = anyio.Semaphore(slots, fast_acquire=True)
        self._head = anyio.Lock(fast_acquire=True)

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[float]:
        """Wait for one's turn, and keep a slot until the block ends; the moment it began. Nobody waits in a slot."""
        async with self._head:
            await self._admitted()
        try:
            began = monotonic()
            self.pace.left(began)
            yield began
        finally:
            self._slots.release()

    def told(self, headers: Mapping[str, str], length: int) -> None:
        """What came with an answer to a question of `length` bytes."""
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
        # Looked at again after each sleep: an answer that came meanwhile may have put the moment off.
        while (wait_s := self.pace.due(now := monotonic()) - now) > 0:  # noqa: ASYNC110
            await anyio.sleep(wait_s)
