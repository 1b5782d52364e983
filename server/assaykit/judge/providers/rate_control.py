"""Rate control for one provider: a few concurrent calls, at a rate that the provider accepts.

`judge/providers/pace.py` has the schedule of the calls. The gate holds callers back until the schedule admits them. The
provider's rate-limit headers change the schedule: when few calls are left, calls go out at the rate at which the limit
refills.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
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


class _Place:
    """A place in the order of the callers. `began` is the start of the call, once the caller has a slot."""

    __slots__ = ("arrived", "began", "called", "sleeps")

    def __init__(self, arrived: float) -> None:
        self.arrived = arrived
        self.began: float | None = None
        self.sleeps = False
        self.called = anyio.Event()


class _Slot:
    """A slot of a gate, held until the block ends."""

    __slots__ = ("_began", "_gate")

    def __init__(self, gate: "Gate") -> None:
        self._gate = gate
        self._began = 0.0

    async def __aenter__(self) -> float:
        self._began = await self._gate.entered()
        return self._began

    async def __aexit__(self, *_: object) -> None:
        self._gate.leave(self._began)


class Gate:
    """The gate for all calls to one integration, shared by every run and preview of the process.

    `clock` gives seconds, and `sleep` waits for seconds of that clock.

    A caller that finds nobody before it, a free slot and a call due enters without a trip through the event loop. A
    caller that has to wait is woken once: with a slot, or to wait for the schedule in front of the others.
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
        self._free = slots
        self._places = deque[_Place]()

    def slot(self) -> AbstractAsyncContextManager[float]:
        """Wait for a turn without a slot, then hold a slot until the block ends. Enter with the start of the call.

        Raises:
            Refusing: The provider has refused every call for too long.
        """
        return _Slot(self)

    async def entered(self) -> float:
        """Wait for a slot and take it. Return the start of the call, for `leave`.

        Raises:
            Refusing: The provider has refused every call for too long.
        """
        began = None if self._places else self._taken()
        return await self._called() if began is None else began

    def leave(self, began: float) -> None:
        """Give back the slot of a call that started at `began`."""
        self.pace.gone(began)
        self._free += 1
        self._admit()

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

    def _taken(self) -> float | None:
        """Take a slot if one is free and a call is due. Return the start of the call."""
        now = self.clock()
        if not self._free or self.pace.due(now) > now:
            return None
        self._free -= 1
        self.pace.left(now)
        return now

    async def _called(self) -> float:
        place = _Place(self.clock())
        self._places.append(place)
        try:
            if self._places[0] is place:
                self._admit()
            while place.began is None:
                await place.called.wait()
                if place.began is None:
                    await self._watch(place)
        except BaseException:
            if place.began is not None:
                self.leave(place.began)
            else:
                self._places.remove(place)
                self._admit()
            raise
        return place.began

    async def _watch(self, place: _Place) -> None:
        """Wait in front of all others until the schedule admits a call."""
        place.called, place.sleeps = anyio.Event(), True
        await self._until_due(place.arrived)
        place.sleeps = False
        self._admit()

    def _admit(self) -> None:
        """Give the free slots to the callers in front, or let the first one wait for the schedule."""
        while self._free and self._places and not self._places[0].sleeps:
            first = self._places[0]
            first.began = self._taken()
            first.called.set()
            if first.began is None:
                return
            self._places.popleft()

    async def _until_due(self, arrived: float) -> None:
        # Check again after each sleep, because an answer in the meantime may have postponed the turn.
        while (wait_s := self.wait_s()) > 0:
            if (storm := self.pace.storm) is not None and storm.refused_at > arrived and self.is_hopeless():
                raise Refusing
            await self._sleep(wait_s)
