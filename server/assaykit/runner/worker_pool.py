"""Rows handed out to worker processes: as many at once as was asked for, each ended by its deadline.

A plain function gets a process for each row that is under way; an async one has a single process for all of them. Where
it can be, the processes are forked from one that does no row itself, so that the user's file is imported once. One that
dies, or is killed because a row is late, costs the row that was in it. Where several were, which of them it was is not
known: each is done again, alone, and the one that does it again is the one.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from itertools import count
from typing import Any, NamedTuple

import anyio
from anyio.abc import TaskGroup

from assaykit.errors import Invalid, explained
from assaykit.runner.processes import Ended, Worker
from assaykit.runner.results import ExampleCall, RowResult
from assaykit.runner.spans import cut_short

GRACE_S = 1.0
"""What an async task may take beyond its deadline to end itself; then its process is killed."""

FAST_S = 0.25
"""What takes less on the average is handed out ahead."""

_REMEMBERED = 8
"""The average is over about so many rows."""

_IDLE_ENDS = 3
"""So often a process may end before it was given a row."""

Start = Callable[[], AbstractAsyncContextManager[Worker]]


class PendingCall(NamedTuple):
    """One call to make, with the example's columns."""

    call: ExampleCall
    columns: Mapping[str, Any]


class Begun(NamedTuple):
    """A row that a process is at: when it began, by our clock and in nanoseconds since 1970."""

    row: PendingCall
    at: float
    start_ns: int


class WorkerSlots:
    """What one process has: rows that it is at, and behind them rows that it begins as soon as one of these ends."""

    def __init__(self, together: int) -> None:
        self.together = together
        self.begun: dict[int, Begun] = {}
        self.behind: deque[tuple[int, PendingCall]] = deque()

    def __len__(self) -> int:
        return len(self.begun) + len(self.behind)

    def take(self, number: int, row: PendingCall) -> None:
        """One more row."""
        self.behind.append((number, row))
        self._begin()

    def give_back(self, number: int) -> Begun:
        """One row less: it has ended."""
        ended = self.begun.pop(number)
        self._begin()
        return ended

    def _begin(self) -> None:
        while self.behind and len(self.begun) < self.together:
            number, row = self.behind.popleft()
            self.begun[number] = Begun(row, anyio.current_time(), time.time_ns())


class WorkerPool:
    """Does rows until there is none left, or until `stop`.

    `keep` is awaited with each result, one at a time; `on_ready` is called when the user's file is imported.
    """

    def __init__(
        self,
        start: Start,
        keep: Callable[[RowResult], Awaitable[None]],
        concurrency: int,
        timeout_s: float,
        on_ready: Callable[[], None],
    ) -> None:
        self._start = start
        self._keep = keep
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._on_ready = on_ready
        self._waiting: deque[PendingCall] = deque()
        self._suspects: deque[PendingCall] = deque()
        self._keeping = anyio.Lock()
        self._idle_ends = 0
        self._numbers = count(1)
        self._usual_s = 2 * FAST_S
        self._is_stopped = False
        self.ready: dict[str, Any] = {}
        """What the first process found in the user's file."""

    def stop(self) -> None:
        """Begin no further row, and let go of those under way."""
        self._is_stopped = True
        self._group.cancel_scope.cancel()

    async def run(self, rows: Iterable[PendingCall]) -> None:
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
                    self._group.start_soon(self._serve, self._start, 1)
        except BaseExceptionGroup as raised:
            # What every process says of the file is said once.
            if errors := explained(raised):
                raise errors[0] from None
            raise

    async def _first(self, group: TaskGroup) -> None:
        async with self._start() as worker:
            self.ready = worker.ready
            self._on_ready()
            if self.ready["forks"]:
                async with anyio.create_task_group() as forks:
                    self._spread(forks, worker.fork, self._concurrency)
                return
            together = self._concurrency if self.ready["is_async"] else 1
            if together == 1:
                self._spread(group, self._start, self._concurrency - 1)
            await self._work(worker, WorkerSlots(together))
        await self._serve(self._start, together)

    def _spread(self, group: TaskGroup, start: Start, most: int) -> None:
        for _ in range(min(most, len(self._waiting))):
            group.start_soon(self._serve, start, 1)

    async def _serve(self, start: Start, together: int) -> None:
        while self._waiting and not self._is_stopped:
            try:
                async with start() as worker:
                    await self._work(worker, WorkerSlots(together))
            except Ended:
                # Nothing is forked any more. What is started anew has to import the file again.
                start = self._start

    async def _work(self, worker: Worker, hands: WorkerSlots) -> None:
        """Give the process rows until there is none, or it is of no more use."""
        try:
            await self._fill(worker, hands)
            while hands.begun:
                told = await self._next(worker, hands)
                if told is None:
                    await self._blame(hands, self._late())
                    return
                ended = hands.give_back(told["row"])
                self._idle_ends = 0
                self._usual_s += (anyio.current_time() - ended.at - self._usual_s) / _REMEMBERED
                try:
                    # The next row first, so that the process does not wait while this one is written down.
                    await self._fill(worker, hands)
                finally:
                    await self._done(_result(ended.row.call, told))
        except Ended as error:
            if not hands.begun:
                self._ended_idle(str(error))
            await self._blame(hands, str(error))

    async def _fill(self, worker: Worker, hands: WorkerSlots) -> None:
        """Hand out rows until the process has as many as it may have.

        Of rows that take next to no time it gets some before it has ended others; a slow row has none behind it that
        another process could do meanwhile.
        """
        while self._waiting:
            is_ahead = self._usual_s < FAST_S and len(self._waiting) > self._concurrency
            if len(hands) >= hands.together * (2 if is_ahead else 1):
                return
            row, number = self._waiting.popleft(), next(self._numbers)
            try:
                await worker.send({"row": number, "example": dict(row.columns)})
            except Ended:
                # It never had it. What it told before it ended is still to be read.
                self._waiting.appendleft(row)
                if hands.begun:
                    return
                raise
            hands.take(number, row)

    async def _next(self, worker: Worker, hands: WorkerSlots) -> dict[str, Any] | None:
        """What comes next; None when a row is late."""
        due = min(one.at for one in hands.begun.values()) + self._timeout_s
        with anyio.move_on_at(due + (GRACE_S if hands.together > 1 else 0)):
            return await worker.receive()
        return None

    async def _blame(self, hands: WorkerSlots, why: str) -> None:
        self._waiting.extendleft(row for _, row in reversed(hands.behind))
        begun = list(hands.begun.values())
        if len(begun) == 1:
            row, _, start_ns = begun[0]
            name = f"Task: {self.ready['task']}"
            span = cut_short(name, start_ns, time.time_ns(), row.call.example_id, why)
            await self._done(RowResult(row.call, error=why, spans=[span]))
        else:
            self._suspects.extend(one.row for one in begun)

    async def _done(self, result: RowResult) -> None:
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


def _result(call: ExampleCall, told: dict[str, Any]) -> RowResult:
    return RowResult(call, told.get("output"), told.get("error"), told["evaluations"], told["spans"])
