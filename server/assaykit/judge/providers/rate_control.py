"""Rate control for one provider: a few concurrent calls, at a rate that the provider accepts.

`judge/providers/pace.py` has the schedule of the calls. The gate holds callers back until the schedule admits them. The
provider's rate-limit headers change the schedule: when few calls are left, calls go out at the rate at which the limit
refills.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic

import anyio

from assaykit.judge.providers.pace import Pace
from assaykit.judge.providers.rate_limit_headers import allowance

__all__ = ["LONGEST_STORM_S", "SLOTS", "Gate", "Pace", "Refusing"]

SLOTS = 16
"""Concurrent calls to one integration."""

LONGEST_STORM_S = 600.0
"""Seconds of refusals alone, after which calls end as refused instead of waiting for their turn."""

_WEIGHT = 0.1
"""Weight of the newest prompt in the moving average of prompt lengths."""


class Refusing(Exception):
    """The provider has refused every call for `LONGEST_STORM_S`, also one of the time in which this caller waited."""


class Gate:
    """The gate for all calls to one integration, shared by every run and preview of the process.

    `clock` gives seconds, and `sleep` waits for seconds of that clock.
    """

    def __init__(
        self,
        slots: int = SLOTS,
        most: float | None = None,
        *,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self.pace = Pace(most)
        self.clock = clock
        self._sleep = sleep
        # The concurrent calls, and as many again that go out before those answers report the remaining calls.
        self._few = 2 * slots
        self._length = 0.0
        self._slots = anyio.Semaphore(slots, fast_acquire=True)
        self._head = anyio.Lock(fast_acquire=True)

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[float]:
        """Wait for a turn without a slot, then hold a slot until the block ends. Yield the start time of the call.

        Raises:
            Refusing: The provider has refused every call for too long.
        """
        arrived = self.clock()
        async with self._head:
            await self._admitted(arrived)
        began = self.clock()
        self.pace.left(began)
        try:
            yield began
        finally:
            self.pace.gone(began)
            self._slots.release()

    def told(self, headers: Mapping[str, str], length: int) -> None:
        """Read the rate-limit headers of an answer to a prompt of `length` bytes."""
        self._length += _WEIGHT * (length - self._length) if self._length else length
        allowed = allowance(headers, self._length)
        if allowed is not None:
            self.pace.told(allowed.rate, self.clock(), few=allowed.left <= self._few)

    def wait_s(self) -> float:
        """Seconds until the schedule admits a call, if no other caller is before it."""
        now = self.clock()
        return self.pace.due(now) - now

    def is_hopeless(self) -> bool:
        """The provider has refused every call for `LONGEST_STORM_S`."""
        storm = self.pace.storm
        return storm is not None and storm.refused_at - storm.began >= LONGEST_STORM_S

    async def _admitted(self, arrived: float) -> None:
        while True:
            await self._until_due(arrived)
            await self._slots.acquire()
            if self.wait_s() <= 0:
                return
            self._slots.release()  # the provider asked for a pause in the meantime

    async def _until_due(self, arrived: float) -> None:
        # Check again after each sleep, because an answer in the meantime may have postponed the turn.
        while (wait_s := self.wait_s()) > 0:
            if (storm := self.pace.storm) is not None and storm.refused_at > arrived and self.is_hopeless():
                raise Refusing
            await self._sleep(wait_s)
