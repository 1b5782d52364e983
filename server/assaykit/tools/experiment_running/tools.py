"""Toolset running: runs a function of the user's over the examples of a dataset, in the user's own interpreter."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field

from assaykit.api import experiments as stored
from assaykit.errors import Invalid
from assaykit.experiments import executing as runs
from assaykit.experiments import kept_plans
from assaykit.experiments.content import changes, examples_of_calls
from assaykit.experiments.example_calls import ExampleCalls
from assaykit.experiments.example_spool import ExampleSpool
from assaykit.experiments.executing import Binding, ExperimentPlan
from assaykit.experiments.stored_outputs import failed_calls
from assaykit.figures import things
from assaykit.files.folders import Folders
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.planning.disclosures import Disclosure
from assaykit.planning.queries import WantedEvaluator
from assaykit.runner.assaykit_worker.examples import DatasetShape, shape_of
from assaykit.runner.journal import Journal
from assaykit.runner.worker_pool import PendingCall
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.parameters import Here, Mappings, SpaceName, ToolContext
from assaykit.toolkit.replies import Reply, quoted
from assaykit.toolkit.spending import Consent, CostConfirmation, announced, consent
from assaykit.tools.experiment_running.grid import ExperimentGrid, combinations_of, recorded_grid, tried_grid
from assaykit.tools.experiment_running.judges import (
    Judged,
    columns_of,
    judges_of,
    refuse_unread,
    spending_of,
    wanted_judges,
)
from assaykit.tools.experiment_running.recording import Goal, declined, recorded, reporter, scored, title_of
from assaykit.tools.experiment_running.results import told
from assaykit.tools.experiment_running.selection import DatasetPart, chosen_examples
from assaykit.tools.experiment_running.stored import TRIED, judge_stored, stored_judging, tried
from assaykit.tools.tasks.catalogue import judges_told
from assaykit.tools.tasks.units import created
from assaykit.wire.datasets import DatasetExample
from assaykit.wire.experiments import Experiment, ExperimentRun

TOOLSET = "running"
"""The name that `--toolsets` takes. The folder is named apart from `runs`, the toolset of task runs."""

LONGEST_S = 3600
MOST_RETRIES = 10
MOST_REPETITIONS = 100


def at_most(most: float) -> AfterValidator:
    """A limit of a number that the list of tools does not repeat."""

    def checked(value: float) -> float:
        if value > most:
            raise ValueError(f"input should be at most {most:g}")
        return value

    return AfterValidator(checked)


TaskFunction = Annotated[str, Field(description="'task.py:answer'")]
Evaluators = Annotated[list[str] | None, Field(description="'checks.py:correct', or a judge")]


@tool("add", "run", "spend")
async def run_experiment(
    here: Here,
    ctx: ToolContext,
    task: TaskFunction,
    dataset: str | None = None,
    name: str | None = None,
    evaluators: Evaluators = None,
    column_mappings: Mappings = None,
    concurrency: Annotated[int, Field(ge=1), at_most(runs.MOST_AT_ONCE)] = 10,
    timeout: Annotated[float, Field(gt=0), at_most(LONGEST_S)] = 120,  # noqa: ASYNC109
    repetitions: Annotated[int, Field(ge=1), at_most(MOST_REPETITIONS)] = 1,
    dry_run: bool = False,
    dry_run_count: Annotated[int, Field(ge=1)] = 10,
    exit_on_error: bool = False,
    metadata: dict[str, str] | None = None,
    retries: Annotated[int, Field(ge=0, description="429, 5xx"), at_most(MOST_RETRIES)] = 0,
    filter: str | None = None,  # noqa: A002  (as in get_experiment)
    example_ids: list[str] | None = None,
    dataset_version: str | None = None,
    params: Annotated[dict[str, Any] | None, Field(description="{model: [a, b]}")] = None,
    binding: Binding = "auto",
    python: str | None = None,
    set_global_tracer_provider: bool = False,
    restart: bool = False,
    confirm_cost: CostConfirmation = None,
    space: SpaceName = None,
) -> Reply:
    """Run a function of a Python file over a dataset, judge outputs, record an experiment.

    Called again, it goes on.

    Source: REST v2 `POST /v2/experiments`; `arize.experiments`, `phoenix.client.experiments`.
    Raises: Invalid, NotFound, Conflict.
    """
    within = await here.space(space)
    target = await here.names.dataset(dataset, within)
    folders = Folders(here.settings.folders)
    of_task = runs.function(task, folders)
    combinations = combinations_of(title_of(name or of_task.name), params or {})
    chosen = await chosen_examples(here, target, DatasetPart(filter, example_ids, dataset_version))
    judges = await wanted_judges(here, judges_of(evaluators), chosen.examples, space, column_mappings)
    plan = ExperimentPlan(
        of_task, runs.functions(evaluators or (), folders), runs.python_for(of_task, python, folders), binding,
        concurrency, timeout, repetitions, exit_on_error, set_global_tracer_provider, metadata or {},
        [one.evaluator.id for one in judges], column_mappings or {}, retries=retries,
    )  # fmt: skip
    every = ExampleCalls(chosen.examples, repetitions)
    spending = await spending_of(here, judges, chosen.examples, len(every) * len(combinations))
    goal = Goal(within, target, combinations[0].name, judges, spending, confirm_cost, chosen)
    if len(combinations) > 1:
        grid = ExperimentGrid(goal, combinations, plan, every, restart)
        return await (tried_grid(here, ctx, grid, dry_run_count) if dry_run else recorded_grid(here, ctx, grid))
    plan = combinations[0].of(plan)
    if not dry_run:
        return await recorded(here, ctx, goal, plan, every, restart)
    calls = ExampleCalls(chosen.examples[:dry_run_count], repetitions)
    ran = await runs.execute(plan, calls, None, here.settings, reporter(ctx), columns_of(judges), chosen.shape)
    refuse_unread(judges, calls, ran.results)
    head = "Dry run, nothing was recorded" + (", so no judge was asked." if judges else ".") + chosen.told
    said = Judged(announced(here, ctx, spending), [])
    return told(here, within, plan, ran, {"dry_run": True, "spending": spending.as_dict()}, head, said)


@tool("add", "run", "spend")
async def retry_experiment(
    here: Here,
    ctx: ToolContext,
    experiment: str | None = None,
    dataset: str | None = None,
    task: str | None = None,
    evaluators: list[str] | None = None,
    python: str | None = None,
    dry_run: bool = False,
    confirm_cost: CostConfirmation = None,
    space: SpaceName = None,
) -> Reply:
    """Run an experiment's failed rows again. With evaluators alone, judge its outputs.

    Source: REST v2 `POST /v2/experiments/{id}/runs`; on the engine `PUT /x/experiments/{id}/verdicts`.
    Raises: Invalid, NotFound, Conflict.
    """
    within = await here.space(space)
    dataset_id = None if dataset is None else (await here.names.dataset(dataset, within)).id
    made = await stored.experiment_of(here.api, (await here.names.experiment(experiment, within, dataset_id)).id)
    if evaluators is not None and task is None:
        judging = await stored_judging(here, made, evaluators, python, space)
        report = reporter(ctx, len(judging.every) * len(judging.judges))
        if dry_run:
            return await tried(here, ctx, within, judging, report)
        return await judge_stored(here, ctx, within, judging, confirm_cost, report)
    if made.dataset_id is None:
        raise Invalid(
            f"Experiment {exactly(made.name)} has no dataset, so no task can be run for its rows.",
            "Pass evaluators=['checks.py:correct'] to judge its outputs.",
        )
    found = await stored.runs_of(here.api, made.id)
    if not failed_calls(found):
        return Reply(f"No row of {exactly(made.name)} has failed.", {**here.source(within), "retried": 0})
    target = await here.names.dataset(made.dataset_id, within)
    # The rows that succeeded were made from this version, and not from a newer one.
    examples = await ExampleSpool.of(stored.examples_of(here.api, target.id, made.dataset_version_id))
    plan = _again(here, made, task, evaluators, python)
    named = (plan.judges, dict(plan.column_mappings)) if evaluators is None else (judges_of(evaluators), None)
    judges = await wanted_judges(here, named[0], examples, space, named[1])
    retry = _Retry(within, made, target, found, examples, judges)
    spending = await spending_of(here, judges, examples, len(retry.calls))
    if dry_run:
        return await _tried_again(here, ctx, retry, plan, spending)
    agreed = await consent(here, ctx, f"Let judges score experiment {quoted(made.name)}", spending, confirm_cost)
    if not agreed.is_given:
        return declined(here, within, agreed, spending)
    return await _retried(here, ctx, retry, plan, spending, agreed)


class _Retry(NamedTuple):
    """The failed rows of an experiment with its runs, the examples of its version, and the judges."""

    within: Named
    made: Experiment
    target: Named
    found: Sequence[ExperimentRun]
    examples: Sequence[DatasetExample]
    judges: Sequence[WantedEvaluator]

    @property
    def calls(self) -> list[PendingCall]:
        """The calls to make again."""
        failed = failed_calls(self.found)
        return [one for one in ExampleCalls(self.examples, max(one.repetition for one in failed)) if one.call in failed]

    @property
    def shape(self) -> DatasetShape:
        """The columns of the dataset."""
        return shape_of(one.columns for one in ExampleCalls(self.examples, 1))


async def _tried_again(
    here: Session, ctx: ToolContext, retry: _Retry, plan: ExperimentPlan, spending: Disclosure
) -> Reply:
    rows, taken = retry.calls, columns_of(retry.judges)
    ran = await runs.execute(plan, rows[:TRIED], None, here.settings, reporter(ctx), taken, retry.shape)
    head = f"Dry run, nothing was recorded. The same call without dry_run runs {things(len(rows), 'failed row')}."
    facts = {"dry_run": True, "would_retry": len(rows), "spending": spending.as_dict()}
    return told(here, retry.within, plan, ran, facts, head, Judged(announced(here, ctx, spending), []))


async def _retried(
    here: Session, ctx: ToolContext, retry: _Retry, plan: ExperimentPlan, spending: Disclosure, agreed: Consent
) -> Reply:
    within, made, target = retry.within, retry.made, retry.target
    new = "".join(f" {line}." for line in judges_told(retry.judges, created=True))
    judges, rows = await created(here, within, retry.judges), retry.calls
    plan = plan._replace(
        judges=[one.evaluator.id for one in judges],
        repetitions=max(plan.repetitions, *(one.call.repetition for one in rows)),
    )
    report = reporter(ctx, len(rows) * len(judges))
    with Journal(here.settings.home, made.id, "retry") as journal:
        # The results of an earlier retry are kept if the plan has not changed since.
        is_other = journal.asked != plan.asked(target.id, rows) or bool(journal.changed_files())
        runs.resume(journal, plan, target, made.name, rows, restart=is_other)
        ran = await runs.execute(plan, rows, journal, here.settings, report, columns_of(judges), retry.shape)
        origin = kept_plans.origin_of(here.settings.home, made.id)
        ran = ran._replace(changes=changes(origin, ran.origin._replace(examples=examples_of_calls(rows))))
        await runs.extend(here.api, made, ran.results, plan, runs.traces_of(retry.found))
        said = await scored(here, within, made, judges, spending, report, len(rows))
        facts = {"experiment": {"id": made.id, "name": made.name}, "dataset": target.name, "retried": len(rows)}
        facts["spending"] = spending.as_dict()
        head = f"Ran {len(rows)} failed row(s) of {exactly(made.name)} again.{new}"
        reply = told(here, within, plan, ran, facts, head, said.below(agreed.lines(spending)))
        journal.forget()
    return reply


def _again(
    here: Session, named: Experiment, task: str | None, evaluators: Sequence[str] | None, python: str | None
) -> ExperimentPlan:
    """The stored plan of the experiment, with the arguments of this call in place of the stored ones."""
    folders = Folders(here.settings.folders)
    plan = before = kept_plans.recalled(here.settings.home, named.id)
    if task is not None:
        of_task = runs.function(task, folders)
        plan = (before or ExperimentPlan(of_task, [], runs.python_for(of_task, python, folders)))._replace(task=of_task)
    if plan is None:
        raise Invalid(
            f"This data folder has no plan of {exactly(named.name)}.", "Pass task='task.py:answer' and the evaluators."
        )
    if evaluators is not None:
        plan = plan._replace(evaluators=runs.functions(evaluators, folders))
    for one in plan.functions:
        # A stored path is looked at again: the folders may be others now, and the file may be gone.
        runs.function(f"{one.file}:{one.name}", folders)
    if python is not None:
        plan = plan._replace(python=runs.python_for(plan.functions[0], python, folders))
    return plan
