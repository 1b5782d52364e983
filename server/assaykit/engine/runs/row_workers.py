"""Items worked on by a few workers at once, their results stored in batches as they come."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from assaykit.engine.store.queue.runs import Item
from assaykit.judge.columns import Row
from assaykit.judge.verdicts import Unscored

ROWS_PER_READ = 200
OUTCOMES_PER_WRITE = 200
GATHER_S = 0.1
"""How long a result may wait for others to be stored with: one at a time, storing costs more than asking."""
GATHER_STEP_S = 0.01
GIVE_UP_AFTER = 5
"""Refusals of the key or the model in a row that end a run: the rest would be refused too."""

_HOPELESS = frozenset({"auth", "bad_model"})

R = TypeVar("R")


class Job(NamedTuple):
    """One item with the row it is about; an empty one where the row is gone."""

    item: Item
    row: Row


class Refusals:
    """Counts how often in a row the key or the model was refused."""

    def __init__(self) -> None:
        self._number = 0
        self.broken: str | None = None
        """Why the run is to be given up; None while it is not."""
        self.enough = anyio.Event()
        """Set when it is to be given up."""

    def note(self, result: object, *, asked: bool) -> None:
        """Take in one result; `asked` says that a model answered."""
        if isinstance(result, Unscored) and result.reason in _HOPELESS:
            self._number += 1
            if self._number >= GIVE_UP_AFTER:
                self.broken = f"Given up after {self._number} refusals in a row: {result.detail}"
                self.enough.set()
        elif asked:
            self._number = 0


async def _always() -> bool:
    return True


class RowWorkers(Generic[R]):
    """One pass over a run's items.

    `read` gives the rows of some items by target id, `work` makes a result of one of them and does not raise for what
    a row or a model does wrong, and `store` keeps a batch and says whether to go on. Once `has_room` says no, nothing
    more is begun, and what is under way is finished and stored. From `enough` on, no result waits for others.
    """

    def __init__(
        self,
        read: Callable[[Sequence[Item]], Awaitable[Mapping[str, Row]]],
        work: Callable[[Job], Awaitable[R]],
        store: Callable[[list[R]], Awaitable[bool]],
        rows_at_once: int,
        enough: anyio.Event,
        rows_per_read: int = ROWS_PER_READ,
        has_room: Callable[[], Awaitable[bool]] = _always,
    ) -> None:
        self._read = read
        self._do = work
        self._store = store
        self._at_once = rows_at_once
        self._enough = enough
        self._per_read = rows_per_read
        self._has_room = has_room

    async def run(self, items: Sequence[Item]) -> None:
        """Work on everything, or until `store` has enough."""
        give_jobs, take_jobs = anyio.create_memory_object_stream[Job](self._per_read)
        give_results, take_results = anyio.create_memory_object_stream[R](OUTCOMES_PER_WRITE)
        # Closed when all are gone: a worker that has a result is stopped by the cancel, and not by a closed stream.
        with take_results:
            async with anyio.create_task_group() as group:
                group.start_soon(self._feed, items, give_jobs)
                for _ in range(self._at_once):
                    group.start_soon(self._work, take_jobs.clone(), give_results.clone())
                take_jobs.close()
                give_results.close()
                await self._record(take_results)
                # Only a run that was ended elsewhere, or given up, gets here with work left.
                group.cancel_scope.cancel()

    async def _feed(self, items: Sequence[Item], jobs: MemoryObjectSendStream[Job]) -> None:
        async with jobs:
            for start in range(0, len(items), self._per_read):
                some = items[start : start + self._per_read]
                found = await self._read(some)
                for item in some:
                    try:
                        await _put(jobs, Job(item, found.get(item.target_id, {})))
                    except anyio.BrokenResourceError:
                        return  # nobody takes more

    async def _work(self, jobs: MemoryObjectReceiveStream[Job], results: MemoryObjectSendStream[R]) -> None:
        async with jobs, results:
            while (job := await _taken(jobs)) is not None:
                if not await self._has_room():
                    return
                await _put(results, await self._do(job))

    async def _record(self, results: MemoryObjectReceiveStream[R]) -> None:
        async for first in results:
            await self._gathered(results)
            batch = [first]
            while len(batch) < OUTCOMES_PER_WRITE and results.statistics().current_buffer_used:
                batch.append(results.receive_nowait())
            if not await self._store(batch):
                return

    async def _gathered(self, results: MemoryObjectReceiveStream[R]) -> None:
        """Wait until there is a batch, nobody is left to add to one, or the first has waited long enough."""
        for _ in range(round(GATHER_S / GATHER_STEP_S)):
            state = results.statistics()
            is_full = state.current_buffer_used >= OUTCOMES_PER_WRITE - 1
            if is_full or not state.open_send_streams or self._enough.is_set():
                return
            with anyio.move_on_after(GATHER_STEP_S):
                await self._enough.wait()


async def _put(stream: MemoryObjectSendStream[R], one: R) -> None:
    """Send, and wait only where there is something to wait for: the ways through the scheduler cost more than a row."""
    try:
        stream.send_nowait(one)
    except anyio.WouldBlock:
        await stream.send(one)


async def _taken(stream: MemoryObjectReceiveStream[R]) -> R | None:
    """The same for what comes in; None once nothing more does."""
    try:
        return stream.receive_nowait()
    except anyio.WouldBlock:
        return await anext(stream, None)
    except anyio.EndOfStream:
        return None
