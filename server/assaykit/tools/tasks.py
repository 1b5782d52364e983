"""Toolset tasks: which rows are scored, by which evaluators."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import Field

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import Invalid, NotFound, Unsupported
from assaykit.judge.score import variables
from assaykit.names import TASK, Named
from assaykit.plans import Plan, SpanQuery, Wanted, plan_experiments, plan_spans
from assaykit.session import Session
from assaykit.tools.asking import Answer, Confirm, ExactName, Sure, agreed, before_deleting, refused
from assaykit.tools.builder import tool
from assaykit.tools.evaluators import (
    EvaluatorChoice,
    Evaluators,
    entries,
    refuse_empty,
    task_type,
    wanted_evaluators,
    wanted_of,
    warnings,
    with_mappings,
)
from assaykit.tools.fields import Filter, Here, ListLimit, Mappings, Project, SaveTo, Space
from assaykit.tools.listing import more, next_of, plain, save
from assaykit.tools.replies import Reply, bullets, one_line
from assaykit.windows import parse
from assaykit.wire.experiments import Experiment
from assaykit.wire.runs import TaskRun, TaskRunPage
from assaykit.wire.tasks import CreateTaskRequest, Task, TaskEvaluatorInput, TaskPage, TaskType, UpdateTaskRequest

LAST_RUNS = 3

Clearable = Literal["query_filter"]
"""What a task can do without."""


@tool("add")
async def create_task(
    here: Here,
    name: str,
    evaluators: Evaluators,
    type: TaskType | None = None,  # noqa: A002
    project: Project = None,
    dataset: str | None = None,
    experiments: list[str] | None = None,
    column_mappings: Mappings = None,
    query_filter: Filter = None,
    sampling_rate: Annotated[float, Field(ge=0, le=1)] = 1.0,
    is_continuous: bool = False,
    granularity: Literal["span", "trace", "session"] = "span",
    allow_empty: bool = False,
    preview: bool = False,
    space: Space = None,
) -> Reply:
    """Create a task that scores a project's spans, or a dataset's experiments, when triggered.

    Filter and mappings are checked on real rows first.

    Source: REST v2 `POST /v2/tasks`.
    Raises: Invalid, NotFound, Conflict, Unsupported.
    """
    within = await here.space(space)
    _refuse_later(type, granularity, is_continuous)
    wanted = await wanted_evaluators(here, evaluators, column_mappings, space)
    kind = task_type(type, wanted)
    if dataset is not None or experiments:
        if project is not None:
            raise Invalid("A task reads a project or a dataset, not both.", "Leave one of them out.")
        if sampling_rate != 1:
            raise Invalid("sampling_rate belongs to a task on a project.", "Leave it out.")
        dataset_id, chosen = await _experiments(here, dataset, experiments, space)
        plan = await plan_experiments(here.api, dataset_id, [one.id for one in chosen], wanted, query_filter)
        target: dict[str, Any] = {"dataset_id": dataset_id, "experiment_ids": [one.id for one in chosen]}
        about = "experiment(s) " + ", ".join(one.name for one in chosen)
    else:
        named = await here.names.project(project, within)
        query = SpanQuery(named.id, parse("everything", here.now()), query_filter, sampling_rate)
        plan = await plan_spans(here.api, query, wanted)
        target = {"project_id": named.id, "sampling_rate": sampling_rate, "is_continuous": False}
        about = f"project {named.name!r}"
    refuse_empty(plan, query_filter, allow_empty=allow_empty)
    facts = {**here.source(within), "plan": plan.as_dict()}
    told = [*plan.lines(), *warnings(plan)]
    if preview:
        return Reply(f"Plan for {about}; nothing was created:\n{bullets(told)}", {**facts, "created": False})
    body = CreateTaskRequest(
        name=name, type=kind, evaluators=entries(wanted, plan), query_filter=query_filter, **target
    )
    made = await here.api.post("/v2/tasks", Task, body)
    here.names.forget()
    return Reply(
        f"Created task {made.name!r} ({made.id}) on {about}. It runs when triggered: "
        f"trigger_backfill(task={made.name!r}).\n{bullets(told)}",
        {**facts, "created": True, "task": {"id": made.id, "name": made.name, "type": made.type}},
    )


@tool("read")
async def get_task(
    here: Here,
    task: str | None = None,
    space: Space = None,
) -> Reply:
    """Show a task: target, evaluators with their mappings, filter, and its last three runs.

    Source: REST v2 `GET /v2/tasks/{id}`, `GET /v2/tasks/{id}/runs`.
    Raises: NotFound, Ambiguous.
    """
    within = await here.space(space)
    named = await here.names.task(task, within)
    found = await here.api.get(path("v2", "tasks", named.id), Task)
    runs = await here.api.get(path("v2", "tasks", named.id, "runs"), TaskRunPage, limit=LAST_RUNS)
    lines = [
        f"{'Project' if found.project_id else 'Dataset'}: {found.project_id or found.dataset_id}",
        f"Filter: {one_line(found.query_filter or 'none')}; sampling rate {rate_of(found):g}",
        "Runs when triggered" if not found.is_continuous else "Runs continuously",
    ]
    for entry in found.evaluators or []:
        mapped = ", ".join(f"{name} <- {at}" for name, at in (entry.column_mappings or {}).items())
        lines.append(f"Evaluator {entry.evaluator_name!r}: {mapped or 'columns of the same names'}")
    lines += [f"Run {one_run(run)}" for run in runs.task_runs] or ["No runs yet: `trigger_backfill` starts one."]
    data = {
        **here.source(within),
        "task": found.model_dump(mode="json", exclude_none=True),
        "last_runs": [run.model_dump(mode="json", exclude_none=True) for run in runs.task_runs],
    }
    return Reply(f"Task {found.name!r} ({found.type})\n{bullets(lines)}", data)


@tool("read")
async def list_tasks(
    here: Here,
    name: str | None = None,
    project: Project = None,
    dataset: str | None = None,
    type: TaskType | None = None,  # noqa: A002
    limit: ListLimit = 20,
    cursor: str | None = None,
    save_to: SaveTo = None,
    space: Space = None,
) -> Reply:
    """List tasks: target, evaluators, when they run, and the last three runs of each.

    Source: REST v2 `GET /v2/tasks`, `GET /v2/tasks/{id}/runs` for each.
    Raises: NotFound, Invalid.
    """
    within = await here.space(space)
    query = {
        "space_id": within.id,
        "name": name,
        "type": type,
        "project_id": None if project is None else (await here.names.project(project, within)).id,
        "dataset_id": None if dataset is None else (await here.names.dataset(dataset, within)).id,
    }
    if save_to is not None:
        every = rows(here.api, "/v2/tasks", TaskPage, query)
        return await save(here, save_to, cursor, every, _flat, "tasks", here.source(within))
    page = await here.api.get("/v2/tasks", TaskPage, limit=limit, cursor=cursor, **query)
    listed: list[dict[str, Any]] = []
    lines: list[str] = []
    for found in page.tasks:
        target = await _target(here, within, found)
        runs = await here.api.get(path("v2", "tasks", found.id, "runs"), TaskRunPage, limit=LAST_RUNS)
        listed.append({**_facts(found), "target": target, "last_runs": [plain(run) for run in runs.task_runs]})
        lines += [_line(found, target), *(f"  {one_run(run)}" for run in runs.task_runs)]
    following = next_of(page)
    text = f"{len(listed)} task(s) in space {within.name!r}{more(following)}\n" + "\n".join(lines)
    if not listed:
        text = f"No task in space {within.name!r} fits. `create_task` makes one; leave arguments out to see all."
    return Reply(text, {**here.source(within), "tasks": listed, "next_cursor": following})


@tool("change")
async def update_task(
    here: Here,
    task: str | None = None,
    name: str | None = None,
    sampling_rate: Annotated[float | None, Field(ge=0, le=1)] = None,
    is_continuous: bool | None = None,
    query_filter: Filter = None,
    evaluators: Annotated[Evaluators | None, Field(description="All it shall have")] = None,
    column_mappings: Mappings = None,
    clear: list[Clearable] | None = None,
    allow_empty: bool = False,
    space: Space = None,
) -> Reply:
    """Change a task; what is not given stays. clear empties a field.

    Filter and mappings are checked on real rows first. Evaluators that stay keep their filters and mappings.

    Source: REST v2 `PATCH /v2/tasks/{id}`.
    Raises: Invalid, NotFound, Conflict, Unsupported.
    """
    within = await here.space(space)
    named = await here.names.task(task, within)
    found = await here.api.get(path("v2", "tasks", named.id), Task)
    rows_of = {"query_filter": query_filter, "evaluators": evaluators, "column_mappings": column_mappings}
    of_project = {"sampling_rate": sampling_rate, "is_continuous": is_continuous}
    given = {key: value for key, value in {"name": name, **of_project, **rows_of}.items() if value is not None}
    _refuse_change(found, given, clear or [])
    plain_fields = ("name", "sampling_rate", "is_continuous", "query_filter")
    changes: dict[str, Any] = {key: given[key] for key in plain_fields if key in given}
    changes |= dict.fromkeys(clear or [])
    told: list[str] = []
    if {"evaluators", "column_mappings", "query_filter"} & {*given, *changes}:
        wanted = await _changed_evaluators(here, found, evaluators, column_mappings, space)
        text = changes.get("query_filter", found.query_filter)
        plan = await _plan(here, found, wanted, text, changes.get("sampling_rate", rate_of(found)))
        refuse_empty(plan, text, allow_empty=allow_empty)
        told = [*plan.lines(), *warnings(plan)]
        if evaluators is not None or column_mappings is not None:
            changes["evaluators"] = _pinned(found, entries(wanted, plan))
    made = await here.api.patch(path("v2", "tasks", found.id), Task, UpdateTaskRequest.model_validate(changes))
    here.names.forget()
    what = ", ".join([*given, *(f"{field} cleared" for field in clear or [])])
    return Reply(
        f"Changed task {made.name!r}: {what}. It holds for its next run.\n{bullets(told)}".rstrip(),
        {**here.source(within), "changed": [*given, *(clear or [])], "task": plain(made)},
    )


def rate_of(task: Task) -> float:
    """The share of matching rows that the task takes, 0 to 1."""
    return 1.0 if task.sampling_rate is None else task.sampling_rate


def one_run(run: TaskRun) -> str:
    """A run on one line."""
    counted = f"{run.num_successes or 0} scored, {run.num_errors or 0} failed, {run.num_skipped or 0} skipped"
    return f"{run.id} {run.status}: {counted}"


def _line(task: Task, target: str) -> str:
    """A task on one line; its runs follow."""
    when = "continuously" if task.is_continuous else "when triggered"
    judges = ", ".join(one_line(entry.evaluator_name or entry.evaluator_id, 60) for entry in task.evaluators or [])
    taken = f"; filter {one_line(task.query_filter)}" if task.query_filter else ""
    share = f"; sampling rate {rate_of(task):g}" if rate_of(task) != 1 else ""
    return f"- {task.name!r} ({task.type}) on {target}, {when}: {judges or 'no evaluators'}{taken}{share}"


def _facts(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "name": task.name,
        "type": task.type,
        "evaluators": [entry.evaluator_name or entry.evaluator_id for entry in task.evaluators or []],
        "is_continuous": bool(task.is_continuous),
        "sampling_rate": rate_of(task),
        "query_filter": task.query_filter,
    }


def _flat(task: Task) -> dict[str, Any]:
    """A task as one row of a file. Its runs have a list of their own."""
    facts = _facts(task)
    whole = plain(task)
    of = {key: whole.get(key) for key in ("project_id", "dataset_id", "created_at", "last_run_at")}
    return {**facts, "evaluators": ", ".join(facts["evaluators"]), **of}


async def _target(here: Session, within: Named, task: Task) -> str:
    """What a task reads, by name; one request for each that is new."""
    try:
        if task.project_id is not None:
            return f"project {(await here.names.project(task.project_id, within)).name!r}"
        return f"dataset {(await here.names.dataset(task.dataset_id, within)).name!r}"
    except NotFound:
        return "something that was deleted"


def _refuse_change(task: Task, given: Mapping[str, object], clear: Sequence[str]) -> None:
    """Raises: Invalid: nothing is given, a field is given and cleared, or does not belong to such a task."""
    if not given and not clear:
        raise Invalid("Nothing to change was given.", "Pass what shall change, or clear.")
    if both := sorted(given.keys() & set(clear)):
        raise Invalid(f"{both[0]} is given and cleared.", "Do one of the two.")
    asked = [*given, *clear]
    if task.type == "RUN_EXPERIMENT" and (foreign := [field for field in asked if field != "name"]):
        raise Invalid(
            f"{', '.join(foreign)}: only tasks that evaluate have that; {task.name!r} is {task.type}.",
            "Leave it out.",
        )
    if task.project_id is None and (foreign := [word for word in ("sampling_rate", "is_continuous") if word in given]):
        raise Invalid(
            f"{', '.join(foreign)}: only tasks on a project have that; {task.name!r} reads a dataset.",
            "Leave it out.",
        )


async def _changed_evaluators(
    here: Session,
    task: Task,
    evaluators: Sequence[EvaluatorChoice] | None,
    column_mappings: dict[str, str] | None,
    space: str | None,
) -> list[Wanted]:
    """The evaluators a task will have; one that stays keeps what is not given anew, and its version."""
    present = {one.evaluator.id: one for one in await wanted_of(here, task)}
    if evaluators is None:
        asked = [Wanted(one.evaluator) for one in present.values()]
    else:
        asked = await wanted_evaluators(here, evaluators, None, space)
    fitting = "TEMPLATE" if task.type == "TEMPLATE_EVALUATION" else "CODE"
    if foreign := [one.evaluator.name for one in asked if one.evaluator.type != fitting]:
        what = "LLM judges" if fitting == "TEMPLATE" else "code evaluators"
        raise Invalid(
            f"Task {task.name!r} has only {what}, and {foreign[0]!r} is none.", "Create a task of its own for it."
        )
    found: list[Wanted] = []
    for one in with_mappings(asked, column_mappings):
        old = present.get(one.evaluator.id, one)
        names = variables(old.config)
        kept = {name: at for name, at in (old.column_mappings or {}).items() if name in names}
        mapped = {**kept, **(one.column_mappings or {})}
        found.append(Wanted(old.evaluator, one.query_filter or old.query_filter, mapped))
    return found


async def _plan(here: Session, task: Task, wanted: Sequence[Wanted], query_filter: str | None, rate: float) -> Plan:
    """What an existing task would do with these evaluators, over everything there is."""
    if task.project_id is not None:
        query = SpanQuery(task.project_id, parse("everything", here.now()), query_filter, rate)
        return await plan_spans(here.api, query, wanted)
    return await plan_experiments(here.api, task.dataset_id or "", task.experiment_ids or [], wanted, query_filter)


def _pinned(task: Task, found: Sequence[TaskEvaluatorInput]) -> list[dict[str, Any]]:
    """The entries with the versions that the task pins already; what has no value is left out, as null clears."""
    pins = {entry.evaluator_id: entry.evaluator_version_id for entry in task.evaluators or []}
    return [
        {"evaluator_version_id": pins[one.evaluator_id], **one.model_dump(exclude_none=True)}
        if pins.get(one.evaluator_id)
        else one.model_dump(exclude_none=True)
        for one in found
    ]


def _refuse_later(kind: TaskType | None, granularity: str, is_continuous: bool) -> None:
    if kind == "RUN_EXPERIMENT":
        raise Unsupported(
            "Tasks that run an experiment are not offered yet.",
            "Run the variant yourself and bring its results in with `upload_experiment`.",
        )
    if granularity != "span":
        raise Unsupported(f"Scoring at {granularity} granularity is not offered yet.", "Use granularity='span'.")
    if is_continuous:
        raise Unsupported(
            "Continuous tasks are not offered yet.",
            "Create the task with is_continuous=false and call `trigger_backfill` when you want it scored.",
        )


async def _experiments(
    here: Session, dataset: str | None, experiments: list[str] | None, space: str | None
) -> tuple[str, list[Experiment]]:
    within = await here.space(space)
    if not experiments:
        raise Invalid("A dataset task needs experiments.", "Pass the names of at least one experiment.")
    dataset_id = None if dataset is None else (await here.names.dataset(dataset, within)).id
    named = [await here.names.experiment(one, within, dataset_id) for one in experiments]
    found = dict.fromkeys(one.id for one in named)
    chosen = [await here.api.get(path("v2", "experiments", experiment_id), Experiment) for experiment_id in found]
    of_datasets = {one.dataset_id for one in chosen}
    if len(of_datasets) > 1 or None in of_datasets:
        raise Invalid("The experiments do not belong to one dataset.", "Make one task for each dataset.")
    return of_datasets.pop() or "", chosen


async def _to_delete(here: Here, task: str, space: Space) -> Named:
    return await here.names.exactly(TASK, task, await here.space(space))


async def _sure(
    ctx: Context[Session], found: Annotated[Named, Resolve(_to_delete)], confirm: str | None
) -> Sure | Elicit[Sure]:
    return await before_deleting(ctx, "task", found, "its runs; verdicts stay", confirm)


@tool("delete", default=False)
async def delete_task(
    here: Here,
    found: Annotated[Named, Resolve(_to_delete)],
    sure: Annotated[Answer, Resolve(_sure)],
    task: ExactName,  # noqa: ARG001  (a resolver reads it)
    confirm: Confirm = None,  # noqa: ARG001  (a resolver reads it)
    space: Space = None,  # noqa: ARG001  (a resolver reads it)
) -> Reply:
    """Delete a task and its runs for good; the verdicts stay. The user is asked where the client can show a question.

    Source: REST v2 `DELETE /v2/tasks/{id}`.
    Raises: NotFound, Ambiguous, Invalid.
    """
    data = {**here.source(), "task": {"id": found.id, "name": found.name}}
    if not agreed(sure):
        return Reply(f"Not deleted: {refused(sure)}.", {**data, "deleted": False})
    await here.api.delete(path("v2", "tasks", found.id))
    here.names.forget()
    return Reply(f"Deleted the task {found.name!r} ({found.id}).", {**data, "deleted": True})
