"""An experiment run from a user's file: planned, executed row by row into a journal, and written to the backend."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import anyio

from assaykit.api.batches import batches
from assaykit.api.client import Api, path
from assaykit.api.experiments import named, runs_of, taken
from assaykit.errors import Conflict, Invalid, quote
from assaykit.files.folders import Folders, locate
from assaykit.names import Named
from assaykit.runner.interpreter import environment, interpreter
from assaykit.runner.journal import FOLDER, Journal
from assaykit.runner.processes import Worker
from assaykit.runner.progress import Progress, Report
from assaykit.runner.results import ExampleCall, RowResult, columns
from assaykit.runner.spans import PROTOBUF, otlp
from assaykit.runner.worker_pool import PendingCall, WorkerPool
from assaykit.settings import Settings
from assaykit.wire.datasets import DatasetExample
from assaykit.wire.experiments import (
    CreateExperimentRequest,
    Experiment,
    ExperimentRun,
    ExperimentRunInput,
    ExperimentWithRunIds,
    InsertExperimentRunsRequest,
)
from assaykit.wire.projects import Project

MOST_AT_ONCE = 100
SPANS_PER_REQUEST = 500

Binding = Literal["auto", "ax", "phoenix"]


class FunctionReference(NamedTuple):
    """Something callable in a file of the user's."""

    file: Path
    name: str

    @property
    def sent(self) -> dict[str, str]:
        """As the worker is told."""
        return {"file": str(self.file), "name": self.name}


class ExperimentPlan(NamedTuple):
    """What is run, and how. `timeout_s` is for a row with its evaluators."""

    task: FunctionReference
    evaluators: Sequence[FunctionReference]
    python: Path
    binding: Binding = "auto"
    concurrency: int = 10
    timeout_s: float = 120.0
    repetitions: int = 1
    exit_on_error: bool = False
    joins_spans: bool = False
    metadata: Mapping[str, str] = {}
    judges: Sequence[str] = ()
    """Ids of judges of the backend, which are asked once the runs are there."""

    def asked(self, dataset_id: str) -> dict[str, Any]:
        """What decides on the results, as a journal has it: a file that was changed is another one."""
        functions = [self.task, *self.evaluators]
        return {
            "dataset": dataset_id,
            "functions": [[str(one.file), one.name, _digest(one.file)] for one in functions],
            "binding": self.binding,
            "repetitions": self.repetitions,
            "metadata": dict(self.metadata),
            "judges": list(self.judges),
        }


class Ran(NamedTuple):
    """What came of it. `resumed` results were there before; `stopped_by` is the error that ended it all.

    `shown` is the first row that failed, else the first of all.
    """

    results: Sequence[RowResult]
    ready: Mapping[str, Any]
    resumed: int
    stopped_by: RowResult | None
    shown: PendingCall


def functions(texts: Sequence[str], folders: Folders) -> list[FunctionReference]:
    """Those of the texts that name functions of files, and no judges.

    Raises: as `function`.
    """
    return [function(one, folders) for one in texts if is_function(one)]


def function(text: str, folders: Folders) -> FunctionReference:
    """`task.py:answer` as a function.

    Raises:
        Invalid: it is none, or the file lies outside of the folders, or leads there.
        NotFound: no folder has the file.
    """
    file, colon, name = text.rpartition(":")
    if not colon or not file.endswith(".py") or not name.replace(".", "_").isidentifier():
        raise Invalid(f"{quote(text)!r} is no function of a file.", "Write it as 'task.py:answer'.")
    return FunctionReference(locate(file, folders), name)


def is_function(text: str) -> bool:
    """Whether a file is meant, and no judge."""
    return ".py:" in text or text.endswith(".py")


def python_for(task: FunctionReference, wanted: str | None, folders: Folders) -> Path:
    """The interpreter that a task is run by.

    Raises:
        Invalid: the one that is wanted is none.
    """
    above = [folder.resolve() for folder in folders.allowed if task.file.resolve().is_relative_to(folder.resolve())]
    return interpreter(wanted, task.file.resolve(), above[0] if above else task.file.parent)


def calls_of(examples: Sequence[DatasetExample], repetitions: int) -> list[PendingCall]:
    """The calls to make: each example once, then each once more, so that an early end has looked at all of them."""
    told = [(one.id, {"id": one.id, **(one.model_extra or {})}) for one in examples]
    return [PendingCall(ExampleCall(key, number), found) for number in range(1, repetitions + 1) for key, found in told]


async def execute(
    plan: ExperimentPlan,
    calls: Sequence[PendingCall],
    journal: Journal | None,
    settings: Settings,
    report: Report,
    taken: Sequence[str] = (),
) -> Ran:
    """Make the calls that the journal has no result of. No evaluator may have a name that is `taken`.

    Raises:
        Invalid: the user's file cannot be used; the reason is its own.
    """
    done: dict[ExampleCall, RowResult] = {} if journal is None else dict(journal.results)
    resumed = len(done)
    left = [row for row in calls if row.call not in done]
    stopped_by: list[RowResult] = []

    progress = Progress(report, len(calls), resumed)

    async def keep(result: RowResult) -> None:
        done[result.call] = result
        progress.done = len(done)
        if journal is not None:
            journal.keep(result)
        if plan.exit_on_error and result.error is not None:
            stopped_by.append(result)
            crew.stop()

    asked = {
        "task": plan.task.sent,
        "evaluators": [one.sent for one in plan.evaluators],
        "binding": plan.binding,
        "metadata": dict(plan.metadata),
        "joins_spans": plan.joins_spans,
        "timeout_s": plan.timeout_s,
        "together": plan.concurrency,
        "taken": list(taken),
    }
    start = partial(Worker.open, plan.python, asked, plan.task.file.parent, environment(settings.environment))
    crew = WorkerPool(start, keep, plan.concurrency, plan.timeout_s, progress.begin)
    failed: Invalid | None = None
    if left:
        async with anyio.create_task_group() as group:
            group.start_soon(progress.keep_telling)
            failed = await _outcome(crew, left)
            group.cancel_scope.cancel()
    if failed is not None:
        raise failed
    await progress.tell()
    found = [done[row.call] for row in calls if row.call in done]
    shown = next((row for row in calls if row.call in done and done[row.call].error is not None), calls[0])
    return Ran(found, crew.ready, resumed, stopped_by[0] if stopped_by else None, shown)


async def _outcome(crew: WorkerPool, left: Sequence[PendingCall]) -> Invalid | None:
    """Why the rows could not be done; raised in here it would come out in a group."""
    try:
        await crew.run(left)
    except Invalid as error:
        return error
    return None


def resume(journal: Journal, plan: ExperimentPlan, dataset: Named, name: str, *, restart: bool) -> None:
    """Go on with what the journal has, or begin it; one without a result holds nobody to anything.

    Raises:
        Conflict: it was begun with another task, evaluators or options.
    """
    asked = plan.asked(dataset.id)
    if restart or not journal.results:
        journal.begin(asked)
    elif journal.asked != asked:
        changed = [key for key in asked if asked[key] != journal.asked.get(key)]
        raise Conflict(
            f"The experiment {name!r} was begun with other {' and '.join(changed)}; "
            f"{len(journal.results)} of its rows are done.",
            "Pass restart=true to do them again, or another name.",
        )


async def write(api: Api, dataset: Named, name: str, results: Sequence[RowResult], plan: ExperimentPlan) -> Experiment:
    """The results as an experiment, with their spans where the backend takes them. What is there of it already stays.

    Raises:
        Conflict: there is an experiment of this name that is not this one.
    """
    made, written = await _found(api, dataset, name, results)
    left = [one for one in results if one.call not in written]
    told = [columns(one, plan.metadata, plan.repetitions) for one in left]
    for some in batches(told):
        inputs = [ExperimentRunInput.model_validate(row) for row in some]
        if made is None:
            body = CreateExperimentRequest(name=name, dataset_id=dataset.id, experiment_runs=inputs)
            made = await api.post("/v2/experiments", ExperimentWithRunIds, body)
        else:
            await add(api, made, inputs)
    if made is None:
        raise Invalid("Nothing was run, so there is no experiment to write.", "Give the dataset examples.")
    await send_spans(api, made, results)
    return made


async def extend(
    api: Api, experiment: Experiment, results: Sequence[RowResult], plan: ExperimentPlan, written: set[str | None]
) -> None:
    """Further runs of an experiment with their spans; those in a trace that is `written` are there already."""
    new = [one for one in results if not (one.spans and one.spans[0]["trace_id"] in written)]
    for some in batches([columns(one, plan.metadata, plan.repetitions) for one in new]):
        await add(api, experiment, [ExperimentRunInput.model_validate(row) for row in some])
    await send_spans(api, experiment, results)


async def add(api: Api, experiment: Experiment, inputs: list[ExperimentRunInput]) -> None:
    """More runs of an experiment."""
    body = InsertExperimentRunsRequest(experiment_runs=inputs)
    await api.post(path("v2", "experiments", experiment.id, "runs"), ExperimentWithRunIds, body)


async def _found(
    api: Api, dataset: Named, name: str, results: Sequence[RowResult]
) -> tuple[Experiment | None, set[ExampleCall]]:
    """What an earlier try has written, before it was killed."""
    there = await named(api, dataset.id, name)
    if there is None:
        return None, set()
    runs = await runs_of(api, there.id)
    ours = {one.spans[0]["trace_id"] for one in results if one.spans}
    if not traces_of(runs) <= ours:
        raise taken(dataset.name, name)
    return there, {ExampleCall(run.example_id or "", int((run.model_extra or {}).get("repetition", 1))) for run in runs}


def traces_of(found: Sequence[ExperimentRun]) -> set[str | None]:
    """The traces of some runs, by which one that was written is known again."""
    return {(run.model_extra or {}).get("result.trace.id") for run in found}


async def send_spans(api: Api, experiment: Experiment, results: Sequence[RowResult]) -> None:
    """The spans of the calls, into the experiment's own project; nothing where the backend has no such route."""
    spans = [span for one in results for span in one.spans]
    if not spans or not await api.has_engine_routes():
        return
    project = await api.post(path("x", "experiments", experiment.id, "traces"), Project)
    for start in range(0, len(spans), SPANS_PER_REQUEST):
        some = spans[start : start + SPANS_PER_REQUEST]
        await api.send_bytes("/v1/traces", otlp(some, project.name), PROTOBUF)


def remember(home: Path, experiment_id: str, plan: ExperimentPlan) -> None:
    """Keep how an experiment was run, so that its failed rows can be run again without saying it all once more."""
    functions = [[str(one.file), one.name] for one in (plan.task, *plan.evaluators)]
    told = plan._asdict() | {"python": str(plan.python), "functions": functions}
    del told["task"], told["evaluators"]
    place = _kept_at(home, experiment_id)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    place.write_text(json.dumps(told), encoding="utf-8")


def recalled(home: Path, experiment_id: str) -> ExperimentPlan | None:
    """How an experiment was run; None where this data folder does not know."""
    place = _kept_at(home, experiment_id)
    if not place.exists():
        return None
    told = json.loads(place.read_text(encoding="utf-8"))
    task, *evaluators = (FunctionReference(Path(file), name) for file, name in told.pop("functions"))
    return ExperimentPlan(task, evaluators, Path(told.pop("python")), **told)


def _kept_at(home: Path, experiment_id: str) -> Path:
    return home / FOLDER / f"{hashlib.sha256(experiment_id.encode()).hexdigest()[:24]}.json"


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
