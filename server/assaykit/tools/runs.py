"""Toolset runs: one pass of a task over its rows, from trigger to outcome."""

from collections.abc import Iterator
from itertools import count
from typing import Annotated, Any, NamedTuple

import anyio
from mcp.server.mcpserver import Context
from pydantic import Field

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import Invalid, NotFound
from assaykit.names import Named
from assaykit.plans import Plan, SpanQuery, Wanted, plan_experiments, plan_spans
from assaykit.session import Session
from assaykit.tools.builder import tool
from assaykit.tools.fields import Filter, Here, Mappings, Project, Space, Window
from assaykit.tools.replies import Reply, bullets, fenced, one_line
from assaykit.tools.tasks import (
    entries,
    one_run,
    rate_of,
    refuse_empty,
    task_type,
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
NAME_LIMIT = 240
"""Characters of a name we make up: a number may follow within the contract's 255."""

Calls = Context[Session]


@tool("add")
async def trigger_backfill(
    here: Here,
    ctx: Calls,
    task: str | None = None,
    project: Project = None,
    evaluators: list[str] | None = None,
    window: Window = None,
    query_filter: Filter = None,
    column_mappings: Mappings = None,
    max_spans: Annotated[int, Field(ge=1)] = DEFAULT_MAX_SPANS,
    override_evaluations: Annotated[bool, Field(description="Score labelled rows anew")] = False,
    allow_empty: bool = False,
    preview: bool = False,
    wait: Annotated[int, Field(ge=0, le=LONGEST_WAIT_S, description="Seconds")] = 0,
    space: Space = None,
) -> Reply:
    """Score the last 7 days, or window, once: with a task, or with evaluators on a project.

    Filter and mappings are checked on real rows first. For evaluators an equal task is reused, else created.

    Source: REST v2 `POST /v2/tasks/{id}/trigger`.
    Raises: Invalid, NotFound.
    """
    within = await here.space(space)
    period = parse(window or "last 7 days", here.now())
    scope = _Scope(period, max_spans, override=override_evaluations)
    if task is not None:
        if evaluators or project or query_filter or column_mappings:
            raise Invalid(
                "A task brings its own project, evaluators, filter and mappings.",
                "Give task alone, or project and evaluators without task.",
            )
        aim = await _aim_of_task(here, within, task, scope, windowed=window is not None)
    else:
        if not evaluators:
            raise Invalid("Nothing says what to score with.", "Pass task, or project and evaluators.")
        wanted = await wanted_evaluators(here, evaluators, column_mappings, space)
        aim = await _aim_of_evaluators(here, within, project, wanted, query_filter, scope, allow_empty=allow_empty)
    facts: dict[str, Any] = {**here.source(within), "plan": aim.plan.as_dict()}
    if aim.reads_spans:
        facts["window"] = str(period)
    told = bullets([*aim.plan.lines(), *warnings(aim.plan)])
    of_window = f", {period}" if aim.reads_spans else ""
    if preview:
        return Reply(f"Plan for {aim.about}{of_window}; nothing was triggered:\n{told}", facts)
    found, how = await _task_for(here, within, aim.target)
    run = await here.api.post(path("v2", "tasks", found.id, "trigger"), TaskRun, _request(aim, scope))
    head = f"Run {run.id} of {how}task {found.name!r} is {run.status}{of_window}.\n{told}"
    facts |= {"task": found.name, "run": run.model_dump(mode="json", exclude_none=True)}
    if not wait:
        return Reply(f"{head}\nNext: wait_for_run(run={run.id!r}).", facts)
    text, data = await _told(here, await _wait(here, ctx, run, wait))
    return Reply(f"{head}\n{text}", {**facts, **data})


@tool("read")
async def get_run(here: Here, run: str) -> Reply:
    """Show a run: status, counts, labels given, and why rows failed or were skipped.

    Source: REST v2 `GET /v2/task-runs/{id}`; on the engine `GET /x/task-runs/{id}/report`.
    Raises: NotFound, Invalid.
    """
    text, data = await _told(here, await _run(here, run))
    return Reply(text, {**here.source(), **data})


@tool("change")
async def cancel_run(here: Here, run: str) -> Reply:
    """Stop a run that is pending or running. What it has scored stays.

    Source: REST v2 `POST /v2/task-runs/{id}/cancel`.
    Raises: NotFound, Invalid.
    """
    asked = await _run(here, run)
    found = await here.api.post(path("v2", "task-runs", asked.id, "cancel"), TaskRun)
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

    Giving up never stops the run.

    Source: REST v2 `GET /v2/task-runs/{id}`.
    Raises: NotFound, Invalid.
    """
    ended = await _wait(here, ctx, await _run(here, run), timeout, poll_interval)
    text, data = await _told(here, ended)
    return Reply(text, {**here.source(), **data})


async def _run(here: Session, wanted: str) -> TaskRun:
    try:
        return await here.api.get(path("v2", "task-runs", here.names.run(wanted)), TaskRun)
    except NotFound:
        raise NotFound(f"No run has the id {wanted!r}.", "`get_task` shows the ids of a task's last runs.") from None


async def _wait(here: Session, ctx: Calls, run: TaskRun, wait_s: float, every_s: float = 1.0) -> TaskRun:
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
    if here.api.backend != "local":
        return None
    return (await here.api.get(path("x", "task-runs", run.id, "report"), RunReport)).total or None


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
    if not run.num_successes:
        return "Nothing was scored. Correct the cause above, then trigger again."
    # Only a run over spans has a window.
    if run.data_start_time is None:
        return "Next: compare_experiments reads the verdicts."
    return "Next: search_spans shows the verdicts; a filter like eval.<name>.label = '...' narrows them."


class _Scope(NamedTuple):
    """What of the matching rows is meant."""

    period: Period
    max_spans: int
    override: bool


class _Aim(NamedTuple):
    """What a backfill is about; `target` is a task, or the request for one that may have to be made."""

    plan: Plan
    about: str
    target: Task | CreateTaskRequest

    @property
    def reads_spans(self) -> bool:
        """Whether it has a window; else it reads experiments."""
        return self.target.project_id is not None


async def _aim_of_task(here: Session, within: Named, name: str, scope: _Scope, *, windowed: bool) -> _Aim:
    """Raises: NotFound, Invalid: a window is given for a task that reads experiments."""
    named = await here.names.task(name, within)
    task = await here.api.get(path("v2", "tasks", named.id), Task)
    if windowed and task.project_id is None:
        raise Invalid(f"Task {task.name!r} reads experiments, which have no window.", "Leave window out.")
    about = f"task {task.name!r}"
    wanted: list[Wanted] = []
    for entry in task.evaluators or []:
        at = path("v2", "evaluators", entry.evaluator_id)
        found = await here.api.get(at, EvaluatorWithVersion, version_id=entry.evaluator_version_id)
        wanted.append(Wanted(found, entry.query_filter, entry.column_mappings))
    if task.project_id is not None:
        query = SpanQuery(
            task.project_id, scope.period, task.query_filter, rate_of(task), scope.max_spans, scope.override
        )
        return _Aim(await plan_spans(here.api, query, wanted), about, task)
    chosen = task.experiment_ids or []
    plan = await plan_experiments(
        here.api, task.dataset_id or "", chosen, wanted, task.query_filter, override=scope.override
    )
    return _Aim(plan, about, task)


async def _aim_of_evaluators(
    here: Session,
    within: Named,
    project: str | None,
    wanted: list[Wanted],
    query_filter: str | None,
    scope: _Scope,
    *,
    allow_empty: bool,
) -> _Aim:
    """Raises: NotFound, Ambiguous, Invalid: the evaluators do not fit together, or the filter matches nothing."""
    kind = task_type(None, wanted)
    named = await here.names.project(project, within)
    query = SpanQuery(named.id, scope.period, query_filter, 1.0, scope.max_spans, scope.override)
    plan = await plan_spans(here.api, query, wanted)
    refuse_empty(plan, query_filter, allow_empty=allow_empty)
    request = CreateTaskRequest(
        name=f"{' + '.join(one.evaluator.name for one in wanted)} on {named.name}"[:NAME_LIMIT],
        type=kind,
        project_id=named.id,
        evaluators=entries(wanted, plan),
        query_filter=query_filter,
        is_continuous=False,
    )
    return _Aim(plan, f"project {named.name!r}", request)


async def _task_for(here: Session, within: Named, asked: Task | CreateTaskRequest) -> tuple[Task, str]:
    """The task itself, or one that equals the request, or a new one; and which of the two, in words."""
    if isinstance(asked, Task):
        return asked, ""
    taken: set[str] = set()
    async for task in rows(here.api, "/v2/tasks", TaskPage, {"space_id": within.id}):
        taken.add(task.name)
        if _equals(task, asked):
            return task, "the existing "
    name = next(name for name in _numbered(asked.name) if name not in taken)
    made = await here.api.post("/v2/tasks", Task, asked.model_copy(update={"name": name}))
    here.names.forget()
    return made, "the new "


def _equals(task: Task, asked: CreateTaskRequest) -> bool:
    same_rows = task.project_id == asked.project_id and task.query_filter == asked.query_filter
    if task.is_continuous or rate_of(task) != 1 or not same_rows:
        return False
    return {_identity(one) for one in task.evaluators or []} == {_identity(one) for one in asked.evaluators or []}


def _identity(one: TaskEvaluator | TaskEvaluatorInput) -> tuple[object, ...]:
    mappings = tuple(sorted((one.column_mappings or {}).items()))
    return (one.evaluator_id, one.evaluator_version_id, one.query_filter, mappings)


def _numbered(base: str) -> Iterator[str]:
    yield base
    for number in count(2):
        yield f"{base} {number}"


def _request(aim: _Aim, scope: _Scope) -> TriggerEvaluationRequest:
    return TriggerEvaluationRequest(
        data_start_time=scope.period.start if aim.reads_spans else None,
        data_end_time=scope.period.end if aim.reads_spans else None,
        max_spans=scope.max_spans,
        override_evaluations=scope.override,
    )
