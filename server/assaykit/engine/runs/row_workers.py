"""Concurrent work on the items of a run, with results stored in batches."""

from collections import Counter
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
"""Seconds that a result may wait for others of its batch. A write per result would cost more than a model call."""
GATHER_STEP_S = 0.01
GIVE_UP_AFTER = 5
"""The number of consecutive refusals of the key or the model after which a judge is given up."""

_HOPELESS = frozenset({"auth", "bad_model"})

R = TypeVar("R")


class Job(NamedTuple):
    """One item with its row. The row is empty if it no longer exists."""

    item: Item
    row: Row


class Refusals:
    """Counts consecutive refusals of the key or the model, for each judge by itself.

    A judge is given up after `GIVE_UP_AFTER` refusals in a row. Judges that call one model with one key are one here.
    """

    def __init__(self) -> None:
        self._numbers: Counter[str] = Counter()
        self.given_up: dict[str, str] = {}
        """The reason for each judge that is given up."""

    def note(self, judge: str, result: object, *, asked: bool) -> None:
        """Count one result of a judge. `asked` means that a model answered."""
        if isinstance(result, Unscored) and result.reason in _HOPELESS:
            self._numbers[judge] += 1
            if (number := self._numbers[judge]) >= GIVE_UP_AFTER:
                self.given_up[judge] = f"Given up after {number} refusals in a row: {result.detail}"
        elif asked:
            del self._numbers[judge]


def _every(_: Item) -> bool:
    return True


class RowWorkers(Generic[R]):
    """One pass over a run's items.

    `read` returns the rows of some items by target id. `work` returns the result of one job, and does not raise for a
    fault of the row or the model; None leaves the item as it is. `store` stores a batch, and returns whether to
    continue. An item that `goes_on` denies is passed over. Jobs under way are finished and stored.
    """

    def __init__(
        self,
        read: Callable[[Sequence[Item]], Awaitable[Mapping[str, Row]]],
        work: Callable[[Job], Awaitable[R | None]],
        store: Callable[[list[R]], Awaitable[bool]],
        rows_at_once: int,
        rows_per_read: int = ROWS_PER_READ,
        goes_on: Callable[[Item], bool] = _every,
    ) -> None:
        self._read = read
        self._do = work
        self._store = store
        self._at_once = rows_at_once
        self._per_read = rows_per_read
        self._goes_on = goes_on

    async def run(self, items: Sequence[Item]) -> None:
        """Work on all items, or until `store` returns False."""
        give_jobs, take_jobs = anyio.create_memory_object_stream[Job](self._per_read)
        give_results, take_results = anyio.create_memory_object_stream[R](OUTCOMES_PER_WRITE)
        # Closed after all workers have ended, so that a worker with a result is cancelled before its stream closes.
        with take_results:
            async with anyio.create_task_group() as group:
                group.start_soon(self._feed, items, give_jobs)
                for _ in range(self._at_once):
                    group.start_soon(self._work, take_jobs.clone(), give_results.clone())
                take_jobs.close()
                give_results.close()
                await self._record(take_results)
                # Only a run that was ended elsewhere gets here with work left.
                group.cancel_scope.cancel()

    async def _feed(self, items: Sequence[Item], jobs: MemoryObjectSendStream[Job]) -> None:
        async with jobs:
            for start in range(0, len(items), self._per_read):
                some = [item for item in items[start : start + self._per_read] if self._goes_on(item)]
                if not some:
                    continue
                found = await self._read(some)
                for item in some:
                    try:
                        await _put(jobs, Job(item, found.get(item.target_id, {})))
                    except anyio.BrokenResourceError:
                        return  # no worker is left

    async def _work(self, jobs: MemoryObjectReceiveStream[Job], results: MemoryObjectSendStream[R]) -> None:
        async with jobs, results:
            while (job := await _taken(jobs)) is not None:
                if self._goes_on(job.item) and (result := await self._do(job)) is not None:
                    await _put(results, result)

    async def _record(self, results: MemoryObjectReceiveStream[R]) -> None:
        async for first in results:
            await self._gathered(results)
            batch = [first]
            while len(batch) < OUTCOMES_PER_WRITE and results.statistics().current_buffer_used:
                batch.append(results.receive_nowait())
            if not await self._store(batch):
                return

    async def _gathered(self, results: MemoryObjectReceiveStream[R]) -> None:
        """Wait until the batch is full, no worker is left, none of them had a result in a step, or `GATHER_S` passed.

        Slow calls are dear, so their results wait for no others: a result that is not stored is paid again after a
        crash.
        """
        before = -1
        for _ in range(round(GATHER_S / GATHER_STEP_S)):
            state = results.statistics()
            is_full = state.current_buffer_used >= OUTCOMES_PER_WRITE - 1
            if is_full or not state.open_send_streams or state.current_buffer_used == before:
                return
            before = state.current_buffer_used
            await anyio.sleep(GATHER_STEP_S)


async def _put(stream: MemoryObjectSendStream[R], one: R) -> None:
    """Send without awaiting if the buffer has room; a trip through the event loop costs more than processing a row."""
    try:
        stream.send_nowait(one)
    except anyio.WouldBlock:
        await stream.send(one)


async def _taken(stream: MemoryObjectReceiveStream[R]) -> R | None:
    """Receive, without awaiting if the buffer has an item; None at the end of the stream."""
    try:
        return stream.receive_nowait()
    except anyio.WouldBlock:
        return await anext(stream, None)
    except anyio.EndOfStream:
        return None
