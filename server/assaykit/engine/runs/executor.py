"""Executes task runs in the engine's own task group: select, score, record, finish."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import structlog
from anyio.abc import TaskGroup

from assaykit.engine.clock import Clock
from assaykit.engine.models import Models
from assaykit.engine.runs import causes
from assaykit.engine.runs.endings import ending
from assaykit.engine.runs.generation import generate
from assaykit.engine.runs.scoring import Scoring
from assaykit.engine.runs.selection import select
from assaykit.engine.store import generations, runs
from assaykit.engine.store.database import Database
from assaykit.errors import AssayError, NotFound
from assaykit.wire.runs import RunStatus, TaskRun, TriggerEvaluationRequest, TriggerRunExperimentRequest

RUNS_AT_ONCE = 4
"""More runs than this wait in PENDING."""

HEARTBEAT_S = 5
SILENT_S = 30
"""After this long without a heartbeat the engine that executed a run counts as gone."""

log = structlog.get_logger()


class Executor:
    """Owns the runs that this process executes."""

    def __init__(self, database: Database, clock: Clock, models: Models, group: TaskGroup) -> None:
        self._database = database
        self._clock = clock
        self._models = models
        self._group = group
        self.owner = secrets.token_hex(8)
        self._slots = anyio.CapacityLimiter(RUNS_AT_ONCE)
        self._scopes: dict[str, anyio.CancelScope] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, database: Database, clock: Clock, models: Models) -> AsyncGenerator["Executor"]:
        """An executor that works until the block ends; runs it leaves unfinished are ended with the reason."""
        async with anyio.create_task_group() as group:
            executor = cls(database, clock, models, group)
            group.start_soon(executor._beat)
            try:
                yield executor
            finally:
                group.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await database.write(runs.abandon, executor.owner, clock)

    async def trigger(self, task_id: str, wanted: TriggerEvaluationRequest | TriggerRunExperimentRequest) -> TaskRun:
        """Start a run; it is answered in PENDING and goes on in the background. `wanted` is of the task's type.

        Raises:
            NotFound: no such task.
            Conflict: the experiment that it would make is there.
            Invalid: a field does not fit the task's target.
        """
        if isinstance(wanted, TriggerRunExperimentRequest):
            run = await self._database.write(generations.trigger, task_id, wanted, self.owner, self._clock)
        else:
            run = await self._database.write(runs.trigger, task_id, wanted, self.owner, self._clock)
        self._group.start_soon(self.execute, run.id)
        return run

    async def cancel(self, run_id: str) -> TaskRun:
        """End a run that is PENDING or RUNNING, here or in another process.

        Raises:
            NotFound: no such run.
            Malformed: the run has ended already.
        """
        run = await self._database.write(runs.cancel, run_id, self._clock)
        if scope := self._scopes.get(run_id):
            scope.cancel()
        return run

    async def _beat(self) -> None:
        while True:
            now = self._clock.now_ns()
            try:
                # Only what is still worked on: a run whose end could not be stored falls silent, and is ended later.
                await self._database.write(runs.beat, list(self._scopes), now)
                await self._database.write(runs.fail_orphans, now - SILENT_S * 1_000_000_000, self._clock)
            except AssayError as error:
                log.warning("heartbeat_missed", error=str(error))
            await anyio.sleep(HEARTBEAT_S)

    async def execute(self, run_id: str) -> None:
        """Do a run that is PENDING and this executor's own, to its end."""
        with anyio.CancelScope() as scope:
            self._scopes[run_id] = scope
            try:
                async with self._slots:
                    status, reason = await self._run(run_id)
            except Exception as error:  # noqa: BLE001  (one run's crash must not end the engine; the log has it)
                status, reason = "FAILED", _reason(error, run_id)
            finally:
                del self._scopes[run_id]
            await self._finish(run_id, status, reason)

    async def _finish(self, run_id: str, status: RunStatus, reason: str | None) -> None:
        try:
            run = await self._database.write(runs.finish, run_id, status, reason, self._clock)
        except NotFound:
            log.info("run_deleted", run_id=run_id)  # with its task, while it was executed
        except AssayError:
            log.exception("run_end_not_stored", run_id=run_id, status=status)
        else:
            log.info("run_finished", run_id=run_id, status=run.status, scored=run.num_successes)

    async def _run(self, run_id: str) -> tuple[RunStatus, str | None]:
        if await self._database.read(generations.makes_experiment, run_id):
            return await self._run_experiment(run_id)
        selection = await self._database.read(select, run_id)
        cause = None if selection.items else await self._database.read(causes.of_selection, run_id, selection)
        if not await self._database.write(causes.start, run_id, selection, cause, self._clock):
            return "CANCELLED", None
        if cause is not None:
            return "CANCELLED", cause.message
        models = {scorer.evaluator_id: await self._models.for_config(scorer.config) for scorer in selection.scorers}
        scoring = Scoring(self._database, self._clock, run_id, selection, models, self._models.rows_at_once)
        broken = await scoring.run()
        if broken is not None:
            return "FAILED", broken
        status, reason = await self._database.read(ending, run_id)
        if status == "COMPLETED" and reason is not None:
            reason = await self._database.write(causes.unread, run_id, selection, reason)
        return status, reason

    async def _run_experiment(self, run_id: str) -> tuple[RunStatus, str | None]:
        status, reason = await generate(self._database, self._clock, self._models, run_id)
        if status != "COMPLETED":
            return status, reason
        started, fault = await self._database.write(generations.follow_up, run_id, self.owner, self._clock)
        for run in started:
            self._group.start_soon(self.execute, run.id)
        return status, fault or reason


def _reason(error: Exception, run_id: str) -> str:
    """Why a run failed. What its workers raise comes in groups; an error of ours says itself what is wrong."""
    explained, rest = ExceptionGroup("run", [error]).split(AssayError)
    if explained is None or rest is not None:
        log.error("run_crashed", run_id=run_id, exc_info=error)
        return "The run stopped on an internal error; the server's log has it."
    found: Exception = explained
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return str(found)
