"""Executes task runs in the engine's own task group: select, score, record, finish."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import sqlalchemy as sa
import structlog
from anyio.abc import TaskGroup

from assaykit.engine.clock import Clock
from assaykit.engine.models import Models
from assaykit.engine.runs.scoring import Scoring
from assaykit.engine.runs.selection import select
from assaykit.engine.store import runs
from assaykit.engine.store.database import Database
from assaykit.errors import AssayError, NotFound
from assaykit.wire.runs import RunStatus, TaskRun, TriggerEvaluationRequest

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
        self._owner = secrets.token_hex(8)
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
                    await database.write(runs.abandon, executor._owner, clock)

    async def trigger(self, task_id: str, wanted: TriggerEvaluationRequest) -> TaskRun:
        """Start a run; it is answered in PENDING and goes on in the background.

        Raises:
            NotFound: no such task.
            Invalid: a field does not fit the task's target.
        """
        run = await self._database.write(runs.trigger, task_id, wanted, self._owner, self._clock)
        self._group.start_soon(self._execute, run.id)
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

    async def _execute(self, run_id: str) -> None:
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
        selection = await self._database.read(select, run_id)
        if not await self._database.write(runs.start, run_id, selection.items, self._clock):
            return "CANCELLED", None
        if not selection.items:
            return "CANCELLED", selection.reason
        models = {scorer.evaluator_id: await self._models.for_config(scorer.config) for scorer in selection.scorers}
        scoring = Scoring(self._database, self._clock, run_id, selection, models, self._models.rows_at_once)
        broken = await scoring.run()
        if broken is not None:
            return "FAILED", broken
        return await self._database.read(_verdict, run_id)


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


def _verdict(connection: sa.Connection, run_id: str) -> tuple[RunStatus, str | None]:
    """How a run that went through its rows ended, and why nothing was scored if so."""
    number = runs.counts(connection, run_id)
    if number.get("SCORED"):
        return "COMPLETED", None
    report = runs.report(connection, run_id)
    if report.errors:
        return "FAILED", f"No row was scored. Most common cause: {report.errors[0].reason}"
    first = report.skipped[0].reason if report.skipped else "no reason given"
    return "COMPLETED", f"No row was scored: all {report.total} were skipped. Most common cause: {first}"
