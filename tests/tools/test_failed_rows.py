"""Failed rows from the upload to the gate, and the directions that a comparison knows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.traces import rest

Row = dict[str, Any]


@pytest.fixture
async def cases(ax: Caller) -> None:
    rows = [{"key": f"q{n}", "expected": "yes"} for n in range(60)]
    await ax.ask("create_dataset", name="cases", rows=rows)


async def upload(ax: Caller, files: Path, name: str, rows: Sequence[Row]) -> dict[str, Any]:
    text = "\n".join(json.dumps({"key": f"q{n}", **row}) for n, row in enumerate(rows))
    (files / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return await ax.ask("upload_experiment", file=f"{name}.jsonl", dataset="cases", key="key")


def good(count: int, **cells: Any) -> list[Row]:
    return [{"output": "yes", "eval.right.score": 1, **cells} for _ in range(count)]


async def test_rows_with_an_error_and_no_output_are_failed_runs(ax: Caller, files: Path, cases: None) -> None:
    await upload(ax, files, "old", good(60))
    told = await upload(ax, files, "new", [*good(36), *[{"error": "boom"}] * 24])
    assert (told["runs"], told["failed"]) == (60, 24)
    rows = (await ax.ask("get_experiment", experiment="new", limit=2))["runs"]
    assert [(row["output"], row["error"]) for row in rows] == [("", "boom")] * 2
    text = await ax.read("get_experiment", experiment="new", limit=2)
    assert "'right': 36 of 60 scored; 60 % (36 of 60; 24 failed)" in text
    found = await ax.ask("compare_experiments", experiments=["old", "new"], truth="expected", save_to="page.html")
    (finding,) = found["comparison"]["findings"]  # the truth says the same as the evaluator
    assert (finding["evaluator"], finding["verdict"], finding["n"]) == ("right", "worse", 60)
    text = await ax.read("compare_experiments", experiments=["old", "new"], truth="expected")
    assert text.split("\n")[2] == "Missing: 24 of 60 runs of new failed; they count as failures."
    assert "new: right on 60 % (36 of 60; 24 failed). Of the others: macro-F1 " in text
    assert "old: accuracy 1.000" in text
    page = (files / "page.html").read_text(encoding="utf-8")
    assert "<strong>Missing: 24 of 60 runs of new failed; they count as failures.</strong>" in page
    found = await ax.ask("compare_experiments", experiments=["old", "new"], failures="exclude")
    assert found["comparison"]["findings"][0]["verdict"] == "undecided"


async def test_a_row_without_output_and_without_error_is_refused(ax: Caller, files: Path, cases: None) -> None:
    rows = [*good(2), {"error": " "}]
    text = "\n".join(json.dumps({"key": f"q{n}", **row}) for n, row in enumerate(rows))
    (files / "x.jsonl").write_text(text, encoding="utf-8")
    refusal = await ax.refused("upload_experiment", file="x.jsonl", dataset="cases", key="key")
    assert "1 of 3 rows of 'x.jsonl' have no output in 'output': line 3." in refusal["message"]


async def labels(ax: Caller, files: Path, evaluator: str, old: str, new: str, **asked: Any) -> dict[str, Any]:
    """The finding on an experiment with a label everywhere, against one in which half of the labels are another."""
    for name, count in (("old", 60), ("new", 30)):
        rows = [{"output": "x", f"eval.{evaluator}.label": old if n < count else new} for n in range(60)]
        await upload(ax, files, name, rows)
    found = await ax.ask("compare_experiments", experiments=["old", "new"], **asked)
    return found["comparison"]["findings"][0]


@pytest.mark.parametrize(
    ("evaluator", "old", "new", "verdict"),
    [
        ("quality", "pass", "fail", "worse"),
        ("quality", "no", "yes", "different"),
        ("hallucination", "no", "yes", "worse"),
        ("hallucination", "Yes", "No", "better"),
        ("hallucination", "factual", "hallucinated", "worse"),
        ("relevance", "no", "yes", "better"),
        ("refusal", "no", "yes", "different"),
    ],
)
async def test_labels_have_the_direction_that_they_say_or_that_the_catalogue_says(
    ax: Caller, files: Path, cases: None, evaluator: str, old: str, new: str, verdict: str
) -> None:
    assert (await labels(ax, files, evaluator, old, new))["verdict"] == verdict


async def test_scores_differ_until_the_call_that_the_reply_holds_is_made(ax: Caller, files: Path, cases: None) -> None:
    await upload(ax, files, "old", [{"output": "x", "eval.words.score": n % 7} for n in range(60)])
    await upload(ax, files, "new", [{"output": "x", "eval.words.score": n % 7 + n % 3} for n in range(60)])
    asked = {"experiments": ["old", "new"], "save_to": "page.html", "overwrite": True}
    text = await ax.read("compare_experiments", **asked)
    assert "words: new differs from old, and it is not known which is better: mean " in text
    call = 'directions={"words": "MAXIMIZE"}'
    assert call in text
    assert call.replace('"', "&quot;") in (files / "page.html").read_text(encoding="utf-8")
    asked |= json.loads(f'{{"directions": {call.removeprefix("directions=")}}}')
    assert "words: new is better than old" in await ax.read("compare_experiments", **asked)


@pytest.mark.parametrize(("direction", "verdict"), [("MINIMIZE", "worse"), ("MAXIMIZE", "better"), (None, "different")])
async def test_an_annotation_config_gives_scores_their_direction(
    ax: Caller, files: Path, cases: None, direction: str | None, verdict: str
) -> None:
    body = {"name": "words", "annotation_config_type": "CONTINUOUS", "minimum_score": 0, "maximum_score": 9}
    async with rest(ax.settings.home) as client:
        space = (await client.get("/v2/spaces")).json()["spaces"][0]["id"]
        told = {**body, "space_id": space} | ({} if direction is None else {"optimization_direction": direction})
        assert (await client.post("/v2/annotation-configs", json=told)).status_code == 201
    await upload(ax, files, "old", [{"output": "x", "eval.words.score": n % 7} for n in range(60)])
    await upload(ax, files, "new", [{"output": "x", "eval.words.score": n % 7 + n % 3} for n in range(60)])
    found = await ax.ask("compare_experiments", experiments=["old", "new"])
    assert found["comparison"]["findings"][0]["verdict"] == verdict


async def test_positive_takes_labels_and_implies_the_direction(ax: Caller, files: Path, cases: None) -> None:
    finding = await labels(ax, files, "quality", "poor", "fair", positive={"quality": ["good ", "Fair"][1:]})
    assert (finding["verdict"], finding["positive"], finding["direction_assumed"]) == ("better", "fair", False)


async def test_a_code_evaluator_keeps_its_direction(ax: Caller, files: Path, cases: None) -> None:
    """The contract has no direction for code evaluators, so the version's message has it."""
    code: dict[str, Any] = {"code": "CONTAINS_ANY_KEYWORD", "keywords": ["sorry"], "direction": "MINIMIZE"}
    await ax.ask("create_judge", name="sorry", **code)
    assert (await ax.ask("list_judges", judge="sorry"))["judge"]["direction"] == "MINIMIZE"
    await upload(ax, files, "old", [{"output": "x", "eval.sorry.score": 0}] * 60)
    await upload(ax, files, "new", [{"output": "x", "eval.sorry.score": int(n < 30)} for n in range(60)])
    found = await ax.ask("compare_experiments", experiments=["old", "new"])
    (finding,) = found["comparison"]["findings"]
    assert (finding["verdict"], finding["direction_assumed"]) == ("worse", False)


@pytest.mark.parametrize("ends", [[1], [5, 1], [1, 1], [1, 2, 3]])
async def test_a_range_that_is_none_is_refused(ax: Caller, files: Path, cases: None, ends: list[float]) -> None:
    for name in ("old", "new"):
        await upload(ax, files, name, good(60))
    refusal = await ax.refused("compare_experiments", experiments=["old", "new"], range={"right": ends})
    assert refusal["message"] == "The range of 'right' is not two finite numbers, the lower first."
    refusal = await ax.refused("compare_experiments", experiments=["old", "new"], primary="wrong")
    assert "no experiment has an evaluator 'wrong'" in refusal["message"]


async def test_all_pairs_say_which_is_the_best(ax: Caller, files: Path, cases: None) -> None:
    for name, right in (("a", 10), ("b", 30), ("c", 55)):
        rows = [{"output": "x", "eval.right.score": int(n < right), "eval.tone.score": n % 2} for n in range(60)]
        await upload(ax, files, name, rows)
    asked = {"experiments": ["a", "b", "c"], "directions": {"right": "MAXIMIZE", "tone": "MAXIMIZE"}}
    found = (await ax.ask("compare_experiments", **asked, all_pairs=True, primary="right"))["comparison"]
    assert [(one["baseline"], one["challenger"]) for one in found["findings"][:3]] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    assert found["ranking"][0] == "right: c is the best: better than each of the 2 others."
    text = await ax.read("compare_experiments", **asked, all_pairs=True, primary="right")
    assert text.startswith("3 experiments compared, each with each, verdicts first")
    assert "right: c is the best" in text
    # The correction of the deciding evaluator covers its own three tests, that of the other one all six.
    assert {one.rpartition("for ")[2] for one in text.replace(";", "\n").splitlines() if "correction" in one} == {
        "3 tests", "6 tests",
    }  # fmt: skip
