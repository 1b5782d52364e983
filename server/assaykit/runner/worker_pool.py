"""A pool of worker processes that run rows, with a limit on simultaneous rows and a deadline for each row.

A plain function gets a process for each row in progress; an async function has a single process for all of them. If
possible, the processes are forked from one that runs no rows, so that the user's file is imported once. If a process
dies, or is killed because a row is late, its row fails. If it had several rows, the one at fault is not known. So each
of them is run again in a process of its own, several at a time, and the row that fails again is the one.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import count
from typing import Any, NamedTuple

import anyio
from anyio.abc import TaskGroup

from assaykit.errors import Invalid, explained
from assaykit.redaction import struck
from assaykit.runner.processes import Ended, Worker
from assaykit.runner.results import ExampleCall, RowResult
from assaykit.runner.spans import cut_short

GRACE_S = 1.0
"""Time beyond the deadline in which an async task may end itself. Then its process is killed."""

FAST_S = 0.25
"""If a row takes less on average, rows are sent ahead."""

_REMEMBERED = 8
"""Approximate number of rows in the moving average."""

_IDLE_ENDS = 3
"""The pool gives up after this many processes, without a result in between, that ended before they had a row."""

Start = Callable[[], AbstractAsyncContextManager[Worker]]


class PendingCall(NamedTuple):
    """One call to make, with the example's columns.

    `judged` has the stored `output` and `trace_id` of a run, if evaluators judge it and no task is called.
    """

    call: ExampleCall
    columns: Mapping[str, Any]
    judged: Mapping[str, Any] | None = None

    @property
    def sent(self) -> dict[str, Any]:
        """The call as the worker gets it."""
        judged = {} if self.judged is None else {"judged": dict(self.judged)}
        return {"example": dict(self.columns), **judged}


class WaitingCalls:
    """The calls that wait for a process: those given back, then those of a sequence, each read when it is taken."""

    def __init__(self) -> None:
        self._back = deque[PendingCall]()
        self._rows: Sequence[PendingCall] = ()
        self._next = 0

    def __len__(self) -> int:
        return len(self._back) + len(self._rows) - self._next

    def begin(self, rows: Sequence[PendingCall]) -> None:
        """Wait with these rows, once no other is left."""
        self._rows, self._next = rows, 0

    def take(self) -> PendingCall:
        """The next call."""
        if self._back:
            return self._back.popleft()
        self._next += 1
        return self._rows[self._next - 1]

    def give_back(self, rows: Sequence[PendingCall]) -> None:
        """Wait with these calls first, in their order."""
        self._back.extendleft(reversed(rows))


class Begun(NamedTuple):
    """A row in progress. It began `at` by anyio's clock, and at `start_ns` in nanoseconds since 1970."""

    row: PendingCall
    at: float
    start_ns: int


class WorkerSlots:
    """The rows of one process: up to `together` rows in progress, and rows behind them that it begins later."""

    def __init__(self, together: int) -> None:
        self.together = together
        self.begun: dict[int, Begun] = {}
        self.behind: deque[tuple[int, PendingCall]] = deque()

    def __len__(self) -> int:
        return len(self.begun) + len(self.behind)

    def take(self, number: int, row: PendingCall) -> None:
        """Add a row."""
        self.behind.append((number, row))
        self._begin()

    def give_back(self, number: int) -> Begun:
        """Remove a row that has ended."""
        ended = self.begun.pop(number)
        self._begin()
        return ended

    def _begin(self) -> None:
        while self.behind and len(self.begun) < self.together:
            number, row = self.behind.popleft()
            self.begun[number] = Begun(row, anyio.current_time(), time.time_ns())


class WorkerPool:
    """Runs rows until none is left, or until `stop`.

    `keep` is awaited with each result, one at a time. `on_ready` is called once the user's file is imported.
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
        self._waiting = WaitingCalls()
        self._suspects: list[PendingCall] = []
        self._keeping = anyio.Lock()
        self._idle_ends = 0
        self._numbers = count(1)
        self._usual_s = 2 * FAST_S
        self._is_stopped = False
        self.ready: dict[str, Any] = {}
        """The task and the evaluators that the first process found in the user's file."""
        self.again: list[ExampleCall] = []
        """The calls that were made twice, because a row beside them ended or blocked their process."""
        self.files: set[str] = set()
        """The files of the user's code that a process has imported."""

    def stop(self) -> None:
        """Begin no further row, and abandon the rows in progress."""
        self._is_stopped = True
        self._group.cancel_scope.cancel()

    async def run(self, rows: Sequence[PendingCall]) -> None:
        """Run the rows.

        Raises:
            Invalid: the user's file cannot be used, or its process ends again and again without a row.
        """
        self._waiting.begin(rows)
        try:
            async with anyio.create_task_group() as self._group:
                self._group.start_soon(self._first, self._group)
            if self._suspects and not self._is_stopped:
                # Each of these processes has one row, so none becomes a suspect again.
                self._waiting.begin(self._suspects)
                async with anyio.create_task_group() as self._group:
                    self._spread(self._group, self._start, self._concurrency)
        except BaseExceptionGroup as raised:
            # Every process reports the same error in the file, so only one report is raised.
            if errors := explained(raised):
                raise errors[0] from None
            raise

    async def _first(self, group: TaskGroup) -> None:
        async with self._start() as worker:
            self.ready = worker.ready
            self.files.update(worker.ready["files"])
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
                # The forking process is gone. Each new process is started on its own and imports the file again.
                start = self._start

    async def _work(self, worker: Worker, slots: WorkerSlots) -> None:
        """Give rows to the process until none is left or the process is no longer usable."""
        try:
            await self._fill(worker, slots)
            while slots.begun:
                told = await self._next(worker, slots)
                if told is None:
                    await self._blame(slots, self._late())
                    return
                ended = slots.give_back(told["row"])
                self._idle_ends = 0
                self._usual_s += (anyio.current_time() - ended.at - self._usual_s) / _REMEMBERED
                try:
                    # Send the next row first, so that the process does not wait while this result is stored.
                    await self._fill(worker, slots)
                finally:
                    self.files.update(told["files"])
                    await self._done(_result(ended.row.call, told))
        except Ended as error:
            if not slots.begun:
                self._ended_idle(str(error))
            await self._blame(slots, str(error))

    async def _fill(self, worker: Worker, slots: WorkerSlots) -> None:
        """Send rows until the process has as many as it may have.

        If rows are fast, the process gets rows ahead of its results. If rows are slow, it gets none ahead, since
        another process could run them meanwhile.
        """
        while self._waiting:
            is_ahead = self._usual_s < FAST_S and len(self._waiting) > self._concurrency
            if len(slots) >= slots.together * (2 if is_ahead else 1):
                return
            row, number = self._waiting.take(), next(self._numbers)
            try:
                await worker.send({"row": number, **row.sent})
            except Ended:
                # The process never got this row. Results that it sent before its end are still to be read.
                self._waiting.give_back([row])
                if slots.begun:
                    return
                raise
            slots.take(number, row)

    async def _next(self, worker: Worker, slots: WorkerSlots) -> dict[str, Any] | None:
        """The next message of the process, or None if a row is late."""
        due = min(one.at for one in slots.begun.values()) + self._timeout_s
        with anyio.move_on_at(due + (GRACE_S if slots.together > 1 else 0)):
            return await worker.receive()
        return None

    async def _blame(self, slots: WorkerSlots, why: str) -> None:
        self._waiting.give_back([row for _, row in slots.behind])
        begun = list(slots.begun.values())
        if len(begun) == 1:
            row, _, start_ns = begun[0]
            name = f"Task: {self.ready['task']}" if row.judged is None else "Evaluation"
            span = cut_short(name, start_ns, time.time_ns(), row.call.example_id, why)
            await self._done(RowResult(row.call, error=why, spans=[span]))
        else:
            self._suspects.extend(one.row for one in begun)
            self.again.extend(one.row.call for one in begun)

    async def _done(self, result: RowResult) -> None:
        # A cancellation must not lose a result, or its row would be run again.
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
    """The worker's message as a result. Text in an error that looks like a key is struck out; an output is data."""
    for part, field in ((told, "error"), *((one, "error") for one in told["evaluations"])):
        if part.get(field):
            part[field] = struck(part[field])
    for span in told["spans"]:
        if span.get("message"):
            span["message"] = struck(span["message"])
    output, retries = told.get("output"), told.get("retries", 0)
    return RowResult(call, output, told.get("error"), told["evaluations"], told["spans"], retries)
