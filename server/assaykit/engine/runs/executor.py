"""Executes task runs in the engine's own task group: select, score, record, finish."""

import secrets
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import anyio
import anyio.to_thread
import sqlalchemy as sa
import structlog
from anyio.abc import TaskGroup

from assaykit.engine.clock import Clock
from assaykit.engine.models import Models
from assaykit.engine.runs import causes
from assaykit.engine.runs.final_status import ending, ending_of_given_up
from assaykit.engine.runs.generation import generate
from assaykit.engine.runs.life import LifeLock
from assaykit.engine.runs.limits import Budget
from assaykit.engine.runs.recovery import forget, recover, sweep
from assaykit.engine.runs.scoring import Scoring
from assaykit.engine.runs.selection import Selection, resume, select
from assaykit.engine.runs.trials import Trials, Turn
from assaykit.engine.runs.watch import Watch
from assaykit.engine.store.database import Database, SchemaChanged
from assaykit.engine.store.queue import generations, leases, needs, runs, task_limits
from assaykit.engine.store.queue.leases import Lease, Sight
from assaykit.engine.store.queue.needs import Needs
from assaykit.engine.store.queue.runs import UNLIMITED, Limits
from assaykit.errors import AssayError, NotFound
from assaykit.wire.evaluators import TemplateConfig
from assaykit.wire.runs import RunStatus, TaskRun, TriggerEvaluationRequest, TriggerRunExperimentRequest

RUNS_AT_ONCE = 4
"""The most runs executed at a time; further runs wait in PENDING."""

SILENT_S = 30
"""Seconds without a heartbeat after which the engine that executes a run counts as gone."""

BEATS = 10
"""Heartbeats in `SILENT_S`, and looks for runs to take over."""

LOOKS = 3
"""Looks for dead engines between two heartbeats. A look costs a lock for each other engine, and no query."""

LONGEST_TURN_S = 30
"""Seconds after which the next run has its trial, though the one on trial has not got on yet."""

LOOK_S = 0.2
"""Seconds between two looks whether a run on trial gets on."""

Ending = tuple[RunStatus | None, str | None]
"""The final status of a run and its reason. Without a status the run waits for the keys that the reason names."""

log = structlog.get_logger()


class Executor:
    """Executes the runs of this process, and those that it takes over from others."""

    def __init__(
        self,
        life: LifeLock,
        owner: str,
        database: Database,
        clock: Clock,
        models: Models,
        group: TaskGroup,
        silent_s: float,
    ) -> None:
        self.owner = owner
        self._life = life
        self._home = life.path.parent
        self._database = database
        self._clock = clock
        self._models = models
        self._group = group
        self._slots = anyio.CapacityLimiter(RUNS_AT_ONCE)
        self._trials = Trials()
        self._scopes: dict[Lease, anyio.CancelScope] = {}
        self._silent_s = silent_s
        self.silent_ns = int(silent_s * 1_000_000_000)
        self._watch = Watch[tuple[str, str | None, int]](silent_s)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        home: Path,
        database: Database,
        clock: Clock,
        models: Models,
        silent_s: float | None = None,
        *,
        works: bool = True,
    ) -> AsyncGenerator["Executor"]:
        """An executor that works until the block ends. Another engine resumes its unfinished runs.

        Without `works` it takes over no run of another engine.
        """
        owner = secrets.token_hex(8)
        life = LifeLock(home, owner)
        await anyio.to_thread.run_sync(life.take)
        try:
            async with anyio.create_task_group() as group:
                executor = cls(life, owner, database, clock, models, group, silent_s or SILENT_S)
                await sweep(home, database)
                group.start_soon(executor._beat, works)
                try:
                    yield executor
                finally:
                    group.cancel_scope.cancel()
        finally:
            # Released last: a write under way at the end of the block may have renewed a heartbeat.
            with anyio.CancelScope(shield=True):
                await _released(database, owner)
            life.release()

    async def trigger(
        self,
        task_id: str,
        wanted: TriggerEvaluationRequest | TriggerRunExperimentRequest,
        limits: Limits = UNLIMITED,
    ) -> TaskRun:
        """Start a run in the background, and return it in PENDING. `wanted` must be of the task's type.

        Raises:
            NotFound: no such task.
            Conflict: an experiment of the requested name exists.
            Invalid: a field does not fit the task's target.
        """
        if isinstance(wanted, TriggerRunExperimentRequest):
            await self._database.read(generations.check, task_id, wanted)
            run = await self._database.write(generations.trigger, task_id, wanted, self.owner, self._clock, limits)
        else:
            run = await self._database.write(runs.trigger, task_id, wanted, self.owner, self._clock, limits)
        self._group.start_soon(self.execute, run.id)
        return run

    async def cancel(self, run_id: str) -> TaskRun:
        """End a run that is PENDING or RUNNING, here or in another process.

        Raises:
            NotFound: no such run.
            Malformed: the run has ended already.
        """
        run = await self._database.settle(runs.cancel, run_id, self._clock)
        self._stop([lease for lease in self._scopes if lease.run_id == run_id])
        return run

    async def _beat(self, takes_over: bool) -> None:
        while True:
            try:
                if self._scopes:
                    # Renew only runs under way. A run whose end could not be stored falls silent and is taken over.
                    renewed = leases.renew, list(self._scopes), self._clock.now_ns()
                    self._stop(await self._database.settle(*renewed))
                if takes_over:
                    await self._take_over()
            except SchemaChanged as error:
                log.warning("runs_stopped", error=str(error))
                self._stop(list(self._scopes))
            except AssayError as error:
                log.warning("heartbeat_missed", error=str(error))
            await self._pause(takes_over)

    async def _pause(self, takes_over: bool) -> None:
        """Wait for the next heartbeat, or until another engine is dead."""
        for _ in range(LOOKS):
            await anyio.sleep(self._silent_s / BEATS / LOOKS)
            if takes_over and self._life.sees_dead():
                return

    async def _take_over(self) -> None:
        """Take the runs that nobody executes and that this process can do."""
        seen = await self._database.read(leases.sights)
        others = [sight for sight in seen if Lease(sight.run_id, sight.owner or "", sight.fence) not in self._scopes]
        marks = {sight[:3]: sight.beat for sight in others if sight.owner is not None}
        silent = self._watch.silent(marks, self._clock.now_ns() / 1e9, anyio.current_time())
        with self._life.dead({sight.owner for sight in others if sight.owner is not None}) as dead:
            loose = [one for one in others if one.owner is None or one.owner in dead or one[:3] in silent]
            if not loose and not dead:
                return
            found = await self._database.read(_waits_for, loose, self._models.environment)
            # A process that is only silent may still have the key.
            unfit = {
                one: names
                for one, names in found.items()
                if names is not None and one.waits_for != names and one[:3] not in silent
            }
            if unfit:
                await self._database.settle(leases.wait, unfit)
            fit = [one for one, names in found.items() if names is None]
            suspects = {one.run_id: one.attempts for one in fit if one.is_suspect}
            for lease in await self._database.settle(leases.take, self.owner, fit, self._clock) if fit else ():
                log.info("run_taken_over", run_id=lease.run_id, fence=lease.fence)
                self._group.start_soon(self._execute, lease, suspects.get(lease.run_id))

    def _stop(self, lost: Iterable[Lease]) -> None:
        for lease in lost:
            if scope := self._scopes.get(lease):
                scope.cancel()

    async def execute(self, run_id: str) -> None:
        """Execute a new run of this executor to its end."""
        await self._execute(Lease(run_id, self.owner))

    async def _execute(self, lease: Lease, ends: int | None = None) -> None:
        """Execute a run to its end. `ends` counts the processes that ended over it; None for a run on no trial."""
        with anyio.CancelScope() as scope:
            self._scopes[lease] = scope
            try:
                try:
                    if lease.fence:
                        await recover(self._life, self._database, self._clock, lease)
                    status, reason = await (self._run(lease) if ends is None else self._tried(lease, ends))
                except Exception as error:  # noqa: BLE001  (one run's crash must not end the engine; the log has it)
                    status, reason = "FAILED", _reason(error, lease.run_id)
                await self._finish(lease, status, reason)
            finally:
                del self._scopes[lease]

    async def _tried(self, lease: Lease, ends: int) -> Ending:
        """Execute a run that was in work when its process ended, beside no other such run until it gets on."""
        ending: Ending = None, None
        async with self._trials.turn(ends) as turn, anyio.create_task_group() as group:
            await self._database.conclude(leases.try_again, lease)
            group.start_soon(self._watched, lease, turn)
            ending = await self._run(lease)
            group.cancel_scope.cancel()
        return ending

    async def _watched(self, lease: Lease, turn: Turn) -> None:
        """End the turn of a run as soon as it gets on, or after a while: its provider may be slow."""
        with anyio.move_on_after(LONGEST_TURN_S):
            while not await self._database.read(leases.has_got_on, lease):  # noqa: ASYNC110  (it happens in the store)
                await anyio.sleep(LOOK_S)
        turn.end()

    async def _run(self, lease: Lease) -> Ending:
        needed = await self._database.read(needs.of_run, lease.run_id, self._models.environment)
        if needed.waits_for is not None:
            return None, needed.waits_for
        # A run that asks no model is over soon, and waits for none that does.
        async with self._slots if needed.asks else nullcontext():
            return await self._work(lease, needed)

    async def _finish(self, lease: Lease, status: RunStatus | None, reason: str | None) -> None:
        run_id = lease.run_id
        try:
            if status is None:
                log.info("run_waits", run_id=run_id, waits_for=reason)
                await self._database.conclude(leases.let_go, lease, reason or "")
                return
            run, started = await self._database.conclude(generations.finish, lease, status, reason, self._clock)
        except NotFound:
            log.info("run_deleted", run_id=run_id)  # with its task, while it was executed
        except AssayError:
            log.exception("run_end_not_stored", run_id=run_id, status=status)
        else:
            for follower in started:
                self._group.start_soon(self.execute, follower.id)
            if run.is_final:
                await forget(self._home, run_id)
            event = "run_finished" if run.is_final else "run_lost"
            log.info(event, run_id=run_id, status=run.status, scored=run.num_successes)

    async def _work(self, lease: Lease, needed: Needs) -> Ending:
        run_id = lease.run_id
        if await self._database.read(generations.makes_experiment, run_id):
            return await generate(self._database, self._clock, self._models, lease, self._home)
        begun = await self._database.read(resume, run_id)
        selection, reason = await self._begin(lease) if begun is None else begun
        if selection is None or reason is not None:
            return "CANCELLED", reason
        budget = Budget(*await self._database.read(runs.limits, run_id), is_scheduled=selection.is_scheduled)
        given_up = dict(await self._score(lease, selection, needed.lacking, budget))
        waiting = {item.evaluator_id for item in budget.items(selection.items)} & needed.lacking.keys()
        if waiting and selection.is_scheduled:
            # The schedule has these rows scored later, and need not wait for them with all others.
            given_up = {**given_up, **{one: f"Waiting for {needed.lacking[one]}." for one in waiting}}
        elif waiting and not budget.is_full:
            for evaluator_id, detail in given_up.items():
                await self._database.conclude(runs.leave, lease, evaluator_id, "auth", detail)
            return None, ", ".join(sorted({needed.lacking[evaluator_id] for evaluator_id in waiting}))
        return await self._ending(lease, selection, given_up, budget)

    async def _ending(
        self, lease: Lease, selection: Selection, given_up: Mapping[str, str], budget: Budget
    ) -> tuple[RunStatus, str | None]:
        """The end of a run that waits for no key. `given_up` has the reasons of evaluators by id."""
        run_id = lease.run_id
        if budget.is_full and selection.is_scheduled:
            await self._database.conclude(task_limits.stop, lease, budget.max_cost)
            return "CANCELLED", budget.stopped()
        if given_up:
            return await self._database.read(ending_of_given_up, run_id, selection, given_up)
        if await self._database.read(runs.has_rows_left, run_id):
            return "CANCELLED", budget.stopped()
        status, reason = await self._database.read(ending, run_id)
        if status == "COMPLETED" and reason is not None and not await self._database.read(runs.has_scored, run_id):
            reason = await self._database.persist(causes.unread, lease, selection, reason)
        return status, " ".join(filter(None, (reason, causes.of_deleted(selection)))) or None

    async def _score(
        self, lease: Lease, selection: Selection, lacking: Mapping[str, str], budget: Budget
    ) -> Mapping[str, str]:
        """Score the rows of the evaluators that this process can ask. Returns the reasons of those given up, by id."""
        able = [scorer for scorer in selection.scorers if scorer.evaluator_id not in lacking]
        models = {scorer.evaluator_id: await self._models.for_config(scorer.config) for scorer in able}
        judges = [scorer.config for scorer in able if (of := models[scorer.evaluator_id]) and of.rate is None]
        budget.require_prices([one.llm_config.model_name for one in judges if isinstance(one, TemplateConfig)])
        _, request, _ = await self._database.read(runs.details, lease.run_id)
        scoring = Scoring(
            self._database,
            self._clock,
            lease,
            selection._replace(items=[item for item in selection.items if item.evaluator_id in models]),
            models,
            self._models.rows_at_once,
            budget,
            home=self._home,
            anew=bool(request.override_evaluations),
            skips_long=budget.skips_long,
        )
        return await scoring.run()

    async def _begin(self, lease: Lease) -> tuple[Selection | None, str | None]:
        """Start a run. Returns its selection, and the reason if that is empty; None twice if the run was cancelled."""
        selection = await self._database.read(select, lease.run_id)
        cause = None
        if not selection.items:
            cause = await self._database.read(causes.of_selection, lease.run_id, selection)
        if not await self._database.persist(causes.start, lease, selection, cause, self._clock):
            return None, None
        return selection, cause and cause.message


def _waits_for(
    connection: sa.Connection, found: Sequence[Sight], environment: Mapping[str, str]
) -> dict[Sight, str | None]:
    """The runs with the names of the keys that this process lacks for all that is left of them."""
    return {sight: needs.of_run(connection, sight.run_id, environment).waits_for for sight in found}


async def _released(database: Database, owner: str) -> None:
    """Release the runs of an engine. If the store refuses, the engine falls silent, and its runs are taken over."""
    try:
        await database.settle(leases.release, owner)
    except AssayError as error:
        log.warning("runs_not_released", error=str(error))


def _reason(error: Exception, run_id: str) -> str:
    """The reason of a failed run: the message of an `AssayError`, also in a group, or a pointer to the log."""
    explained, rest = ExceptionGroup("run", [error]).split(AssayError)
    if explained is None or rest is not None:
        log.error("run_crashed", run_id=run_id, exc_info=error)
        return "The run stopped on an internal error; see the server's log."
    found: Exception = explained
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return str(found)
