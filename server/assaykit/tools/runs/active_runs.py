"""Runs of a task that are at work when a backfill is asked for: their windows and limits, and the rows they leave."""

from collections.abc import Sequence
from datetime import timedelta

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.foreign import exactly
from assaykit.planning.periods import Period
from assaykit.session import Session
from assaykit.tools.runs.targets import Scope
from assaykit.wire.local import RunReport
from assaykit.wire.runs import ACTIVE_STATUSES, TaskRun, TaskRunPage
from assaykit.wire.tasks import Task

RUNS_SHOWN = 3
PERIODS_SHOWN = 3
_TICK = timedelta(microseconds=1)
_MOVES = timedelta(minutes=1)


async def under_way(here: Session, task: Task, scope: Scope) -> Sequence[TaskRun]:
    """The task's active runs whose windows overlap the period. A new run would score their rows twice."""
    if task.project_id is None:
        return []
    at = path("v2", "tasks", task.id, "runs")
    lists = [rows(here.api, at, TaskRunPage, {"status": one}) for one in ACTIVE_STATUSES]
    found = {run.id: run for listed in lists async for run in listed}
    start, end = scope.period
    return [
        run
        for run in found.values()
        if run.data_start_time is not None
        and run.data_end_time is not None
        and run.data_start_time <= end
        and run.data_end_time >= start
    ]


async def at_work(here: Session, task: Task, runs: Sequence[TaskRun], scope: Scope) -> str:
    """A sentence about the active runs, and one about the rows of the backfill that they do not cover."""
    limits, left = await _limits(here, runs, scope)
    gaps = uncovered(scope.period, runs)
    missing = [str(gap) for gap in gaps[:PERIODS_SHOWN]] + left
    if len(gaps) > PERIODS_SHOWN:
        missing.append(f"{len(gaps) - PERIODS_SHOWN} more periods")
    head = f"Task {exactly(task.name)} is at work on this window; nothing more was triggered."
    if not missing:
        return head
    shown = [f"run {run.id} on {_window(run)}{limits.get(run.id, '')}" for run in runs[:RUNS_SHOWN]]
    more = [f"{len(runs) - RUNS_SHOWN} more runs"] if len(runs) > RUNS_SHOWN else []
    return (
        f"{head} At work: {'; '.join([*shown, *more])}. Not covered: {'; '.join(missing)}. "
        "The same call after they have ended scores the rest."
    )


async def _limits(here: Session, runs: Sequence[TaskRun], scope: Scope) -> tuple[dict[str, str], list[str]]:
    """The limits of each run, and the rows that these may leave. Arize AX does not tell them."""
    told: dict[str, str] = {}
    left: dict[str, None] = {}
    if not await here.api.has_engine_routes():
        return told, []
    for run in runs:
        report = await here.api.get(path("x", "task-runs", run.id, "report"), RunReport)
        given = {"max_rows": report.max_rows, "max_cost": report.max_cost}
        limits = [f"{name}={value:g}" for name, value in given.items() if value is not None]
        if limits:
            told[run.id] = f" with {' and '.join(limits)}"
            left.setdefault(f"rows beyond {' and '.join(limits)}")
        if scope.outdated and not report.outdated:
            left.setdefault("rows of other versions, which rescore_older scores anew")
        if scope.override and not report.override_evaluations:
            left.setdefault("labelled rows, which override_evaluations scores anew")
    return told, list(left)


def uncovered(period: Period, runs: Sequence[TaskRun]) -> list[Period]:
    """The stretches of a period that no window of a run covers, oldest first."""
    windows = sorted((run.data_start_time, run.data_end_time) for run in runs if run.data_start_time is not None)
    found: list[Period] = []
    start, end = period
    for since, until in windows:
        if since > start:
            found.append(Period(start, min(since, end) - _TICK))
        start = max(start, (until or end) + _TICK)
    # A window that ends now moves on between two calls.
    if end - start >= _MOVES:
        found.append(Period(start, end))
    return found


def _window(run: TaskRun) -> str:
    start, end = run.data_start_time, run.data_end_time
    return "" if start is None or end is None else str(Period(start, end))
