"""An experiment run from a user's file: planned, executed row by row into a journal, and written to the backend."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, NamedTuple

import anyio
import anyio.to_thread

from assaykit import redaction
from assaykit.api.batches import batches
from assaykit.api.client import Api, path
from assaykit.api.experiments import named, runs_of, taken
from assaykit.errors import AssayError, Conflict, Invalid, NotFound, quote
from assaykit.experiments.content import Content, changes
from assaykit.files.folders import Folders, locate
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.runner.assaykit_worker.examples import DatasetShape, shape_of
from assaykit.runner.assaykit_worker.notebooks import SUFFIX
from assaykit.runner.code import code_of
from assaykit.runner.interpreter import environment, interpreter
from assaykit.runner.journal import Journal, digest_of
from assaykit.runner.processes import Worker
from assaykit.runner.progress import Progress, Report
from assaykit.runner.result_lines import OrderedResults
from assaykit.runner.results import ExampleCall, RowResult, columns, with_code
from assaykit.runner.spans import PROTOBUF, import_protobuf, otlp
from assaykit.runner.worker_pool import PendingCall, Start, WorkerPool
from assaykit.settings import Settings
from assaykit.wire.experiments import (
    CreateExperimentRequest,
    Experiment,
    ExperimentRun,
    ExperimentRunInput,
    ExperimentWithRunIds,
    InsertExperimentRunsRequest,
)
from assaykit.wire.local import PinnedExperiment
from assaykit.wire.projects import Project

MOST_AT_ONCE = 100
SPANS_PER_REQUEST = 500

Binding = Literal["auto", "ax", "phoenix"]

_DIGITS = 10
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+:[^\W\d]\w*(\.[^\W\d]\w*)*")
"""A function of a module inside a package. A name without a dot before the colon may be a judge's."""

_UNFIT = "which JSON cannot hold"
"""Part of the error of an output that cannot be recorded. If the first rows have it, the others are not paid for."""


class FunctionReference(NamedTuple):
    """A function in one of the user's files."""

    file: Path
    name: str

    @property
    def sent(self) -> dict[str, str]:
        """The reference as the worker gets it."""
        return {"file": str(self.file), "name": self.name}


class ExperimentPlan(NamedTuple):
    """The functions and options of an experiment. `timeout_s` limits one row with its evaluators, in seconds.

    Without a task, the evaluators judge the stored outputs of the calls.
    """

    task: FunctionReference | None
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
    """Ids of judges of the backend. They score the runs after all of them are written."""

    column_mappings: Mapping[str, str] = {}
    """The paths of the judges' variables."""

    params: Mapping[str, Any] = {}
    """Values of parameters of the task, as JSON. They come before the columns of the dataset."""

    retries: int = 0
    """The most times that a call of a function is made again after a 429 or 5xx of its client."""

    @property
    def functions(self) -> list[FunctionReference]:
        """The task, if there is one, and the evaluators."""
        return [*([] if self.task is None else [self.task]), *self.evaluators]

    def request(self, taken: Sequence[str], shape: DatasetShape) -> dict[str, Any]:
        """The request for a worker. No evaluator may have a name in `taken`. `shape` is that of the whole dataset."""
        return {
            "shape": [sorted(shape.columns), shape.nested, shape.answers],
            "task": None if self.task is None else self.task.sent,
            "evaluators": [one.sent for one in self.evaluators],
            "binding": self.binding,
            "metadata": dict(self.metadata),
            "params": dict(self.params),
            "joins_spans": self.joins_spans,
            "timeout_s": self.timeout_s,
            "together": self.concurrency,
            "retries": self.retries,
            "taken": list(taken),
        }

    def asked(self, dataset_id: str, calls: Sequence[PendingCall]) -> dict[str, Any]:
        """The inputs that determine the results, for a journal. Digests show whether a file or an example was changed.

        The journal itself notes the files that these files import.
        """
        judged = [[*one.call, one.judged] for one in calls if one.judged is not None]
        return {
            "dataset": dataset_id,
            "examples": _digest(calls),
            **({"outputs": _digest_of(judged)} if judged else {}),
            "python": str(self.python),
            "functions": [[str(one.file), one.name, digest_of(one.file)] for one in self.functions],
            "binding": self.binding,
            "repetitions": self.repetitions,
            "metadata": dict(self.metadata),
            "params": dict(self.params),
            "judges": list(self.judges),
        }


def _digest(calls: Sequence[PendingCall]) -> str:
    """A digest of the examples as one JSON object, made example by example, so that no text holds all of them."""
    found, before = hashlib.sha256(b"{"), ""
    for key, row in sorted({one.call.example_id: one.columns for one in calls}.items(), key=itemgetter(0)):
        told = json.dumps({key: dict(row)}, sort_keys=True, default=str)[1:-1]
        found.update(f"{before}{told}".encode())
        before = ", "
    found.update(b"}")
    return found.hexdigest()


def _digest_of(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


class Ran(NamedTuple):
    """The results of an execution. They can be read until their journal is forgotten.

    `resumed` counts those of an earlier execution, `again` the calls made twice.
    `stopped_by` is the failed row that ended the execution early. `shown` is the first failed call, else the first one.
    """

    results: Sequence[RowResult]
    ready: Mapping[str, Any]
    resumed: int
    stopped_by: RowResult | None
    shown: PendingCall
    again: int = 0
    origin: Content = Content()
    """The content that this execution made its rows from; without examples."""

    changes: Sequence[str] = ()
    """Sentences about content that has changed since earlier rows were made."""

    shape: DatasetShape = DatasetShape()
    """The columns of the dataset, by which parameters were bound."""


def functions(texts: Sequence[str], folders: Folders) -> list[FunctionReference]:
    """The functions that the texts name. Texts that name judges are left out.

    Raises: as `function`.
    """
    return [function(one, folders) for one in texts if is_function(one)]


def function(text: str, folders: Folders) -> FunctionReference:
    """`task.py:answer`, or `app.agent:answer` for the file app/agent.py or src/app/agent.py, as a function.

    Raises:
        Invalid: the text names no function of a file, or the file lies outside the folders, also by a link.
        NotFound: no folder has the file.
    """
    file, colon, name = text.rpartition(":")
    if is_of_module(text):
        return FunctionReference(_file_of(file, folders), name)
    if not colon or not file.lower().endswith((".py", SUFFIX)) or not name.replace(".", "_").isidentifier():
        raise Invalid(
            f"{quote(text)!r} does not name a function of a file.",
            "Write it as 'task.py:answer', 'notebook.ipynb:answer' or 'app.agent:answer'.",
        )
    return FunctionReference(locate(file, folders), name)


def _file_of(module: str, folders: Folders) -> Path:
    """The file of a module, in a folder or in `src` below it.

    Raises:
        Invalid, NotFound: as `function`.
    """
    plain = module.replace(".", "/")
    for one in (f"{plain}.py", f"{plain}/__init__.py", f"src/{plain}.py", f"src/{plain}/__init__.py"):
        with suppress(NotFound):
            return locate(one, folders)
    raise NotFound(
        f"There is no module {quote(module)!r}: no folder has {quote(plain)}.py, also not below src.",
        "Write 'task.py:answer' for a file, or name a module below the folders of ASSAYKIT_FILES.",
    )


def is_function(text: str) -> bool:
    """True if the text names a function of a file or of a module, and not a judge."""
    return text.rpartition(":")[0].endswith((".py", SUFFIX)) or text.endswith((".py", SUFFIX)) or is_of_module(text)


def is_of_module(text: str) -> bool:
    """True if the text names a function of a module, as `app.agent:answer` does."""
    return not text.rpartition(":")[0].endswith((".py", SUFFIX)) and _MODULE.fullmatch(text) is not None


def python_for(task: FunctionReference, wanted: str | None, folders: Folders) -> Path:
    """The Python interpreter that runs a task.

    Raises:
        Invalid: `wanted` is not a usable interpreter.
    """
    above = [folder.resolve() for folder in folders.allowed if task.file.resolve().is_relative_to(folder.resolve())]
    return interpreter(wanted, task.file.resolve(), above[0] if above else task.file.parent)


async def execute(
    plan: ExperimentPlan,
    calls: Sequence[PendingCall],
    journal: Journal | None,
    settings: Settings,
    report: Report,
    taken: Sequence[str] = (),
    shape: DatasetShape | None = None,
) -> Ran:
    """Make the calls that have no result in the journal. No evaluator may have a name in `taken`.

    `shape` is that of the whole dataset, if the calls are for a part of it.

    It ends early at a failed row with `exit_on_error`, and where the first outputs cannot be recorded.

    Raises:
        Invalid: the user's file cannot be used; the message gives the reason.
    """
    held: dict[ExampleCall, RowResult] = {}
    done: Mapping[ExampleCall, RowResult] = held if journal is None else journal.results
    resumed = len(done)
    left = [row for row in calls if row.call not in done] if done else calls
    stopped_by: list[RowResult] = []

    progress = Progress(report, len(calls), resumed)

    codes = [code_of(one.file, one.name) for one in plan.evaluators]

    async def keep(result: RowResult) -> None:
        if journal is None:
            held[result.call] = result
        else:
            result = with_code(result, pool.ready.get("evaluators", ()), codes)
            journal.use(pool.files)
            journal.use_packages(pool.ready["packages"])
            journal.keep(result)
        progress.done = len(done)
        is_unfit = journal is not None and _UNFIT in (result.error or "") and len(journal.results.failed) == len(done)
        if result.error is not None and (plan.exit_on_error or is_unfit):
            stopped_by.append(result)
            pool.stop()

    shape = shape or shape_of(row.columns for row in calls)
    pool = WorkerPool(_start(plan, taken, shape, settings), keep, plan.concurrency, plan.timeout_s, progress.begin)
    failed: AssayError | None = None
    if left:
        async with anyio.create_task_group() as group:
            group.start_soon(progress.keep_telling)
            group.start_soon(anyio.to_thread.run_sync, import_protobuf)
            failed = await _failure(pool, left)
            group.cancel_scope.cancel()
    if failed is not None:
        raise failed
    await progress.tell()
    made = _made_of(pool)
    before = Content(packages=journal.packages) if journal is not None and resumed and pool.ready else Content()
    found = OrderedResults.of(done, calls)
    failures = (
        {call for call, one in held.items() if one.error is not None} if journal is None else journal.results.failed
    )
    shown = next((row for row in calls if row.call in failures), calls[0])
    stopping = stopped_by[0] if stopped_by else None
    return Ran(found, pool.ready, resumed, stopping, shown, len(pool.again), made, changes(before, made), shape)


def _start(plan: ExperimentPlan, taken: Sequence[str], shape: DatasetShape, settings: Settings) -> Start:
    redaction.learn(redaction.secrets_in(settings.environment))
    asked, folder = plan.request(taken, shape), plan.functions[0].file.parent
    return partial(Worker.open, plan.python, asked, folder, environment(settings.environment))


def _made_of(pool: WorkerPool) -> Content:
    files = {path: digest for path in pool.files if (digest := digest_of(path)) is not None}
    return Content(files, pool.ready.get("packages", {}))


async def _failure(pool: WorkerPool, left: Sequence[PendingCall]) -> AssayError | None:
    """Make the calls and return the error, if any. Raised in the task group, it would arrive in an exception group."""
    try:
        await redaction.complete()
        await pool.run(left)
    except AssayError as error:
        return error
    return None


def resume(
    journal: Journal, plan: ExperimentPlan, dataset: Named, name: str, calls: Sequence[PendingCall], *, restart: bool
) -> None:
    """Continue a journal that has results of the same plan. Begin it anew if it has none, or for `restart`.

    Raises:
        Conflict: the journal was begun with another task, other evaluators, other examples or other options, or with
            another content of a file that these import.
    """
    asked = plan.asked(dataset.id, calls)
    if restart or not journal.results:
        journal.begin(asked)
        return
    # A journal of an earlier version lacks some of the keys.
    changed = [key for key in asked if asked[key] != journal.asked.get(key, asked[key])]
    if not changed:
        changed = [f"content of {quote(Path(path).name)}" for path in journal.changed_files()]
    if changed:
        raise Conflict(
            f"The experiment {exactly(name)} was begun with other {' and '.join(changed)}; "
            f"{len(journal.results)} of its rows are done.",
            "Pass restart=true to do them again, or another name.",
        )


async def write(
    api: Api,
    dataset: Named,
    name: str,
    results: Sequence[RowResult],
    plan: ExperimentPlan,
    version_id: str | None = None,
) -> Experiment:
    """Write the results as an experiment, and their spans if the backend takes them. Runs of an earlier try stay.

    `version_id` is that of an older version of the dataset. Only an engine records it.

    Raises:
        Conflict: another experiment has this name.
        Invalid: there are no results.
    """
    made, written = await _found(api, dataset, name, results)
    left = (one for one in results if one.call not in written)
    for some in batches(columns(one, plan.metadata, plan.repetitions) for one in left):
        inputs = [ExperimentRunInput.model_validate(row) for row in some]
        if made is None:
            body = CreateExperimentRequest(name=name, dataset_id=dataset.id, experiment_runs=inputs)
            made = await _create(api, body, version_id)
        else:
            await add(api, made, inputs)
    if made is None:
        raise Invalid("Nothing was run, so there is no experiment to write.", "Give the dataset examples.")
    await send_spans(api, made, results)
    return made


async def _create(api: Api, body: CreateExperimentRequest, version_id: str | None) -> ExperimentWithRunIds:
    if version_id is None:
        return await api.post("/v2/experiments", ExperimentWithRunIds, body)
    pinned = PinnedExperiment(experiment=body, dataset_version_id=version_id)
    return await api.post("/x/experiments", ExperimentWithRunIds, pinned)


async def extend(
    api: Api, experiment: Experiment, results: Sequence[RowResult], plan: ExperimentPlan, written: set[str | None]
) -> None:
    """Add runs and their spans to an experiment. Runs whose trace is in `written` exist already."""
    new = (one for one in results if not (one.spans and one.spans[0]["trace_id"] in written))
    for some in batches(columns(one, plan.metadata, plan.repetitions) for one in new):
        await add(api, experiment, [ExperimentRunInput.model_validate(row) for row in some])
    await send_spans(api, experiment, results)


async def add(api: Api, experiment: Experiment, inputs: list[ExperimentRunInput]) -> None:
    """Add runs to an experiment."""
    body = InsertExperimentRunsRequest(experiment_runs=inputs)
    await api.post(path("v2", "experiments", experiment.id, "runs"), ExperimentWithRunIds, body)


async def _found(
    api: Api, dataset: Named, name: str, results: Sequence[RowResult]
) -> tuple[Experiment | None, set[ExampleCall]]:
    """The experiment and the calls that an earlier try wrote before it was killed."""
    there = await named(api, dataset.id, name)
    if there is None:
        return None, set()
    runs = await runs_of(api, there.id)
    ours = {one.spans[0]["trace_id"] for one in results if one.spans}
    if not traces_of(runs) <= ours:
        raise taken(dataset.name, name)
    return there, {call_of(run) for run in runs}


def call_of(run: ExperimentRun) -> ExampleCall:
    """The call that a run is the result of. An uploaded run may have any text as its repetition, which counts as 1."""
    number = str((run.model_extra or {}).get("repetition", 1)).removesuffix(".0")
    return ExampleCall(run.example_id or "", max(int(number), 1) if number.isdecimal() and len(number) < _DIGITS else 1)


def traces_of(found: Sequence[ExperimentRun]) -> set[str | None]:
    """The trace ids of some runs. They identify runs that were written before."""
    return {(run.model_extra or {}).get("result.trace.id") for run in found}


async def send_spans(api: Api, experiment: Experiment, results: Sequence[RowResult]) -> None:
    """Send the spans of the calls to the experiment's own project, if the backend has the route."""
    spans = (span for one in results for span in one.spans)
    some = list(islice(spans, SPANS_PER_REQUEST))
    if not some or not await api.has_engine_routes():
        return
    project = await api.post(path("x", "experiments", experiment.id, "traces"), Project)
    while some:
        await api.send_bytes("/v1/traces", otlp(some, project.name), PROTOBUF)
        some = list(islice(spans, SPANS_PER_REQUEST))
