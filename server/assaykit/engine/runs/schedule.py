"""Scheduling of continuous tasks. One of the engines that have the store open looks for new spans."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import structlog
from anyio.abc import TaskGroup

from assaykit.engine.clock import Clock
from assaykit.engine.runs.executor import Executor
from assaykit.engine.runs.selection import finds
from assaykit.engine.store.database import Database
from assaykit.engine.store.queue import schedules
from assaykit.errors import AssayError
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

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        home: Path,
        database: Database,
        clock: Clock,
        executor: Executor,
        period_s: float | None = None,
        *,
        works: bool = True,
    ) -> AsyncGenerator["Scheduler"]:
        """A scheduler that works until the block ends, whenever no other process has the lock.

        Without `works` it only looks whether another process has the lock.
        """
        lock = FileLock(home / LOCK)
        try:
            async with anyio.create_task_group() as group:
                scheduler = cls(lock, database, clock, executor, group, period_s or PERIOD_S, works=works)
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
                if self.worker == "this":
                    await self._look()
            except AssayError as error:
                log.warning("schedules_missed", error=str(error))
            await anyio.sleep(min(self._period_s, WAKE_S))

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
        for task_id in await self._database.read(schedules.due, self._clock):
            if task_id not in self._busy:
                self._busy.add(task_id)
                self._group.start_soon(self._follow, task_id)

    async def _follow(self, task_id: str) -> None:
        try:
            async with self._slots:
                await self._run(task_id)
        except AssayError as error:
            log.warning("schedule_missed", task_id=task_id, error=str(error))
        except Exception:
            log.exception("schedule_crashed", task_id=task_id)  # the other tasks and the engine go on
        finally:
            self._busy.discard(task_id)

    async def _run(self, task_id: str) -> None:
        """Run the batches of a task one after another, until no arrivals are left."""
        write = self._database.write
        while (batch := await write(schedules.begin, task_id, self._period_ns, self._clock)) is not None:
            has_work = await self._database.read(finds, task_id, batch.arrivals)
            run_id = await write(
                schedules.take,
                task_id,
                batch,
                has_work=has_work,
                owner=self._executor.owner,
                period_ns=self._period_ns,
                clock=self._clock,
            )
            if run_id is not None:
                await self._executor.execute(run_id)
