"""Changes of a task: its new evaluators and filters, and the plan with them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from assaykit.errors import Invalid
from assaykit.foreign import exactly
from assaykit.judge.score import variables
from assaykit.planning.costs import with_costs
from assaykit.planning.disclosures import Disclosure
from assaykit.planning.forecasts import forecast
from assaykit.planning.periods import parse
from assaykit.planning.queries import SpanQuery, WantedEvaluator
from assaykit.planning.spans import TaskPlan, plan_experiments
from assaykit.planning.units import granularity_of, plan_project
from assaykit.session import Session
from assaykit.tools.tasks.catalogue import judges_told
from assaykit.tools.tasks.evaluators import (
    EvaluatorChoice,
    entries,
    refuse_empty,
    wanted_evaluators,
    wanted_of,
    warnings,
    with_mappings,
)
from assaykit.tools.tasks.units import folded, is_lettered, lettered, refuse_on_dataset, refuse_own_filters
from assaykit.wire.evaluators import Granularity
from assaykit.wire.runs import TriggerEvaluationRequest
from assaykit.wire.tasks import CreateTaskRequest, Task, TaskEvaluatorInput, UpdateTaskRequest


def refuse_change(task: Task, given: Mapping[str, object], clear: Sequence[str]) -> None:
    """Raises: Invalid: nothing is given, a field is given and cleared, or a field does not belong to such a task."""
    if not given and not clear:
        raise Invalid("Nothing to change was given.", "Pass a field to change, or clear.")
    if both := sorted(given.keys() & set(clear)):
        raise Invalid(f"{both[0]} is given and cleared.", "Do one of the two.")
    asked = [*given, *clear]
    of_experiments = {"name", "run_configuration"}
    if task.type == "RUN_EXPERIMENT" and (foreign := [field for field in asked if field not in of_experiments]):
        raise Invalid(
            f"{', '.join(foreign)}: only tasks that evaluate have that; {exactly(task.name)} is {task.type}.",
            "Leave it out.",
        )
    if task.type != "RUN_EXPERIMENT" and "run_configuration" in given:
        raise Invalid(f"run_configuration: only RUN_EXPERIMENT tasks have that; {exactly(task.name)} is {task.type}.")
    # A task on a dataset may be given is_continuous=false.
    of_project = ["sampling_rate", "max_cost", "on_too_long"]
    of_project += ["is_continuous"] if given.get("is_continuous") else []
    if task.project_id is None and (foreign := [word for word in of_project if word in given]):
        raise Invalid(
            f"{', '.join(foreign)}: only tasks on a project have that; {exactly(task.name)} reads a dataset.",
            "Leave it out.",
        )


async def changed_evaluators(
    here: Session,
    task: Task,
    evaluators: Sequence[EvaluatorChoice] | None,
    column_mappings: dict[str, str] | None,
    space: str | None,
) -> list[WantedEvaluator]:
    """The evaluators of the changed task. An evaluator that stays keeps its version and the fields not given anew.

    An empty filter takes the evaluator's own filter away.

    Raises:
        Invalid: the evaluators do not fit the task, or one on traces or sessions has a filter of its own.
    """
    present = {one.evaluator.id: one for one in await wanted_of(here, task)}
    if evaluators is None:
        asked = [WantedEvaluator(one.evaluator) for one in present.values()]
    else:
        asked = await wanted_evaluators(here, evaluators, None, space)
    fitting = "TEMPLATE" if task.type == "TEMPLATE_EVALUATION" else "CODE"
    if foreign := [one.evaluator.name for one in asked if one.evaluator.type != fitting]:
        what = "LLM judges" if fitting == "TEMPLATE" else "code evaluators"
        raise Invalid(
            f"Task {exactly(task.name)} has only {what}, and {exactly(foreign[0])} is none.",
            "Create a task of its own for it.",
        )
    found: list[WantedEvaluator] = []
    for one in with_mappings(asked, column_mappings):
        old = present.get(one.evaluator.id, one)
        names = variables(old.config)
        kept = {name: at for name, at in (old.column_mappings or {}).items() if name in names}
        mapped = {**kept, **(one.column_mappings or {})}
        text = old.query_filter if one.query_filter is None else one.query_filter or None
        found.append(WantedEvaluator(old.evaluator, text, mapped))
    refuse_own_filters(found)
    return found


class Replanned(NamedTuple):
    """A change of evaluators, mappings or filter, planned on real rows. `now` is the task in its folded form."""

    now: Task
    wanted: Sequence[WantedEvaluator]
    plan: TaskPlan
    query_filter: str | None
    names_evaluators: bool

    def lines(self) -> list[str]:
        """The plan in words, with the judges of the catalogue that the change creates."""
        return [*self.plan.lines(), *judges_told(self.wanted, created=True), *warnings(self.plan)]

    def fields(self, task: Task, wanted: Sequence[WantedEvaluator]) -> dict[str, Any]:
        """The fields of the change, with these evaluators in place of the planned ones."""
        level, found = granularity_of(wanted), entries(wanted, self.plan)
        if is_lettered(task) or level != "SPAN":
            return of_units(self.now, self.query_filter, found, level)
        return {"evaluators": pinned(task, found)} if self.names_evaluators else {}


async def replanned(
    here: Session,
    task: Task,
    changes: Mapping[str, Any],
    asked: tuple[Sequence[EvaluatorChoice] | None, dict[str, str] | None],
    space: str | None,
    *,
    allow_empty: bool,
) -> Replanned:
    """Plan the change of a task. `asked` are its new evaluators and column mappings. Nothing is created.

    Raises:
        Invalid: the evaluators do not fit the task or its rows, or the filter matches no row.
        NotFound: no such evaluator.
    """
    now = folded(task)
    wanted = await changed_evaluators(here, now, *asked, space)
    if task.dataset_id is not None:
        refuse_on_dataset(wanted)
    text = changes.get("query_filter", now.query_filter)
    plan = await plan_of(here, task, wanted, text, changes.get("sampling_rate", rate_of(task)))
    refuse_empty(plan, text, allow_empty=allow_empty)
    found = Replanned(now, wanted, await with_costs(here, plan, wanted), text, any(one is not None for one in asked))
    # The form is checked here, because the change may create judges.
    UpdateTaskRequest.model_validate({**changes, **found.fields(task, wanted)})
    return found


async def plan_of(
    here: Session, task: Task, wanted: Sequence[WantedEvaluator], query_filter: str | None, rate: float
) -> TaskPlan:
    """The plan of an existing task with these evaluators, over all existing rows."""
    if task.project_id is not None:
        query = SpanQuery(task.project_id, parse("everything", here.now()), query_filter, rate)
        return await plan_project(here.api, query, wanted)
    return await plan_on_dataset(here, task.dataset_id or "", task.experiment_ids or [], wanted, query_filter)


async def plan_on_dataset(
    here: Session,
    dataset_id: str,
    experiment_ids: Sequence[str],
    wanted: Sequence[WantedEvaluator],
    query_filter: str | None,
) -> TaskPlan:
    """The plan of a task on some experiments, over all their runs."""
    trigger = TriggerEvaluationRequest(experiment_ids=list(experiment_ids))
    return await plan_experiments(here.api, dataset_id, trigger, wanted, query_filter)


async def week_after(
    here: Session, task: Task, changes: Mapping[str, Any], replaced: Replanned | None, *, is_limited: bool
) -> Disclosure:
    """What a week of the changed task spends, if it is continuous and the change may raise that. Else nothing.

    `changes` are the plain fields of the change. `replaced` is None if evaluators, mappings and filter stay.
    `is_limited` means that the limit of cost changes.

    Raises:
        Invalid: the user's price list cannot be read.
    """
    rate = changes.get("sampling_rate", rate_of(task))
    goes_on = changes.get("is_continuous", task.is_continuous)
    is_same = task.is_continuous and replaced is None and rate <= rate_of(task)
    if not goes_on or (is_same and not is_limited):
        return Disclosure()
    query = SpanQuery(task.project_id or "", parse("everything", here.now()), task.query_filter, rate)
    if replaced is None:
        return await forecast(here, replace(query, filters=task.query_filters), await wanted_of(here, task))
    return await forecast(here, replace(query, query_filter=replaced.query_filter), replaced.wanted)


def rate_of(task: Task) -> float:
    """The share of matching rows that the task takes, 0 to 1."""
    return 1.0 if task.sampling_rate is None else task.sampling_rate


def of_units(task: Task, text: str | None, found: Sequence[TaskEvaluatorInput], level: Granularity) -> dict[str, Any]:
    """The filter and the evaluators as fields of a change. For traces and sessions each variable names the filter."""
    about: dict[str, Any] = {"name": task.name, "type": task.type, "project_id": task.project_id}
    wanted = lettered(CreateTaskRequest(**about, query_filter=text, evaluators=list(found)), level)
    filters = None if wanted.query_filters is None else wanted.query_filters.model_dump(exclude_none=True)
    entries = pinned(task, wanted.evaluators or [])
    return {"query_filter": wanted.query_filter, "query_filters": filters, "evaluators": entries}


def pinned(task: Task, found: Sequence[TaskEvaluatorInput]) -> list[dict[str, Any]]:
    """The entries with the versions that the task already pins. Null would clear a field, so no field is null."""
    pins = {entry.evaluator_id: entry.evaluator_version_id for entry in task.evaluators or []}
    return [
        {"evaluator_version_id": pins[one.evaluator_id], **one.model_dump(exclude_none=True)}
        if pins.get(one.evaluator_id)
        else one.model_dump(exclude_none=True)
        for one in found
    ]
