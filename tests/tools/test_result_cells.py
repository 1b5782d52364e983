"""Cells of result files that stand for verdicts, amounts and variants."""

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from tests.caller import Caller
from tests.traces import rest

from assaykit.errors import Invalid
from assaykit.files.rows import FileRow
from assaykit.settings import Settings
from assaykit.tools.experiments.file_cells import FileCells
from assaykit.tools.experiments.usage_cells import unit_of

Row = dict[str, Any]
IDS = ("a", "b")


def opened(row: Row, units: dict[str, float] | None = None) -> tuple[Row, str]:
    cells = FileCells("r.jsonl", (), units or {})
    return cells.opened(FileRow(3, row)).values, cells.told()


def put(files: Path, rows: list[Row], name: str = "r.jsonl") -> None:
    (files / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


async def dataset(ax: Caller) -> None:
    await ax.ask("create_dataset", name="sums", rows=[{"id": one, "input": one} for one in IDS])


RIGHT = {"eval.right.score": 1.0, "eval.right.label": "true"}


@pytest.mark.parametrize(
    ("row", "verdicts"),
    [
        ({"scores": {"right": 0.5, "tone": "rude"}}, {"eval.right.score": 0.5, "eval.tone.label": "rude"}),
        ({"scores": {"right": True}}, RIGHT),
        ({"scores": '{"right": true}'}, RIGHT),
        ({"scores": "{'right': True}"}, RIGHT),
        ({"scores": {"right": None, "tone": 0}}, {"eval.tone.score": 0.0}),
        (
            {"evaluations": [{"name": "tone", "score": 1, "label": "kind", "explanation": "greets"}]},
            {"eval.tone.score": 1.0, "eval.tone.label": "kind", "eval.tone.explanation": "greets"},
        ),
        (
            {"feedback": [{"key": "tone", "value": 0.25, "comment": "curt"}, {"key": "ok", "value": "no"}]},
            {"eval.tone.score": 0.25, "eval.tone.explanation": "curt", "eval.ok.label": "no"},
        ),
        (
            {"evaluations": {"name": "tone", "passed": False, "reason": "curt"}},
            {"eval.tone.score": 0.0, "eval.tone.label": "fail", "eval.tone.explanation": "curt"},
        ),
        (
            {"scores": {"tone": {"score": 0.5, "reason": "curt", "model": "m1"}}},
            {"eval.tone.score": 0.5, "eval.tone.explanation": "curt", "eval.tone.metadata.model": "m1"},
        ),
        ({"evals": {"results": [{"metric": "tone", "score": "0.5"}]}}, {"eval.tone.score": 0.5}),
        (
            {"feedback": [{"name": "tone", "score": 1}, {"name": "tone", "score": 0}]},
            {"eval.tone.score": 1.0, "eval.tone 2.score": 0.0},
        ),
        ({"scores.right": "0.5", "feedback.tone": "rude"}, {"eval.right.score": 0.5, "eval.tone.label": "rude"}),
        (
            {"evaluations.tone.score": "1", "evaluations.tone.comment": "greets"},
            {"eval.tone.score": 1.0, "eval.tone.explanation": "greets"},
        ),
        ({"scores": {"right": 1}, "eval.right.score": 1}, {"eval.right.score": 1}),
    ],
)
def test_a_cell_of_verdicts_becomes_columns_of_its_evaluators(row: Row, verdicts: Row) -> None:
    assert opened({"output": "x", **row})[0] == {"output": "x", **verdicts}


@pytest.mark.parametrize(
    "cell",
    ["too long", 3, [1, 2], ["a"], {"tone": {"deep": {}}}, {"tone": [1]}, [{"score": {"a": {}}}], {"comment": "x"}],
)
def test_a_cell_without_verdicts_stays_and_its_line_is_named(cell: Any) -> None:
    values, told = opened({"feedback": cell})
    assert values == {"feedback": cell}
    assert told == " 1 cell of feedback, the first in line 3, without a verdict: kept unread."


def test_two_different_verdicts_of_one_evaluator_are_refused_with_the_line() -> None:
    with pytest.raises(Invalid, match=r"Line 3 of 'r.jsonl' has two verdicts of right: '0' and, in scores, '1"):
        opened({"scores": {"right": 1}, "eval.right.score": 0})


@pytest.mark.parametrize(
    ("row", "read"),
    [
        ({"latencyMs": 350}, {"latency_ms": 350}),
        ({"Latency (ms)": "350"}, {"latency_ms": 350}),
        ({"duration_seconds": 1.5}, {"latency_ms": 1500.0}),
        ({"latency": "1.2s"}, {"latency_ms": 1200.0}),
        ({"response_time_us": 2000}, {"latency_ms": 2.0}),
        ({"usage": {"input_tokens": 7, "output_tokens": 2}}, {"prompt_tokens": 7, "completion_tokens": 2}),
        ({"usage": '{"total_tokens": 9}'}, {"total_tokens": 9}),
        ({"usage.total_tokens": "1,204"}, {"total_tokens": 1204}),
        ({"promptTokens": 7}, {"prompt_tokens": 7}),
        ({"estimated_cost": "$0.02"}, {"cost": 0.02}),
        ({"cost (USD)": 0.02}, {"cost": 0.02}),
        ({"latency_s": 2}, {}),
        ({"total_cost": 0.1, "tokens": 3, "duration_ms": 4}, {}),
    ],
)
def test_amounts_are_read_under_their_usual_names_and_units(row: Row, read: Row) -> None:
    values, told = opened(row)
    assert values == {**row, **read}
    assert told.startswith(" Read: ")


@pytest.mark.parametrize(("cells", "ms"), [([0.4, 1.5, 31], 1000), ([400, "1500"], 1), (["x", None], None)])
def test_durations_without_a_unit_have_the_one_that_a_model_can_have(cells: list[Any], ms: float | None) -> None:
    assert unit_of(cells) == ms


def test_a_cell_without_an_amount_is_named() -> None:
    told = opened({"duration": "soon", "cost": -1}, {"duration": 1000})[1]
    assert told == (
        " 1 cell of cost, the first in line 3, without an amount: kept unread."
        " 1 cell of duration, the first in line 3, without an amount: kept unread."
    )


async def test_verdicts_and_amounts_of_a_file_are_counted_and_compared(ax: Caller, files: Path) -> None:
    await dataset(ax)
    for name, right in (("v1", 0), ("v2", 1)):
        rows = [
            {"id": one, "answer": one, "scores": {"right": right}, "duration": 1.5, "note": "n", "usage": {"total": 9}}
            for one in IDS
        ]
        put(files, rows, f"{name}.jsonl")
    text = await ax.read("upload_experiment", file="v1.jsonl", dataset="sums")
    assert "'right': 0 labels, 2 scores" in text
    assert " Verdicts are read from scores. Read: tokens from usage.total; latency from duration as seconds." in text
    assert "Kept with the runs as they are: 'note'." in text
    await ax.ask("upload_experiment", file="v2.jsonl", dataset="sums")
    assert "right: 2 pairs" in await ax.read("compare_experiments", experiments=["v1", "v2"])
    run = (await ax.ask("get_experiment", experiment="v1", save_to="v1.json"))["rows"]
    assert run == 2
    kept = json.loads((files / "v1.json").read_text(encoding="utf-8"))[0]
    assert (kept["latency_ms"], kept["duration"], kept["total_tokens"]) == (1500, 1.5, 9)


@pytest.mark.parametrize(("column", "asked"), [("variant", {}), ("experiment", {}), ("model", {"variant": "model"})])
async def test_one_file_with_a_column_of_variants_is_several_experiments(
    ax: Caller, files: Path, column: str, asked: Row
) -> None:
    await dataset(ax)
    rows = [{"id": one, "output": one, column: name} for name in ("m1", "m2") for one in IDS]
    put(files, rows)
    made = await ax.ask("upload_experiment", file="r.jsonl", dataset="sums", **asked)
    assert [(one["experiment"]["name"], one["runs"]) for one in made["experiments"]] == [("r - m1", 2), ("r - m2", 2)]
    put(files, [*rows[:3], {**rows[3], "id": "nobody"}], "s.jsonl")
    await ax.refused("upload_experiment", file="s.jsonl", dataset="sums", **asked)
    put(files, [*rows, {"id": "a", "output": "x"}], "t.jsonl")
    refusal = await ax.refused("upload_experiment", file="t.jsonl", dataset="sums", **asked)
    assert f"Line 5 of 't.jsonl' names no variant in {column}" in refusal["message"]
    one = await ax.ask("upload_experiment", file="r.jsonl", name="one", dataset="sums", variant="", repetitions=True)
    assert (one["runs"], "experiments" in one) == (4, False)
    names = [one["name"] for one in (await ax.ask("list_experiments", dataset="sums"))["experiments"]]
    assert sorted(names) == ["one", "r - m1", "r - m2"]


async def test_rows_of_several_models_are_told_to_be_variants(ax: Caller, files: Path) -> None:
    await dataset(ax)
    put(files, [{"id": one, "output": one, "model": name} for name in ("m1", "m2") for one in IDS])
    refusal = await ax.refused("upload_experiment", file="r.jsonl", dataset="sums")
    assert "variant='model'" in refusal["next"]
    unknown = await ax.refused("upload_experiment", file="r.jsonl", dataset="sums", variant="modle")
    assert "'model'" in unknown["next"]


@pytest.mark.parametrize("asked", [{}, {"dataset": ""}])
async def test_a_file_is_an_experiment_without_a_dataset(ax: Caller, files: Path, asked: Row) -> None:
    if asked:
        await dataset(ax)
    put(files, [{"id": one, "output": one, "scores": {"right": 1}} for one in IDS], "v1.jsonl")
    put(files, [{"id": one, "output": one, "scores": {"right": 0}} for one in IDS], "v2.jsonl")
    text = await ax.read("upload_experiment", file="v1.jsonl", **asked)
    assert "without a dataset: 2 runs." in text
    made = await ax.ask("upload_experiment", file="v2.jsonl", **asked)
    assert (made["dataset"], made["runs"], made["evaluators"]) == (None, 2, ["right"])
    rows = (await ax.ask("get_experiment", experiment="v1"))["runs"]
    assert sorted(row["example_id"] for row in rows) == ["a", "b"]
    assert "right: 2 pairs" in await ax.read("compare_experiments", experiments=["v1", "v2"])
    put(files, [{"output": "x"}, {"output": None}], "v3.jsonl")
    assert "line 2" in (await ax.refused("upload_experiment", file="v3.jsonl", **asked))["message"]
    assert (await ax.refused("upload_experiment", file="v1.jsonl", **asked))["code"] == "conflict"


async def test_rows_of_unknown_examples_are_told_when_read_and_when_compared(ax: Caller, files: Path) -> None:
    await dataset(ax)
    ids = [one["id"] for one in (await ax.ask("get_dataset"))["examples"]]
    for name in ("v1", "v2"):
        put(files, [{"example_id": one, "output": one, "scores": {"right": 1}} for one in ids], f"{name}.jsonl")
        await ax.ask("upload_experiment", file=f"{name}.jsonl", dataset="sums")
    assert "the dataset does not have" not in await ax.read("compare_experiments", experiments=["v1", "v2"])
    await ax.ask("edit_examples", dataset="sums", delete=["b"])
    told = await ax.read("compare_experiments", experiments=["v1", "v2"])
    assert f"1 row(s) of v1 name an example that the dataset does not have, or has no longer: '{ids[1]}'." in told


async def test_an_experiment_of_other_clients_with_unknown_examples_is_told(ax: Caller, settings: Settings) -> None:
    await dataset(ax)
    target = (await ax.ask("list_datasets"))["datasets"][0]["id"]
    runs = [{"example_id": "gone", "output": "x", "eval.right.score": 1}]
    async with rest(settings.home) as client:
        for name in ("v1", "v2"):
            body = {"name": name, "dataset_id": target, "experiment_runs": runs}
            (await client.post("/v2/experiments", json=body)).raise_for_status()
    said = "1 row(s) name an example that the dataset does not have: 'gone'"
    assert said in await ax.read("get_experiment", experiment="v1")
    assert said in await ax.read("get_experiment", experiment="v1", filter="eval.right.score = 1")
    told = await ax.ask("get_experiment", experiment="v1")
    assert told["unknown_examples"] == {"runs": 1, "ids": ["gone"]}
    assert "1 row(s) of v2 name an example" in await ax.read("compare_experiments", experiments=["v1", "v2"])


async def test_each_sheet_of_a_workbook_is_a_file(ax: Caller, files: Path) -> None:
    book = openpyxl.Workbook()
    for sheet in (book.worksheets[0], book.create_sheet("run 2")):
        for row in (["id", "output"], *([one, sheet.title] for one in IDS)):
            sheet.append(row)
    book.save(files / "r.xlsx")
    said = "The first sheet is read, and not 'run 2': file='book.xlsx#Name' reads one."
    assert said in await ax.read("create_dataset", name="sums", file="r.xlsx")
    assert said in await ax.read("upload_experiment", file="r.xlsx", dataset="sums")
    made = await ax.ask("upload_experiment", file="r.xlsx#run 2", dataset="sums")
    assert (made["experiment"]["name"], made["runs"]) == ("r run 2", 2)
    assert {row["output"] for row in (await ax.ask("get_experiment", experiment="r run 2"))["runs"]} == {"run 2"}


@pytest.mark.parametrize("column", ["question", "query", "prompt"])
async def test_a_column_of_questions_is_the_input(ax: Caller, files: Path, column: str) -> None:
    rows = [{column: f"{one}?", "answer": one} for one in IDS]
    text = await ax.read("create_dataset", name="sums", rows=rows)
    assert f" input stands for {column}." in text
    copy = await ax.ask("create_dataset", name="copy", dataset="sums", filter="input = 'a?'")
    assert copy["examples"] == 1
    put(files, [{"input": f"{one}?", "response": one} for one in IDS])
    text = await ax.read("upload_experiment", file="r.jsonl", dataset="sums")
    assert f"Rows are matched by input and {column} of the dataset. The output is read from response." in text
    assert (await ax.ask("get_experiment", experiment="r", filter="input = 'b?'"))["rows"] == 1
