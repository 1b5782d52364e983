"""Rows handed out to worker processes: as many at once as was asked for, each ended by its deadline.

A plain function gets a process for each row that is under way; an async one has a single process for all of them. A
process that dies, or is killed because a row is late, costs the row that was in it. Where several were, which of them
it was is not known: each is done again, alone, and the one that does it again is the one.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

import anyio
from anyio.abc import TaskGroup

from assaykit.errors import Invalid, explained
from assaykit.runner.processes import Ended, Worker
from assaykit.runner.results import Call, Result
from assaykit.runner.spans import cut_short

GRACE_S = 1.0
"""What an async task may take beyond its deadline to end itself; then its process is killed."""

_IDLE_ENDS = 3
"""So often a process may end before it was given a row."""

Start = Callable[[], AbstractAsyncContextManager[Worker]]


class Row(NamedTuple):
    """One call to make, with the example's columns."""

    call: Call
    columns: Mapping[str, Any]


class Begun(NamedTuple):
    """A row that a process has, when it is late, and when it began in nanoseconds since 1970."""

    row: Row
    due: float
    start_ns: int


class Crew:
    """Does rows until there is none left, or until `stop`. `keep` is awaited with each result, one at a time."""

    def __init__(
        self, start: Start, keep: Callable[[Result], Awaitable[None]], concurrency: int, timeout_s: float
    ) -> None:
        self._start = start
        self._keep = keep
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._waiting: deque[Row] = deque()
        self._suspects: deque[Row] = deque()
        self._keeping = anyio.Lock()
        self._idle_ends = 0
        self._is_stopped = False
        self.ready: dict[str, Any] = {}
        """What the first process found in the user's file."""
        self.ready_at: float | None = None

    def stop(self) -> None:
        """Begin no further row, and let go of those under way."""
        self._is_stopped = True
        self._group.cancel_scope.cancel()

    async def run(self, rows: Iterable[Row]) -> None:
        """Do the rows.

        Raises:
            Invalid: the user's file cannot be used, or its process ends again and again without a row.
        """
        self._waiting.extend(rows)
        try:
            async with anyio.create_task_group() as self._group:
                self._group.start_soon(self._first, self._group)
            while self._suspects and not self._is_stopped:
                self._waiting.append(self._suspects.popleft())
                async with anyio.create_task_group() as self._group:
                    self._group.start_soon(self._serve, 1)
        except BaseExceptionGroup as raised:
            # What every process says of the file is said once.
            if errors := explained(raised):
                raise errors[0] from None
            raise

    async def _first(self, group: TaskGroup) -> None:
        async with self._start() as worker:
            self.ready, self.ready_at = worker.ready, anyio.current_time()
            together = self._concurrency if self.ready["is_async"] else 1
            if together == 1:
                for _ in range(min(self._concurrency, len(self._waiting)) - 1):
                    group.start_soon(self._serve, 1)
            await self._work(worker, together)
        await self._serve(together)

    async def _serve(self, together: int) -> None:
        while self._waiting and not self._is_stopped:
            async with self._start() as worker:
                await self._work(worker, together)

    async def _work(self, worker: Worker, together: int) -> None:
        """Give the process rows until there is none, or it is of no more use."""
        under_way: dict[int, Begun] = {}
        number = 0
        try:
            while self._waiting or under_way:
                while self._waiting and len(under_way) < together:
                    number += 1
                    row = self._waiting.popleft()
                    under_way[number] = Begun(row, anyio.current_time() + self._timeout_s, time.time_ns())
                    await worker.send({"row": number, "example": dict(row.columns)})
                told = await self._next(worker, min(one.due for one in under_way.values()), together)
                if told is None:
                    await self._blame(list(under_way.values()), self._late())
                    return
                await self._done(_result(under_way.pop(told["row"]).row.call, told))
                self._idle_ends = 0
        except Ended as error:
            if not under_way:
                self._ended_idle(str(error))
            await self._blame(list(under_way.values()), str(error))

    async def _next(self, worker: Worker, due: float, together: int) -> dict[str, Any] | None:
        """What comes next; None when a row is late."""
        with anyio.move_on_at(due + (GRACE_S if together > 1 else 0)):
            return await worker.receive()
        return None

    async def _blame(self, begun: list[Begun], why: str) -> None:
        if len(begun) == 1:
            row, _, start_ns = begun[0]
            name = f"Task: {self.ready['task']}"
            span = cut_short(name, start_ns, time.time_ns(), row.call.example_id, why)
            await self._done(Result(row.call, error=why, spans=[span]))
        else:
            self._suspects.extend(one.row for one in begun)

    async def _done(self, result: Result) -> None:
        # Kept whatever happens meanwhile: what was answered is not asked again.
        with anyio.CancelScope(shield=True):
            async with self._keeping:
                await self._keep(result)

    def _late(self) -> str:
        return f"took longer than {self._timeout_s:g} s"

    def _ended_idle(self, why: str) -> None:
        self._idle_ends += 1
        if self._idle_ends >= _IDLE_ENDS:
            raise Invalid(f"The task's process ends before it gets a row: {why}.", "Run the file by itself to see why.")


def _result(call: Call, told: dict[str, Any]) -> Result:
    return Result(call, told.get("output"), told.get("error"), told["evaluations"], told["spans"])
