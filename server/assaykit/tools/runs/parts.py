"""The runs of one backfill: its parts, the request for each part, and the runs that are active already."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from assaykit.api.client import path
from assaykit.errors import Unsupported
from assaykit.planning.parts import Parts
from assaykit.session import Session
from assaykit.tools.runs.targets import Aim, Scope
from assaykit.wire.local import LimitedTrigger, RunLimits
from assaykit.wire.runs import (
    TaskRun,
    TriggerEvaluationRequest,
    TriggerRunExperimentRequest,
)

AX_TAKES = timedelta(days=14)
"""Maximum age of a span that AX takes evaluations for. Source: the page on online evals in the docs of AX."""

PARTS_SHOWN = 20


def requests(aim: Aim, scope: Scope, parts: Parts) -> Iterator[TriggerEvaluationRequest]:
    """The request for each run."""
    for part in parts.parts:
        yield TriggerEvaluationRequest(
            data_start_time=part.period.start if aim.reads_spans else None,
            data_end_time=part.period.end if aim.reads_spans else None,
            max_spans=max(scope.most_of_a_run(reads_spans=aim.reads_spans), part.rows),
            override_evaluations=scope.override,
        )


async def refuse_limits(here: Session, limits: RunLimits) -> None:
    """Refuse limits that the backend does not enforce, before anything is written.

    Raises:
        Unsupported: there are limits, and the backend is AX.
    """
    given = limits.model_dump(exclude_none=True)
    if given and not await here.api.has_engine_routes():
        if "on_too_long" in given:
            raise Unsupported("Arize AX has no on_too_long.", "Filter long rows out, or leave on_too_long away.")
        if "outdated" in given:
            raise Unsupported(
                "Arize AX does not tell the version of a verdict.",
                "Pass override_evaluations=true, which scores all labelled rows anew.",
            )
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


async def remarks(here: Session, aim: Aim, scope: Scope, parts: Parts) -> list[str]:
    """Sentences about the parts of a backfill, and about spans that it leaves out."""
    said: list[str] = []
    plan, things = aim.plan, aim.plan.things
    is_engine = await here.api.has_engine_routes()
    # Arize AX does not tell which rows its sample takes.
    about = "about " if plan.counted.selection.sampled_out and not is_engine else ""
    if len(parts.parts) > 1:
        said.append(f"{len(parts.parts)} runs, the newest first, for {about}{parts.rows} of {plan.matched} {things}:")
        said += [f"  {part.rows} in {part.period}" for part in parts.parts[:PARTS_SHOWN]]
        if len(parts.parts) > PARTS_SHOWN:
            said.append(f"  and {len(parts.parts) - PARTS_SHOWN} more")
    old = sum(sum(share.lengths.others.values()) for share in plan.shares)
    if old and not scope.override and not scope.outdated:
        said.append("rescore_older=true scores the rows of other versions anew; their verdicts are kept.")
    if (later := plan.counted.selection.chosen - plan.rows) > 0:
        said.append(f"{later:,} more {things} are left for another call (max_rows).")
    if parts.looked_back_to is not None:
        said.append(f"Spans older than {parts.looked_back_to:%Y-%m-%d %H:%M} UTC are left for another call.")
    is_old = aim.reads_spans and scope.period.start < here.now() - AX_TAKES
    if is_old and not is_engine:
        said.append("Arize AX takes evaluations of spans of the last 14 days only; older spans get none.")
    return said


def coverage(aim: Aim, parts: Parts) -> dict[str, Any]:
    """The numbers of matching, labelled and remaining rows, and the parts, as data.

    `sampled_out` and `filtered_out` are there if the sampling rate or the evaluators' own filters leave rows out.
    """
    listed = [
        {"start": one.period.start.isoformat(), "end": one.period.end.isoformat(), "rows": one.rows}
        for one in parts.parts
    ]
    found = aim.plan.counted.selection
    counts = {"matching": found.matched, "labelled": found.labelled, "left": found.chosen}
    left_out = {"sampled_out": found.sampled_out, "filtered_out": found.filtered_out}
    return {"coverage": counts | {name: number for name, number in left_out.items() if number}, "parts": listed}
