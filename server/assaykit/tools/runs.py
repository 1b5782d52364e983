"""Toolset runs: one pass of a task over its rows, from trigger to outcome."""

from collections.abc import Iterator
from itertools import count
from typing import Annotated, Any

import anyio
from mcp.server.mcpserver import Context
from pydantic import Field

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import Invalid
from assaykit.names import Named
from assaykit.plans import Plan, SpanQuery, Wanted, plan_spans
from assaykit.session import Session
from assaykit.tools.builder import tool
from assaykit.tools.fields import Filter, Here, Mappings, Project, Space, Window
from assaykit.tools.replies import Reply, bullets, fenced, one_line
from assaykit.tools.tasks import (
    entries,
    one_run,
    refuse_empty,
    wanted_evaluators,
    warnings,
)
from assaykit.windows import Period, parse
from assaykit.wire.evaluators import EvaluatorWithVersion
from assaykit.wire.local import RunReport
from assaykit.wire.runs import DEFAULT_MAX_SPANS, TaskRun, TriggerEvaluationRequest
from assaykit.wire.tasks import CreateTaskRequest, Task, TaskEvaluator, TaskEvaluatorInput, TaskPage

DEFAULT_WAIT_S = 45
LONGEST_WAIT_S = 600
CAUSES_SHOWN = 5

Calls = Context[Session]


@tool("add")
async def trigger_backfill(
    here: Here,
    ctx: Calls,
    task: str | None = None,
    project: Project = None,
    evaluators: list[str] | None = None,
    window: Window = "last 7 days",
    query_filter: Filter = None,
    column_mappings: Mappings = None,
    max_spans: Annotated[int, Field(ge=1)] = DEFAULT_MAX_SPANS,
    override_evaluations: Annotated[bool, Field(description="Score labelled rows anew")] = False,
    allow_empty: bool = False,
    preview: bool = False,
    wait: Annotated[int, Field(ge=0, le=LONGEST_WAIT_S, description="Seconds")] = 0,
    space: Space = None,
) -> Reply:
    """Score past rows once: with a task, or with evaluators on a project.

    Filter and mappings are checked on real rows first. For evaluators an equal task is reused, else created.

    Source: REST v2 `POST /v2/tasks/{id}/trigger`.
    Raises: Invalid, NotFound.
    """
    within = await here.space(space)
    period = parse(window or "last 7 days", here.now())
    if task is not None:
        if evaluators or project or query_filter or column_mappings:
            raise Invalid(
                "A task brings its own project, evaluators, filter and mappings.",
                "Give task alone, or project and evaluators without task.",
            )
        target = await here.names.task(task, within)
        found = await here.api.get(path("v2", "tasks", target.id), Task)
        plan = await _plan_of(here, found, period, max_spans, override=override_evaluations)
        about = f"task {found.name!r}"
    else:
        if not evaluators:
            raise Invalid("Nothing says what to score with.", "Pass task, or project and evaluators.")
        of_project = await here.names.project(project, within)
        wanted = await wanted_evaluators(here, evaluators, column_mappings, space)
        query = SpanQuery(of_project.id, period, query_filter, 1.0, max_spans, override_evaluations)
        plan = await plan_spans(here.api, query, wanted)
        refuse_empty(plan, query_filter, allow_empty=allow_empty)
        found = None if preview else await _task_for(here, within, of_project, wanted, plan, query_filter)
        about = f"project {of_project.name!r}"
    facts: dict[str, Any] = {**here.source(within), "window": str(period)}
    told = [] if plan is None else [*plan.lines(), *warnings(plan)]
    if plan is not None:
        facts["plan"] = plan.as_dict()
    if preview or found is None:
        return Reply(f"Plan for {about}, {period}; nothing was triggered:\n{bullets(told)}", facts)
    run = await here.api.post(
        path("v2", "tasks", found.id, "trigger"),
        TaskRun,
        _request(found, period, max_spans, override=override_evaluations),
    )
    head = f"Run {run.id} of task {found.name!r} is {run.status} on {period}."
    facts |= {"task": found.name, "run": run.model_dump(mode="json", exclude_none=True)}
    if not wait:
        return Reply(f"{head}\n{bullets(told)}\nNext: wait_for_run(run={run.id!r}).", facts)
    ended = await _wait(here, ctx, run, wait)
    text, data = await _told(here, ended)
    return Reply(f"{head}\n{bullets(told)}\n{text}", {**facts, **data})


@tool("read")
async def get_run(here: Here, run: str) -> Reply:
    """Show a run: status, counts, labels given, and why rows failed or were skipped.

    Source: REST v2 `GET /v2/task-runs/{id}`; on the engine `GET /x/task-runs/{id}/report`.
    Raises: NotFound, Invalid.
    """
    found = await here.api.get(path("v2", "task-runs", here.names.run(run)), TaskRun)
    text, data = await _told(here, found)
    return Reply(text, {**here.source(), **data})


@tool("change")
async def cancel_run(here: Here, run: str) -> Reply:
    """Stop a run that is pending or running. What it has scored stays.

    Source: REST v2 `POST /v2/task-runs/{id}/cancel`.
    Raises: NotFound, Invalid.
    """
    found = await here.api.post(path("v2", "task-runs", here.names.run(run), "cancel"), TaskRun)
    return Reply(
        f"Run {one_run(found)}. What was scored stays; trigger again to score the rest.",
        {**here.source(), "run": found.model_dump(mode="json", exclude_none=True)},
    )


@tool("read")
async def wait_for_run(
    here: Here,
    ctx: Calls,
    run: str,
    timeout: Annotated[int, Field(ge=1, le=LONGEST_WAIT_S)] = DEFAULT_WAIT_S,  # noqa: ASYNC109
    poll_interval: Annotated[float, Field(ge=0.1, le=60)] = 1.0,
) -> Reply:
    """Wait until a run ends, with progress. After timeout it says "still running": call it again.

    Giving up waiting never stops the run.

    Source: REST v2 `GET /v2/task-runs/{id}`.
    Raises: NotFound, Invalid.
    """
    found = await here.api.get(path("v2", "task-runs", here.names.run(run)), TaskRun)
    ended = await _wait(here, ctx, found, timeout, poll_interval)
    text, data = await _told(here, ended)
    return Reply(text, {**here.source(), **data})


async def _wait(here: Session, ctx: Calls, run: TaskRun, wait_s: float, every_s: float = 1.0) -> TaskRun:
    at = path("v2", "task-runs", run.id)
    total = None
    if not run.is_final and here.api.backend == "local":
        total = (await here.api.get(f"/x{at.removeprefix('/v2')}/report", RunReport)).total or None
    with anyio.move_on_after(wait_s):
        # The first looks come quickly: a short run should not cost a whole interval.
        pause = min(0.1, every_s)
        while not run.is_final:
            await ctx.report_progress(run.rows_done, total, f"{run.rows_done} rows done")
            await anyio.sleep(pause)
            pause = min(pause * 1.5, every_s)
            run = await here.api.get(at, TaskRun)
    await ctx.report_progress(run.rows_done, total, f"{run.status}: {run.rows_done} rows done")
    return run


async def _told(here: Session, run: TaskRun) -> tuple[str, dict[str, Any]]:
    """A run in words and as data, with its causes where the backend tells them."""
    data: dict[str, Any] = {
        "run": run.model_dump(mode="json", exclude_none=True),
        "still_running": not run.is_final,
    }
    lines = [one_run(run)]
    if run.failure_reason:
        lines.append(f"Reason: {one_line(run.failure_reason, 600)}")
    if here.api.backend == "local":
        report = await here.api.get(path("x", "task-runs", run.id, "report"), RunReport)
        labels = await _labels(here, report)
        data |= {"labels": labels, "errors": [one.model_dump() for one in report.errors]}
        data["skipped"] = [one.model_dump() for one in report.skipped]
        if report.total and not run.is_final:
            lines.append(f"{run.rows_done} of {report.total} done")
        lines += [
            f"{name}: " + ", ".join(f"{label} {number}" for label, number in sorted(counted.items()))
            for name, counted in labels.items()
        ]
        causes = [
            one_line(f"{word} {one.rows}: {one.reason} (e.g. {one.example})", 400)
            for word, some in (("failed", report.errors), ("skipped", report.skipped))
            for one in some[:CAUSES_SHOWN]
        ]
        if causes:
            lines.append(fenced(causes))
    lines.append(_next(run))
    return "Run " + "\n".join(lines), data


async def _labels(here: Session, report: RunReport) -> dict[str, dict[str, int]]:
    named: dict[str, dict[str, int]] = {}
    for evaluator_id, counted in report.labels.items():
        found = await here.api.get(path("v2", "evaluators", evaluator_id), EvaluatorWithVersion)
        named[found.name] = counted
    return named


def _next(run: TaskRun) -> str:
    if not run.is_final:
        return f"Still running. Next: wait_for_run(run={run.id!r}) again."
    if run.num_successes:
        return "Next: search_spans shows the verdicts; a filter like eval.<name>.label = '...' narrows them."
    return "Nothing was scored. Correct the cause above, then trigger again."


async def _plan_of(here: Session, task: Task, period: Period, most: int, *, override: bool) -> Plan | None:
    """The plan of an existing project task; a dataset task is planned by the run itself."""
    if task.project_id is None:
        return None
    wanted: list[Wanted] = []
    for entry in task.evaluators or []:
        at = path("v2", "evaluators", entry.evaluator_id)
        found = await here.api.get(at, EvaluatorWithVersion, version_id=entry.evaluator_version_id)
        wanted.append(Wanted(found, entry.query_filter, entry.column_mappings))
    rate = 1.0 if task.sampling_rate is None else task.sampling_rate
    query = SpanQuery(task.project_id, period, task.query_filter, rate, most, override)
    return await plan_spans(here.api, query, wanted)


async def _task_for(
    here: Session, within: Named, project: Named, wanted: list[Wanted], plan: Plan, query_filter: str | None
) -> Task:
    """The on-demand task that equals the request, or a new one."""
    asked = entries(wanted, plan)
    taken: set[str] = set()
    async for task in rows(here.api, "/v2/tasks", TaskPage, {"space_id": within.id}):
        taken.add(task.name)
        if task.project_id == project.id and _equals(task, asked, query_filter):
            return task
    base = f"{' + '.join(one.evaluator.name for one in wanted)} on {project.name}"[:240]
    name = next(name for name in _numbered(base) if name not in taken)
    kind = "TEMPLATE_EVALUATION" if wanted[0].evaluator.type == "TEMPLATE" else "CODE_EVALUATION"
    body = CreateTaskRequest(
        name=name,
        type=kind,
        project_id=project.id,
        evaluators=asked,
        query_filter=query_filter,
        is_continuous=False,
    )
    here.names.forget()
    return await here.api.post("/v2/tasks", Task, body)


def _equals(task: Task, asked: list[TaskEvaluatorInput], query_filter: str | None) -> bool:
    if task.is_continuous or (task.sampling_rate or 1) != 1 or (task.query_filter or None) != query_filter:
        return False
    held = [_identity(one) for one in task.evaluators or []]
    return held == [_identity(one) for one in asked]


def _identity(one: TaskEvaluator | TaskEvaluatorInput) -> tuple[object, ...]:
    return (one.evaluator_id, one.evaluator_version_id, one.query_filter, one.column_mappings or {})


def _numbered(base: str) -> Iterator[str]:
    yield base
    for number in count(2):
        yield f"{base} {number}"


def _request(task: Task, period: Period, most: int, *, override: bool) -> TriggerEvaluationRequest:
    reads_spans = task.project_id is not None
    return TriggerEvaluationRequest(
        data_start_time=period.start if reads_spans else None,
        data_end_time=period.end if reads_spans else None,
        max_spans=most,
        override_evaluations=override,
    )
