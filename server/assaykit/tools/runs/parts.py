"""The runs of one backfill: its parts, the request for each part, and the runs that are active already."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from assaykit.api.client import path
from assaykit.errors import Unsupported
from assaykit.planning.parts import BackfillPart, Parts, in_parts
from assaykit.session import Session
from assaykit.tools.runs.targets import Aim, Scope
from assaykit.wire.local import LimitedTrigger, RunLimits
from assaykit.wire.runs import (
    RunStatus,
    TaskRun,
    TaskRunPage,
    TriggerEvaluationRequest,
    TriggerRunExperimentRequest,
)
from assaykit.wire.tasks import Task

AX_TAKES = timedelta(days=14)
"""Maximum age of a span that AX takes evaluations for. Source: the page on online evals in the docs of AX."""

PARTS_SHOWN = 20
_ACTIVE: tuple[RunStatus, ...] = ("RUNNING", "PENDING")


async def parts_of(here: Session, aim: Aim, scope: Scope, limits: RunLimits) -> Parts:
    """The parts of a backfill. It is one part if one run can take it, or if it has a limit of its own."""
    shares = aim.plan.shares
    is_limited = limits.model_dump(exclude_none=True)
    if aim.query is not None and aim.plan.capped and not is_limited:
        found = await in_parts(here.api, aim.query, aim.wanted)
        if found.parts:
            return found
    left = max((share.calls for share in shares), default=0)
    return Parts([BackfillPart(scope.period, left)], aim.plan.matched)


def requests(aim: Aim, scope: Scope, parts: Parts) -> Iterator[TriggerEvaluationRequest]:
    """The request for each run."""
    for part in parts.parts:
        yield TriggerEvaluationRequest(
            data_start_time=part.period.start if aim.reads_spans else None,
            data_end_time=part.period.end if aim.reads_spans else None,
            max_spans=max(scope.max_spans, part.units),
            override_evaluations=scope.override,
        )


async def refuse_limits(here: Session, limits: RunLimits) -> None:
    """Refuse limits that the backend does not enforce, before anything is written.

    Raises:
        Unsupported: there are limits, and the backend is AX.
    """
    given = limits.model_dump(exclude_none=True)
    if given and not await here.api.has_engine_routes():
        raise Unsupported(
            f"Arize AX does not stop a run at {' or '.join(given)}.", "Limit it by a window and a smaller max_spans."
        )


async def triggered(
    here: Session, task_id: str, body: TriggerEvaluationRequest | TriggerRunExperimentRequest, limits: RunLimits
) -> TaskRun:
    """Start a run. `refuse_limits` has accepted the limits."""
    given = limits.model_dump(exclude_none=True)
    if not given:
        return await here.api.post(path("v2", "tasks", task_id, "trigger"), TaskRun, body)
    return await here.api.post(path("x", "tasks", task_id, "trigger"), TaskRun, LimitedTrigger(trigger=body, **given))


async def under_way(here: Session, task: Task, scope: Scope) -> Sequence[TaskRun]:
    """The task's active runs whose windows overlap the period. A new run would score their rows twice."""
    if task.project_id is None:
        return []
    at = path("v2", "tasks", task.id, "runs")
    found = [run for one in _ACTIVE for run in (await here.api.get(at, TaskRunPage, limit=100, status=one)).task_runs]
    start, end = scope.period
    return [
        run
        for run in found
        if run.data_start_time is not None
        and run.data_end_time is not None
        and run.data_start_time <= end
        and run.data_end_time >= start
    ]


async def remarks(here: Session, aim: Aim, scope: Scope, parts: Parts) -> list[str]:
    """Sentences about the parts of a backfill, and about spans that it leaves out."""
    said: list[str] = []
    if len(parts.parts) > 1:
        said.append(
            f"{len(parts.parts)} runs, the newest first, for {parts.left} of {parts.matching} {aim.plan.things}:"
        )
        said += [f"  {part.units} in {part.period}" for part in parts.parts[:PARTS_SHOWN]]
        if len(parts.parts) > PARTS_SHOWN:
            said.append(f"  and {len(parts.parts) - PARTS_SHOWN} more")
    if parts.looked_back_to is not None:
        said.append(f"Spans older than {parts.looked_back_to:%Y-%m-%d %H:%M} UTC are left for another call.")
    is_old = aim.reads_spans and scope.period.start < here.now() - AX_TAKES
    if is_old and not await here.api.has_engine_routes():
        said.append("Arize AX takes evaluations of spans of the last 14 days only; older spans get none.")
    return said


def coverage(parts: Parts) -> dict[str, Any]:
    """The numbers of matching, labelled and remaining rows, and the parts, as data."""
    listed = [
        {"start": one.period.start.isoformat(), "end": one.period.end.isoformat(), "rows": one.units}
        for one in parts.parts
    ]
    counts = {"matching": parts.matching, "labelled": parts.matching - parts.left, "left": parts.left}
    return {"coverage": counts, "parts": listed}
