"""Progress reports of a run: ten a second at most, and one every 10 seconds while nothing changes."""

from collections.abc import Awaitable, Callable
from typing import NoReturn

import anyio

from assaykit import figures

Report = Callable[[int, int, str], Awaitable[None]]
"""A callback that gets the number of rows done, the number of all rows, and a sentence."""

TICK_S = 0.1
SILENT_S = 10.0
"""Longest time between two reports. Some hosts end a call that reports nothing for long."""


class Progress:
    """Progress over `total` rows, of which an earlier run did `resumed`. Call `begin` when the first row can start."""

    def __init__(self, report: Report, total: int, resumed: int) -> None:
        self._report = report
        self._total = total
        self._resumed = resumed
        self._told = resumed
        self._told_at = self._began_at = anyio.current_time()
        self.done = resumed

    def begin(self) -> None:
        """Start the time from which the rate is computed."""
        self._began_at = anyio.current_time()

    async def tell(self) -> None:
        """Report the current state."""
        self._told, self._told_at = self.done, anyio.current_time()
        took_s = self._told_at - self._began_at
        await self._report(self.done, self._total, pace(self.done, self._total, self._resumed, took_s))

    async def keep_telling(self) -> NoReturn:
        """Report changes until the task is cancelled."""
        while True:
            await anyio.sleep(TICK_S)
            if self.done != self._told or anyio.current_time() - self._told_at > SILENT_S:
                await self.tell()


def pace(done: int, total: int, resumed: int, took_s: float) -> str:
    """A sentence with the number of rows done, the rate, and the time left at that rate."""
    rate = (done - resumed) / max(took_s, 0.001)
    left = f", about {(total - done) / rate:.0f} s left" if rate and done < total else ""
    return f"{done} of {total} rows done, {figures.rate(rate)} a second{left}"
