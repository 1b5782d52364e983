"""Three real models on 250 prompts, labelled by two people and two machines: uploaded, and compared by the tool.

The figures are those of scipy, statsmodels and scikit-learn.
"""

import itertools
import math
import shutil
from typing import Any

import pytest
from tests.caller import Caller
from tests.e2e.real_data import DATA, needs_real_data, read_csv
from tests.oracles import Oracle

stats = Oracle("scipy.stats")
contingency = Oracle("statsmodels.stats.contingency_tables")
multitest = Oracle("statsmodels.stats.multitest")
raters = Oracle("statsmodels.stats.inter_rater")
metrics = Oracle("sklearn.metrics")

pytestmark = needs_real_data

FOLDER = DATA / "refusals"
BASELINE, *CHALLENGERS = MODELS = ("gpt4", "mistralguard", "llama2orig")
LABELS = ("final_label", "gpt4_label", "strmatch_label", "annotation_1", "annotation_2")
JUDGED = LABELS[:3]
FULL = "1_full_compliance"
CLASSES = [FULL, "2_full_refusal", "3_partial_refusal"]

Labels = dict[str, str]


@pytest.fixture(scope="module")
async def uploaded(kept: Caller) -> Caller:
    """The prompts as a dataset, and the completions of each model as an experiment with all that was said of them."""
    files = kept.settings.folders[0]
    for file in FOLDER.glob("*.csv"):
        shutil.copy(file, files / file.name)
    prompts = [
        {"key": row["id"], "type": row["type"], "prompt": row["prompt"]} for row in read_csv(FOLDER / "prompts.csv")
    ]
    await kept.ask("create_dataset", name="prompts", rows=prompts)
    for model in MODELS:
        file = files / f"{model}.csv"
        text = (FOLDER / f"completions_{model}.csv").read_text(encoding="utf-8")
        file.write_text("key" + text.removeprefix("\ufeff").removeprefix("id"), encoding="utf-8")
        made = await kept.ask(
            "upload_experiment",
            file=file.name,
            dataset="prompts",
            key="key",
            output="completion",
            evaluators={label: {"label": label} for label in LABELS},
        )
        assert (made["runs"], made["examples_covered"], made["evaluators"]) == (250, 250, list(LABELS))
    return kept


def labels(model: str, name: str) -> Labels:
    return {row["id"]: row[name] for row in read_csv(FOLDER / f"completions_{model}.csv")}


async def compared(uploaded: Caller, **arguments: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "experiments": list(MODELS),
        "dataset": "prompts",
        "evaluators": list(JUDGED),
        "positive": dict.fromkeys(JUDGED, FULL),
        "directions": dict.fromkeys(JUDGED, "MAXIMIZE"),
        "detail": "full",
    }
    return (await uploaded.ask("compare_experiments", **{**asked, **arguments}))["comparison"]


def approx(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-12)


def counts(before: Labels, after: Labels, keys: list[str]) -> tuple[int, int]:
    """Those that complied on the first side alone, and on the second alone."""
    lost = sum(before[key] == FULL != after[key] for key in keys)
    return lost, sum(before[key] != FULL == after[key] for key in keys)


def mid_p(lost: int, won: int) -> float:
    """McNemar's mid-p: twice the tail beyond the smaller count, and its own probability once."""
    if lost == won:
        return 1.0
    least = min(lost, won)
    return float(2 * stats.binom.cdf(least - 1, lost + won, 0.5) + stats.binom.pmf(least, lost + won, 0.5))


def tangos_equation(difference: float, won: int, lost: int, n: int = 250) -> float:
    """The number of standard errors between the observed difference and this one, at its likeliest rates."""
    b = -won - lost + (2 * n - won + lost) * difference
    rate = (math.sqrt(b * b + 8 * n * lost * difference * (1 - difference)) - b) / (4 * n)
    return abs(won - lost - n * difference) / math.sqrt(n * (2 * rate + difference * (1 - difference)))


async def test_mcnemar_holm_and_tangos_interval_are_those_of_the_oracles(uploaded: Caller) -> None:
    found = (await compared(uploaded))["findings"]
    assert [(one["evaluator"], one["challenger"]) for one in found] == list(itertools.product(JUDGED, CHALLENGERS))
    raw: list[float] = []
    for one in found:
        before, after = (labels(model, one["evaluator"]) for model in (BASELINE, one["challenger"]))
        lost, won = counts(before, after, list(before))
        assert (one["n"], len(one["broken"]), len(one["fixed"]), one["ties"]) == (250, lost, won, 250 - lost - won)
        exact = contingency.mcnemar([[0, lost], [won, 0]], exact=True).pvalue
        raw.append(mid_p(lost, won))
        assert one["p"] == approx(raw[-1])
        assert one["p"] == approx(exact - stats.binom.pmf(min(lost, won), lost + won, 0.5))
        assert one["difference"] == approx((won - lost) / 250)
        for end in ("low", "high"):
            assert tangos_equation(one["interval"][end], won, lost) == pytest.approx(stats.norm.ppf(0.975), rel=1e-7)
    assert [one["p_adjusted"] for one in found] == approx(list(multitest.multipletests(raw, method="holm")[1]))


async def test_slices_by_the_type_of_prompt_are_tests_of_their_own(uploaded: Caller) -> None:
    found = (await compared(uploaded, evaluators=["final_label"], slice_by=["type"]))["slices"]["by"]
    types: dict[str, list[str]] = {}
    for row in read_csv(FOLDER / "prompts.csv"):
        types.setdefault(row["type"], []).append(row["id"])
    raw: list[float] = []
    told: list[dict[str, Any]] = []
    for slicing in found:
        before, after = (labels(model, "final_label") for model in (BASELINE, slicing["challenger"]))
        assert {one["value"] for one in slicing["slices"]} == set(types)
        for one in slicing["slices"]:
            lost, won = counts(before, after, types[one["value"]])
            assert (one["n"], one["fell"], one["rose"], one["difference"]) == (25, lost, won, approx((won - lost) / 25))
            raw.append(mid_p(lost, won))
            told.append(one)
    assert len(raw) == 20
    assert [one["p"] for one in told] == approx(raw)
    assert [one["p_adjusted"] for one in told] == approx(list(multitest.multipletests(raw, method="holm")[1]))
    worse = {slicing["challenger"]: sum(one["verdict"] == "worse" for one in slicing["slices"]) for slicing in found}
    assert worse == {"mistralguard": 1, "llama2orig": 8}


@pytest.mark.parametrize("judge", ["gpt4_label", "strmatch_label"])
async def test_a_judge_against_people_has_the_figures_of_scikit_learn(uploaded: Caller, judge: str) -> None:
    told = (await compared(uploaded, truth="final_label", predicted=judge))["classification"]
    assert (told["of_dataset"], told["predicted"], told["positive"]) == (False, judge, FULL)
    for one in told["experiments"]:
        check(one, "final_label", judge)


async def test_the_two_people_agree_as_far_as_scikit_learn_and_statsmodels_say(uploaded: Caller) -> None:
    told = (await compared(uploaded, truth="annotation_1", predicted="annotation_2"))["classification"]
    for one in told["experiments"]:
        check(one, "annotation_1", "annotation_2")
    kappas = {one["experiment"]: round(one["agreement"]["kappa"], 3) for one in told["experiments"]}
    assert kappas == {"gpt4": 0.974, "mistralguard": 0.773, "llama2orig": 0.901}


def check(one: dict[str, Any], truth: str, predicted: str) -> None:
    """One experiment's classification against the files and the oracles."""
    true, said = (list(labels(one["experiment"], name).values()) for name in (truth, predicted))
    agreed = one["agreement"]
    assert (one["without_prediction"], one["without_truth"], agreed["n"]) == (0, 0, 250)
    assert agreed["labels"] == CLASSES
    assert agreed["matrix"] == metrics.confusion_matrix(true, said, labels=CLASSES).tolist()
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        true, said, labels=CLASSES, zero_division=0
    )
    assert [each["precision"] or 0 for each in agreed["classes"]] == approx(precision.tolist())
    assert [each["recall"] or 0 for each in agreed["classes"]] == approx(recall.tolist())
    assert [each["f1"] for each in agreed["classes"]] == approx(f1.tolist())
    assert [each["support"] for each in agreed["classes"]] == support.tolist()
    assert agreed["macro_f1"] == approx(metrics.f1_score(true, said, average="macro"))
    assert agreed["accuracy"] == approx(metrics.accuracy_score(true, said))
    assert agreed["kappa"] == approx(metrics.cohen_kappa_score(true, said))
    expected = raters.cohens_kappa(agreed["matrix"])
    assert agreed["kappa_interval"]["low"] == approx(expected.kappa_low)
    assert agreed["kappa_interval"]["high"] == approx(min(1, expected.kappa_upp))
