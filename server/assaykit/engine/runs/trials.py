"""Trials of runs whose process ended while it worked on them: one such run at a time begins again.

If the process ends once more, the run on trial is the only one that the end is counted against. A trial is over as soon
as a row of the run is recorded, or the run has ended. Runs with fewer counted ends have their trials first, so those
that end no process are on their way before one that may.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count

import anyio


class Turn:
    """The turn of one run. It ends once."""

    def __init__(self, trials: "Trials") -> None:
        self._trials: Trials | None = trials

    def end(self) -> None:
        """Let the next run have its trial."""
        if self._trials is not None:
            self._trials.next()
            self._trials = None


class Trials:
    """The queue of the runs that wait for their trial in this process."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, anyio.Event]] = []
        self._numbers = count()
        self._is_taken = False

    @asynccontextmanager
    async def turn(self, ends: int) -> AsyncGenerator[Turn]:
        """The turn of a run that has so many ends of processes against it; it ends with the block at the latest."""
        called = anyio.Event()
        place = (ends, next(self._numbers), called)
        heappush(self._waiting, place)
        if not self._is_taken:
            self.next()
        try:
            await called.wait()
        except BaseException:
            self._leave(place)
            raise
        turn = Turn(self)
        try:
            yield turn
        finally:
            turn.end()

    def next(self) -> None:
        """Give the turn to the run with the fewest ends against it; among equals, to the one that waits longest."""
        self._is_taken = bool(self._waiting)
        if self._waiting:
            heappop(self._waiting)[2].set()

    def _leave(self, place: tuple[int, int, anyio.Event]) -> None:
        """Give up a place. A run that was called at that moment passes its turn on."""
        if place[2].is_set():
            self.next()
        else:
            self._waiting.remove(place)
