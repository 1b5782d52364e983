"""Resolution of names and ids to resources of a space.

An id must exist and have the right type. A name must match exactly, or else differ only in letter case. If no name
matches, the error lists up to five near names with their ids, or else some existing names. If no name is given, the
only existing resource is taken.
"""

import difflib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from pydantic import PrivateAttr

from assaykit.api.client import Api, path
from assaykit.api.pages import rows
from assaykit.errors import Ambiguous, Invalid, NotFound, an
from assaykit.foreign import exactly
from assaykit.judge.providers.registry import ANY_KEY_VARIABLE
from assaykit.wire import ids
from assaykit.wire.annotation_queues import AnnotationQueuePage
from assaykit.wire.annotations import AnnotationConfigPage
from assaykit.wire.bodies import Page, ReplyBody, composed
from assaykit.wire.datasets import DatasetPage
from assaykit.wire.evaluators import EvaluatorPage
from assaykit.wire.experiments import ExperimentPage
from assaykit.wire.integrations import AiIntegrationPage
from assaykit.wire.projects import Project, ProjectPage
from assaykit.wire.prompts import PromptPage
from assaykit.wire.spaces import SpacePage
from assaykit.wire.tasks import Task, TaskPage

RowT = TypeVar("RowT")

CACHE_S = 60.0
NEAR_NAMES = 5


class ResourceKind(NamedTuple):
    """One kind of named resource. `id_types` are the types that its ids encode; `at` is the path of its list."""

    noun: str
    id_types: frozenset[str]
    at: str
    page: type[Page[Any]]


SPACE = ResourceKind("space", frozenset({"Space"}), "/v2/spaces", SpacePage)
PROJECT = ResourceKind("project", frozenset({"Model", "Project"}), "/v2/projects", ProjectPage)
JUDGE = ResourceKind("judge", frozenset({"Evaluator"}), "/v2/evaluators", EvaluatorPage)
TASK = ResourceKind("task", frozenset({"OnlineTask", "Task"}), "/v2/tasks", TaskPage)
DATASET = ResourceKind("dataset", frozenset({"Dataset"}), "/v2/datasets", DatasetPage)
EXPERIMENT = ResourceKind("experiment", frozenset({"Experiment"}), "/v2/experiments", ExperimentPage)
INTEGRATION = ResourceKind("AI integration", frozenset({"LlmIntegration"}), "/v2/ai-integrations", AiIntegrationPage)
PROMPT = ResourceKind("prompt", frozenset({"Prompt"}), "/v2/prompts", PromptPage)
ANNOTATION_CONFIG = ResourceKind(
    "annotation config", frozenset({"AnnotationConfig"}), "/v2/annotation-configs", AnnotationConfigPage
)
ANNOTATION_QUEUE = ResourceKind(
    "annotation queue", frozenset({"AnnotationQueue"}), "/v2/annotation-queues", AnnotationQueuePage
)

RUN_ID_TYPE = "TaskRun"


def holds_experiment_traces(row: object) -> bool:
    """True for a project that was made for the traces of an experiment. Nobody means it without naming it."""
    return isinstance(row, Project) and row.project_type == "EXPERIMENT"


class Named(ReplyBody):
    """A resolved resource. Reply bodies of all named resources parse as this class."""

    id: str
    name: str
    _row: object = PrivateAttr(default=None)

    @classmethod
    def of(cls, row: Any) -> "Named":
        """The resource of a list's row, which it keeps."""
        made = cls(id=row.id, name=row.name)
        made._row = row
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and (self.id, self.name) == (other.id, other.name)

    def __hash__(self) -> int:
        return hash((self.id, self.name))

    def row(self, kind: type[RowT]) -> RowT | None:
        """The row of the list that had the resource; None if it was found by its id."""
        return self._row if isinstance(self._row, kind) else None


class Names:
    """Resolves names against one backend and caches the results, at most for a minute.

    Each call of a tool forgets all names but those of spaces, and a tool that writes forgets those too.
    """

    def __init__(
        self,
        api: Api,
        default_space: str | None,
        hinted_space: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._default_space = default_space
        self._hinted_space = hinted_space
        self._clock = clock
        self._known: dict[tuple[str, str, str | None], tuple[float, Named]] = {}

    def forget(self) -> None:
        """Clear the cache, after a write or after a cached id turned out to be gone."""
        self._known.clear()

    def forget_things(self) -> None:
        """Forget all names but those of spaces, at the start of a call: another process may have renamed things."""
        self._known = {key: known for key, known in self._known.items() if key[0] == SPACE.noun}

    async def space(self, wanted: str | None = None) -> Named:
        """The wanted space, else the configured one, else the hinted one if it exists, else the only one."""
        named = wanted or self._default_space
        if named is None and self._hinted_space is not None:
            try:
                return await self._resolve(SPACE, self._hinted_space, {})
            except NotFound:
                # The hint was meant for another backend, so it is not tried again.
                self._hinted_space = None
        return await self._resolve(SPACE, named, {})

    async def project(self, wanted: str | None, space: Named) -> Named:
        """A project of the space."""
        return await self._resolve(PROJECT, wanted, {"space_id": space.id})

    async def judge(self, wanted: str | None, space: Named) -> Named:
        """A judge or code evaluator of the space."""
        return await self._resolve(JUDGE, wanted, {"space_id": space.id})

    async def task(self, wanted: str | None, space: Named) -> Named:
        """A task of the space."""
        return await self._resolve(TASK, wanted, {"space_id": space.id})

    async def whole_task(self, wanted: str | None, space: Named) -> Task:
        """A task of the space with its fields. A list has them all, so a name takes one request."""
        named = await self.task(wanted, space)
        return named.row(Task) or await self._api.get(path("v2", "tasks", named.id), Task)

    async def dataset(self, wanted: str | None, space: Named) -> Named:
        """A dataset of the space."""
        return await self._resolve(DATASET, wanted, {"space_id": space.id})

    async def experiment(self, wanted: str | None, space: Named, dataset_id: str | None = None) -> Named:
        """An experiment of the dataset, or of any dataset of the space."""
        within = {"space_id": space.id} if dataset_id is None else {"dataset_id": dataset_id}
        return await self._resolve(EXPERIMENT, wanted, within)

    async def integration(self, wanted: str | None) -> Named:
        """An AI integration of the account."""
        return await self._resolve(INTEGRATION, wanted, {})

    async def prompt(self, wanted: str | None, space: Named) -> Named:
        """A prompt of the space."""
        return await self._resolve(PROMPT, wanted, {"space_id": space.id})

    async def annotation_queue(self, wanted: str, space: Named) -> Named:
        """An annotation queue of the space."""
        return await self._resolve(ANNOTATION_QUEUE, wanted, {"space_id": space.id})

    async def exactly(self, kind: ResourceKind, wanted: str, space: Named | None) -> Named:
        """The resource with exactly this id or name. `space` is None for resources of the account.

        Deletions use this method: it clears the cache first, and letter case counts.
        """
        self.forget()
        within = {} if space is None else {"space_id": space.id}
        if ids.kind_of(wanted) is not None:
            return await self._resolve(kind, wanted, within)
        same = [thing for thing in await self._all(kind, {**within, "name": wanted}) if thing.name == wanted]
        if not same:
            told, following = await self._instead(kind, await self._all(kind, within), near_to=wanted)
            raise NotFound(f"No {kind.noun} is named exactly {exactly(wanted)}. {told}", following)
        if len(same) > 1:
            raise _ambiguous(kind, wanted, same)
        return same[0]

    def run(self, wanted: str) -> str:
        """A run's id: runs have no names."""
        kind = ids.kind_of(wanted)
        if kind != RUN_ID_TYPE:
            found = f"this is {an(kind)} id" if kind else f"{exactly(wanted)} is not an id"
            raise Invalid(f"A run id was wanted, but {found}.", "`get_task` shows the ids of a task's last runs.")
        return wanted

    async def _resolve(self, kind: ResourceKind, wanted: str | None, within: dict[str, str]) -> Named:
        if wanted is None and kind is not SPACE:
            # Not cached: a second project may appear at any moment.
            return await self._only(kind, within)
        key = (kind.noun, ",".join(within.values()), wanted)
        known = self._known.get(key)
        if known is not None and self._clock() - known[0] < CACHE_S:
            return known[1]
        found = await self._found(kind, wanted, within)
        # A name may be remembered for a minute. What else a row says may not.
        self._known[key] = (self._clock(), Named(id=found.id, name=found.name))
        return found

    async def _found(self, kind: ResourceKind, wanted: str | None, within: dict[str, str]) -> Named:
        if wanted is None:
            return await self._only(kind, within)
        id_type = ids.kind_of(wanted)
        if id_type is None:
            return await self._by_name(kind, wanted, within)
        if id_type in kind.id_types:
            return await self._by_id(kind, wanted, within)
        told, following = await self._instead(kind, await self._all(kind, within))
        raise Invalid(f"{exactly(wanted)} is {an(id_type)} id; {an(kind.noun)} was wanted. {told}", following)

    async def _by_id(self, kind: ResourceKind, wanted: str, within: dict[str, str]) -> Named:
        noun = kind.at.strip("/").split("/")
        try:
            return await self._api.get(path(*noun, wanted), Named)
        except NotFound:
            told, following = await self._instead(kind, await self._all(kind, within))
            raise NotFound(f"No {kind.noun} has the id {exactly(wanted)}. {told}", following) from None

    async def _by_name(self, kind: ResourceKind, wanted: str, within: dict[str, str]) -> Named:
        # The backend's name filter matches substrings in any letter case, so one request finds nearly every name.
        found = _same(kind, wanted, await self._all(kind, {**within, "name": wanted}))
        if found is not None:
            return found
        # Not every backend folds the case of letters outside ASCII, so compare all names before giving up.
        every = await self._all(kind, within)
        found = _same(kind, wanted, every)
        if found is not None:
            return found
        told, following = await self._instead(kind, every, near_to=wanted)
        raise NotFound(f"No {kind.noun} is named {exactly(wanted)}. {told}", following)

    async def _only(self, kind: ResourceKind, within: dict[str, str]) -> Named:
        found = {row.id: row async for row in rows(self._api, kind.at, kind.page, within)}
        every = [Named.of(row) for row in found.values() if not holds_experiment_traces(row)]
        if len(every) == 1:
            return every[0]
        if not every:
            raise NotFound(f"There is no {kind.noun} yet.", await self._beginning(kind))
        shown = _listed(every[: NEAR_NAMES * 2])
        argument = kind.noun.removeprefix("AI ")
        raise Ambiguous(f"There are {len(every)} {kind.noun}s, so one must be named: {shown}.", f"Pass `{argument}`.")

    async def _all(self, kind: ResourceKind, within: dict[str, str]) -> Sequence[Named]:
        # A row that changes while the list is read may be on two pages.
        found = {row.id: row async for row in rows(self._api, kind.at, kind.page, within)}
        return [Named.of(row) for row in found.values()]

    async def _instead(self, kind: ResourceKind, every: Sequence[Named], near_to: str | None = None) -> tuple[str, str]:
        """A sentence that lists near or existing names, and the next step."""
        if not every:
            return f"There is no {kind.noun} yet.", await self._beginning(kind)
        folded = [thing.name.casefold() for thing in every]
        near = difflib.get_close_matches((near_to or "").casefold(), folded, n=NEAR_NAMES, cutoff=0.5)
        if near:
            shown = [
                thing for best in dict.fromkeys(near) for thing, name in zip(every, folded, strict=True) if name == best
            ]
            return f"Near: {_listed(shown[:NEAR_NAMES])}.", "Use one of these."
        more = f" and {len(every) - NEAR_NAMES} more" if len(every) > NEAR_NAMES else ""
        return f"There are: {_listed(every[:NEAR_NAMES])}{more}.", "Use one of these."

    async def _beginning(self, kind: ResourceKind) -> str:
        """The next step where there is nothing of this kind yet."""
        if kind.noun in _HOW_TO_BEGIN_ON_AX and not await self._api.has_engine_routes():
            return _HOW_TO_BEGIN_ON_AX[kind.noun]
        return _HOW_TO_BEGIN.get(kind.noun, "")


_HOW_TO_BEGIN = {
    "project": "Send spans with any OpenTelemetry exporter to `assaykit engine`; a project appears with the first.",
    "judge": "`create_judge` makes one; `list_judges` shows the catalogue.",
    "dataset": "`create_dataset` makes one.",
    "experiment": "`upload_experiment` makes one.",
    "task": "`create_task` makes one.",
    "prompt": "`save_prompt` makes one.",
    "annotation config": "`annotate` makes one with the first annotation.",
    "AI integration": f"Set {ANY_KEY_VARIABLE} where the server starts, then start it again.",
}

_HOW_TO_BEGIN_ON_AX = {
    "project": "Send spans to Arize AX with any OpenTelemetry exporter; a project appears with the first.",
    "AI integration": "`create_integration` makes one, and so do the settings of Arize AX.",
}
"""The same where Arize AX differs: it reads no variables of this machine."""


def _same(kind: ResourceKind, wanted: str, among: Sequence[Named]) -> Named | None:
    """The resource with exactly this name, or else the only one that differs in letter case or Unicode form alone."""
    for same in (
        [thing for thing in among if thing.name == wanted],
        [thing for thing in among if composed(thing.name).casefold() == composed(wanted).casefold()],
    ):
        if len(same) == 1:
            return same[0]
        if same:
            raise _ambiguous(kind, wanted, same)
    return None


def _ambiguous(kind: ResourceKind, wanted: str, same: Sequence[Named]) -> Ambiguous:
    return Ambiguous(
        f"{len(same)} {kind.noun}s are named {exactly(wanted)}: {_listed(same)}.", "Give the id of the one you mean."
    )


def _listed(things: Sequence[Named]) -> str:
    return ", ".join(f"{exactly(thing.name)} ({thing.id})" for thing in things)
