"""Toolset tasks: which rows are scored, by which evaluators."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from assaykit.api.client import path
from assaykit.errors import Invalid, Unsupported
from assaykit.judge.score import variables
from assaykit.names import TASK, Named
from assaykit.plans import Plan, SpanQuery, Wanted, plan_experiments, plan_spans
from assaykit.session import Session
from assaykit.tools.asking import Answer, Confirm, ExactName, Sure, agreed, before_deleting, refused
from assaykit.tools.builder import tool
from assaykit.tools.fields import Filter, Here, Mappings, Project, Space
from assaykit.tools.replies import Reply, bullets, one_line
from assaykit.windows import parse
from assaykit.wire.evaluators import EvaluatorWithVersion
from assaykit.wire.experiments import Experiment
from assaykit.wire.runs import TaskRun, TaskRunPage
from assaykit.wire.tasks import CreateTaskRequest, Task, TaskEvaluatorInput, TaskType

LAST_RUNS = 3


class EvaluatorChoice(BaseModel):
    """One evaluator with a filter and mappings of its own."""

    model_config = ConfigDict(extra="forbid")

    name: str
    query_filter: str | None = None
    column_mappings: dict[str, str] | None = None


def _choice(given: Any) -> Any:
    if isinstance(given, str):
        return {"name": given}
    if isinstance(given, dict):
        return cast("dict[str, Any]", given)
    raise ValueError("expected a name, or an object with name, query_filter and column_mappings")


Choice = Annotated[EvaluatorChoice, BeforeValidator(_choice, json_schema_input_type=str | EvaluatorChoice)]
Evaluators = Annotated[list[Choice], Field(min_length=1)]
"""Names, or objects where an evaluator has a filter or mappings of its own."""


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


def rate_of(task: Task) -> float:
    """The share of matching rows that the task takes, 0 to 1."""
    return 1.0 if task.sampling_rate is None else task.sampling_rate


def one_run(run: TaskRun) -> str:
    """A run on one line."""
    counted = f"{run.num_successes or 0} scored, {run.num_errors or 0} failed, {run.num_skipped or 0} skipped"
    return f"{run.id} {run.status}: {counted}"


async def wanted_evaluators(
    here: Session,
    evaluators: Sequence[str | EvaluatorChoice],
    column_mappings: dict[str, str] | None,
    space: str | None,
) -> list[Wanted]:
    """The evaluators asked for, resolved; `column_mappings` reaches each one that has such a variable.

    Raises:
        NotFound: no such evaluator.
        Invalid: one is named twice, or a mapping names a variable that none of them has.
    """
    within = await here.space(space)
    found: list[Wanted] = []
    shared = dict(column_mappings or {})
    used: set[str] = set()
    for entry in evaluators:
        choice = EvaluatorChoice(name=entry) if isinstance(entry, str) else entry
        named = await here.names.judge(choice.name, within)
        evaluator = await here.api.get(path("v2", "evaluators", named.id), EvaluatorWithVersion)
        if any(one.evaluator.id == evaluator.id for one in found):
            raise Invalid(f"Evaluator {evaluator.name!r} is named twice.", "Name each evaluator once.")
        one = Wanted(evaluator, choice.query_filter, choice.column_mappings)
        names = set(variables(one.config))
        used |= names & shared.keys()
        mine = {name: at for name, at in shared.items() if name in names}
        found.append(Wanted(evaluator, choice.query_filter, {**mine, **(choice.column_mappings or {})}))
    if unused := sorted(shared.keys() - used):
        known = sorted({name for one in found for name in variables(one.config)})
        raise Invalid(
            f"column_mappings names {unused[0]!r}, which no evaluator has; they have {', '.join(known)}.",
            "Correct the name.",
        )
    return found


def entries(wanted: list[Wanted], plan: Plan) -> list[TaskEvaluatorInput]:
    """The evaluators as a task holds them, with the mappings that the plan found."""
    return [
        TaskEvaluatorInput(evaluator_id=one.evaluator.id, query_filter=one.query_filter, column_mappings=share.mappings)
        for one, share in zip(wanted, plan.shares, strict=True)
    ]


def refuse_empty(plan: Plan, query_filter: str | None, *, allow_empty: bool) -> None:
    """Refuse a plan whose filters match none of the rows that are there.

    Raises:
        Invalid: an evaluator would score nothing, and that was not allowed.
    """
    if allow_empty or plan.existing == 0:
        return
    for share in plan.shares:
        if share.matched == 0:
            what = f"the filter {one_line(query_filter)!r}" if query_filter else f"the filter of {share.name!r}"
            raise Invalid(
                f"No existing {plan.unit} matches {what}, though there are some without it.",
                f"{_WAYS_TO_TRY[plan.unit]} Pass allow_empty=true if it is meant for those to come.",
            )


_WAYS_TO_TRY = {
    "span": "Try the filter with search_spans.",
    "experiment run": "A filter of experiments names columns of the runs or, as dataset.<column>, of the examples.",
}


def warnings(plan: Plan) -> list[str]:
    """What looks wrong in a plan, each as one line."""
    found = [f"Warning, {share.name}: {text}" for share in plan.shares for text in share.warnings]
    if plan.existing == 0:
        found.append(f"Warning: there is no {plan.unit} there, so filters and mappings could not be tried.")
    return found


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


def task_type(given: TaskType | None, wanted: Sequence[Wanted]) -> TaskType:
    """The type of task that runs these evaluators.

    Raises:
        Invalid: no one type runs them all, or not the one given.
    """
    types = {one.evaluator.type for one in wanted}
    if len(types) > 1:
        raise Invalid(
            "LLM judges and code evaluators cannot share a task.",
            "Create one task for the judges and one for the code evaluators.",
        )
    inferred: TaskType = "TEMPLATE_EVALUATION" if types == {"TEMPLATE"} else "CODE_EVALUATION"
    if given is not None and given != inferred:
        raise Invalid(
            f"type={given} does not fit {wanted[0].evaluator.name!r}, which needs {inferred}.",
            "Leave type out.",
        )
    return inferred


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
    return before_deleting(ctx, "task", found, "its runs; verdicts stay", confirm)


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
