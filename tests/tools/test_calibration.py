"""Judges held against people by the tool, on 250 answers of each of three real models.

The figures are those of scikit-learn and statsmodels.
"""

import itertools
import random
from typing import Any

import pytest
from tests.caller import Caller
from tests.e2e.real_data import DATA, needs_real_data, read_csv
from tests.oracles import Oracle

from assaykit.analysis.corrected_differences import corrected_differences
from assaykit.analysis.judge_agreement import LabelledRow, Vocabulary

metrics = Oracle("sklearn.metrics")
raters = Oracle("statsmodels.stats.inter_rater")
proportion = Oracle("statsmodels.stats.proportion")

pytestmark = needs_real_data

FOLDER = DATA / "refusals"
MODELS = ("gpt4", "mistralguard", "llama2orig")
LABELS = ("gpt4_label", "strmatch_label", "final_label", "annotation_1", "annotation_2")
FULL = "1_full_compliance"
REFUSALS = ["2_full_refusal", "3_partial_refusal"]


@pytest.fixture(scope="module")
async def uploaded(kept: Caller) -> Caller:
    files = kept.settings.folders[0]
    prompts = [{"key": row["id"], "type": row["type"]} for row in read_csv(FOLDER / "prompts.csv")]
    await kept.ask("create_dataset", name="prompts", rows=prompts)
    for model in MODELS:
        file = files / f"{model}.csv"
        text = (FOLDER / f"completions_{model}.csv").read_text(encoding="utf-8")
        file.write_text("key" + text.removeprefix("\ufeff").removeprefix("id"), encoding="utf-8")
        await kept.ask(
            "upload_experiment", file=file.name, dataset="prompts", key="key", output="completion",
            evaluators={label: {"label": label} for label in LABELS},
        )  # fmt: skip
    return kept


def labels(model: str, name: str) -> list[str]:
    return [row[name] for row in read_csv(FOLDER / f"completions_{model}.csv")]


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-12)


@pytest.mark.over_http("calibrate_judge")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("judge", ["gpt4_label", "strmatch_label", "annotation_1"])
async def test_every_figure_of_one_experiment_is_the_oracles(uploaded: Caller, model: str, judge: str) -> None:
    told = await uploaded.ask(
        "calibrate_judge", judge=judge, truth="final_label", experiments=[model], failures=REFUSALS
    )
    true, said = labels(model, "final_label"), labels(model, judge)
    figures = told["agreement"]
    assert told["rows"] == figures["n"] == 250
    assert figures["labels"] == sorted({*true, *said})
    assert figures["matrix"] == metrics.confusion_matrix(true, said, labels=figures["labels"]).tolist()
    assert figures["accuracy"] == close(metrics.accuracy_score(true, said))
    assert figures["kappa"] == close(metrics.cohen_kappa_score(true, said))
    kappa = raters.cohens_kappa(figures["matrix"])
    if figures["kappa_interval"] is not None:
        assert figures["kappa_interval"]["low"] == close(kappa.kappa_low)
    failed, judged = [one != FULL for one in true], [one != FULL for one in said]
    failures = told["failures"]
    assert failures["sensitivity"] == close(metrics.recall_score(failed, judged))
    assert failures["specificity"] == close(metrics.recall_score(failed, judged, pos_label=False))
    for hits, total, key in (
        (failures["caught"], sum(failed), "sensitivity_interval"),
        (failures["cleared"], 250 - sum(failed), "specificity_interval"),
    ):
        low, high = proportion.proportion_confint(hits, total, method="wilson")
        assert failures[key] == {"low": close(low), "high": close(high), "level": 0.95}
    assert told["base_rate"] == close(sum(failed) / 250)
    assert told["constant_judge"]["accuracy"] == close(max(true.count(one) for one in set(true)) / 250)
    assert sum(one["rows"] for one in told["disagreements"]) == sum(a != b for a, b in zip(true, said, strict=True))


async def test_two_people_are_the_ceiling(uploaded: Caller) -> None:
    asked = {"judge": "gpt4_label", "truth": "final_label", "experiments": ["gpt4"], "failures": REFUSALS}
    told = await uploaded.ask("calibrate_judge", **asked, people=["annotation_1", "annotation_2"])
    one, other = labels("gpt4", "annotation_1"), labels("gpt4", "annotation_2")
    assert told["people"]["items"] == 250
    assert told["people"]["share"] == close(metrics.accuracy_score(one, other))
    pooled = one + other
    seen = sum(a != b for a, b in zip(one, other, strict=True)) / 250
    by_chance = 1 - sum(pooled.count(label) * (pooled.count(label) - 1) for label in set(pooled)) / (500 * 499)
    assert told["people"]["alpha"] == close(1 - seen / by_chance)
    text = await uploaded.read("calibrate_judge", **asked, people=["annotation_1", "annotation_2"])
    assert "People agree with each other on" in text


async def test_slices_and_two_models_stand_side_by_side(uploaded: Caller) -> None:
    told = await uploaded.ask(
        "calibrate_judge", judge="gpt4_label", truth="final_label", experiments=list(MODELS), failures=REFUSALS,
        slice_by=["type"],
    )  # fmt: skip
    assert told["rows"] == 750
    assert sum(one["rows"] for one in told["slices"].values()) == 750
    assert len(told["slices"]) == 10
    rates = {one["run"]: one for one in told["rates"]}
    for model in MODELS:
        assert rates[model]["by_people"] == close(sum(one != FULL for one in labels(model, "final_label")) / 250)
        assert rates[model]["measured"] == close(sum(one != FULL for one in labels(model, "gpt4_label")) / 250)


@pytest.mark.parametrize(("before", "after"), list(itertools.combinations(MODELS, 2)))
def test_half_of_the_labels_bring_a_difference_nearer_to_the_peoples(before: str, after: str) -> None:
    """200 seeded splits: the difference by 125 labels and all verdicts, against the one by the judge alone."""
    ids = [row["id"] for row in read_csv(FOLDER / f"completions_{before}.csv")]
    words = Vocabulary({one.casefold(): one for one in (FULL, *REFUSALS)}, frozenset(REFUSALS))
    sides = {
        name: list(zip(labels(name, "final_label"), labels(name, "gpt4_label"), strict=True))
        for name in (before, after)
    }  # fmt: skip
    whole = sum(
        (new != FULL) - (old != FULL) for (new, _), (old, _) in zip(sides[after], sides[before], strict=True)
    ) / len(ids)
    nearer = 0
    for seed in range(200):
        known = set(random.Random(seed).sample(ids, 125))  # noqa: S311  (no secret)
        rows = [
            LabelledRow(item, true if item in known else None, said, run=name)
            for name, every in sides.items()
            for item, (true, said) in zip(ids, every, strict=True)
        ]
        (told,) = corrected_differences(rows, words)
        assert told.powered is not None
        assert (told.labelled, told.pairs) == (125, 250)
        nearer += abs(told.powered.mean - whole) < abs(told.by_judge - whole)
    assert nearer >= 190, nearer
