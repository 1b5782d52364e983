"""How far a run is, told a few times a second at most, and now and then while nothing changes."""

from collections.abc import Awaitable, Callable
from typing import NoReturn

import anyio

Report = Callable[[int, int, str], Awaitable[None]]
"""Told how many rows are done, of how many, and in words."""

TICK_S = 0.1
SILENT_S = 10.0
"""Some hosts end a call that says nothing for long."""


class Progress:
    """Rows done of `total`, of which `resumed` were done before. `begin` is called when the first can be begun."""

    def __init__(self, report: Report, total: int, resumed: int) -> None:
        self._report = report
        self._total = total
        self._resumed = resumed
        self._told = resumed
        self._told_at = self._began_at = anyio.current_time()
        self.done = resumed

    def begin(self) -> None:
        """From now on the rate counts."""
        self._began_at = anyio.current_time()

    async def tell(self) -> None:
        """Report as it is now."""
        self._told, self._told_at = self.done, anyio.current_time()
        took_s = self._told_at - self._began_at
        await self._report(self.done, self._total, pace(self.done, self._total, self._resumed, took_s))

    async def keep_telling(self) -> NoReturn:
        """Report what has changed, until this is cancelled."""
        while True:
            await anyio.sleep(TICK_S)
            if self.done != self._told or anyio.current_time() - self._told_at > SILENT_S:
                await self.tell()


def pace(done: int, total: int, resumed: int, took_s: float) -> str:
    """How many rows are done, how fast that goes, and how long the others take at that rate."""
    rate = (done - resumed) / max(took_s, 0.001)
    left = f", about {(total - done) / rate:.0f} s left" if rate and done < total else ""
    return f"{done} of {total} rows done, {rate:.3g} a second{left}"
