"""Scheduling of continuous tasks. One of the engines that have the store open looks for new spans.

An engine does only the tasks that it has a key for. Another engine that has it does the others.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import anyio
import anyio.to_thread
import structlog
from anyio.abc import TaskGroup

from assaykit.engine.clock import Clock
from assaykit.engine.runs.executor import Executor
from assaykit.engine.runs.selection import finds
from assaykit.engine.runs.watch import Watch
from assaykit.engine.store.database import Database
from assaykit.engine.store.queue import needs, schedules
from assaykit.engine.store.queue.needs import Needs
from assaykit.errors import AssayError, NotFound
from assaykit.filelock import FileLock
from assaykit.wire.local import ScheduleWorker

PERIOD_S = 15.0
"""Seconds between two looks for new spans of a task."""

WAKE_S = 3.0
"""The most seconds between two checks for a free lock and for due tasks."""

RUNS_AT_ONCE = 2
"""Fewer than the executor's, so that triggered runs need not wait for a long backlog."""

LOCK = "scheduler.lock"

log = structlog.get_logger()


class Scheduler:
    """Creates the runs of continuous tasks while it holds the data folder's lock. `worker` tells who holds it."""

    def __init__(
        self,
        lock: FileLock,
        database: Database,
        clock: Clock,
        executor: Executor,
        group: TaskGroup,
        period_s: float,
        environment: Mapping[str, str],
        *,
        works: bool,
    ) -> None:
        self.worker: ScheduleWorker = "nobody"
        self._works = works
        self._lock = lock
        self._database = database
        self._clock = clock
        self._executor = executor
        self._group = group
        self._period_s = period_s
        self._period_ns = int(period_s * 1_000_000_000)
        self._slots = anyio.CapacityLimiter(RUNS_AT_ONCE)
        self._busy: set[str] = set()
        self._is_new = False
        self._environment = environment
        self._watch = Watch[str](executor.silent_ns / 1e9)
        self._wake = anyio.Event()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        home: Path,
        database: Database,
        clock: Clock,
        executor: Executor,
        environment: Mapping[str, str],
        period_s: float | None = None,
        *,
        works: bool = True,
    ) -> AsyncGenerator["Scheduler"]:
        """A scheduler that works until the block ends. `environment` has the keys of this process.

        Without `works` it only looks whether another process has the lock.
        """
        lock = FileLock(home / LOCK)
        try:
            async with anyio.create_task_group() as group:
                period_s = period_s or PERIOD_S
                scheduler = cls(lock, database, clock, executor, group, period_s, environment, works=works)
                await scheduler._elect()
                group.start_soon(scheduler._keep)
                yield scheduler
                group.cancel_scope.cancel()
        finally:
            # Released last: an attempt under way at the end of the block may have taken the lock.
            lock.release()

    async def _keep(self) -> None:
        while True:
            try:
                await self._elect()
                if self.worker == "this" and self._is_new:
                    await self._database.settle(schedules.retry, self._clock)
                    self._is_new = False
                if self._works:
                    await self._look()
            except AssayError as error:
                log.warning("schedules_missed", error=str(error))
            with anyio.move_on_after(min(self._period_s, WAKE_S)):
                await self._wake.wait()
            self._wake = anyio.Event()

    async def _elect(self) -> None:
        """Try to take the lock, and set `worker` to the result."""
        before = self.worker
        try:
            # File access can block if the folder is slow.
            held = await anyio.to_thread.run_sync(self._lock.try_take)
        except OSError as error:
            self.worker = "nobody"
            if before != self.worker:
                log.warning("scheduler_lock_unusable", error=error.strerror)
            return
        if held and not self._works:
            self._lock.release()
            self.worker = "nobody"
            return
        self.worker = "this" if held else "another"
        if self.worker == "this" and before != "this":
            self._is_new = True

    async def _look(self) -> None:
        """Begin a step of each due task that is this process's to do, and that it can do.

        The process that has the lock looks after all tasks. Another one takes a task that waits for a key, and a task
        that nobody has looked after for a silent period, because the process with the lock may have been suspended.
        """
        is_first = self.worker == "this"
        found = await self._database.read(schedules.due, self._clock, early=not is_first)
        marks = {one.task_id: one.mark for one in found}
        silent = self._watch.silent(marks, self._clock.now_ns() / 1e9, anyio.current_time())
        for one in found:
            if one.task_id in self._busy:
                continue
            if not is_first and one.waits_for is None and one.task_id not in silent:
                continue
            try:
                needed = await self._database.read(needs.of_task_id, one.task_id, self._environment)
            except NotFound:
                continue  # deleted since
            if is_first and one.waits_for != needed.waits_for and (needed.waits_for or not needed.lacking):
                await self._database.settle(schedules.wait, one.task_id, needed.waits_for)
            if needed.is_able:
                self._busy.add(one.task_id)
                early = not is_first and one.waits_for is not None
                self._group.start_soon(self._follow, one.task_id, needed, early)

    async def _follow(self, task_id: str, needed: Needs, early: bool) -> None:
        try:
            # A task that asks no model is over soon, and waits for none that does.
            async with self._slots if needed.asks else nullcontext():
                goes_on = await self._step(task_id, needed, early=early)
        except AssayError as error:
            log.warning("schedule_missed", task_id=task_id, error=str(error))
        except Exception:
            log.exception("schedule_crashed", task_id=task_id)  # the other tasks and the engine go on
        else:
            if goes_on:
                self._wake.set()
        finally:
            self._busy.discard(task_id)

    async def _step(self, task_id: str, needed: Needs, *, early: bool) -> bool:
        """Run the next batch of a task. Returns False if there was none. Other tasks have their turn after it.

        With `early`, the step is about rows that wait for a key.
        """
        batch = await self._database.write(schedules.begin, task_id, self._period_ns, self._clock, early=early)
        if batch is None:
            return False
        work = await self._database.read(finds, task_id, batch.arrivals, needed.lacking)
        if work.elsewhere and not work.here:
            if early:
                return False
            names = ", ".join(sorted(set(needed.lacking.values())))
            await self._database.settle(schedules.wait, task_id, names)
        run_id = await self._database.write(
            schedules.take,
            task_id,
            batch,
            **work._asdict(),
            owner=self._executor.owner,
            period_ns=self._period_ns,
            clock=self._clock,
        )
        if run_id is not None:
            await self._executor.execute(run_id)
        return True
