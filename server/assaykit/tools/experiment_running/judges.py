"""Scoring of an experiment's outputs by judges of the backend, through an evaluation task that is created once."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import anyio

from assaykit.api.client import path
from assaykit.column_paths import Row
from assaykit.errors import Invalid
from assaykit.experiments.executing import is_function
from assaykit.foreign import exactly
from assaykit.judge.providers.prices import CHARACTERS, REPLY_TOKENS
from assaykit.names import Named
from assaykit.planning.disclosures import Disclosure, Hosts, judge_calls
from assaykit.planning.queries import WantedEvaluator
from assaykit.planning.spans import mappings_for, plan_experiments, reads_run, run_row, try_mappings
from assaykit.runner.results import RowResult, text
from assaykit.runner.worker_pool import PendingCall
from assaykit.session import Session
from assaykit.toolkit.spending import stopping
from assaykit.tools.runs.parts import triggered
from assaykit.tools.runs.targets import NAME_LIMIT, task_for
from assaykit.tools.runs.waiting import told_of
from assaykit.tools.tasks.evaluators import entries, task_type, wanted_evaluators
from assaykit.tools.tasks.units import refuse_on_dataset
from assaykit.wire.datasets import DatasetExample
from assaykit.wire.experiments import Experiment, ExperimentRun
from assaykit.wire.local import RunLimits
from assaykit.wire.runs import ACTIVE_STATUSES, TaskRun, TaskRunPage, TriggerEvaluationRequest
from assaykit.wire.tasks import CreateTaskRequest, Task

HAS_OUTPUT = "execution_status = 'COMPLETED'"
"""The filter of such a task. A failed row has no output to judge."""

LONGEST_WAIT_S = 3600
EVERY_ROW = 2**31
"""A limit of the rows of a run that no experiment reaches."""

_TRIED = 20
_OUTPUT = "-" * (CHARACTERS * REPLY_TOKENS)
"""An output of the usual length. The real ones do not exist yet."""

_PAUSES_S = 0.05, 1.0

OnProgress = Callable[[int], Awaitable[None]]


class Judged(NamedTuple):
    """The report on the judges' runs: lines of text, and each run as data."""

    lines: Sequence[str]
    data: Sequence[dict[str, Any]]

    def below(self, lines: Sequence[str]) -> "Judged":
        """The same report below these lines."""
        return Judged([*lines, *self.lines], self.data)


NOTHING_SAID = Judged((), ())


def judges_of(evaluators: Sequence[str] | None) -> list[str]:
    """The evaluators that name judges, and not functions of a file."""
    return [one for one in evaluators or () if not is_function(one)]


def columns_of(wanted: Sequence[WantedEvaluator]) -> list[str]:
    """The column names of the judges' verdicts."""
    return [one.config.name for one in wanted]


async def wanted_judges(
    here: Session,
    names: Sequence[str],
    examples: Sequence[DatasetExample],
    space: str | None,
    column_mappings: dict[str, str] | None = None,
) -> list[WantedEvaluator]:
    """The judges of these names, tried on the dataset's first examples with a made-up output, before anything is run.

    Raises:
        NotFound: no judge has one of the names; a function of a file is written 'checks.py:correct'.
        Invalid: mappings are given without a judge, a judge is named twice, judges whole traces, or reads a column that
            no row has.
    """
    if not names:
        if column_mappings:
            raise Invalid("column_mappings is for judges by name, and there is none.", "Name a judge, or leave it out.")
        return []
    wanted = await wanted_evaluators(here, names, column_mappings, space)
    refuse_on_dataset(wanted)
    for one in wanted:
        mappings_for(reads_run(one), _tried_rows(one, examples, "-"))
    columns = columns_of(wanted)
    if twice := next((name for name in columns if columns.count(name) > 1), None):
        raise Invalid(f"Two of the judges write the column {exactly(twice)}.", "Name one of them.")
    return wanted


def _tried_rows(judge: WantedEvaluator, examples: Sequence[DatasetExample], output: str) -> list[Row]:
    """Rows of a run that has not begun: the first examples with a made-up output.

    That output has a value at each path below `output` that the judge's mappings name.
    """
    inside = {path: output for path in (judge.column_mappings or {}).values() if path.startswith("output.")}
    run = ExperimentRun(id="", output=output)
    return [{**run_row(run, one.model_extra or {}), **inside} for one in examples[:_TRIED]]


def refuse_unread(
    wanted: Sequence[WantedEvaluator], calls: Sequence[PendingCall], results: Sequence[RowResult]
) -> None:
    """Try the judges' mappings on the outputs of a run, before it is recorded.

    Raises:
        Invalid: a judge finds no value in any output.
    """
    if not wanted:
        return
    examples = {one.call: one.columns for one in calls}
    ended = [(examples[one.call], text(one.output)) for one in results if one.error is None]
    rows = [run_row(ExperimentRun(id="", output=output), example) for example, output in ended]
    for one in wanted:
        if rows:
            mappings_for(reads_run(one), rows)


async def spending_of(
    here: Session, wanted: Sequence[WantedEvaluator], examples: Sequence[DatasetExample], rows: int
) -> Disclosure:
    """The disclosure of the judges' calls on so many rows. The calls of the user's own function are unknown.

    Raises:
        Invalid: the user's price list cannot be read.
    """
    hosts = Hosts(here)
    models = [
        await judge_calls(
            here, hosts, one.judge, try_mappings(reads_run(one), _tried_rows(one, examples, _OUTPUT)), rows
        )
        for one in wanted
        if one.judge is not None
    ]
    on_ax = not await here.api.has_engine_routes()
    return stopping(here, Disclosure(rows, "rows", models, on_ax=on_ax, max_spans=rows if models else None))


async def judged(
    here: Session,
    within: Named,
    experiment: Experiment,
    wanted: Sequence[WantedEvaluator],
    stops_at: float | None,
    progress: OnProgress,
) -> Judged:
    """Let the judges score the rows that have no verdict of theirs. `progress` gets the number of rows done.

    `stops_at` is the limit of the judges' calls in US dollars. If an earlier call has begun a judge run, this one waits
    for it.
    """
    runs: list[TaskRun] = []
    for kind in dict.fromkeys(one.evaluator.type for one in wanted):
        some = [one for one in wanted if one.evaluator.type == kind]
        limits = RunLimits(max_cost=stops_at if kind == "TEMPLATE" else None)
        run = await _run(here, within, experiment, some, limits)
        if run is not None:
            runs.append(run)
    lines: list[str] = []
    data: list[dict[str, Any]] = []
    for run in await _ended(here, runs, progress):
        line, told = await told_of(here, run)
        lines.append(line)
        data.append(told)
    return Judged(lines, data)


async def _run(
    here: Session, within: Named, experiment: Experiment, wanted: Sequence[WantedEvaluator], limits: RunLimits
) -> TaskRun | None:
    """The run of a task in which these judges score the experiment. None if nothing is left to score."""
    trigger = TriggerEvaluationRequest(experiment_ids=[experiment.id], max_spans=EVERY_ROW)
    plan = await plan_experiments(here.api, experiment.dataset_id or "", trigger, wanted, HAS_OUTPUT)
    if not plan.rows:
        return None
    asked = CreateTaskRequest(
        name=f"{' + '.join(one.evaluator.name for one in wanted)} on {experiment.name}"[:NAME_LIMIT],
        type=task_type(None, wanted),
        dataset_id=experiment.dataset_id,
        experiment_ids=[experiment.id],
        evaluators=entries(wanted, plan),
        query_filter=HAS_OUTPUT,
    )
    task, _ = await task_for(here, within, asked)
    if (running := await _under_way(here, task)) is not None:
        return running
    return await triggered(here, task.id, trigger, limits)


async def _under_way(here: Session, task: Task) -> TaskRun | None:
    at = path("v2", "tasks", task.id, "runs")
    for status in ACTIVE_STATUSES:
        if found := (await here.api.get(at, TaskRunPage, limit=1, status=status)).task_runs:
            return found[0]
    return None


async def _ended(here: Session, runs: Sequence[TaskRun], progress: OnProgress) -> list[TaskRun]:
    """Wait for the runs, for an hour at most, and return their last state."""
    found = list(runs)
    pause, longest = _PAUSES_S
    with anyio.move_on_after(LONGEST_WAIT_S):
        while not all(run.is_final for run in found):
            await progress(sum(run.rows_done for run in found))
            await anyio.sleep(pause)
            pause = min(pause * 1.5, longest)
            found = [await here.api.get(path("v2", "task-runs", run.id), TaskRun) for run in found]
    return found
