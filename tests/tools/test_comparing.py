"""Comparisons through the tool: what runs took, slices, classes, repetitions, and examples side by side."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.analysis.variants import approx
from tests.caller import Caller

Row = dict[str, Any]

EXAMPLES = [
    {"key": f"q{n}", "tier": "gold" if n < 12 else "free" if n < 20 else "trial", "expected": "no" if n % 3 else "yes"}
    for n in range(24)
]
"""Twelve gold, eight free, four on trial."""


@pytest.fixture
async def cases(ax: Caller) -> None:
    await ax.ask("create_dataset", name="cases", rows=EXAMPLES)


async def upload(ax: Caller, files: Path, name: str, rows: list[Row], **more: Any) -> None:
    text = "\n".join(json.dumps({"output": f"{name} says", **row}) for row in rows)
    (files / f"{name}.jsonl").write_text(text, encoding="utf-8")
    await ax.ask("upload_experiment", file=f"{name}.jsonl", dataset="cases", key="key", **more)


def scored(scores: list[Any], **columns: Callable[[int], Any] | float) -> list[Row]:
    """A run for each question; a column's value may be a function of its number."""
    return [
        {
            "key": f"q{n}",
            "eval.right.score": score,
            **{name.replace("__", "."): value(n) if callable(value) else value for name, value in columns.items()},
        }
        for n, score in enumerate(scores)
    ]


async def two(ax: Caller, files: Path, **arguments: Any) -> tuple[dict[str, Any], str]:
    """The comparison of new with old: data and text."""
    asked = {"experiments": ["old", "new"], "directions": {"right": "MAXIMIZE"}, **arguments}
    data = await ax.ask("compare_experiments", **asked)
    asked.pop("save_to", None)
    return data["comparison"], await ax.read("compare_experiments", **asked)


async def test_latency_tokens_and_cost_are_told_where_they_are_known(ax: Caller, files: Path, cases: None) -> None:
    await upload(ax, files, "old", scored([1] * 24, latency=100, token_count=lambda n: 10 * n))
    await upload(ax, files, "new", scored([1] * 24, latency_ms=lambda n: 100 + n, cost=0.25))
    found, text = await two(ax, files, save_to="page.html")
    old, new = found["usage"]
    assert (old["name"], old["latency_ms"]["median"], old["latency_ms"]["p95"]) == ("old", 100, 100)
    assert (old["tokens"]["total"], old["tokens"]["mean"], old["cost"]) == (2760, 115, None)
    assert (new["latency_ms"]["median"], new["latency_ms"]["p95"]) == (111.5, approx(121.85))
    assert (new["tokens"], new["cost"]["total"]) == (None, 6)
    (longer,) = found["usage_changes"]
    assert (longer["measure"], longer["challenger"], longer["n"], longer["is_ratio"]) == ("latency", "new", 24, True)
    # The geometric mean of 100 to 123 ms, in hundreds.
    ratio = math.exp(math.fsum(math.log(1 + n / 100) for n in range(24)) / 24)
    assert longer["change"] == approx(ratio, rel=1e-9)
    assert longer["interval"]["low"] < ratio < longer["interval"]["high"]
    assert (longer["verdict"], longer["tests"]) == ("higher", 2)
    assert "Latency, median and p95: old 100 ms, 100 ms; new 112 ms, 122 ms." in text
    assert (
        "Latency: new took 1.11 times as long as old (95 % interval 1.08 to 1.14 times; geometric means 111 ms" in text
    )
    assert "after the correction for 2 tests; 24 pairs)" in text
    assert "Tokens, total and mean: old 2,760, 115; new not known." in text
    assert "Cost, total and mean: old not known; new $6, $0.25." in text
    page = (files / "page.html").read_text(encoding="utf-8")
    assert "<td>2,760, 115</td><td>not known</td>" in page


async def test_what_nobody_recorded_is_not_known_and_not_zero(ax: Caller, files: Path, cases: None) -> None:
    await upload(ax, files, "old", scored([1] * 24))
    await upload(ax, files, "new", scored([0] * 24))
    found, text = await two(ax, files)
    assert [(one["latency_ms"], one["tokens"], one["cost"]) for one in found["usage"]] == [(None, None, None)] * 2
    assert found["usage_changes"] == []
    assert "Latency, tokens and cost: not known." in text


async def test_cells_of_a_csv_file_are_read_as_numbers_and_gaps_are_told(ax: Caller, files: Path, cases: None) -> None:
    await upload(ax, files, "old", scored([1] * 24))
    lines = [f"q{n},x,1,{'' if n < 4 else 2.5},{n}" for n in range(24)]
    text = "key,output,eval.right.score,latency,total_tokens\n" + "\n".join(lines)
    (files / "new.csv").write_text(text, encoding="utf-8")
    await ax.ask("upload_experiment", file="new.csv", dataset="cases", key="key")
    found, text = await two(ax, files)
    assert found["usage"][1]["latency_ms"]["known"] == 20
    assert found["usage"][1]["tokens"]["total"] == 276
    assert "new 2.5 ms, 2.5 ms (known of 20 of 24 rows)" in text


async def test_examples_are_shown_with_both_outputs_the_unchanged_ones_too(
    ax: Caller, files: Path, cases: None
) -> None:
    await upload(ax, files, "old", scored([0] * 9 + [1] * 8 + [0] * 7, output=lambda n: f"old {n}"))
    await upload(ax, files, "new", scored([1] * 9 + [0] + [1] * 7 + [0] * 7, output=lambda n: f"new {n}"))
    found, _ = await two(ax, files, save_to="page.html", detail="full")
    (finding,) = found["findings"]
    assert (len(finding["fixed"]), len(finding["broken"]), finding["ties"]) == (9, 1, 14)
    assert len(finding["unchanged"]) == 14
    (brief,) = (await two(ax, files))[0]["findings"]
    assert (brief["unchanged"], brief["ids_left_out"]) == (finding["unchanged"][:10], {"unchanged": 4})
    assert not brief.keys() & {"examples", "examples_left_out"}
    examples = finding["examples"]
    assert {way: len(some) for way, some in examples.items()} == {"broken": 1, "fixed": 5, "unchanged": 5}
    assert finding["examples_left_out"] == {"broken": 0, "fixed": 4, "unchanged": 9}
    (broken,) = examples["broken"]
    assert broken == {
        "example_id": finding["broken"][0],
        "baseline_value": 1,
        "challenger_value": 0,
        "baseline_output": "old 9",
        "challenger_output": "new 9",
    }
    # What is wrong on both sides comes before what is right on both.
    assert [one["baseline_value"] for one in examples["unchanged"]] == [0] * 5
    page = (files / "page.html").read_text(encoding="utf-8")
    assert "<summary>14 unchanged</summary>" in page
    assert "<summary>9 fixed</summary>" in page
    assert "<pre>old 23</pre>" in page


async def test_slices_by_a_column_of_the_dataset(ax: Caller, files: Path, cases: None) -> None:
    await upload(ax, files, "old", scored([0] * 12 + [1] * 12))
    await upload(ax, files, "new", scored([1] * 12 + [1] * 11 + [0]))
    found, text = await two(ax, files, slice_by=["tier"], save_to="page.html")
    assert found["slices"]["warning"].startswith("Slices test the same data many times")
    (by,) = found["slices"]["by"]
    assert (by["column"], by["evaluator"], by["challenger"]) == ("tier", "right", "new")
    assert [(one["value"], one["n"], one["verdict"]) for one in by["slices"]] == [
        ("gold", 12, "better"),
        ("free", 8, "no difference shown"),
        ("trial", 4, "too small"),
    ]
    gold, _, trial = by["slices"]
    assert (gold["baseline_value"], gold["challenger_value"], gold["fell"]) == (0, 1, 0)
    # Two slices are tested: the mid-p 0.5^12, twice for Holm.
    assert (gold["p"], gold["p_adjusted"]) == (approx(0.5**12), approx(2 * 0.5**12))
    assert (trial["difference"], trial["interval"], trial["p"]) == (-0.25, None, None)
    assert "right by tier, new:" in text
    assert "too small to judge (under 6)" in text
    page = (files / "page.html").read_text(encoding="utf-8")
    assert "<h3>right by tier: new against old</h3><svg" in page
    assert "gold: +100 (+52 to +100), better. free: +0 (-32 to +32), no difference shown.</title>" in page


async def test_a_column_that_cannot_be_sliced_by_is_refused(ax: Caller, files: Path, cases: None) -> None:
    await upload(ax, files, "old", scored([0] * 24))
    await upload(ax, files, "new", scored([1] * 24))
    asked: dict[str, Any] = {"experiments": ["old", "new"]}
    refusal = await ax.refused("compare_experiments", **asked, slice_by=["key"])
    assert refusal["message"] == "Column 'key' has 24 different values, and slices are made of at most 20."
    assert refusal["next"] == "Slice by a column of few values, such as 'tier', 'expected'."
    refusal = await ax.refused("compare_experiments", **asked, slice_by=["teir"])
    assert refusal["message"] == "The dataset has no column 'teir'; it has 'key', 'tier', 'expected'."


async def test_outputs_against_the_truth_need_no_evaluator(ax: Caller, files: Path, cases: None) -> None:
    """Right on every third, which is "yes", and on the first nine; one row without output."""
    await upload(ax, files, "old", [{"key": f"q{n}", "output": "yes"} for n in range(24)])
    new = [{"key": f"q{n}", "output": one["expected"] if n < 15 else "yes"} for n, one in enumerate(EXAMPLES)]
    await upload(ax, files, "new", new)
    asked: dict[str, Any] = {"experiments": ["old", "new"], "truth": "expected", "positive": {"output": "yes"}}
    found = (await ax.ask("compare_experiments", **asked, save_to="page.html"))["comparison"]
    (finding,) = found["findings"]
    assert (finding["evaluator"], finding["verdict"]) == ("output equals expected", "better")
    assert (finding["table"]["both"], finding["table"]["challenger_only"]) == (8, 10)
    told = found["classification"]
    assert (told["truth"], told["of_dataset"], told["predicted"], told["positive"]) == (
        "expected", True, "output", "yes",
    )  # fmt: skip
    old, new_one = (one["agreement"] for one in told["experiments"])
    assert (old["labels"], old["matrix"]) == (["no", "yes"], [[0, 16], [0, 8]])
    assert (old["classes"][0]["precision"], old["classes"][0]["recall"], old["kappa"]) == (None, 0, 0)
    assert new_one["matrix"] == [[10, 6], [0, 8]]
    assert new_one["accuracy"] == 0.75
    assert new_one["macro_f1"] == approx((20 / 26 + 16 / 22) / 2)
    text = await ax.read("compare_experiments", **asked)
    told = next(line for line in text.splitlines() if line.startswith("output against the truth expected, new:"))
    # Wilson's interval of 8 of 14.
    assert "'yes' has precision 0.571 (0.326 to 0.786), recall 1.000 (0.676 to 1.000), F1 0.727 (0." in told
    assert "; accuracy 0.750 (0." in told
    assert "no          16    1.000      0.625   0.769  10     6" in text
    page = (files / "page.html").read_text(encoding="utf-8")
    assert "<caption>Rows of new: true class against predicted class</caption>" in page
    assert '<td class="number agreed">10</td><td class="number">6</td>' in page


async def test_a_judge_against_a_person_of_the_same_rows(ax: Caller, files: Path, cases: None) -> None:
    for name in ("old", "new"):
        rows = [
            {
                "key": f"q{n}",
                "eval.judge.label": "good" if n % 2 else "bad",
                **({"eval.person.label": "good" if n % 4 else "bad"} if n < 20 else {}),
            }
            for n in range(24)
        ]
        await upload(ax, files, name, rows)
    found, text = await two(
        ax, files, directions={}, positive={"judge": "good"}, evaluators=["judge"], truth="person", predicted="judge"
    )
    assert [one["evaluator"] for one in found["findings"]] == ["judge"]
    one = found["classification"]["experiments"][0]
    assert (one["without_truth"], one["agreement"]["n"]) == (4, 20)
    assert one["agreement"]["matrix"] == [[5, 0], [5, 10]]
    assert one["agreement"]["kappa"] == approx(0.5)
    assert "over 20 rows. Left out: rows 4 without a truth." in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"truth": "expcted"}, "Neither the dataset has a column 'expcted' nor the experiments an evaluator"),
        ({"truth": "expected", "predicted": "tone"}, "No experiment has an evaluator 'tone' to predict with"),
        ({"predicted": "right"}, "A prediction needs a truth to compare it with."),
        ({"truth": "expected", "predicted": "right"}, "No row has both a prediction, 'right', and a truth"),
        ({"truth": "expected", "positive": {"output": "maybe"}}, "The positive class 'maybe' is neither true nor"),
        ({"slice_by": "tier"}, "slice_by: input should be a valid list"),
    ],
)
async def test_a_truth_that_cannot_be_used_is_refused(
    ax: Caller, files: Path, cases: None, arguments: dict[str, Any], said: str
) -> None:
    await upload(ax, files, "old", scored([0] * 24))
    await upload(ax, files, "new", scored([1] * 24))
    refusal = await ax.refused("compare_experiments", experiments=["old", "new"], **arguments)
    assert refusal["message"].startswith(said)
    assert refusal["next"]


async def test_repetitions_are_paired_by_example_and_told_as_pass_at_k(ax: Caller, files: Path, cases: None) -> None:
    """Of three tries each: old passes once, new passes always on the first half and twice on the other."""
    old = [row for _ in range(3) for row in scored([0] * 24)]
    for n in range(24):
        old[n]["eval.right.score"] = 1
    new = [*scored([1] * 24), *scored([1] * 24), *scored([1] * 12 + [0] * 12)]
    await upload(ax, files, "old", old, repetitions=True)
    await upload(ax, files, "new", new, repetitions=True)
    found, text = await two(ax, files, save_to="page.html")
    (finding,) = found["findings"]
    assert (finding["n"], finding["test"], finding["table"]) == (24, "sign flips", None)
    assert (finding["baseline_value"], finding["challenger_value"]) == (approx(1 / 3), approx(5 / 6))
    before, after = found["repetitions"]
    assert (before["experiment"], before["flake_rate"], before["flaky"]) == ("old", 1, 24)
    assert [(one["k"], one["pass_at_k"], one["pass_hat_k"]) for one in before["at"]] == [
        (1, approx(1 / 3), approx(1 / 3)), (2, approx(2 / 3), 0), (3, 1, 0),
    ]  # fmt: skip
    assert (after["flake_rate"], after["examples"]) == (0.5, 24)
    assert [(one["pass_at_k"], one["pass_hat_k"]) for one in after["at"]] == [
        (approx(5 / 6), approx(5 / 6)), (1, approx(2 / 3)), (1, 0.5),
    ]  # fmt: skip
    assert (
        "right, new: pass@3 100 % (86 % to 100 %) and pass^3 50 % (30 % to 70 %) over 24 example(s); flake rate 50 %"
        in text
    )
    # Runs of old differ by their position alone, so the variance of the difference is all within examples.
    assert "right, new: more repetitions would help: " in text
    page = (files / "page.html").read_text(encoding="utf-8")
    assert (
        "<td>right</td><td>old</td><td>2</td><td>67 % (47 % to 82 %)</td><td>0 % (0 % to 14 %)</td><td>24</td>" in page
    )


async def test_where_less_is_better_a_nought_passes(ax: Caller, files: Path, cases: None) -> None:
    await upload(ax, files, "old", [*scored([0] * 24), *scored([1] * 24)], repetitions=True)
    await upload(ax, files, "new", [*scored([0] * 24), *scored([0] * 24)], repetitions=True)
    found, _ = await two(ax, files, directions={"right": "MINIMIZE"})
    assert [one["at"][-1]["pass_hat_k"] for one in found["repetitions"]] == [0, 1]
    found, _ = await two(ax, files, directions={"right": "NONE"})
    assert "repetitions" not in found
