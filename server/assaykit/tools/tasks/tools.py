"""Toolset tasks: tasks, which score rows with evaluators."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import Invalid, NotFound
from assaykit.foreign import as_word, exactly
from assaykit.names import TASK, Named
from assaykit.planning.costs import with_costs
from assaykit.planning.disclosures import Disclosure
from assaykit.planning.periods import parse
from assaykit.planning.queries import SpanQuery, WantedEvaluator
from assaykit.planning.spans import TaskPlan
from assaykit.planning.units import granularity_of, plan_project
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.confirmation import Confirm, ExactName, before_deleting
from assaykit.toolkit.listing import name_or_id, page_of, plain, save
from assaykit.toolkit.parameters import (
    Filter,
    Here,
    ListLimit,
    Mappings,
    MaxCost,
    ProjectName,
    SaveTo,
    SpaceName,
    ToolContext,
)
from assaykit.toolkit.replies import CELL_LIMIT, Reply, bullets, quoted
from assaykit.toolkit.spending import CostConfirmation, announced, consent
from assaykit.tools.runs.rates import rates_of_task
from assaykit.tools.tasks import limits
from assaykit.tools.tasks.catalogue import judges_told
from assaykit.tools.tasks.changes import plan_on_dataset, rate_of, refuse_change, replanned, week_after
from assaykit.tools.tasks.default_paths import offer_of, paths_of, renew
from assaykit.tools.tasks.evaluators import (
    EvaluatorArguments,
    NewEvaluators,
    entries,
    refuse_empty,
    task_type,
    wanted_evaluators,
    wanted_of,
    warnings,
)
from assaykit.tools.tasks.run_configurations import configured, of_configuration, of_task
from assaykit.tools.tasks.run_lines import one_run
from assaykit.tools.tasks.schedules import schedule_of, what_it_does
from assaykit.tools.tasks.units import (
    UnitName,
    at_granularity,
    copies_told,
    created,
    filter_of,
    lettered,
    refuse_on_dataset,
)
from assaykit.wire.bodies import AnyCase
from assaykit.wire.experiments import Experiment
from assaykit.wire.local import OnTooLong
from assaykit.wire.runs import TaskRunPage
from assaykit.wire.tasks import CreateTaskRequest, Task, TaskPage, TaskType, UpdateTaskRequest

LAST_RUNS = 3

RunConfig = dict[str, Any] | None
"""As in the contract; `prompt` and `integration` take names. The error for a wrong key lists all keys."""

Clearable = Literal["query_filter", "max_cost", "on_too_long"]
"""Fields that a task can do without."""


@tool("add", "spend")
async def create_task(
    here: Here,
    ctx: ToolContext,
    name: str,
    evaluators: EvaluatorArguments | None = None,
    type: Annotated[TaskType | None, AnyCase] = None,  # noqa: A002
    project: ProjectName = None,
    dataset: str | None = None,
    experiments: list[str] | None = None,
    column_mappings: Mappings = None,
    query_filter: Filter = None,
    sampling_rate: Annotated[float, Field(ge=0, le=1)] = 1.0,
    is_continuous: bool = False,
    max_cost: MaxCost = None,
    on_too_long: OnTooLong | None = None,
    granularity: UnitName | None = None,
    run_configuration: RunConfig = None,
    allow_empty: bool = False,
    preview: bool = False,
    confirm_cost: CostConfirmation = None,
    space: SpaceName = None,
) -> Reply:
    """Create a task to score a project's spans (is_continuous: as they arrive) or a dataset's experiments.

    run_configuration {prompt, model_name} or {template} makes experiments.

    Source: REST v2 `POST /v2/tasks`.
    Raises: Invalid, NotFound, Conflict, Unsupported.
    """
    within, limited = await here.space(space), {"max_cost": max_cost, "on_too_long": on_too_long}
    if type == "RUN_EXPERIMENT" or run_configuration is not None:
        scoring = {"evaluators": evaluators, "project": project, "experiments": experiments, "allow_empty": allow_empty}
        rows_of = {"column_mappings": column_mappings, "query_filter": query_filter, "is_continuous": is_continuous}
        rest = {"sampling_rate": sampling_rate != 1, "granularity": granularity not in {None, "span"}}
        _refuse_scoring(type, {**scoring, **rows_of, **rest, **limited})
        return await _create_experiment_task(here, ctx, within, name, dataset, run_configuration, preview=preview)
    if not evaluators:
        raise Invalid("There is no evaluator to score with.", "Pass evaluators, or run_configuration.")
    found = await wanted_evaluators(here, evaluators, column_mappings, space)
    wanted, week = await at_granularity(here, within, found, granularity), Disclosure()
    if dataset is not None or experiments:
        rest = {"is_continuous": is_continuous, "sampling_rate": sampling_rate != 1, **limited}
        _refuse_of_project(project, rest)
        refuse_on_dataset(wanted)
        dataset_id, chosen = await chosen_experiments(here, dataset, experiments, space)
        plan = await plan_on_dataset(here, dataset_id, [one.id for one in chosen], wanted, query_filter)
        target: dict[str, Any] = {"dataset_id": dataset_id, "experiment_ids": [one.id for one in chosen]}
        about = "experiment(s) " + ", ".join(exactly(one.name) for one in chosen)
    else:
        named = await here.names.project(project, within)
        query = SpanQuery(named.id, parse("everything", here.now()), query_filter, sampling_rate)
        plan = await plan_project(here.api, query, wanted)
        target = {"project_id": named.id, "sampling_rate": sampling_rate, "is_continuous": is_continuous}
        about = f"project {exactly(named.name)}"
        week = await limits.week_of(here, query, wanted, limited, is_continuous=is_continuous)
    refuse_empty(plan, query_filter, allow_empty=allow_empty)
    plan = await with_costs(here, plan, wanted)
    facts = {**here.source(within), "plan": plan.as_dict(), "spending": week.as_dict()}
    told = [*plan.lines(), *judges_told(wanted, created=not preview), *copies_told(wanted), *warnings(plan)]
    target |= {"name": name, "type": task_type(type, wanted), "query_filter": query_filter}
    body = CreateTaskRequest(**target, evaluators=entries(wanted, plan))
    # The form is checked here, because `created` may create judges before the task.
    lettered(body, granularity_of(wanted))
    if preview:
        text = bullets([*told, *announced(here, ctx, week)])
        return Reply(f"Plan for {about}; nothing was created:\n{text}", {**facts, "created": False})
    agreed = await consent(here, ctx, f"Score rows of {about} as they arrive", week, confirm_cost)
    if not agreed.is_given:
        return Reply(f"Nothing was created: {agreed.said}", {**facts, "created": False})
    made, what, schedule = await _created(here, within, body, wanted, plan, limited)
    return Reply(
        f"Created task {exactly(made.name)} ({made.id}) on {about}. {what}\n{bullets([*told, *agreed.lines(week)])}",
        {**facts, "created": True, "task": {"id": made.id, "name": made.name, "type": made.type}, **schedule},
    )


async def _created(
    here: Session,
    within: Named,
    body: CreateTaskRequest,
    wanted: Sequence[WantedEvaluator],
    plan: TaskPlan,
    limited: Mapping[str, Any],
) -> tuple[Task, str, dict[str, Any]]:
    """The new task, a sentence about its runs, and its schedule. Judges that do not exist yet are created first."""
    level = granularity_of(wanted)
    body = body.model_copy(update={"evaluators": entries(await created(here, within, wanted), plan)})
    made = await limits.create(here, lettered(body, level), limited)
    here.names.forget()
    when, schedule = await schedule_of(here, made)
    return made, f"{when} {await what_it_does(here, made, level)}".strip(), schedule


@tool("read")
async def get_task(
    here: Here,
    task: str | None = None,
    space: SpaceName = None,
) -> Reply:
    """Show a task: target, evaluators, mappings, filter, schedule, last three runs.

    Source: REST v2 `GET /v2/tasks/{id}`, `GET /v2/tasks/{id}/runs`.
    Raises: NotFound, Ambiguous.
    """
    within = await here.space(space)
    found = await here.names.whole_task(task, within)
    runs = await here.api.get(path("v2", "tasks", found.id, "runs"), TaskRunPage, limit=LAST_RUNS)
    when, schedule = await schedule_of(here, found)
    lines = [
        f"On {await _target(here, within, found)}",
        f"Filter: {_shown_filter(found) or 'none'}; sampling rate {rate_of(found):g}",
        when or "Runs when triggered",
    ]
    if found.type == "RUN_EXPERIMENT":
        lines[1:] = [of_task(found)]
    for entry in found.evaluators or []:
        mapped = ", ".join(f"{as_word(name)} <- {as_word(at, 120)}" for name, at in paths_of(entry).items())
        lines.append(f"Evaluator {quoted(entry.evaluator_name)}: {mapped or 'columns of the same names'}")
    starter = "trigger_run" if found.type == "RUN_EXPERIMENT" else "trigger_backfill"
    makes = found.type == "RUN_EXPERIMENT"
    lines += [f"Run {one_run(run, makes_experiment=makes)}" for run in runs.task_runs] or [
        f"No runs yet: `{starter}` starts one."
    ]
    lines += await rates_of_task(here, within.id, runs.task_runs)
    offer = await offer_of(here, found)
    lines += offer.lines
    data = {
        **here.source(within),
        "task": found.model_dump(mode="json", exclude_none=True),
        "last_runs": [run.model_dump(mode="json", exclude_none=True) for run in runs.task_runs],
        **schedule,
        **({} if offer.step is None else {"next": offer.step.as_dict()}),
    }
    return Reply(f"Task {exactly(found.name)} ({found.type})\n{bullets(lines)}", data)


@tool("read")
async def list_tasks(
    here: Here,
    name: str | None = None,
    project: ProjectName = None,
    dataset: str | None = None,
    type: Annotated[TaskType | None, AnyCase] = None,  # noqa: A002
    limit: ListLimit = 20,
    cursor: str | None = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
    space: SpaceName = None,
) -> Reply:
    """List tasks with their last runs.

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
        return await save(here, save_to, cursor, every, _flat, "tasks", here.source(within), overwrite=overwrite)
    told: dict[str, dict[str, Any]] = {}
    lines: dict[str, str] = {}

    async def fetch(most: int) -> TaskPage:
        page = await here.api.get("/v2/tasks", TaskPage, limit=most, cursor=cursor, **query)
        for found in page.tasks:
            target = await _target(here, within, found)
            runs = await here.api.get(path("v2", "tasks", found.id, "runs"), TaskRunPage, limit=LAST_RUNS)
            when, schedule = await schedule_of(here, found)
            last_runs = [plain(run) for run in runs.task_runs]
            told[found.id] = {**_facts(found), "target": target, "last_runs": last_runs, **schedule}
            makes = found.type == "RUN_EXPERIMENT"
            below = [when] * bool(when) + [one_run(run, makes_experiment=makes) for run in runs.task_runs]
            lines[found.id] = "\n  ".join([_line(found, target), *below])
        return page

    shown = await page_of(fetch, limit, lambda found: lines[found.id])
    text = f"{shown.number} task(s) in space {quoted(within.name)}{shown.more}\n" + "\n".join(shown.lines)
    if not shown.rows:
        text = f"No task in space {quoted(within.name)} fits. `create_task` makes one; leave arguments out to see all."
    listed = [told[found.id] for found in shown.rows]
    return Reply(text, {**here.source(within), "tasks": listed, "next_cursor": shown.following})


_PLAIN_FIELDS = ("name", "sampling_rate", "is_continuous", "query_filter")


@tool("change", "spend")
async def update_task(
    here: Here,
    ctx: ToolContext,
    task: str | None = None,
    name: str | None = None,
    sampling_rate: Annotated[float | None, Field(ge=0, le=1)] = None,
    is_continuous: bool | None = None,
    max_cost: Annotated[float | None, Field(gt=0)] = None,
    on_too_long: OnTooLong | None = None,
    query_filter: Filter = None,
    evaluators: NewEvaluators | None = None,
    column_mappings: Mappings = None,
    clear: list[Clearable] | None = None,
    run_configuration: RunConfig = None,
    allow_empty: bool = False,
    confirm_cost: CostConfirmation = None,
    space: SpaceName = None,
) -> Reply:
    """Change a task; the rest stays, max_cost counts anew. clear empties a field.

    evaluators: the whole list; those that stay keep filters and mappings.

    Source: REST v2 `PATCH /v2/tasks/{id}`.
    Raises: Invalid, NotFound, Conflict, Unsupported.
    """
    within = await here.space(space)
    found = await here.names.whole_task(task, within)
    rows_of = {"query_filter": query_filter, "evaluators": evaluators, "column_mappings": column_mappings}
    of_project = {"sampling_rate": sampling_rate, "is_continuous": is_continuous}
    limited = {"max_cost": max_cost, "on_too_long": on_too_long}
    every = {"name": name, **of_project, **limited, **rows_of, "run_configuration": run_configuration}
    given = {key: value for key, value in every.items() if value is not None}
    refuse_change(found, given, clear or [])
    changes: dict[str, Any] = {key: given[key] for key in _PLAIN_FIELDS if key in given}
    changes |= dict.fromkeys(clear or [])
    set_limits = {key: given.get(key) for key in limited if key in given or key in changes}
    changes = {key: value for key, value in changes.items() if key not in limited}
    ends_limit, goes_on = "max_cost" in (clear or []), bool(changes.get("is_continuous", found.is_continuous))
    await limits.refuse(here, set_limits, is_continuous=goes_on)
    told: list[str] = []
    replaced = None
    if {"evaluators", "column_mappings", "query_filter"} & {*given, *changes}:
        asked = evaluators, column_mappings
        replaced = await replanned(here, found, changes, asked, space, allow_empty=allow_empty)
        told = replaced.lines()
    if run_configuration is not None:
        tried = await configured(here, within, run_configuration, found.dataset_id or "")
        told, changes["run_configuration"] = tried.lines(), tried.config
    week = await week_after(here, found, changes, replaced, is_limited=max_cost is not None or ends_limit)
    has_limit = max_cost is None and not ends_limit and bool(week.models)
    week = limits.within(here, week, await limits.rest(here, found) if has_limit else max_cost)
    facts = {**here.source(within), "spending": week.as_dict()}
    agreed = await consent(here, ctx, f"Change the continuous task {quoted(found.name)}", week, confirm_cost)
    if not agreed.is_given:
        return Reply(f"Nothing was changed: {agreed.said}", {**facts, "changed": []})
    told += agreed.lines(week)
    if replaced is not None:
        changes |= replaced.fields(found, await created(here, within, replaced.wanted))
        told += await renew(here, found, replaced, changes)
    made = await limits.change(here, found.id, UpdateTaskRequest.model_validate(changes), set_limits)
    here.names.forget()
    what = ", ".join([*given, *(f"{field} cleared" for field in clear or [])])
    when, schedule = await schedule_of(here, made)
    if when:
        level = granularity_of(await wanted_of(here, made))
        told.append(when if found.is_continuous else f"{when} {await what_it_does(here, made, level)}")
    return Reply(
        f"Changed task {exactly(made.name)}: {what}. It holds for its next run.\n{bullets(told)}".rstrip(),
        {**facts, "changed": [*given, *(clear or [])], "task": plain(made), **schedule},
    )


def _line(task: Task, target: str) -> str:
    """A task on one line; its runs follow."""
    if task.type == "RUN_EXPERIMENT":
        return f"- {exactly(task.name)} ({task.type}) on {target}: {of_task(task)}"
    when = "continuously" if task.is_continuous else "when triggered"
    judges = ", ".join(quoted(entry.evaluator_name or entry.evaluator_id, 60) for entry in task.evaluators or [])
    text = _shown_filter(task)
    taken = f"; filter {text}" if text else ""
    share = f"; sampling rate {rate_of(task):g}" if rate_of(task) != 1 else ""
    return f"- {exactly(task.name)} ({task.type}) on {target}, {when}: {judges or 'no evaluators'}{taken}{share}"


def _shown_filter(task: Task) -> str:
    """The filter of a task in quotation marks; empty if it has none."""
    text = filter_of(task)
    return quoted(text, CELL_LIMIT) if text else ""


def _facts(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "name": task.name,
        "type": task.type,
        "evaluators": [entry.evaluator_name or entry.evaluator_id for entry in task.evaluators or []],
        "is_continuous": bool(task.is_continuous),
        "sampling_rate": rate_of(task),
        "query_filter": filter_of(task),
    }


def _flat(task: Task) -> dict[str, Any]:
    """A task as one row of a file. Its runs have a list of their own."""
    facts = _facts(task)
    whole = plain(task)
    of = {key: whole.get(key) for key in ("project_id", "dataset_id", "created_at", "last_run_at")}
    return {**facts, "evaluators": ", ".join(facts["evaluators"]), **of}


async def _target(here: Session, within: Named, task: Task) -> str:
    """The name of the project or dataset that a task reads. Each new one costs one request."""
    try:
        if task.project_id is not None:
            return f"project {exactly((await here.names.project(task.project_id, within)).name)}"
        return f"dataset {exactly((await here.names.dataset(task.dataset_id, within)).name)}"
    except NotFound:
        return "something that was deleted"


async def _create_experiment_task(
    here: Session,
    ctx: ToolContext,
    within: Named,
    name: str,
    dataset: str | None,
    wanted: Mapping[str, Any] | None,
    *,
    preview: bool,
) -> Reply:
    if wanted is None:
        raise Invalid("A RUN_EXPERIMENT task needs run_configuration.", "Pass run_configuration={'prompt': name}.")
    on = await here.names.dataset(dataset, within)
    tried = await configured(here, within, wanted, on.id)
    config = tried.config.model_dump(mode="json", exclude_none=True)
    spending = await of_configuration(here, config, on.id)
    told = bullets([*tried.lines(), *announced(here, ctx, spending)])
    facts = {**here.source(within), "run_configuration": config, "warnings": tried.doubts}
    facts["spending"] = spending.as_dict()
    if preview:
        return Reply(f"Plan for dataset {exactly(on.name)}; nothing was created:\n{told}", {**facts, "created": False})
    body = CreateTaskRequest(name=name, type="RUN_EXPERIMENT", dataset_id=on.id, run_configuration=tried.config)
    made = await here.api.post("/v2/tasks", Task, body)
    here.names.forget()
    return Reply(
        f"Created task {exactly(made.name)} ({made.id}) on dataset {exactly(on.name)}. Each run makes an experiment: "
        f"trigger_run(task={name_or_id(made)!r}, experiment_name=...).\n{told}",
        {**facts, "created": True, "task": {"id": made.id, "name": made.name, "type": made.type}},
    )


def _refuse_scoring(kind: TaskType | None, given: Mapping[str, object]) -> None:
    """Raises: Invalid: the type is of a task that evaluates, or an argument is given that only such a task has."""
    if kind not in {None, "RUN_EXPERIMENT"}:
        raise Invalid(f"run_configuration belongs to RUN_EXPERIMENT tasks, not to {kind}.", "Leave one of them out.")
    if foreign := [name for name, value in given.items() if value]:
        later = " query_filter goes to trigger_run." if "query_filter" in foreign else ""
        if "evaluators" in foreign:
            later += " trigger_run(evaluation_tasks) takes judges and tasks that score the experiment."
        raise Invalid(
            f"{', '.join(foreign)}: only tasks that evaluate have that, and this one runs an experiment.",
            f"Leave it out.{later}",
        )


def _refuse_of_project(project: str | None, given: Mapping[str, object]) -> None:
    """Raises: Invalid: an argument is given that only a task on a project has."""
    if project is not None:
        raise Invalid("A task reads a project or a dataset, not both.", "Leave one of them out.")
    if foreign := next((name for name, value in given.items() if value), None):
        raise Invalid(f"{foreign} belongs to a task on a project.", "Leave it out.")


async def chosen_experiments(
    here: Session, dataset: str | None, experiments: list[str] | None, space: str | None
) -> tuple[str, list[Experiment]]:
    """The id of the dataset, and its experiments of these names.

    Raises:
        NotFound, Ambiguous: no experiment or several have a name.
        Invalid: there is no experiment, or they belong to several datasets.
    """
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


@tool("delete")
async def delete_task(
    here: Here,
    ctx: ToolContext,
    task: ExactName,
    confirm: Confirm = None,
    space: SpaceName = None,
) -> Reply:
    """Delete a task and its runs for good; the verdicts stay.

    Source: REST v2 `DELETE /v2/tasks/{id}`.
    Raises: NotFound, Ambiguous, Invalid.
    """
    found = await here.names.exactly(TASK, task, await here.space(space))
    data = {**here.source(), "task": {"id": found.id, "name": found.name}}
    sure = await before_deleting(ctx, "task", found, "its runs (its verdicts stay)", confirm)
    if not sure.yes:
        return Reply(f"Not deleted: {sure.refusal}.", {**data, "deleted": False})
    await here.api.delete(path("v2", "tasks", found.id))
    here.names.forget()
    return Reply(f"Deleted the task {exactly(found.name)} ({found.id}).", {**data, "deleted": True})
