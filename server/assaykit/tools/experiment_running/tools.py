"""Toolset running: runs a function of the user's over the examples of a dataset, in the user's own interpreter."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from pydantic import Field

from assaykit.api import experiments as stored
from assaykit.api.client import LONGEST_NAME
from assaykit.errors import Invalid, quote
from assaykit.experiments import executing as runs
from assaykit.experiments.content import Content, changes, examples_of_calls
from assaykit.experiments.executing import Binding, ExperimentPlan, Ran
from assaykit.figures import things
from assaykit.files.folders import Folders
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.planning.disclosures import Disclosure
from assaykit.planning.queries import WantedEvaluator
from assaykit.runner.assaykit_worker.examples import shape_of
from assaykit.runner.journal import Journal
from assaykit.runner.progress import Report
from assaykit.runner.results import ExampleCall, RowResult
from assaykit.runner.worker_pool import PendingCall
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.parameters import Here, Mappings, SpaceName, ToolContext
from assaykit.toolkit.replies import Reply, quoted
from assaykit.toolkit.spending import Consent, CostConfirmation, announced, consent
from assaykit.tools.experiment_running.judges import (
    Judged,
    columns_of,
    judged,
    judges_of,
    refuse_unread,
    spending_of,
    wanted_judges,
)
from assaykit.tools.experiment_running.results import told
from assaykit.tools.tasks.catalogue import is_new, judges_told
from assaykit.tools.tasks.units import created
from assaykit.wire.experiments import Experiment, ExperimentRun

TOOLSET = "running"
"""The name that `--toolsets` takes. The folder is named apart from `runs`, the toolset of task runs."""

LONGEST_S = 3600

TaskFunction = Annotated[str, Field(description="'task.py:answer'")]
Evaluators = Annotated[list[str] | None, Field(description="'checks.py:correct', or a judge")]


@tool("add", "run", "spend")
async def run_experiment(
    here: Here,
    ctx: ToolContext,
    task: TaskFunction,
    dataset: str | None = None,
    name: Annotated[str | None, Field(description="Else of task")] = None,
    evaluators: Evaluators = None,
    column_mappings: Mappings = None,
    concurrency: Annotated[int, Field(ge=1, le=runs.MOST_AT_ONCE)] = 10,
    timeout: Annotated[float, Field(gt=0, le=LONGEST_S, description="Seconds")] = 120,  # noqa: ASYNC109
    repetitions: Annotated[int, Field(ge=1, le=100)] = 1,
    dry_run: bool = False,
    dry_run_count: Annotated[int, Field(ge=1)] = 10,
    exit_on_error: bool = False,
    metadata: Annotated[dict[str, str] | None, Field(description="{model: x}")] = None,
    binding: Binding = "auto",
    python: Annotated[str | None, Field(description="Else .venv")] = None,
    set_global_tracer_provider: bool = False,
    restart: bool = False,
    confirm_cost: CostConfirmation = None,
    space: SpaceName = None,
) -> Reply:
    """Run a function of a Python file over a dataset, judge the outputs, record an experiment.

    Killed or cancelled, the same call goes on where it stopped. A dry run records nothing.

    Source: REST v2 `POST /v2/experiments`; `arize.experiments`, `phoenix.client.experiments`.
    Raises: Invalid, NotFound, Conflict.
    """
    within = await here.space(space)
    target = await here.names.dataset(dataset, within)
    folders = Folders(here.settings.folders)
    of_task = runs.function(task, folders)
    examples = [one async for one in stored.examples_of(here.api, target.id)]
    if not examples:
        raise Invalid(f"Dataset {exactly(target.name)} has no examples.", "append_examples puts some into it.")
    judges = await wanted_judges(here, judges_of(evaluators), examples, space, column_mappings)
    plan = ExperimentPlan(
        of_task, runs.functions(evaluators or (), folders), runs.python_for(of_task, python, folders), binding,
        concurrency, timeout, repetitions, exit_on_error, set_global_tracer_provider, metadata or {},
        [one.evaluator.id for one in judges], column_mappings or {},
    )  # fmt: skip
    title = _title(name or of_task.name)
    every = runs.calls_of(examples, repetitions)
    spending = await spending_of(here, judges, examples, len(every))
    if dry_run:
        calls = runs.calls_of(examples[:dry_run_count], repetitions)
        shape = shape_of(one.columns for one in every)
        ran = await runs.execute(plan, calls, None, here.settings, _reporter(ctx), columns_of(judges), shape)
        refuse_unread(judges, calls, ran.results)
        head = "Dry run, nothing was recorded" + (", so no judge was asked." if judges else ".")
        said = Judged(announced(here, ctx, spending), [])
        return told(here, within, plan, ran, {"dry_run": True, "spending": spending.as_dict()}, head, said)
    goal = Goal(within, target, title, judges, spending, confirm_cost)
    return await _recorded(here, ctx, goal, plan, every, restart)


def _title(name: str) -> str:
    """The name, if an experiment can have it. Found out later, every row would be run for nothing.

    Raises:
        Invalid: the name is blank, too long, or has a quotation mark or a backslash.
    """
    if not name.strip() or len(name) > LONGEST_NAME or set(name) & {'"', "\\"}:
        raise Invalid(
            f"An experiment cannot be named {quote(name, 60)!r}.",
            f"Pass a name of 1 to {LONGEST_NAME} characters without quotation marks and backslashes.",
        )
    return name


class Goal(NamedTuple):
    """The experiment that records a run, the judges that score it, and what they spend."""

    within: Named
    dataset: Named
    name: str
    judges: Sequence[WantedEvaluator]
    spending: Disclosure
    confirm_cost: CostConfirmation


async def _recorded(
    here: Session, ctx: ToolContext, goal: Goal, plan: ExperimentPlan, calls: list[PendingCall], restart: bool
) -> Reply:
    within, target, title, judges, spending, confirm_cost = goal
    report = _reporter(ctx, len(calls) * len(judges))
    with Journal(here.settings.home, target.id, title) as journal:
        if not journal.asked and await stored.named(here.api, target.id, title) is not None:
            raise stored.taken(target.name, title)
        agreed = await consent(here, ctx, f"Let judges score experiment {quoted(title)}", spending, confirm_cost)
        if not agreed.is_given:
            return _declined(here, within, agreed, spending)
        if any(map(is_new, judges)):
            # A call that is refused here creates no judge.
            runs.resume(journal, plan, target, title, calls, restart=restart)
            judges = await created(here, within, judges)
            plan = plan._replace(judges=[one.evaluator.id for one in judges])
        runs.resume(journal, plan, target, title, calls, restart=restart)
        ran = await runs.execute(plan, calls, journal, here.settings, report, columns_of(judges))
        if ran.stopped_by is not None:
            raise _stopped(journal, plan, ran, ran.stopped_by)
        refuse_unread(judges, calls, ran.results)
        made = await runs.write(here.api, target, title, ran.results, plan)
        origin = Content({**journal.files}, {**journal.packages}, examples_of_calls(calls))
        runs.remember(here.settings.home, made.id, plan, origin)
        here.names.forget()
        said = await _asked(here, within, made, judges, spending, report, len(calls))
        journal.forget()
    were = "was" if ran.resumed == 1 else "were"
    resumed = f" {things(ran.resumed, 'row')} {were} done before." if ran.resumed else ""
    if journal.damaged:
        lines = things(journal.damaged, "damaged line")
        resumed += f" Its journal had {lines}; each row without a readable result was run again."
    facts = {"experiment": {"id": made.id, "name": made.name}, "dataset": target.name, "resumed": ran.resumed}
    facts["spending"] = spending.as_dict()
    new = "".join(f" {line}." for line in judges_told(goal.judges, created=True))
    head = f"Experiment {exactly(made.name)} ({made.id}) on {exactly(target.name)}.{resumed}{new}"
    return told(here, within, plan, ran, facts, head, said.below(agreed.lines(spending)))


def _declined(here: Session, within: Named, agreed: Consent, spending: Disclosure) -> Reply:
    data = {**here.source(within), "started": False, "spending": spending.as_dict()}
    return Reply(f"Nothing was started: {agreed.said}", data)


def _stopped(journal: Journal, plan: ExperimentPlan, ran: Ran, row: RowResult) -> Invalid:
    """The error for a run that ended at its first failed row. Results of an earlier call are kept."""
    kept = ""
    if ran.resumed:
        journal.drop([one.call for one in ran.results if one.error is not None])
        kept = f" The {len(journal.results)} rows that succeeded, some of them in an earlier call, are kept."
    else:
        journal.forget()
    return Invalid(
        f"Stopped at the first error, on example {row.call.example_id}: {row.error}",
        f"Nothing was recorded.{kept} Correct the function{', or leave out exit_on_error' * plan.exit_on_error}.",
    )


async def _asked(
    here: Session,
    within: Named,
    made: Experiment,
    judges: Sequence[WantedEvaluator],
    spending: Disclosure,
    report: Report,
    done: int,
) -> Judged:
    """Let the judges score the recorded runs."""

    async def progress(judged: int) -> None:
        await report(done + judged, done, f"{judged} of {done * len(judges)} verdicts of judges")

    return await judged(here, within, made, judges, spending.stops_at, progress) if judges else Judged([], [])


@tool("add", "run", "spend")
async def retry_experiment(
    here: Here,
    ctx: ToolContext,
    experiment: str | None = None,
    dataset: str | None = None,
    task: Annotated[str | None, Field(description="Else that of the run")] = None,
    evaluators: Evaluators = None,
    python: str | None = None,
    confirm_cost: CostConfirmation = None,
    space: SpaceName = None,
) -> Reply:
    """Run an experiment's failed rows again, as further runs.

    Source: REST v2 `POST /v2/experiments/{id}/runs`.
    Raises: Invalid, NotFound, Conflict.
    """
    within = await here.space(space)
    dataset_id = None if dataset is None else (await here.names.dataset(dataset, within)).id
    made = await stored.experiment_of(here.api, (await here.names.experiment(experiment, within, dataset_id)).id)
    target = await here.names.dataset(made.dataset_id, within)
    # The rows that succeeded were made from this version, and not from a newer one.
    examples = [one async for one in stored.examples_of(here.api, target.id, made.dataset_version_id)]
    plan = _again(here, made, task, evaluators, python)
    named = (plan.judges, dict(plan.column_mappings)) if evaluators is None else (judges_of(evaluators), None)
    judges = await wanted_judges(here, named[0], examples, space, named[1])
    plan = plan._replace(judges=[one.evaluator.id for one in judges])
    found = await stored.runs_of(here.api, made.id)
    calls = _failed(found)
    if not calls:
        return Reply(f"No row of {exactly(made.name)} has failed.", {**here.source(within), "retried": 0})
    new = "".join(f" {line}." for line in judges_told(judges, created=True))
    spending = await spending_of(here, judges, examples, len(calls))
    agreed = await consent(here, ctx, f"Let judges score experiment {quoted(made.name)}", spending, confirm_cost)
    if not agreed.is_given:
        return _declined(here, within, agreed, spending)
    judges = await created(here, within, judges)
    plan = plan._replace(
        judges=[one.evaluator.id for one in judges],
        repetitions=max(plan.repetitions, *(call.repetition for call in calls)),
    )
    rows = [row for row in runs.calls_of(examples, plan.repetitions) if row.call in calls]
    report = _reporter(ctx, len(rows) * len(judges))
    with Journal(here.settings.home, made.id, "retry") as journal:
        # The results of an earlier retry are kept if the plan has not changed since.
        runs.resume(journal, plan, target, made.name, rows, restart=journal.asked != plan.asked(target.id, rows))
        shape = shape_of(one.columns for one in runs.calls_of(examples, 1))
        ran = await runs.execute(plan, rows, journal, here.settings, report, columns_of(judges), shape)
        origin = runs.origin_of(here.settings.home, made.id)
        ran = ran._replace(changes=changes(origin, ran.origin._replace(examples=examples_of_calls(rows))))
        await runs.extend(here.api, made, ran.results, plan, runs.traces_of(found))
        said = await _asked(here, within, made, judges, spending, report, len(rows))
        journal.forget()
    facts = {"experiment": {"id": made.id, "name": made.name}, "dataset": target.name, "retried": len(rows)}
    facts["spending"] = spending.as_dict()
    head = f"Ran {len(rows)} failed row(s) of {exactly(made.name)} again.{new}"
    return told(here, within, plan, ran, facts, head, said.below(agreed.lines(spending)))


def _again(
    here: Session, named: Experiment, task: str | None, evaluators: Sequence[str] | None, python: str | None
) -> ExperimentPlan:
    """The stored plan of the experiment, with the arguments of this call in place of the stored ones."""
    folders = Folders(here.settings.folders)
    plan = before = runs.recalled(here.settings.home, named.id)
    if task is not None:
        of_task = runs.function(task, folders)
        plan = (before or ExperimentPlan(of_task, [], runs.python_for(of_task, python, folders)))._replace(task=of_task)
    if plan is None:
        raise Invalid(
            f"This data folder has no plan of {exactly(named.name)}.", "Pass task='task.py:answer' and the evaluators."
        )
    if evaluators is not None:
        plan = plan._replace(evaluators=runs.functions(evaluators, folders))
    for one in (plan.task, *plan.evaluators):
        # A stored path is looked at again: the folders may be others now, and the file may be gone.
        runs.function(f"{one.file}:{one.name}", folders)
    if python is not None:
        plan = plan._replace(python=runs.python_for(plan.task, python, folders))
    return plan


def _failed(found: Sequence[ExperimentRun]) -> set[ExampleCall]:
    """The calls for which every run failed."""
    ended: dict[ExampleCall, bool] = {}
    for run in found:
        call = runs.call_of(run)
        ended[call] = ended.get(call, False) or not run.error
    return {call for call, is_good in ended.items() if not is_good}


def _reporter(ctx: ToolContext, verdicts: int = 0) -> Report:
    """A callback that reports progress. Its total includes the verdicts of judges, which come after the rows."""

    async def report(done: int, total: int, words: str) -> None:
        await ctx.report_progress(done, total + verdicts, words)

    return report
