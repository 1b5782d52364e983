"""Concurrent work on the items of a run, with results stored in batches."""

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import anyio

from assaykit.column_paths import Row
from assaykit.engine.runs.unstored import Unstored
from assaykit.engine.store.queue.runs import Item
from assaykit.judge.verdicts import Unscored

ROWS_PER_READ = 200
OUTCOMES_PER_WRITE = 200
GATHER_S, GATHER_STEP_S = 0.1, 0.01
"""Seconds that a result may wait for others of its batch. A write per result would cost more than a model call."""
OUTCOMES_AHEAD = 2 * OUTCOMES_PER_WRITE
"""The most results that wait for the store. A worker with one more waits itself."""
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
    continue. An item that `goes_on` denies is passed over. Jobs under way are finished and stored. `unstored` has a
    line for each paid result until it is stored.
    """

    def __init__(
        self,
        read: Callable[[Sequence[Item]], Awaitable[Mapping[str, Row]]],
        work: Callable[[Job], Awaitable[R | None]],
        store: Callable[[list[R]], Awaitable[bool]],
        rows_at_once: int,
        rows_per_read: int = ROWS_PER_READ,
        goes_on: Callable[[Item], bool] = _every,
        unstored: Unstored[R] | None = None,
    ) -> None:
        self._read = read
        self._do = work
        self._store = store
        self._per_read = rows_per_read
        self._goes_on = goes_on
        self._unstored = unstored
        self._jobs = deque[Job]()
        self._results = deque[R]()
        self._working = rows_at_once
        self._is_fed = False
        self._jobs_came, self._jobs_went = _Bell(), _Bell()
        self._results_came, self._results_went = _Bell(), _Bell()

    async def run(self, items: Sequence[Item]) -> None:
        """Work on all items, or until `store` returns False. An instance runs once."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._feed, items)
                for _ in range(self._working):
                    group.start_soon(self._work)
                await self._record()
                # Only a run that was ended elsewhere gets here with work left.
                group.cancel_scope.cancel()
        finally:
            if self._unstored is not None:
                self._unstored.close()

    async def _feed(self, items: Sequence[Item]) -> None:
        for start in range(0, len(items), self._per_read):
            some = [item for item in items[start : start + self._per_read] if self._goes_on(item)]
            if not some:
                continue
            found = await self._read(some)
            self._jobs.extend(Job(item, found.get(item.target_id, {})) for item in some)
            self._jobs_came.ring()
            while len(self._jobs) > self._per_read:
                await self._jobs_went.wait()
        self._is_fed = True
        self._jobs_came.ring()

    async def _work(self) -> None:
        while (job := await self._taken()) is not None:
            if self._goes_on(job.item) and (result := await self._do(job)) is not None:
                if self._unstored is not None:
                    self._unstored.keep(result)
                self._results.append(result)
                if len(self._results) == 1 or len(self._results) >= OUTCOMES_PER_WRITE:
                    self._results_came.ring()
                while len(self._results) > OUTCOMES_AHEAD:
                    await self._results_went.wait()
        self._working -= 1
        if not self._working:
            self._results_came.ring()

    async def _taken(self) -> Job | None:
        """The next job, without a trip through the event loop if there is one; None after the last."""
        while not self._jobs:
            if self._is_fed:
                return None
            await self._jobs_came.wait()
        job = self._jobs.popleft()
        if len(self._jobs) == self._per_read:
            self._jobs_went.ring()
        return job

    async def _record(self) -> None:
        while await self._has_results():
            await self._gathered()
            batch = [self._results.popleft() for _ in range(min(len(self._results), OUTCOMES_PER_WRITE))]
            self._results_went.ring()
            goes_on = await self._store(batch)
            if self._unstored is not None:
                # Results of a run that was ended elsewhere are of no more use.
                self._unstored.stored(batch if goes_on else [*batch, *self._results])
            if not goes_on:
                return

    async def _has_results(self) -> bool:
        """Wait for a result. False after the last."""
        while not self._results and self._working:
            await self._results_came.wait()
        return bool(self._results)

    async def _gathered(self) -> None:
        """Wait until the batch is full, no worker is left, none of them had a result in a step, or `GATHER_S` passed.

        Slow calls are dear, so their results wait for no others: a result that is not stored is paid again after a
        crash.
        """
        before = -1
        for _ in range(round(GATHER_S / GATHER_STEP_S)):
            there = len(self._results)
            if there >= OUTCOMES_PER_WRITE or not self._working or there == before:
                return
            before = there
            await anyio.sleep(GATHER_STEP_S)


class _Bell:
    """Wakes all tasks that wait at it. Each of them looks whether its time has come."""

    __slots__ = ("_rung",)

    def __init__(self) -> None:
        self._rung: anyio.Event | None = None

    async def wait(self) -> None:
        self._rung = self._rung or anyio.Event()
        await self._rung.wait()

    def ring(self) -> None:
        if self._rung is not None:
            self._rung.set()
            self._rung = None
