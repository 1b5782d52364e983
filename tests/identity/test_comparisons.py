"""Comparisons: which changes between two experiments a comparison names."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, connected, serving
from tests.identity.table import Cell, cells
from tests.identity.test_rows import patched
from tests.scripted_model import ScriptedModel

from assaykit.api.experiments import examples_of
from assaykit.settings import Settings
from assaykit.wire.datasets import DatasetVersionWithExampleIds, UpdateDatasetExamplesRequest

pytestmark = [pytest.mark.embedded("a test writes to the dataset beside the tools"), pytest.mark.slow]

LABELS = {"good": 1.0, "bad": 0.0}
JUDGE: dict[str, Any] = {"template": "Is this good? {output}", "choices": LABELS}
CODE: dict[str, Any] = {"code": "CONTAINS_ANY_KEYWORD", "keywords": ["answer"]}

NEW_JUDGES: dict[str, dict[str, Any]] = {
    "prompt of the judge": JUDGE | {"template": "Is this fine? {output}"},
    "choices of the judge": JUDGE | {"choices": LABELS | {"fair": 0.5}},
    "explanations": JUDGE | {"explanations": False},
    "model": JUDGE | {"model": "judge-2"},
    "version of the judge without change": JUDGE,
    "keywords of a code evaluator": CODE | {"keywords": ["word"]},
}


async def _added(ax: Caller) -> None:
    await ax.ask("append_examples", dataset="d", rows=[{"key": "new", "input": "q"}])


async def _one_changed(ax: Caller) -> None:
    """Change one example in a new version, so that others are left to pair."""
    await _added(ax)
    await patched(ax, version="v2", columns={})
    (dataset,) = (await ax.ask("list_datasets"))["datasets"]
    async with connected(ax.settings) as api:
        first, *_ = [one async for one in examples_of(api, dataset["id"])]
        body = UpdateDatasetExamplesRequest.model_validate({"examples": [{"id": first.id, "input": "other"}]})
        await api.patch(f"/v2/datasets/{dataset['id']}/examples", DatasetVersionWithExampleIds, body)


EXAMPLES: dict[str, Callable[[Caller], Awaitable[None]]] = {
    "example changed in place": lambda ax: patched(ax, version=None, columns={"input": "other"}),
    "example changed in a new version": _one_changed,
    "new version without change": lambda ax: patched(ax, version="v2", columns={}),
    "column added to examples": lambda ax: patched(ax, version=None, columns={"more": 1}),
    "example added": _added,
}


async def upload(ax: Caller, files: Path, name: str) -> None:
    rows = [{"key": f"q{number}", "output": f"an answer {number}"} for number in range(8)]
    (files / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    await ax.ask("upload_experiment", file=f"{name}.jsonl", dataset="d", key="key", name=name)


async def scored(ax: Caller, experiment: str) -> None:
    """Score an experiment with the judge `fit`."""
    asked = {"dataset": "d", "experiments": [experiment], "evaluators": ["fit"]}
    await ax.ask("create_task", name=f"score {experiment}", **asked)
    run = (await ax.ask("trigger_run", task=f"score {experiment}", wait=50))["run"]
    assert run["num_successes"] == 8


@pytest.mark.parametrize(("change", "cell"), cells("comparison"))
async def test_a_change_between_two_experiments(settings: Settings, files: Path, change: str, cell: Cell) -> None:
    with ScriptedModel(lambda _: "good") as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_dataset", name="d", rows=[{"key": f"q{n}", "input": f"q {n}"} for n in range(8)])
            first = CODE if change == "keywords of a code evaluator" else JUDGE
            await ax.ask("create_judge", name="fit", **first)
            await upload(ax, files, "a")
            await scored(ax, "a")
            if change in NEW_JUDGES:
                await ax.ask("create_judge", name="fit", new_version=True, **NEW_JUDGES[change])
            if change in EXAMPLES:
                await EXAMPLES[change](ax)
            await upload(ax, files, "b")
            await scored(ax, "b")
            found = await ax.ask("compare_experiments", experiments=["a", "b"])
            notes = found["comparison"]["notes"]
            assert bool(notes) == (cell == "tell"), notes
            text = await ax.read("compare_experiments", experiments=["a", "b"])
            assert all(note in text for note in notes)
