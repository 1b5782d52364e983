"""Toolset runs: one pass of a task over its rows, from trigger to outcome."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import AssayError, Invalid
from assaykit.foreign import exactly
from assaykit.judge.columns import as_text
from assaykit.names import Named
from assaykit.planning.costs import with_costs
from assaykit.planning.parts import parts_of
from assaykit.planning.periods import Period, between, past
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.listing import page_of, plain, save
from assaykit.toolkit.parameters import (
    Filter,
    Here,
    ListLimit,
    Mappings,
    MaxCost,
    PeriodText,
    ProjectName,
    SaveTo,
    SpaceName,
    ToolContext,
)
from assaykit.toolkit.replies import Reply, bullets, quoted
from assaykit.toolkit.spending import CostConfirmation, consent
from assaykit.tools.runs.backfills import Backfill, begun, previewed, spending_of, unnamed
from assaykit.tools.runs.followers import Followers, awaited, followers_of, with_tasks
from assaykit.tools.runs.parts import refuse_limits, triggered
from assaykit.tools.runs.rows import rows_of
from assaykit.tools.runs.spending import fixed, limited, of_evaluation, of_experiment
from assaykit.tools.runs.targets import Scope, aim_of_evaluators, aim_of_task
from assaykit.tools.runs.waiting import joined, run_of, runs_of, told_of, told_of_all, wait_for
from assaykit.tools.tasks.evaluators import wanted_evaluators
from assaykit.tools.tasks.run_lines import one_run
from assaykit.wire.bodies import AnyCase
from assaykit.wire.local import OnTooLong, RunLimits
from assaykit.wire.runs import (
    DEFAULT_MAX_SPANS,
    RunStatus,
    TaskRun,
    TaskRunPage,
    TriggerEvaluationRequest,
    TriggerRunExperimentRequest,
)
from assaykit.wire.tasks import Task

RunIds = Annotated[str, BeforeValidator(joined), Field(description="Id, or ids with commas")]
MaxRows = Annotated[int | None, Field(ge=1)]

DEFAULT_WAIT_S = 45
LONGEST_WAIT_S = 600


@tool("add", "spend")
async def trigger_backfill(
    here: Here,
    ctx: ToolContext,
    task: str | None = None,
    project: ProjectName = None,
    evaluators: list[str] | None = None,
    window: PeriodText = None,
    query_filter: Filter = None,
    column_mappings: Mappings = None,
    max_spans: Annotated[int, Field(ge=1)] = DEFAULT_MAX_SPANS,
    override_evaluations: Annotated[bool, Field(description="Labelled rows anew")] = False,
    rescore_older: bool = False,
    allow_empty: bool = False,
    preview: bool = False,
    max_rows: MaxRows = None,
    max_cost: MaxCost = None,
    on_too_long: OnTooLong | None = None,
    confirm_cost: CostConfirmation = None,
    wait: Annotated[int, Field(ge=0, le=LONGEST_WAIT_S, description="Seconds")] = 0,
    space: SpaceName = None,
) -> Reply:
    """Score the last 7 days, or window, once: by task, or evaluators on a project.

    Tried on real rows; equal tasks are reused.

    Source: REST v2 `POST /v2/tasks/{id}/trigger`; with limits, on the engine `POST /x/tasks/{id}/trigger`.
    Raises: Invalid, NotFound, Unsupported.
    """
    within = await here.space(space)
    period = past(window or "last 7 days", here.now())
    limits = RunLimits(max_rows=max_rows, max_cost=max_cost, on_too_long=on_too_long, outdated=rescore_older or None)
    await refuse_limits(here, limits)
    scope = Scope(period, max_spans, override_evaluations, max_rows, max_cost, rescore_older)
    if task is not None:
        if evaluators or project or query_filter or column_mappings:
            raise Invalid(
                "A task brings its own project, evaluators, filter and mappings.",
                "Give task alone, or project and evaluators without task.",
            )
        aim = await aim_of_task(here, within, task, scope, windowed=window is not None)
    else:
        if not evaluators:
            raise await unnamed(here, within)
        wanted = await wanted_evaluators(here, evaluators, column_mappings, space)
        aim = await aim_of_evaluators(here, within, project, wanted, query_filter, scope, allow_empty=allow_empty)
    aim = aim._replace(plan=await with_costs(here, aim.plan, aim.wanted))
    given = {
        "task": task,
        "project": project,
        "evaluators": evaluators,
        "window": window,
        "query_filter": query_filter,
        "column_mappings": column_mappings,
    }
    parts = parts_of(aim.plan, period)
    spending = await spending_of(here, aim, scope, limits)
    backfill = Backfill(within, aim, scope, limits, parts, spending, _given(given))
    return await previewed(here, ctx, backfill) if preview else await begun(here, ctx, backfill, wait, confirm_cost)


preview_backfill = trigger_backfill.free_look(
    "preview_backfill",
    "Show what trigger_backfill would score and cost; nothing is started.",
    unlisted=("wait", "max_rows", "allow_empty", "confirm_cost", "on_too_long"),
    preview=True,
)


@tool("add", "spend")
async def trigger_run(
    here: Here,
    ctx: ToolContext,
    task: str | None = None,
    window: PeriodText = None,
    data_start_time: str | None = None,
    data_end_time: str | None = None,
    max_spans: Annotated[int | None, Field(ge=1)] = None,
    override_evaluations: bool = False,
    experiments: list[str] | None = None,
    experiment_name: str | None = None,
    dataset_version_id: str | None = None,
    example_ids: list[str] | None = None,
    max_examples: Annotated[int | None, Field(ge=1)] = None,
    query_filter: str | None = None,
    tracing_metadata: dict[str, Any] | None = None,
    evaluation_tasks: list[str] | None = None,
    max_rows: MaxRows = None,
    max_cost: MaxCost = None,
    on_too_long: OnTooLong | None = None,
    confirm_cost: CostConfirmation = None,
    wait: Annotated[int, Field(ge=0, le=LONGEST_WAIT_S, description="Seconds")] = 0,
    space: SpaceName = None,
) -> Reply:
    """Run any task once: spans since its last run without window.

    From experiment_name on: for RUN_EXPERIMENT tasks.

    Source: REST v2 `POST /v2/tasks/{id}/trigger`; with limits, on the engine `POST /x/tasks/{id}/trigger`.
    Raises: Invalid, NotFound, Unsupported.
    """
    within = await here.space(space)
    limits = RunLimits(max_rows=max_rows, max_cost=max_cost, on_too_long=on_too_long)
    await refuse_limits(here, limits)
    found = await here.api.get(path("v2", "tasks", (await here.names.task(task, within)).id), Task)
    name = exactly(found.name)
    moments = {"window": window, "data_start_time": data_start_time, "data_end_time": data_end_time}
    selected = {"override_evaluations": override_evaluations or None, "max_spans": max_spans}
    of_examples = {
        "dataset_version_id": dataset_version_id,
        "example_ids": example_ids,
        "max_examples": max_examples,
        "query_filter": query_filter,
        # The contract takes only strings as values.
        "tracing_metadata": tracing_metadata and {key: as_text(value) or "" for key, value in tracing_metadata.items()},
    }
    asked = {"experiment_name": experiment_name, **of_examples, "evaluation_tasks": evaluation_tasks}
    body: TriggerEvaluationRequest | TriggerRunExperimentRequest
    followers = Followers()
    if found.type == "RUN_EXPERIMENT":
        refuse_foreign(found, {**moments, **selected, "experiments": experiments}, "evaluation tasks")
        body = _experiment(name, experiment_name, of_examples)
        followers = await followers_of(here, within, found.dataset_id or "", body, evaluation_tasks or ())
        body = followers.in_request(body)
        planned = await of_experiment(here, found, body, limits, followers.judges)
    else:
        refuse_foreign(found, asked, "RUN_EXPERIMENT tasks")
        within_time = await _rows_asked(here, within, found, moments, experiments)
        body = TriggerEvaluationRequest(**within_time, **_given(selected))
        planned = await of_evaluation(here, found, body, limits)
    spending = planned.disclosure
    facts = {**here.source(within), "task": found.name, "spending": spending.as_dict()}
    again = fixed(planned.window, data_start_time)
    agreed = await consent(here, ctx, f"Run task {quoted(found.name)}", spending, confirm_cost, again)
    if not agreed.is_given:
        return Reply(f"Nothing was started: {agreed.said}", {**facts, "started": False})
    followers = await with_tasks(here, within, followers)
    run = await triggered(here, found.id, followers.in_request(body), limited(limits, spending))
    told = "".join(f"\n- {line}" for line in agreed.lines(spending))
    if not wait:
        head = f"Run {run.id} of task {name} is {run.status}{_over(run)}.{followers.sentence()}{told}"
        return Reply(f"{head}\nNext: wait_for_run(run={exactly(run.id)}).", {**facts, "run": plain(run)})
    run, text, data = await awaited(here, ctx, within, followers, run, wait)
    then = followers.sentence(is_complete=run.status == "COMPLETED")
    return Reply(f"Task {name}{_over(run)}.{then}{told}\n{text}", {**facts, "run": plain(run), **data})


def _experiment(task: str, name: str | None, given: Mapping[str, Any]) -> TriggerRunExperimentRequest:
    """The request for a run that makes an experiment.

    Raises:
        Invalid: the experiment has no name.
    """
    if name is None:
        raise Invalid(f"Task {task} makes an experiment, which needs a name.", "Pass experiment_name.")
    return TriggerRunExperimentRequest(experiment_name=name, **_given(given))


@tool("read")
async def list_runs(
    here: Here,
    task: str | None = None,
    status: Annotated[RunStatus | None, AnyCase] = None,
    limit: ListLimit = 20,
    cursor: str | None = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
    space: SpaceName = None,
) -> Reply:
    """List a task's runs, newest first.

    Source: REST v2 `GET /v2/tasks/{id}/runs`.
    Raises: NotFound, Ambiguous.
    """
    within = await here.space(space)
    named = await here.names.task(task, within)
    at = path("v2", "tasks", named.id, "runs")
    facts = {**here.source(within), "task": named.name}
    if save_to is not None:
        found = rows(here.api, at, TaskRunPage, {"status": status})
        return await save(here, save_to, cursor, found, plain, "runs", facts, overwrite=overwrite)
    makes = False

    async def fetch(most: int) -> TaskRunPage:
        nonlocal makes
        page = await here.api.get(at, TaskRunPage, limit=most, cursor=cursor, status=status)
        makes = await _makes_experiment(here, named, page.task_runs)
        return page

    shown = await page_of(fetch, limit, lambda run: _one_of_several(run, makes_experiment=makes))
    what = f"{status} run(s)" if status else "run(s)"
    text = f"{shown.number} {what} of task {exactly(named.name)}{shown.more}\n{bullets(shown.lines)}"
    if not shown.rows:
        advice = "Leave status out to see all." if status else "`trigger_run` starts one."
        text = f"No {what} of task {exactly(named.name)}. {advice}"
    data = {**facts, "runs": [plain(run) for run in shown.rows], "next_cursor": shown.following}
    return Reply(text, data)


@tool("read")
async def get_run(
    here: Here,
    run: str,
    rows: bool = False,
    state: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
) -> Reply:
    """Show a run's counts, pace, cost, causes; or rows.

    Source: REST v2 `GET /v2/task-runs/{id}`; on the engine `GET /x/task-runs/{id}/report` and `/rows`.
    Raises: NotFound, Invalid, Unsupported.
    """
    if rows or state or cursor is not None or save_to is not None:
        return await rows_of(here, run, state, limit, cursor, save_to, overwrite=overwrite)
    text, data = await told_of(here, await run_of(here, run))
    return Reply(text, {**here.source(), **data})


@tool("change")
async def cancel_run(here: Here, run: RunIds) -> Reply:
    """Stop pending or running runs. What was scored stays.

    Source: REST v2 `POST /v2/task-runs/{id}/cancel`.
    Raises: NotFound, Invalid.
    """
    asked = await runs_of(here, run)
    # If several runs are named, some may have ended meanwhile. The others are cancelled all the same.
    active = [one for one in asked if not one.is_final] if len(asked) > 1 else asked
    if not active:
        raise Invalid("All of these runs have ended already.", "Trigger the task again if needed.")
    found = await _cancelled(here, active)
    said = "\n".join(f"Run {one_run(one)}." for one in found)
    return Reply(
        f"{said} What was scored stays; trigger again to score the rest.",
        {**here.source(), "run": plain(found[0]), "runs": [plain(one) for one in found]},
    )


async def _cancelled(here: Session, active: Sequence[TaskRun]) -> list[TaskRun]:
    """The runs after each was cancelled. One that ended in the meantime is as it ended, if several are asked for.

    Raises:
        AssayError: a run could not be cancelled. The others were, and the message says so.
    """
    found: list[TaskRun] = []
    failed: AssayError | None = None
    for run in active:
        at = path("v2", "task-runs", run.id)
        try:
            found.append(await here.api.post(f"{at}/cancel", TaskRun))
        except AssayError as error:
            now = await here.api.get(at, TaskRun) if isinstance(error, Invalid) and len(active) > 1 else None
            if now is not None and now.is_final:
                found.append(now)
            else:
                failed = failed or error
    if failed is None:
        return found
    done = ", ".join(run.id for run in found)
    raise type(failed)(f"{failed.message} Cancelled all the same: {done}." if done else failed.message, failed.next)


@tool("read")
async def wait_for_run(
    here: Here,
    ctx: ToolContext,
    run: RunIds,
    timeout: Annotated[int, Field(ge=1, le=LONGEST_WAIT_S)] = DEFAULT_WAIT_S,  # noqa: ASYNC109
    poll_interval: Annotated[float, Field(ge=0.1, le=60)] = 1.0,
) -> Reply:
    """Wait until runs end; "still running" after timeout: call again.

    Source: REST v2 `GET /v2/task-runs/{id}`.
    Raises: NotFound, Invalid.
    """
    ended = await wait_for(here, ctx, await runs_of(here, run), timeout, poll_interval)
    text, data = await told_of_all(here, ended)
    return Reply(text, {**here.source(), **data})


def refuse_foreign(task: Task, given: Mapping[str, object], owners: str) -> None:
    """Refuse arguments that belong to tasks of another type.

    Raises:
        Invalid: an argument in `given` has a value; the message names it.
    """
    if foreign := list(_given(given)):
        verb = "belongs" if len(foreign) == 1 else "belong"
        raise Invalid(
            f"{', '.join(foreign)} {verb} to {owners}; this one is {task.type}.",
            f"Leave {'it' if len(foreign) == 1 else 'them'} out, or name another task.",
        )


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


async def _rows_asked(
    here: Session, within: Named, task: Task, moments: Mapping[str, str | None], experiments: list[str] | None
) -> dict[str, Any]:
    """The rows that a trigger requests from an evaluation task, as fields of its body.

    Raises:
        Invalid: a task on a project gets experiments, a task on a dataset gets a window, or the window is given twice.
        NotFound: no such experiment.
    """
    if task.project_id is None:
        if windowed := list(_given(moments)):
            raise Invalid(
                f"{', '.join(windowed)}: task {exactly(task.name)} reads experiments, which have no window.",
                "Leave it out; experiments narrows what is read.",
            )
        chosen = [(await here.names.experiment(one, within, task.dataset_id)).id for one in experiments or ()]
        return {"experiment_ids": chosen or None}
    if experiments:
        raise Invalid(
            f"experiments belongs to tasks on a dataset; {exactly(task.name)} reads a project.",
            "Leave experiments out.",
        )
    window, start, end = moments.values()
    if window is not None:
        if start is not None or end is not None:
            raise Invalid("The window is given twice.", "Pass window, or data_start_time and data_end_time.")
        return dict(zip(_ENDS, past(window, here.now()), strict=True))
    return dict(zip(_ENDS, between(start, end), strict=True))


_ENDS = ("data_start_time", "data_end_time")


async def _makes_experiment(here: Session, task: Named, runs: Sequence[TaskRun]) -> bool:
    """True for a RUN_EXPERIMENT task. A run that has begun shows it, so the task is rarely fetched."""
    if all(run.experiment_id is not None or run.data_start_time is not None for run in runs):
        return False
    return (await here.api.get(path("v2", "tasks", task.id), Task)).type == "RUN_EXPERIMENT"


def _one_of_several(run: TaskRun, *, makes_experiment: bool) -> str:
    """A run on one line, with its time of creation and its window."""
    when = "" if run.created_at is None else f", {run.created_at:%Y-%m-%d %H:%M} UTC"
    return f"{one_run(run, makes_experiment=makes_experiment)}{when}{_over(run)}"


def _over(run: TaskRun) -> str:
    start, end = run.data_start_time, run.data_end_time
    return "" if start is None or end is None else f", over {Period(start, end)}"
