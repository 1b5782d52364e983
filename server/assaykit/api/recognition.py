"""The recognition of creates whose answer was lost: for each route, the list to read and what has to agree.

AX has no idempotency keys. So a thing is recognized by its name, its body and the time; the rows of a batch by their
columns; and a run by its window. Nothing that an earlier answer has shown is taken for it.
"""

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from urllib.parse import unquote

from pydantic import BaseModel

from assaykit.api.pages import rows
from assaykit.api.paths import path
from assaykit.wire.annotation_queues import AnnotationQueuePage
from assaykit.wire.annotations import AnnotationConfigPage
from assaykit.wire.bodies import Page, ReplyBody, composed
from assaykit.wire.datasets import SYSTEM_COLUMNS, DatasetPage, DatasetVersionWithExampleIds, ExamplePage
from assaykit.wire.evaluators import EvaluatorPage, EvaluatorVersionPage, EvaluatorWithVersion
from assaykit.wire.experiments import ExperimentPage, ExperimentRunPage, ExperimentWithRunIds
from assaykit.wire.integrations import AiIntegrationPage
from assaykit.wire.local import LogEvaluationsRequest, Matches, PinnedExperiment, Uploaded, UploadRequest
from assaykit.wire.prompts import PromptPage, PromptVersionPage, PromptWithVersion
from assaykit.wire.runs import TaskRun, TaskRunPage
from assaykit.wire.task_limits import LimitedTask
from assaykit.wire.tasks import TaskPage

if TYPE_CHECKING:
    from assaykit.api.client import Api

SKEW = timedelta(seconds=2)
"""The difference that the clocks of a backend's own machines may have."""

RUNS_READ, ROWS_READ = 100, 500
_SHOWN = 5

RowT = TypeVar("RowT")


class Untold(Exception):
    """The lists cannot tell whether the create took effect. The text is the reason, as a sentence of its own."""


class LostCreate(NamedTuple):
    """A create without an answer. `key` is the id in its path.

    `began` is the backend's time before it began, and `known` the number of the last answer before it.
    """

    api: "Api"
    key: str
    body: BaseModel | None
    began: datetime | None
    known: int

    @property
    def sent(self) -> dict[str, Any]:
        """The body as JSON values, without what was not given."""
        return {} if self.body is None else self.body.model_dump(mode="json", exclude_none=True)

    def was_there(self, one: str) -> bool:
        """True if an earlier answer to this process held this id, or the answer to another create of this process."""
        return self.api.connection.has_made(one) or self.api.connection.knew(one, self.known)

    def is_new(self, one: str, created_at: datetime | None) -> bool | None:
        """Whether this call may have made the thing with the id `one`. None if no time tells."""
        if self.was_there(one):
            return False
        if self.began is None or created_at is None:
            return None
        return created_at >= self.began - SKEW


class Create(NamedTuple):
    """A route that creates. `done` is its effect in words, `seen_by` a tool that shows it, and `find` its answers.

    A thing `is_named` if its name is unique: a second create of it would be refused.
    """

    at: re.Pattern[str]
    done: str
    seen_by: str
    find: Callable[[LostCreate], Awaitable[Sequence[ReplyBody]]]
    is_named: bool = False


def agrees(sent: object, there: object) -> bool:
    """Whether a thing holds what was sent. Fields that an answer lacks, and letter case, do not count."""
    if sent is None or there is None:
        return True
    if isinstance(sent, str) and isinstance(there, str):
        return composed(sent).casefold() == composed(there).casefold()
    if isinstance(sent, Mapping) and isinstance(there, Mapping):
        fields, held = cast("Mapping[str, object]", sent), cast("Mapping[str, object]", there)
        return all(agrees(value, held.get(name)) for name, value in fields.items())
    if isinstance(sent, list) and isinstance(there, list):
        parts, others = cast("list[object]", sent), cast("list[object]", there)
        return len(parts) == len(others) and all(map(agrees, parts, others))
    return sent == there


async def _of_the_name(
    lost: LostCreate, at: str, page: type[Page[RowT]], name: str, within: Mapping[str, str | None]
) -> list[RowT]:
    """The new things of this name. There is one at most unless the backend takes a name twice."""
    every = rows(cast("Any", lost.api), at, cast("Any", page), {**within, "name": name})
    found: dict[str, Any] = {row.id: row async for row in every}
    return [
        row
        for row in found.values()
        if composed(row.name) == composed(name) and lost.is_new(row.id, row.created_at) is not False
    ]


def _agreeing(lost: LostCreate, found: Sequence[Any]) -> Sequence[ReplyBody]:
    """The things that hold what was sent.

    Raises:
        Untold: there are things, and none of them does.
    """
    fit = [one for one in found if agrees(lost.sent, one.model_dump(mode="json"))]
    if found and not fit:
        raise Untold("Something of that name was made meanwhile, and its content is not what was sent.")
    return fit


def _named(
    at: str, page: type[Page[Any]], *within: str, whole: type[ReplyBody] | None = None
) -> Callable[[LostCreate], Awaitable[Sequence[ReplyBody]]]:
    """The search for a thing by its name and content. With `whole` each thing is read on its own."""

    async def find(lost: LostCreate) -> Sequence[ReplyBody]:
        sent = lost.sent
        found: list[Any] = await _of_the_name(lost, at, page, sent["name"], {key: sent.get(key) for key in within})
        if whole is not None:
            found = [await lost.api.get(at + path(one.id), whole) for one in found]
        return _agreeing(lost, found)

    return find


def _version(noun: str, page: type[Page[Any]]) -> Callable[[LostCreate], Awaitable[Sequence[ReplyBody]]]:
    """The search for a new version by its commit message and content."""

    async def find(lost: LostCreate) -> Sequence[ReplyBody]:
        found: list[Any] = [one async for one in rows(lost.api, path("v2", noun, lost.key, "versions"), page)]
        fit = [one for one in found if agrees(lost.sent, one.model_dump(mode="json"))]
        return _certain(lost, [(one.id, one.created_at, one) for one in fit])

    return find


def _certain(lost: LostCreate, found: Iterable[tuple[str, datetime | None, RowT]]) -> list[RowT]:
    """The new ones.

    Raises:
        Untold: no time tells whether one is new.
    """
    told = [(lost.is_new(one, created_at), row) for one, created_at, row in found]
    if any(new is None for new, _ in told):
        raise Untold("The backend does not say when such things were made.")
    return [row for new, row in told if new]


async def _dataset(lost: LostCreate) -> Sequence[ReplyBody]:
    sent = lost.sent
    found = await _of_the_name(lost, "/v2/datasets", DatasetPage, sent["name"], {"space_id": sent["space_id"]})
    for one in found:
        there = [
            row
            async for row in rows(lost.api, path("v2", "datasets", one.id, "examples"), ExamplePage, limit=ROWS_READ)
        ]
        _all_of_it(sent["examples"], [(row.id, row.model_extra or {}) for row in there])
    return found


async def _experiment(lost: LostCreate) -> Sequence[ReplyBody]:
    sent = lost.sent
    within = {name: sent.get(name) for name in ("dataset_id", "space_id")}
    found = await _of_the_name(lost, "/v2/experiments", ExperimentPage, sent["name"], within)
    made: list[ReplyBody] = []
    for one in found:
        there = await _runs_of(lost, one.id)
        ids = _all_of_it(sent["experiment_runs"], [(run, columns) for run, columns, _ in there])
        made.append(ExperimentWithRunIds(**one.model_dump(), run_ids=ids))
    return made


async def _pinned(lost: LostCreate) -> Sequence[ReplyBody]:
    body = lost.body.experiment if isinstance(lost.body, PinnedExperiment) else lost.body
    return await _experiment(lost._replace(body=body))


def _all_of_it(sent: Sequence[Mapping[str, Any]], there: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """The ids of the rows sent, in their order.

    Raises:
        Untold: the rows there are others.
    """
    fits = _placed(sent, there)
    if len(fits) != 1 or len(there) != len(sent):
        raise Untold("Something of that name was made meanwhile, and its rows are not those that were sent.")
    return fits[0]


async def _examples(lost: LostCreate) -> Sequence[ReplyBody]:
    return await _examples_of(lost, lost.key, lost.sent["examples"])


async def _examples_of(
    lost: LostCreate, dataset_id: str, sent: Sequence[Mapping[str, Any]]
) -> list[DatasetVersionWithExampleIds]:
    every = rows(lost.api, path("v2", "datasets", dataset_id, "examples"), ExamplePage, limit=ROWS_READ)
    there = [(row.id, row.created_at, (row.id, row.model_extra or {})) async for row in every]
    fits = _placed(sent, _certain(lost, there))
    return [DatasetVersionWithExampleIds(id=dataset_id, example_ids=ids) for ids in fits]


async def _upload(lost: LostCreate) -> Sequence[ReplyBody]:
    """An upload to an engine, which writes with its last part: a dataset, an experiment, or examples."""
    body = cast("UploadRequest", lost.body)
    if body.more:
        return []
    if body.new_dataset is None and body.experiment is None:
        if body.upload_id is not None or body.new_version is not None:
            raise Untold("Its parts cannot be told from other examples.")
        return [
            Uploaded(is_written=True, dataset_id=body.dataset_id, examples=len(made.example_ids))
            for made in await _examples_of(lost, body.dataset_id or "", body.examples)
        ]
    dataset_id = body.dataset_id
    if body.new_dataset is not None:
        new = body.new_dataset
        made = await _of_the_name(lost, "/v2/datasets", DatasetPage, new.name, {"space_id": new.space_id})
        if not made:
            return []
        dataset_id = made[0].id
    at = path("v2", "datasets", dataset_id or "", "examples")
    number = len([row async for row in rows(lost.api, at, ExamplePage, limit=ROWS_READ)])
    told = Uploaded(is_written=True, dataset_id=dataset_id, examples=0 if body.new_dataset is None else number)
    if body.experiment is None:
        return [told]
    found = await _of_the_name(lost, "/v2/experiments", ExperimentPage, body.experiment, {"dataset_id": dataset_id})
    return [await _with_runs(lost, told, one.id, number) for one in found]


async def _with_runs(lost: LostCreate, told: Uploaded, experiment_id: str, examples: int) -> Uploaded:
    runs = await _runs_of(lost, experiment_id)
    covered = Counter(columns.get("example_id") for _, columns, _ in runs)
    repeated = [str(example) for example, number in covered.items() if number > 1]
    matches = Matches(examples=examples, covered=len(covered), repeated=len(repeated), repeated_ids=repeated[:_SHOWN])
    return told.model_copy(update={"experiment_id": experiment_id, "runs": len(runs), "matches": matches})


async def _verdicts(lost: LostCreate) -> Sequence[ReplyBody]:
    if cast("LogEvaluationsRequest", lost.body).more:
        return []
    raise Untold("The same verdicts may be sent again: an equal verdict stays as it is.")


async def _experiment_runs(lost: LostCreate) -> Sequence[ReplyBody]:
    there = await _runs_of(lost, lost.key)
    if lost.api.connection.has_made(lost.key):
        # This process made the experiment, so it knows every run that was there before.
        new = [(run, columns) for run, columns, _ in there if not lost.was_there(run)]
    else:
        new = _certain(lost, [(run, created_at, (run, columns)) for run, columns, created_at in there])
    fits = _placed(lost.sent["experiment_runs"], new)
    experiment = await lost.api.get(path("v2", "experiments", lost.key), ExperimentWithRunIds)
    return [experiment.model_copy(update={"run_ids": ids}) for ids in fits]


async def _runs_of(lost: LostCreate, experiment_id: str) -> list[tuple[str, dict[str, Any], datetime | None]]:
    every = rows(lost.api, path("v2", "experiments", experiment_id, "runs"), ExperimentRunPage, limit=ROWS_READ)
    found: list[tuple[str, dict[str, Any], datetime | None]] = []
    async for run in every:
        columns = run.model_dump(mode="json")
        found.append((run.id, columns, _time_in(columns.get("created_at"))))
    return found


def _time_in(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo else None


def _placed(sent: Sequence[Mapping[str, Any]], there: Sequence[tuple[str, Mapping[str, Any]]]) -> list[list[str]]:
    """The ids of the rows sent, in their order, once for each time that the rows there hold all of them.

    Raises:
        Untold: the rows there hold a part of them, or only others.
    """
    names = {name for row in sent for name in row} - SYSTEM_COLUMNS
    wanted = [_plain(row, names) for row in sent]
    held: dict[str, list[str]] = {}
    for one, columns in there:
        held.setdefault(_plain(columns, names), []).append(one)
    if not there:
        return []
    times = {len(held.get(key, ())) / number for key, number in Counter(wanted).items()}
    if len(times) != 1 or not (whole := times.pop()).is_integer() or whole == 0:
        raise Untold("Other rows were added meanwhile, and they are not exactly those that were sent.")
    places = {key: iter(ids) for key, ids in held.items()}
    return [[next(places[key]) for key in wanted] for _ in range(int(whole))]


def _plain(row: Mapping[str, Any], names: set[str]) -> str:
    """A row's columns of these names as text. Null is the same as absent, and 1 the same as 1.0."""
    kept = {name: _rounded(row[name]) for name in sorted(names) if row.get(name) is not None}
    return json.dumps(kept, sort_keys=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_rounded(one) for one in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in cast("dict[str, Any]", value).items()}
    return value


async def _run(lost: LostCreate) -> Sequence[ReplyBody]:
    page = await lost.api.get(path("v2", "tasks", lost.key, "runs"), TaskRunPage, limit=RUNS_READ)
    asked = getattr(lost.body, "trigger", lost.body)
    fit = [run for run in page.task_runs if _has_the_window(run, asked)]
    return _certain(lost, [(run.id, run.created_at, run) for run in fit])


def _has_the_window(run: TaskRun, asked: object) -> bool:
    for name in ("data_start_time", "data_end_time"):
        wanted, there = getattr(asked, name, None), getattr(run, name)
        if wanted is not None and there is not None and abs(wanted - there) >= timedelta(seconds=1):
            return False
    return True


async def _limited_task(lost: LostCreate) -> Sequence[ReplyBody]:
    """A task with a limit of cost, which an engine alone takes: the list shows the task."""
    task = cast("LimitedTask", lost.body).task
    return await _TASK(lost._replace(body=task))


async def _cancelled(lost: LostCreate) -> Sequence[ReplyBody]:
    run = await lost.api.get(path("v2", "task-runs", lost.key), TaskRun)
    return [run] if run.is_final else []


_TASK = _named("/v2/tasks", TaskPage, "project_id", "dataset_id")


def _route(text: str) -> re.Pattern[str]:
    return re.compile(text.replace("{}", "([^/]+)"))


CREATES: Sequence[Create] = (
    Create(_route("/v2/datasets"), "the dataset was made", "list_datasets", _dataset, is_named=True),
    Create(_route("/v2/datasets/{}/examples"), "the examples were added", "get_dataset", _examples),
    Create(_route("/v2/experiments"), "the experiment was made", "list_experiments", _experiment, is_named=True),
    Create(_route("/x/experiments"), "the experiment was made", "list_experiments", _pinned, is_named=True),
    Create(_route("/v2/experiments/{}/runs"), "the rows were added", "get_experiment", _experiment_runs),
    Create(
        _route("/v2/evaluators"), "the judge was made", "list_judges",
        _named("/v2/evaluators", EvaluatorPage, "space_id", whole=EvaluatorWithVersion), is_named=True,
    ),
    Create(
        _route("/v2/evaluators/{}/versions"), "the version was added", "list_judges",
        _version("evaluators", EvaluatorVersionPage),
    ),
    Create(_route("/v2/tasks"), "the task was made", "list_tasks", _TASK, is_named=True),
    Create(_route("/x/tasks"), "the task was made", "list_tasks", _limited_task, is_named=True),
    Create(_route("/(?:v2|x)/tasks/{}/trigger"), "the run was started", "list_runs", _run),
    Create(_route("/v2/task-runs/{}/cancel"), "the run was cancelled", "get_run", _cancelled),
    Create(
        _route("/v2/ai-integrations"), "the integration was made", "list_integrations",
        _named("/v2/ai-integrations", AiIntegrationPage), is_named=True,
    ),
    Create(
        _route("/v2/annotation-configs"), "the annotation config was made", "annotate",
        _named("/v2/annotation-configs", AnnotationConfigPage, "space_id"), is_named=True,
    ),
    Create(
        _route("/v2/annotation-queues"), "the queue was made", "label_queue",
        _named("/v2/annotation-queues", AnnotationQueuePage, "space_id"), is_named=True,
    ),
    Create(
        _route("/v2/prompts"), "the prompt was made", "list_prompts",
        _named("/v2/prompts", PromptPage, "space_id", whole=PromptWithVersion), is_named=True,
    ),
    Create(_route("/x/uploads"), "the rows were written", "list_datasets and list_experiments", _upload),
    Create(_route("/x/evaluations"), "the verdicts were written", "search_spans", _verdicts),
    Create(
        _route("/v2/prompts/{}/versions"), "the version was added", "get_prompt",
        _version("prompts", PromptVersionPage),
    ),
)  # fmt: skip
"""Every route of a POST that must not be sent twice, with its recognition. Source of the routes: REST v2."""

READS = frozenset({"/v2/spans", "/x/plan", "/x/ranked-rows", "/x/run-outputs", "/x/some-examples", "/x/span-count"})
"""The paths whose POST only reads."""

ASKED_ONCE = frozenset({"/x/judge", "/x/ai-integrations/{}/check"})
"""The routes whose POST stores nothing, but asks a model. A second call would pay again, so none is made."""

_HARMLESS = _route(
    r"/v2/(?:spans|experiments/{}/runs|datasets/{}/examples)/annotate|/v1/traces|/x/experiments/{}/traces"
)
"""The paths whose POST has the same effect twice as once: answers of people and spans replace those of the same id."""


def create_at(at: str) -> tuple[Create, str] | None:
    """The create that a POST to this path is, with the id in the path. None if it is none."""
    for one in CREATES:
        if match := one.at.fullmatch(at):
            return one, unquote("".join(match.groups()))
    return None


def is_repeatable(method: str, at: str) -> bool:
    """True if a second call does no more than one: a read, a delete, an absolute change, or a write under known ids."""
    return method != "POST" or at in READS or _HARMLESS.fullmatch(at) is not None


def ids_in(reply: object) -> list[str]:
    """The ids of the things that a create's answer names."""
    version: object = getattr(reply, "version", None)
    found = [getattr(reply, name, None) for name in ("id", "dataset_id", "experiment_id")] + [
        getattr(version, "id", None)
    ]
    rows_made: list[str] = [*getattr(reply, "run_ids", ()), *getattr(reply, "example_ids", ())]
    return [one for one in found if isinstance(one, str)] + rows_made
