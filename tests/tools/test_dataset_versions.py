"""Experiments on different versions of a dataset, and of one name on two datasets."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, connected

from assaykit.api.experiments import examples_of
from assaykit.wire.datasets import DatasetVersionWithExampleIds, UpdateDatasetExamplesRequest

pytestmark = pytest.mark.embedded("a test writes to the dataset beside the tools")


async def upload(ax: Caller, files: Path, dataset: str, name: str, scores: list[int]) -> str:
    rows = [{"key": f"q{n}", "output": "x", "eval.right.score": score} for n, score in enumerate(scores)]
    (files / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    told = await ax.ask("upload_experiment", file=f"{name}.jsonl", dataset=dataset, key="key", name=name)
    return str(told["experiment"]["id"])


async def rewritten(ax: Caller, dataset_id: str, count: int) -> None:
    """Give the first examples other questions, in a new version of the dataset."""
    async with connected(ax.settings) as api:
        every = [one async for one in examples_of(api, dataset_id)]
        changed: list[dict[str, Any]] = [
            {"id": one.id, **(one.model_extra or {}), "question": "another"} for one in every[:count]
        ]
        body = UpdateDatasetExamplesRequest.model_validate({"examples": changed, "new_version": "second"})
        await api.patch(f"/v2/datasets/{dataset_id}/examples", DatasetVersionWithExampleIds, body)


@pytest.mark.parametrize(("changed", "verdict"), [(10, "no difference shown"), (0, "different"), (30, None)])
async def test_examples_whose_content_changed_between_versions_are_left_out(
    ax: Caller, files: Path, changed: int, verdict: str | None
) -> None:
    rows = [{"key": f"q{n}", "question": f"question {n}"} for n in range(30)]
    made = await ax.ask("create_dataset", name="cases", rows=rows)
    await upload(ax, files, "cases", "old", [1] * 30)
    if changed:
        await rewritten(ax, made["dataset"]["id"], changed)
    await upload(ax, files, "cases", "new", [0] * 10 + [1] * 20)
    if verdict is None:
        refusal = await ax.refused("compare_experiments", experiments=["old", "new"])
        assert "that differ in all 30 shared examples." in refusal["message"]
        return
    found = (await ax.ask("compare_experiments", experiments=["old", "new"]))["comparison"]
    (finding,) = found["findings"]
    assert (finding["verdict"], finding["n"], finding["missing"]) == (verdict, 30 - changed, 0)
    text = await ax.read("compare_experiments", experiments=["old", "new"])
    why = "because the content differs between the versions that the experiments ran on."
    told = f"Missing: 10 examples are left out, {why}"
    assert (told in text) == bool(changed)
    assert found["notes"] == ([told] if changed else [])


async def test_experiments_of_one_name_on_two_datasets_are_told_apart(ax: Caller, files: Path) -> None:
    rows = [{"key": f"q{n}"} for n in range(30)]
    await ax.ask("create_dataset", name="whole", rows=rows)
    await ax.ask("create_dataset", name="part", dataset="whole", size=30)
    ids = [await upload(ax, files, dataset, "run", [1] * 30) for dataset in ("whole", "part")]
    found = (await ax.ask("compare_experiments", experiments=ids))["comparison"]
    assert (found["baseline"], found["challengers"]) == ("run on whole", ["run on part"])
