"""The evaluators of a task: resolved from arguments or from a task, and checked against the rows to score."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from assaykit.api.client import path
from assaykit.errors import Invalid
from assaykit.foreign import as_word, exactly
from assaykit.judge.score import variables
from assaykit.planning.queries import WantedEvaluator
from assaykit.planning.spans import TaskPlan
from assaykit.session import Session
from assaykit.toolkit.replies import one_line
from assaykit.tools.tasks.catalogue import evaluator_of
from assaykit.wire.evaluators import EvaluatorWithVersion
from assaykit.wire.tasks import Task, TaskEvaluatorInput, TaskType


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


EvaluatorArgument = Annotated[EvaluatorChoice, BeforeValidator(_choice, json_schema_input_type=str | dict)]
NewEvaluators = Annotated[list[EvaluatorArgument], Field(min_length=1)]
EvaluatorArguments = Annotated[
    list[EvaluatorArgument], Field(min_length=1, description="Names, or {name, query_filter, column_mappings}")
]
"""Names, or objects for evaluators with a filter or mappings of their own."""


async def wanted_evaluators(
    here: Session,
    evaluators: Sequence[str | EvaluatorChoice],
    column_mappings: dict[str, str] | None,
    space: str | None,
) -> list[WantedEvaluator]:
    """Resolve the requested evaluators. `column_mappings` applies to each one that has such a variable.

    A judge of the catalogue may not exist yet; `created` makes it.

    Raises:
        NotFound: no such evaluator.
        Invalid: an evaluator is named twice, a judge of the catalogue has no model, or a mapping names a variable that
            none of them has.
    """
    within = await here.space(space)
    found: list[WantedEvaluator] = []
    for entry in evaluators:
        choice = EvaluatorChoice(name=entry) if isinstance(entry, str) else entry
        evaluator = await evaluator_of(here, within, choice.name)
        if any((one.evaluator.id, one.evaluator.name) == (evaluator.id, evaluator.name) for one in found):
            raise Invalid(f"Evaluator {exactly(evaluator.name)} is named twice.", "Name each evaluator once.")
        found.append(WantedEvaluator(evaluator, choice.query_filter, choice.column_mappings))
    return with_mappings(found, column_mappings)


def with_mappings(wanted: Sequence[WantedEvaluator], shared: Mapping[str, str] | None) -> list[WantedEvaluator]:
    """Each evaluator with the shared mappings for its variables. Its own mappings override them.

    Raises:
        Invalid: a mapping names a variable that none of them has.
    """
    shared = shared or {}
    found: list[WantedEvaluator] = []
    known: set[str] = set()
    for one in wanted:
        names = set(variables(one.config))
        known |= names
        mine = {name: at for name, at in shared.items() if name in names}
        found.append(WantedEvaluator(one.evaluator, one.query_filter, {**mine, **(one.column_mappings or {})}))
    if unused := sorted(shared.keys() - known):
        raise Invalid(
            f"column_mappings names {exactly(unused[0])}, which no evaluator has; "
            f"they have {', '.join(map(as_word, sorted(known)))}.",
            "Correct the name.",
        )
    return found


async def wanted_of(here: Session, task: Task) -> list[WantedEvaluator]:
    """The evaluators of a task, in the versions that it pins."""
    found: list[WantedEvaluator] = []
    for entry in task.evaluators or []:
        at = path("v2", "evaluators", entry.evaluator_id)
        evaluator = await here.api.get(at, EvaluatorWithVersion, version_id=entry.evaluator_version_id)
        mappings = entry.query_mappings or ()
        mapped = {one.variable_name: one.attribute_path for one in mappings} or entry.column_mappings or {}
        ids = {one.variable_name: [name for name in one.query_ids if name is not None] for one in mappings}
        wanted = WantedEvaluator(evaluator, entry.query_filter, mapped, ids)
        # A run reads a variable without a mapping at its own name, and tries no usual path.
        found.append(replace(wanted, column_mappings={name: name for name in variables(wanted.config)} | mapped))
    return found


def entries(wanted: Sequence[WantedEvaluator], plan: TaskPlan) -> list[TaskEvaluatorInput]:
    """The evaluators as entries of a task, with the mappings that the plan found."""
    return [
        TaskEvaluatorInput(evaluator_id=one.evaluator.id, query_filter=one.query_filter, column_mappings=share.mappings)
        for one, share in zip(wanted, plan.shares, strict=True)
    ]


def refuse_empty(plan: TaskPlan, query_filter: str | None, *, allow_empty: bool) -> None:
    """Refuse a plan whose filters match none of the existing rows.

    Raises:
        Invalid: an evaluator would score nothing, and `allow_empty` is not set.
    """
    if allow_empty or plan.existing == 0:
        return
    for share in plan.shares:
        if share.matched == 0:
            what = f"the filter {one_line(query_filter)!r}" if query_filter else f"the filter of {exactly(share.name)}"
            raise Invalid(
                " ".join([f"No existing {plan.unit} matches {what}, though there are some without it.", *plan.absent]),
                f"{_WAYS_TO_TRY[plan.unit]} Pass allow_empty=true if it is meant for later rows.",
            )


_WAYS_TO_TRY = {
    "span": "Try the filter with search_spans.",
    "trace": "Try the filter with search_spans.",
    "session": "Try the filter with search_spans; spans of a session have attributes.session.id.",
    "experiment run": "A filter of experiments names columns of the runs or, as dataset.<column>, of the examples.",
}


def warnings(plan: TaskPlan) -> list[str]:
    """The warnings about a plan, one line each."""
    found = [f"Warning, {as_word(share.name)}: {text}" for share in plan.shares for text in share.warnings]
    if plan.existing == 0:
        found.append(f"Warning: there is no {plan.unit} there, so filters and mappings could not be tried.")
    return found


def task_type(given: TaskType | None, wanted: Sequence[WantedEvaluator]) -> TaskType:
    """The type of task that runs these evaluators.

    Raises:
        Invalid: no single type runs all of them, or the given type does not.
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
            f"type={given} does not fit {exactly(wanted[0].evaluator.name)}, which needs {inferred}.",
            "Leave type out.",
        )
    return inferred
