"""Tasks on whole traces and sessions: judges for them, and the form of such tasks in the contract.

On the wire such a task has `query_filters` and `query_mappings`. The tools treat it like any other task, with one
filter and column mappings: the filter chooses the units, and the variables read the spans that match it.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import Conflict, Invalid
from assaykit.foreign import exactly
from assaykit.judge.units import NOUNS, plural
from assaykit.names import Named
from assaykit.planning.judges import COMMIT_MESSAGE
from assaykit.planning.queries import WantedEvaluator
from assaykit.planning.units import granularity_of
from assaykit.session import Session
from assaykit.tools.tasks.catalogue import NOT_MADE, is_new
from assaykit.wire.evaluators import (
    CreateCodeVersionRequest,
    CreateEvaluatorRequest,
    CreateTemplateVersionRequest,
    Evaluator,
    EvaluatorPage,
    EvaluatorWithVersion,
    Granularity,
    ManagedCodeConfig,
    TemplateConfig,
)
from assaykit.wire.tasks import (
    CreateTaskRequest,
    Task,
    TaskEvaluatorInput,
    TaskQueryFilter,
    TaskQueryFilters,
    TaskQueryMapping,
)


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


UnitName = Annotated[Literal["span", "trace", "session"], BeforeValidator(_lower)]

FILTER_LIMIT = 2000
"""Characters of one lettered filter."""

NAME_LIMIT = 240
"""Length limit of a name before its suffix. Both stay within the contract's 255 characters."""


async def at_granularity(
    here: Session, within: Named, wanted: Sequence[WantedEvaluator], asked: UnitName | None
) -> list[WantedEvaluator]:
    """The evaluators as judges of the unit asked for. A judge of spans gets a copy for it, which `created` makes.

    Raises:
        Invalid: an evaluator judges another unit, or has a filter of its own on a task of traces or sessions.
        Conflict: the copy exists, but it is no longer equal to the judge.
    """
    level: Granularity = "SPAN" if asked is None else _LEVELS[asked]
    found: list[WantedEvaluator] = []
    for one in wanted:
        if asked is None or one.granularity == level:
            found.append(one)
        elif one.granularity == "SPAN":
            evaluator = await _copy(here, within, one, level)
            found.append(WantedEvaluator(evaluator, one.query_filter, one.column_mappings))
        else:
            raise Invalid(
                f"{exactly(one.evaluator.name)} judges {plural(one.granularity)}, and granularity is {asked}.",
                "Leave granularity out, or name a judge of spans.",
            )
    refuse_own_filters(found)
    return found


def refuse_own_filters(wanted: Sequence[WantedEvaluator]) -> None:
    """Refuse filters of single evaluators on a task of traces or sessions, whose form has none.

    Raises:
        Invalid: an evaluator of traces or sessions has a filter of its own.
    """
    level = granularity_of(wanted)
    if level != "SPAN" and (own := [one.evaluator.name for one in wanted if one.query_filter]):
        raise Invalid(
            f"{exactly(own[0])} has a filter of its own; a task on {plural(level)} has one for all.",
            "Pass query_filter, or create a task for it.",
        )


_LEVELS: dict[str, Granularity] = {"span": "SPAN", "trace": "TRACE", "session": "SESSION"}


async def created(here: Session, within: Named, wanted: Sequence[WantedEvaluator]) -> list[WantedEvaluator]:
    """The same evaluators. Copies and judges of the catalogue that do not exist yet are created."""
    found: list[WantedEvaluator] = []
    for one in wanted:
        evaluator = one.evaluator
        if evaluator.id == NOT_MADE:
            request = CreateEvaluatorRequest(
                space_id=within.id, name=evaluator.name, type=evaluator.type, version=version_body(one)
            )
            evaluator = await here.api.post("/v2/evaluators", EvaluatorWithVersion, request)
            here.names.forget()
        found.append(WantedEvaluator(evaluator, one.query_filter, one.column_mappings))
    return found


def copies_told(wanted: Sequence[WantedEvaluator]) -> list[str]:
    """One line for each copy that is created with the task."""
    return [
        f"{exactly(one.evaluator.name)}: a copy that judges {plural(one.granularity)}, "
        "since a judge judges one kind of unit"
        for one in wanted
        if one.evaluator.id == NOT_MADE and not is_new(one)
    ]


def refuse_on_dataset(wanted: Sequence[WantedEvaluator]) -> None:
    """Refuse judges of traces and sessions for a dataset.

    Raises:
        Invalid: an evaluator judges traces or sessions, which a dataset does not have.
    """
    level = granularity_of(wanted)
    if level != "SPAN":
        raise Invalid(
            f"{exactly(wanted[0].evaluator.name)} judges whole {NOUNS[level]}s, and a dataset has none.",
            "Leave granularity out and name judges of spans, or score a project.",
        )


def lettered(request: CreateTaskRequest, level: Granularity) -> CreateTaskRequest:
    """The request in the contract's form for the unit that its evaluators judge.

    Raises:
        Invalid: the filter is too long for that form.
    """
    if level == "SPAN":
        return request
    text = request.query_filter
    if text is not None and len(text) > FILTER_LIMIT:
        raise Invalid(
            f"The filter has {len(text)} characters; for traces and sessions the limit is {FILTER_LIMIT}.",
            "Write it shorter, for example with IN or LIKE.",
        )
    filters = None if text is None else TaskQueryFilters(filters=[TaskQueryFilter(id="A", filter=text)])
    letters: list[str | None] = [] if text is None else ["A"]
    entries = [
        TaskEvaluatorInput(
            evaluator_id=entry.evaluator_id,
            evaluator_version_id=entry.evaluator_version_id,
            query_mappings=[
                TaskQueryMapping(variable_name=name, query_ids=letters, attribute_path=at)
                for name, at in (entry.column_mappings or {}).items()
            ]
            or None,
        )
        for entry in request.evaluators or ()
    ]
    return request.model_copy(update={"query_filter": None, "query_filters": filters, "evaluators": entries})


def folded(task: Task) -> Task:
    """The task with one filter and column mappings.

    Raises:
        Invalid: the task has several filters, or variables that read other spans than its filter matches.
    """
    if not is_lettered(task):
        return task
    filters = [] if task.query_filters is None else task.query_filters.filters
    letters = [one.id for one in filters]
    mappings = [one for entry in task.evaluators or () for one in entry.query_mappings or ()]
    if len(letters) > 1 or any(list(one.query_ids) != letters for one in mappings):
        raise Invalid(
            f"Task {exactly(task.name)} has filters of its own for some variables, which this tool cannot change.",
            "Create a new task, or change this one with PATCH /v2/tasks.",
        )
    entries = [
        entry.model_copy(
            update={
                "query_mappings": None,
                "column_mappings": {one.variable_name: one.attribute_path for one in entry.query_mappings or ()}
                or None,
            }
        )
        for entry in task.evaluators or ()
    ]
    text = filters[0].filter if filters else None
    return task.model_copy(update={"query_filters": None, "query_filter": text, "evaluators": entries})


def is_lettered(task: Task) -> bool:
    """True if the task has the contract's form for traces and sessions."""
    return task.query_filters is not None or any(entry.query_mappings for entry in task.evaluators or ())


def column_of(level: Granularity, name: str) -> str:
    """The beginning of a verdict's columns in filters, such as `eval.<name>` or `trace_eval.<name>`."""
    return f"eval.{name}" if level == "SPAN" else f"{level.lower()}_eval.{name}"


def filter_of(task: Task) -> str | None:
    """The filter of the task, in words."""
    if task.query_filters is None:
        return task.query_filter
    filters = task.query_filters.filters
    if len(filters) == 1 and task.query_filters.expression in {None, filters[0].id}:
        return filters[0].filter
    each = "; ".join(f"{one.id}: {one.filter}" for one in filters)
    return f"{task.query_filters.expression}, where {each}"


async def _copy(here: Session, within: Named, one: WantedEvaluator, level: Granularity) -> EvaluatorWithVersion:
    config = one.config.model_copy(update={"data_granularity": level})
    name = f"{one.evaluator.name[:NAME_LIMIT]} ({NOUNS[level]})"
    existing = await evaluator_named(here, within, name)
    if existing is None:
        key = "template_config" if isinstance(config, TemplateConfig) else "code_config"
        version = one.evaluator.version.model_copy(update={key: config})
        return one.evaluator.model_copy(update={"id": NOT_MADE, "name": name, "version": version})
    found = await here.api.get(path("v2", "evaluators", existing.id), EvaluatorWithVersion)
    if found.version.config != config:
        raise Conflict(
            f"The evaluator {exactly(name)} exists, but it is not a copy of the current {exactly(one.evaluator.name)}.",
            f"Name {exactly(name)} in evaluators to use it, or copy the judge under another name.",
        )
    return found


async def evaluator_named(here: Session, within: Named, name: str) -> Evaluator | None:
    """The evaluator of exactly this name, if there is one."""
    every = rows(here.api, "/v2/evaluators", EvaluatorPage, {"space_id": within.id, "name": name})
    return next((row for row in [row async for row in every] if row.name == name), None)


def version_body(one: WantedEvaluator) -> CreateTemplateVersionRequest | CreateCodeVersionRequest:
    """The version of an evaluator that does not exist yet, as it would be created."""
    message = COMMIT_MESSAGE if is_new(one) else f"Copied to judge {plural(one.granularity)}"
    config = one.config
    if isinstance(config, ManagedCodeConfig):
        return CreateCodeVersionRequest(commit_message=message, code_config=config)
    return CreateTemplateVersionRequest(commit_message=message, template_config=config)
