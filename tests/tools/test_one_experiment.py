"""One experiment alone: the figures of its evaluators, and its agreement with a truth."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller

ROWS = [
    {"key": f"q{n}", "kind": "even" if n % 2 == 0 else "odd", "source": n // 2, "expected": "yes" if n < 12 else "no"}
    for n in range(20)
]


@pytest.fixture
async def uploaded(ax: Caller, files: Path) -> None:
    await ax.ask("create_dataset", name="cases", rows=ROWS)
    rows: list[dict[str, Any]] = [
        {"key": f"q{n}", "output": "yes" if n < 15 else "no", "eval.right.score": float(n < 12 or n > 14),
         "eval.length.score": n % 5 + 1, "eval.tone.label": "kind" if n < 5 else "rude", "eval.guess.label": "yes"}
        for n in range(20)
    ]  # fmt: skip
    (files / "v1.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    await ax.ask("upload_experiment", file="v1.jsonl", dataset="cases", key="key")


@pytest.mark.usefixtures("uploaded")
@pytest.mark.parametrize("given", [{}, {"filter": "expected = 'yes' OR expected = 'no'"}])
async def test_get_experiment_has_the_rate_or_mean_of_each_evaluator(ax: Caller, given: dict[str, Any]) -> None:
    found = (await ax.ask("get_experiment", experiment="v1", **given))["evaluators"]
    right, length, tone = (found[name]["estimate"] for name in ("right", "length", "tone"))
    assert (right["kind"], right["value"], right["examples"]) == ("rate", 0.85, 20)
    assert right["interval"] == pytest.approx([0.6396, 0.9476], abs=6e-5)
    assert (length["kind"], length["value"]) == ("mean", 3.0)
    assert length["interval"] == pytest.approx([2.321, 3.679], abs=6e-4)
    assert tone["labels"]["kind"]["share"] == 0.25
    text = await ax.read("get_experiment", experiment="v1", **given)
    assert "rate 85 % (95 % interval 64 % to 95 %)" in text
    assert "mean 3 (95 % interval 2.32 to 3.68)" in text


@pytest.mark.usefixtures("uploaded")
async def test_a_truth_and_a_prediction_need_one_experiment(ax: Caller) -> None:
    alone = (await ax.ask("compare_experiments", experiments=["v1"], truth="expected"))["alone"]
    (one,) = alone["classification"]["experiments"]
    assert (one["right"], one["rows"]) == (17, 20)
    assert one["agreement"]["matrix"] == [[5, 3], [0, 12]]
    assert alone["evaluators"]["right"]["value"] == 0.85
    alone = (await ax.ask("compare_experiments", experiments=["v1"], truth="expected", predicted="guess"))["alone"]
    assert alone["evaluators"]["guess equals expected"]["value"] == 0.6
    text = await ax.read("compare_experiments", experiments=["v1"], truth="expected", cluster_by="source")
    assert "20 examples from 10 sources" in text
    assert "output against the truth expected, v1: accuracy 0.850" in text


REFUSED: list[tuple[Any, Any]] = [
    ({"slice_by": ["kind"]}, "slice_by compares experiments, and there is one."),
    ({"save_to": "page.html"}, "A page compares experiments, and there is one."),
    ({"evaluators": ["wrong"]}, "has no verdicts of 'wrong'"),
    ({"truth": "nothing"}, "Neither the dataset has a column 'nothing'"),
    ({"predicted": "guess"}, "A prediction needs a truth"),
]


@pytest.mark.usefixtures("uploaded")
async def test_one_experiment_refuses_what_needs_two(ax: Caller) -> None:
    for given, said in REFUSED:
        refusal = await ax.refused("compare_experiments", experiments=["v1"], **given)
        assert said in refusal["message"]
        assert refusal["next"]
