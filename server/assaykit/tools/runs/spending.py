"""The disclosures of runs that `trigger_run` starts: an evaluation, or an experiment with the evaluations after it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.column_paths import Row, reader_of
from assaykit.errors import Invalid, NotFound
from assaykit.filters.fields import row_tree
from assaykit.filters.memory import matches
from assaykit.filters.tree import Node
from assaykit.judge.providers.prices import CHARACTERS, REPLY_TOKENS
from assaykit.judge.score import variables
from assaykit.judge.units import NOUNS
from assaykit.planning.costs import with_costs
from assaykit.planning.counts import counted_by_engine, request_for_spans
from assaykit.planning.disclosures import Bounds, Disclosure, Hosts, ModelCalls, disclosed, judge_calls
from assaykit.planning.periods import Period
from assaykit.planning.queries import SpanQuery, WantedEvaluator
from assaykit.planning.spans import TaskPlan, Variable, mapped, plan_experiments, shares_of, try_mappings
from assaykit.planning.units import granularity_of, plan_project
from assaykit.session import Session
from assaykit.toolkit.spending import stopping
from assaykit.tools.tasks.changes import rate_of
from assaykit.tools.tasks.evaluators import wanted_of
from assaykit.tools.tasks.run_configurations import configuration_calls, example_row
from assaykit.wire.datasets import ExamplePage
from assaykit.wire.evaluators import TemplateConfig
from assaykit.wire.local import RunLimits, RunSelection
from assaykit.wire.plans import PlannedRows, RunPlan
from assaykit.wire.runs import (
    DEFAULT_MAX_SPANS,
    TaskRunPage,
    TriggerEvaluationRequest,
    TriggerRunExperimentRequest,
)
from assaykit.wire.tasks import Task

FIRST_WINDOW = timedelta(days=7)
"""The window of a task's first run that names no start."""

ANSWER = float(CHARACTERS * REPLY_TOKENS)
"""Characters of an output that does not exist yet."""

_RUNS_READ = 100


class RunSpending(NamedTuple):
    """The disclosure of a run, and its window if that moves with the clock."""

    disclosure: Disclosure = Disclosure()
    window: Period | None = None


def moves(here: Session, period: Period) -> bool:
    """True if the period ends about now, so that a later plan would count other rows."""
    return period.end > here.now() - timedelta(minutes=1)


def fixed(window: Period | None, started: str | None) -> dict[str, str]:
    """The window of a plan as arguments of the next call. `started` is the start that the call gave for it, if any."""
    if window is None:
        return {}
    end = window.end.isoformat()
    return {"window": f"{window.start.isoformat()}..{end}"} if started is None else {"data_end_time": end}


def limited(limits: RunLimits, spending: Disclosure) -> RunLimits:
    """The limits of the run, with the dollars at which it stops."""
    return limits if spending.stops_at is None else limits.model_copy(update={"max_cost": spending.stops_at})


async def of_evaluation(here: Session, task: Task, body: TriggerEvaluationRequest, limits: RunLimits) -> RunSpending:
    """What one run of an evaluation task spends.

    A run that cannot select rows, for example because an evaluator is gone, fails without a call and spends nothing.

    Raises:
        Invalid: the user's price list cannot be read.
    """
    if task.type == "CODE_EVALUATION":
        return RunSpending()
    most = body.max_spans or DEFAULT_MAX_SPANS
    bounds = Bounds(limits.max_cost, most)
    try:
        wanted = await wanted_of(here, task)
    except NotFound:
        return RunSpending()
    is_engine = await here.api.has_engine_routes()
    period = None
    try:
        if task.project_id is None:
            plan = await _of_runs(here, task, body, wanted, limits)
        elif is_engine:
            plan = await _of_engine(here, task, body, wanted, limits)
            period = Period(plan.counted.start or here.now(), plan.counted.end or here.now())
        else:
            period = await _window(here, task, body)
            plan = await _of_lists(here, task, task.project_id, body, wanted, period)
    except NotFound:
        return RunSpending()
    except Invalid:
        if is_engine:
            return RunSpending()
        # The filter language of AX may have syntax that ours lacks, so the rows cannot be counted.
        plan = _at_most(most, wanted)
    found = stopping(here, await disclosed(here, await with_costs(here, plan, wanted), wanted, bounds))
    return RunSpending(found, period if period is not None and moves(here, period) else None)


def _at_most(most: int, wanted: Sequence[WantedEvaluator]) -> TaskPlan:
    """A plan of rows that are not counted: as many as a run may take."""
    of_each = [PlannedRows(matched=most, rows=most, calls=most) for _ in wanted]
    counted = RunPlan(evaluators=of_each, selection=RunSelection(matched=most, chosen=most, capped=True), rows=most)
    return TaskPlan(shares_of(wanted, [[] for _ in wanted], counted), most, counted, "span")


async def _of_engine(
    here: Session, task: Task, body: TriggerEvaluationRequest, wanted: Sequence[WantedEvaluator], limits: RunLimits
) -> TaskPlan:
    """The plan of a run over spans, whose window and counts are the engine's."""
    tried = [try_mappings(one, [], refuse=False) for one in wanted]
    unlimited = Period(here.now(), here.now())
    query = SpanQuery(task.project_id or "", unlimited, task.query_filter, rate_of(task), filters=task.query_filters)
    level = granularity_of(wanted)
    asked = request_for_spans(replace(query, max_rows=limits.max_rows), mapped(wanted, tried), level)
    counted = await counted_by_engine(here.api, asked.model_copy(update={"task_id": task.id, "trigger": body}))
    return TaskPlan(shares_of(wanted, tried, counted), counted.selection.matched, counted, NOUNS[level])


async def _of_lists(
    here: Session,
    task: Task,
    project_id: str,
    body: TriggerEvaluationRequest,
    wanted: Sequence[WantedEvaluator],
    period: Period,
) -> TaskPlan:
    most, override = body.max_spans or DEFAULT_MAX_SPANS, bool(body.override_evaluations)
    query = SpanQuery(project_id, period, task.query_filter, rate_of(task), most, override, filters=task.query_filters)
    return await plan_project(here.api, replace(query, only_counts=True), wanted)


async def _of_runs(
    here: Session, task: Task, body: TriggerEvaluationRequest, wanted: Sequence[WantedEvaluator], limits: RunLimits
) -> TaskPlan:
    trigger = body.model_copy(update={"experiment_ids": body.experiment_ids or task.experiment_ids})
    of_dataset = here.api, task.dataset_id or "", trigger, wanted, task.query_filter
    return await plan_experiments(*of_dataset, max_rows=limits.max_rows, only_counts=True)


async def _window(here: Session, task: Task, body: TriggerEvaluationRequest) -> Period:
    """The window of the run. Without a start it begins where the last run that got through ended."""
    now = here.now()
    end = body.data_end_time or now
    if body.data_start_time is not None:
        return Period(body.data_start_time, end)
    at = path("v2", "tasks", task.id, "runs")
    found = [] if task.is_continuous else (await here.api.get(at, TaskRunPage, limit=_RUNS_READ)).task_runs
    # The list does not tell the runs of a schedule apart, so a continuous task is counted from a week ago.
    ends = [
        min(run.data_end_time, run.created_at or now)
        for run in found
        if run.data_end_time is not None and run.status not in {"FAILED", "CANCELLED"}
    ]
    start = max(ends, default=end - FIRST_WINDOW)
    return Period(end - FIRST_WINDOW if start > end else start, end)


async def of_experiment(
    here: Session,
    task: Task,
    body: TriggerRunExperimentRequest,
    limits: RunLimits,
    judges: Sequence[WantedEvaluator] = (),
) -> RunSpending:
    """What one run of a RUN_EXPERIMENT task spends, and the evaluation tasks and judges that score its rows.

    Raises:
        NotFound: there is no such dataset version or evaluation task.
        Invalid: the filter cannot be read, or the user's price list cannot be read.
    """
    chosen = await _examples(here, task, body)
    number = len(chosen) if limits.max_rows is None else min(len(chosen), limits.max_rows)
    hosts = Hosts(here)
    on_ax = not await here.api.has_engine_routes()
    models = [await configuration_calls(here, hosts, task.run_configuration or {}, chosen, number)]
    wanted = list(judges)
    for follower_id in body.evaluation_task_ids or ():
        wanted += await wanted_of(here, await here.api.get(path("v2", "tasks", follower_id), Task))
    models += [await _judged(here, hosts, one, one.judge, number) for one in wanted if one.judge]
    found = Disclosure(number, "examples", models, on_ax=on_ax)
    # A limit in dollars belongs to the run of the experiment, and not to the evaluations after it.
    if wanted:
        return RunSpending(found)
    return RunSpending(stopping(here, found._replace(stops_at=limits.max_cost)))


async def _judged(here: Session, hosts: Hosts, one: WantedEvaluator, judge: TemplateConfig, number: int) -> ModelCalls:
    """The calls of a judge on the new rows, which have no output yet."""
    mapped = one.column_mappings or {}
    tried = [
        Variable(name, mapped.get(name, name), 0, 0, constant=False, characters=ANSWER) for name in variables(judge)
    ]
    return await judge_calls(here, hosts, judge, tried, number)


async def _examples(here: Session, task: Task, body: TriggerRunExperimentRequest) -> list[Row]:
    """The examples that the run takes, as rows."""
    tree = await _tree(here, body.query_filter)
    at = path("v2", "datasets", task.dataset_id or "", "examples")
    every = rows(here.api, at, ExamplePage, {"dataset_version_id": body.dataset_version_id}, limit=500)
    named = None if body.example_ids is None else set(body.example_ids)
    found: list[Row] = []
    async for example in every:
        row = example_row(example.id, example.model_extra or {})
        if (named is None or example.id in named) and (tree is None or matches(tree, reader_of(row))):
            found.append(row)
        if body.max_examples is not None and len(found) == body.max_examples:
            break
    return found


async def _tree(here: Session, filter_text: str | None) -> Node | None:
    """The filter; None takes every example. On AX a filter in a syntax that ours lacks is not applied.

    Raises:
        Invalid: the backend is an engine, and the filter cannot be read.
    """
    try:
        return None if filter_text is None else row_tree(filter_text)
    except Invalid:
        if await here.api.has_engine_routes():
            raise
        return None
