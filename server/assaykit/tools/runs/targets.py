"""The target of a backfill: an existing task with its plan, or a task to create for some evaluators."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import NamedTuple

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import Invalid
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.planning.periods import Period
from assaykit.planning.queries import SpanQuery, WantedEvaluator
from assaykit.planning.spans import TaskPlan, plan_experiments
from assaykit.planning.units import granularity_of, plan_project
from assaykit.session import Session
from assaykit.tools.tasks.catalogue import is_new
from assaykit.tools.tasks.changes import rate_of
from assaykit.tools.tasks.evaluators import entries, refuse_empty, task_type, wanted_of
from assaykit.tools.tasks.units import at_granularity, created, lettered
from assaykit.wire.runs import TriggerEvaluationRequest
from assaykit.wire.tasks import CreateTaskRequest, Task, TaskEvaluator, TaskEvaluatorInput, TaskPage

NEW = "the new "
"""The words for a task that `task_for` has created."""

NAME_LIMIT = 240
"""Length limit of a made-up name. A number may follow within the contract's 255 characters."""


class Scope(NamedTuple):
    """The part of the matching rows to score. `override` scores labelled rows again.

    `max_rows` limits all runs together. A limit of dollars cannot be shared out before the rows are paid, so with
    `max_cost` a single run takes the newest rows.
    """

    period: Period
    max_spans: int
    override: bool
    max_rows: int | None = None
    max_cost: float | None = None
    outdated: bool = False
    """Rows whose verdict is of another version of the evaluator are scored too."""

    def most_of_a_run(self, *, reads_spans: bool) -> int:
        """The most rows of one run. A single run has room for `max_rows`."""
        is_single = self.max_cost is not None or not reads_spans
        return max(self.max_spans, self.max_rows or 0) if is_single else self.max_spans

    def query(self, project_id: str, query_filter: str | None) -> SpanQuery:
        """The rows of a project that the scope covers."""
        return SpanQuery(
            project_id,
            self.period,
            query_filter,
            max_spans=self.most_of_a_run(reads_spans=True),
            override=self.override,
            in_parts=self.max_cost is None,
            max_rows=self.max_rows,
            outdated=self.outdated,
        )


class Aim(NamedTuple):
    """A backfill's target and plan. `target` is a task, or the request for one that may have to be created."""

    plan: TaskPlan
    about: str
    target: Task | CreateTaskRequest
    query: SpanQuery | None
    wanted: Sequence[WantedEvaluator]

    @property
    def reads_spans(self) -> bool:
        """True if the target reads spans in a window, False if it reads experiments."""
        return self.target.project_id is not None


async def aim_of_task(here: Session, within: Named, name: str, scope: Scope, *, windowed: bool) -> Aim:
    """Raises: NotFound, Invalid: a window is given for a task that reads experiments."""
    named = await here.names.task(name, within)
    task = await here.api.get(path("v2", "tasks", named.id), Task)
    if task.type == "RUN_EXPERIMENT":
        raise Invalid(f"Task {exactly(task.name)} makes experiments and scores nothing.", "Call `trigger_run` with it.")
    if windowed and task.project_id is None:
        raise Invalid(f"Task {exactly(task.name)} reads experiments, which have no window.", "Leave window out.")
    about = f"task {exactly(task.name)}"
    wanted = await wanted_of(here, task)
    if task.project_id is not None:
        query = scope.query(task.project_id, task.query_filter)
        query = replace(query, sampling_rate=rate_of(task), filters=task.query_filters)
        return Aim(await plan_project(here.api, query, wanted), about, task, query, wanted)
    trigger = TriggerEvaluationRequest(
        experiment_ids=task.experiment_ids,
        max_spans=scope.most_of_a_run(reads_spans=False),
        override_evaluations=scope.override,
    )
    of_dataset = here.api, task.dataset_id or "", trigger, wanted, task.query_filter
    plan = await plan_experiments(*of_dataset, max_rows=scope.max_rows, outdated=scope.outdated)
    return Aim(plan, about, task, None, wanted)


async def aim_of_evaluators(
    here: Session,
    within: Named,
    project: str | None,
    wanted: list[WantedEvaluator],
    query_filter: str | None,
    scope: Scope,
    *,
    allow_empty: bool,
) -> Aim:
    """Raises: NotFound, Ambiguous, Invalid: the evaluators do not fit together, or the filter matches nothing."""
    kind = task_type(None, wanted)
    named = await here.names.project(project, within)
    query = scope.query(named.id, query_filter)
    wanted = await at_granularity(here, within, wanted, None)
    plan = await plan_project(here.api, query, wanted)
    refuse_empty(plan, query_filter, allow_empty=allow_empty)
    request = CreateTaskRequest(
        name=f"{' + '.join(one.evaluator.name for one in wanted)} on {named.name}"[:NAME_LIMIT],
        type=kind,
        project_id=named.id,
        evaluators=entries(wanted, plan),
        query_filter=query_filter,
        is_continuous=False,
    )
    return Aim(plan, f"project {exactly(named.name)}", lettered(request, granularity_of(wanted)), query, wanted)


async def with_judges(here: Session, within: Named, aim: Aim) -> Aim:
    """The same backfill. Judges of the catalogue that it needs are created if they do not exist yet."""
    if isinstance(aim.target, Task) or not any(is_new(one) for one in aim.wanted):
        return aim
    wanted = await created(here, within, aim.wanted)
    pairs = zip(aim.target.evaluators or (), wanted, strict=True)
    made = [entry.model_copy(update={"evaluator_id": one.evaluator.id}) for entry, one in pairs]
    return aim._replace(target=aim.target.model_copy(update={"evaluators": made}), wanted=wanted)


async def equal_task(here: Session, within: Named, asked: Task | CreateTaskRequest) -> Task | None:
    """The task itself, else an existing task that equals the request, continuous or not. None if there is none."""
    if isinstance(asked, Task):
        return asked
    every = rows(here.api, "/v2/tasks", TaskPage, {"space_id": within.id})
    return next((task for task in [one async for one in every] if _equals(task, asked)), None)


async def task_for(here: Session, within: Named, asked: Task | CreateTaskRequest) -> tuple[Task, str]:
    """The task itself, else an existing task that equals the request, else a new one; and the latter two in words."""
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
    return made, NEW


def _equals(task: Task, asked: CreateTaskRequest) -> bool:
    same_rows = all(
        getattr(task, name) == getattr(asked, name)
        for name in ("project_id", "dataset_id", "query_filter", "query_filters")
    )
    if rate_of(task) != 1 or not same_rows:
        return False
    if set(task.experiment_ids or ()) != set(asked.experiment_ids or ()):
        return False
    return {_identity(one) for one in task.evaluators or []} == {_identity(one) for one in asked.evaluators or []}


def _identity(one: TaskEvaluator | TaskEvaluatorInput) -> tuple[object, ...]:
    mappings = tuple(sorted((one.column_mappings or {}).items()))
    lettered_ones = tuple(sorted(each.model_dump_json() for each in one.query_mappings or ()))
    return (one.evaluator_id, one.evaluator_version_id, one.query_filter, mappings, lettered_ones)


def _numbered(base: str) -> Iterator[str]:
    yield base
    for number in count(2):
        yield f"{base} {number}"
