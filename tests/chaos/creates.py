"""Creates through the tools while a part of the answers is lost after the engine has carried the request out."""

import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from unittest import mock

from tests.caller import Caller
from tests.chaos.faults import FAULTS
from tests.chaos.proxy import Asked, Spoil
from tests.chaos.scene import ROWS, SOURCE, Scene, outcome
from tests.traces import id_of

from assaykit.api import client
from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.backend import connect
from assaykit.wire.annotations import AnnotationConfigPage
from assaykit.wire.bodies import Page
from assaykit.wire.datasets import DatasetPage, ExamplePage
from assaykit.wire.evaluators import EvaluatorPage, EvaluatorVersionPage
from assaykit.wire.experiments import ExperimentPage
from assaykit.wire.integrations import AiIntegrationPage
from assaykit.wire.prompts import PromptPage, PromptVersionPage
from assaykit.wire.runs import TaskRunPage
from assaykit.wire.tasks import TaskPage

DROPPED = 0.3
LOSSES = [one.spoil for one in FAULTS if one.name in {"reset after", "cut off", "garbage", "503", "504"}]
"""The ways to lose an answer that cost no deadline."""

TEMPLATE = {"provider": "OPEN_AI", "model": "m"}


def creates(number: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """One call for each kind of create. Versions, examples and runs are the same each time."""
    again = {"code": "MATCHES_REGEX", "pattern": "y", "new_version": True}
    return {
        "judge": ("create_judge", {"name": f"j {number}", "code": "MATCHES_REGEX", "pattern": "x"}),
        "judge version": ("create_judge", {"name": "cites", **again}),
        "dataset": ("create_dataset", {"name": f"d {number}", "rows": ROWS}),
        "examples": ("append_examples", {"dataset": "qa", "rows": ROWS}),
        "experiment": ("upload_experiment", {"file": "old.json", "dataset": "qa", "name": f"e {number}"}),
        "prompt": ("save_prompt", {"prompt": f"p {number}", "template": "Hi {input}", **TEMPLATE}),
        "prompt version": ("save_prompt", {"prompt": "greet", "template": "Hello {input}", **TEMPLATE}),
        "task": ("create_task", {"name": f"t {number}", "evaluators": ["cites"], "project": "bot"}),
        "run": ("trigger_run", {"task": "watch", "window": "2026-01-01..2026-01-02"}),
        "annotation config": (
            "annotate",
            {"targets": [id_of("a1")], "name": f"n {number}", "text": "kind", "project": "bot"},
        ),
        "integration": ("create_integration", {"name": f"i {number}", "provider": "CUSTOM", **SOURCE}),
    }


class List(NamedTuple):
    """The list that has the things of a kind. `of` is the kind and name of the thing that the list belongs to."""

    parts: tuple[str, ...]
    page: type[Page[Any]]
    of: tuple[str, str] | None = None


LISTS = {
    "judge": List(("evaluators",), EvaluatorPage),
    "judge version": List(("evaluators", "{}", "versions"), EvaluatorVersionPage, ("judge", "cites")),
    "dataset": List(("datasets",), DatasetPage),
    "examples": List(("datasets", "{}", "examples"), ExamplePage, ("dataset", "qa")),
    "experiment": List(("experiments",), ExperimentPage, ("dataset", "qa")),
    "prompt": List(("prompts",), PromptPage),
    "prompt version": List(("prompts", "{}", "versions"), PromptVersionPage, ("prompt", "greet")),
    "task": List(("tasks",), TaskPage),
    "run": List(("tasks", "{}", "runs"), TaskRunPage, ("task", "watch")),
    "annotation config": List(("annotation-configs",), AnnotationConfigPage),
    "integration": List(("ai-integrations",), AiIntegrationPage),
}


async def counted(there: Scene, *kinds: str) -> Counter[str]:
    """The number of things of these kinds in the store."""
    async with connect(there.settings) as api:
        return Counter(
            {kind: len(await _all(api, LISTS[kind])) // (len(ROWS) if kind == "examples" else 1) for kind in kinds}
        )


async def _all(api: client.Api, of: List) -> list[Any]:
    query: dict[str, str] = {}
    key = ""
    if of.of is not None:
        kind, name = of.of
        key = next(one.id for one in await _all(api, LISTS[kind]) if one.name == name)
        query = {} if "{}" in of.parts else {"dataset_id": key}
    at = path("v2", *(key if part == "{}" else part for part in of.parts))
    return [one async for one in rows(api, at, of.page, query)]


async def lossy(there: Scene, calls: int, seed: int) -> dict[str, Any]:
    """Make so many creates while answers are lost; the numbers of things made, lost, made twice, and left in doubt."""
    chance = random.Random(seed)  # noqa: S311  (a repeatable course of faults)

    def choose(asked: Asked) -> Spoil | None:
        return chance.choice(LOSSES) if asked.creates and chance.random() < DROPPED else None

    before = await counted(there, *LISTS)
    said: dict[str, Counter[str]] = {}
    async with there.caller() as ax:
        there.proxy.choose = choose
        there.proxy.spoilt.clear()
        try:
            for number in range(calls):
                await _one(ax, number, said)
        finally:
            there.proxy.choose = lambda _: None
    after = await counted(there, *LISTS)
    told = {"creates": calls, "answers_dropped": len(there.proxy.spoilt), "lost": 0, "duplicates": 0}
    told |= {"ambiguous": 0, "failed": 0}
    for kind, codes in said.items():
        made = after[kind] - before[kind]
        told["lost"] += codes[""] - min(made, codes[""])
        told["duplicates"] += max(0, made - codes[""] - codes["ambiguous"])
        told["ambiguous"] += codes["ambiguous"]
        told["failed"] += sum(number for code, number in codes.items() if code not in {"", "ambiguous"})
    return told


async def _one(ax: Caller, number: int, said: dict[str, Counter[str]]) -> None:
    kinds = creates(number)
    kind = [*kinds][number % len(kinds)]
    tool, arguments = kinds[kind]
    code, text = await outcome(ax, tool, **arguments)
    assert "Traceback" not in text
    said.setdefault(kind, Counter())[code] += 1


@asynccontextmanager
async def sent_again() -> AsyncGenerator[None]:
    """The control: a client that sends a create again, as it does with a read, and looks nothing up."""
    with (
        mock.patch.object(client, "create_at", return_value=None),
        mock.patch.object(client, "is_repeatable", return_value=True),
    ):
        yield
