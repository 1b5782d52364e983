"""What is told of a run, while it works and when it has ended."""

from typing import Any

import anyio
from mcp.server.mcpserver import Context

from assaykit.api.client import path
from assaykit.errors import NotFound
from assaykit.names import Named
from assaykit.session import Session
from assaykit.tools.replies import fenced, one_line
from assaykit.tools.tasks import one_run
from assaykit.wire.evaluators import EvaluatorWithVersion
from assaykit.wire.local import RunReport
from assaykit.wire.runs import TaskRun

CAUSES_SHOWN = 5

Calls = Context[Session]


async def run_of(here: Session, wanted: str) -> TaskRun:
    """The run of this id.

    Raises:
        NotFound: there is none.
        Invalid: it is no id of a run.
    """
    try:
        return await here.api.get(path("v2", "task-runs", here.names.run(wanted)), TaskRun)
    except NotFound:
        raise NotFound(f"No run has the id {wanted!r}.", "`get_task` shows the ids of a task's last runs.") from None


async def wait_for(here: Session, ctx: Calls, run: TaskRun, wait_s: float, every_s: float = 1.0) -> TaskRun:
    """The run when it has ended, or as it is after `wait_s` seconds; progress is reported on the way."""
    at = path("v2", "task-runs", run.id)
    total = None
    with anyio.move_on_after(wait_s):
        # The first looks come quickly: a short run should not cost a whole interval.
        pause = min(0.05, every_s)
        while not run.is_final:
            total = total or await _total(here, run)
            await ctx.report_progress(run.rows_done, total, f"{run.rows_done} rows done")
            await anyio.sleep(pause)
            pause = min(pause * 1.5, every_s)
            run = await here.api.get(at, TaskRun)
    await ctx.report_progress(run.rows_done, total, f"{run.status}: {run.rows_done} rows done")
    return run


async def _total(here: Session, run: TaskRun) -> int | None:
    """How many rows the run has; None until it has chosen them, and where the backend does not tell."""
    if not await here.api.has_engine_routes():
        return None
    return (await here.api.get(path("x", "task-runs", run.id, "report"), RunReport)).total or None


async def told_of(here: Session, run: TaskRun) -> tuple[str, dict[str, Any]]:
    """A run in words and as data, with its causes where the backend tells them."""
    data: dict[str, Any] = {
        "run": run.model_dump(mode="json", exclude_none=True),
        "still_running": not run.is_final,
    }
    lines = [one_run(run)]
    if run.experiment_id is not None:
        made = await here.api.get(path("v2", "experiments", run.experiment_id), Named)
        data["experiment"] = {"id": made.id, "name": made.name}
        lines.append(f"Experiment {one_line(made.name)!r} ({made.id})")
    if run.failure_reason:
        lines.append(f"Reason: {one_line(run.failure_reason, 600)}")
    if await here.api.has_engine_routes():
        said, told = await _report(here, run)
        data |= told
        lines += said
    elif run.num_errors or run.num_skipped:
        lines.append("Arize AX tells no causes over REST: they are in the run's log, on the task's page.")
    lines.append(_next(run))
    return "Run " + "\n".join(lines), data


async def _report(here: Session, run: TaskRun) -> tuple[list[str], dict[str, Any]]:
    report = await here.api.get(path("x", "task-runs", run.id, "report"), RunReport)
    labels = await _labels(here, report)
    data: dict[str, Any] = {
        "labels": labels,
        "errors": [one.model_dump() for one in report.errors],
        "skipped": [one.model_dump() for one in report.skipped],
    }
    lines = [f"{run.rows_done} of {report.total} done"] if report.total and not run.is_final else []
    lines += [
        f"{name}: " + ", ".join(f"{label} {number}" for label, number in sorted(counted.items()))
        for name, counted in labels.items()
    ]
    causes = [
        one_line(f"{word} {one.rows}: {one.reason} (e.g. {one.example})", 400)
        for word, some in (("failed", report.errors), ("skipped", report.skipped))
        for one in some[:CAUSES_SHOWN]
    ]
    return [*lines, *([fenced(causes)] if causes else [])], data


async def _labels(here: Session, report: RunReport) -> dict[str, dict[str, int]]:
    named: dict[str, dict[str, int]] = {}
    for evaluator_id, counted in report.labels.items():
        found = await here.api.get(path("v2", "evaluators", evaluator_id), EvaluatorWithVersion)
        named[found.name] = counted
    return named


def _next(run: TaskRun) -> str:
    if not run.is_final:
        return f"Still running. Next: wait_for_run(run={run.id!r}) again."
    if not run.num_successes:
        return "Nothing was scored. Correct the cause above, then trigger again."
    if run.experiment_id is not None:
        return "Next: get_experiment shows the rows, compare_experiments says whether it is better than another."
    # Only a run over spans has a window.
    if run.data_start_time is None:
        return "Next: compare_experiments reads the verdicts."
    return "Next: search_spans shows the verdicts; a filter like eval.<name>.label = '...' narrows them."
