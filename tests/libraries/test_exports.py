"""Files of other evaluation tools: each aspect of each export, with its right value."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller

from assaykit.errors import Invalid
from assaykit.files.exports.shared_columns import EXAMPLE_COLUMNS
from assaykit.files.exports.table import EXPORTS
from assaykit.files.folders import Folders
from assaykit.files.formats import BY_SUFFIX
from assaykit.files.reading import read_rows
from assaykit.files.rows import FileRow

HERE = Path(__file__).parent / "exports"
FILES = {
    "promptfoo json": "promptfoo-0.121.20.json",
    "promptfoo jsonl": "promptfoo-0.121.20.jsonl",
    "promptfoo csv": "promptfoo-0.121.20.csv",
    "deepeval json": "deepeval-4.3.1.json",
    "inspect_ai json": "inspect_ai-0.3.285.json",
    "mlflow csv": "mlflow-3.17.2.csv",
    "lm_eval jsonl": "lm_eval-0.4.13.jsonl",
    "ragas csv": "ragas-0.4.3.csv",
    "ragas jsonl": "ragas-0.4.3.jsonl",
}
"""Files of the real tools. Their names end in the version."""

INSPECTED = {"label": "I", "score": 0}
VERDICTS: dict[str, dict[str, Any]] = {
    "promptfoo": {"eval.has_sum.score": 0, "eval.promptfoo.label": "fail", "eval.promptfoo.score": 0.5},
    "deepeval": {"eval.Same.label": "fail", "eval.Same.score": 0.0, "eval.Same.explanation": "another word"},
    "inspect_ai": {f"eval.{name}.{part}": one for name in ("exact", "includes") for part, one in INSPECTED.items()},
    "mlflow": {"eval.same.label": "false", "eval.same.score": 0},
    "lm_eval": {"eval.exact_match.score": 0.0},
    "ragas": {"eval.exact_match.score": 0.0},
}


def rows(name: str) -> list[dict[str, Any]]:
    return [row.values for row in read_rows(name, Folders((HERE,)))]


def cells(form: str) -> dict[str, Any]:
    """The second example of the file: its row of the first variant."""
    found = rows(FILES[form])
    variant = "first / short" if form.startswith("promptfoo") else found[0].get("variant")
    return next(row for row in found if "France" in json.dumps(row["input"]) and row.get("variant") == variant)


@pytest.mark.parametrize("form", FILES)
def test_a_real_export_gives_input_and_expected_value(form: str) -> None:
    row = cells(form)
    assert (row["input"], row["expected"]) == ("Capital of France?", "Paris")


@pytest.mark.parametrize("form", FILES)
def test_a_real_export_gives_a_key_of_each_example(form: str) -> None:
    found = rows(FILES[form])
    assert len({row["id"] for row in found}) == 2
    if form.split(maxsplit=1)[0] in {"promptfoo", "deepeval", "inspect_ai"}:
        assert {row["id"] for row in found} == {"q1", "q2"}


@pytest.mark.parametrize("form", FILES)
def test_a_real_export_gives_output_and_no_error_for_a_verdict(form: str) -> None:
    said = {"promptfoo": "Answer briefly: Capital of France?", "lm_eval": "lol"}.get(form.split(maxsplit=1)[0], "Lyon")
    row = cells(form)
    assert row["output"] == said
    assert "error" not in row


@pytest.mark.parametrize("form", FILES)
def test_a_real_export_gives_its_verdicts(form: str) -> None:
    wanted = VERDICTS[form.split(maxsplit=1)[0]]
    row = cells(form)
    assert {column: row.get(column) for column in wanted} == wanted


HOSTED: dict[str, tuple[str, list[dict[str, Any]], dict[str, Any]]] = {
    "langsmith table": (
        "langsmith",
        [{
            "inputs.question": "2+2?", "outputs.answer": "5", "reference.answer": "4", "error": None,
            "feedback.correct": 0, "execution_time": 1.5, "example_id": "e1", "id": "r1",
        }],
        {"id": "e1", "input": "2+2?", "output": "5", "expected": "4", "eval.correct.score": 0, "latency_s": 1.5},
    ),
    "langsmith runs": (
        "langsmith",
        [{
            "id": "r1", "inputs": {"question": "2+2?"}, "outputs": {"answer": "5"}, "reference_example_id": "e1",
            "feedback_stats": {"correct": {"n": 1, "avg": 0.5}}, "total_cost": 0.01, "total_tokens": 7,
        }],
        {"id": "e1", "input": "2+2?", "output": "5", "eval.correct.score": 0.5, "cost": 0.01, "total_tokens": 7},
    ),
    "langfuse": (
        "langfuse",
        [{
            "id": "t1", "name": "answer", "input": "2+2?", "output": "5", "latency": 0.5, "totalCost": 0.02,
            "scores": [{"name": "tone", "stringValue": "rude", "comment": "no greeting"}, {"name": "ok", "value": 0}],
        }],
        {
            "id": "t1", "input": "2+2?", "output": "5", "eval.tone.label": "rude", "eval.ok.score": 0,
            "eval.tone.explanation": "no greeting", "latency_s": 0.5, "cost": 0.02, "name": "answer",
        },
    ),
    "braintrust": (
        "braintrust",
        [
            {"id": "s1", "span_id": "a", "root_span_id": "a", "is_root": True, "input": "2+2?", "output": "5",
             "expected": "4", "scores": {"Factuality": 0.25}, "metrics": {"start": 1, "end": 3, "tokens": 9}},
            {"id": "s2", "span_id": "b", "root_span_id": "a", "is_root": False, "input": "x", "output": "y",
             "scores": None},
        ],
        {"id": "s1", "input": "2+2?", "output": "5", "expected": "4", "eval.Factuality.score": 0.25, "latency_s": 2,
         "total_tokens": 9},
    ),
    "openai evals": (
        "openai evals",
        [
            {"spec": {"eval_name": "sums.dev.v0", "completion_fns": ["m1"]}},
            {"sample_id": "d.0", "type": "sampling", "data": {"prompt": "2+2?", "sampled": ["5"]}},
            {"sample_id": "d.0", "type": "match", "data": {"correct": False, "expected": "4", "picked": None}},
            {"final_report": {"accuracy": 0.0}},
        ],
        {"id": "d.0", "input": "2+2?", "output": "5", "expected": "4", "eval.match.label": "false",
         "eval.match.score": 0, "variant": "m1"},
    ),
}  # fmt: skip
"""Rows by the documented schemas of tools without a file of their own here."""


@pytest.mark.parametrize("form", HOSTED)
def test_an_export_by_its_documented_schema(tmp_path: Path, form: str) -> None:
    tool, given, wanted = HOSTED[form]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, given)), encoding="utf-8")
    found = list(read_rows("a.jsonl", Folders((tmp_path,))))
    assert [row.tool for row in found] == [tool]
    assert {column: found[0].values.get(column) for column in wanted} == wanted


def test_an_inspect_archive_is_read_or_says_how_to_convert_it(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"packed with zstd.*inspect log convert --to json"):
        rows("inspect_ai-0.3.285.eval")
    told = json.loads((HERE / FILES["inspect_ai json"]).read_text(encoding="utf-8"))
    with zipfile.ZipFile(tmp_path / "a.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        for sample in told["samples"]:
            archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    found = [row.values for row in read_rows("a.eval", Folders((tmp_path,)))]
    assert found == rows(FILES["inspect_ai json"])


@pytest.mark.parametrize(
    "row",
    [
        {"user_input": "2+2?", "response": "4", "words": 3},
        {"input": "2+2?", "output": "4", "scores": [1]},
        {"inputs": "2+2?", "outputs": "4"},
        {"trace_id": "t", "request": "x", "response": "y"},
        {"id": 1, "input": "x", "target": "y", "scores": {}},
        {"testIdx": 1, "prompt": "x", "output": "y"},
    ],
)
def test_rows_that_only_resemble_an_export_stay_as_they_are(tmp_path: Path, row: dict[str, Any]) -> None:
    (tmp_path / "a.json").write_text(json.dumps([row]), encoding="utf-8")
    found = list(read_rows("a.json", Folders((tmp_path,))))
    assert [(one.values, one.tool) for one in found] == [(row, None)]


def test_a_key_beside_the_columns_of_ragas_is_no_score(tmp_path: Path) -> None:
    row = {"id": 7, "user_input": "2+2?", "response": "4", "reference": "4", "faithfulness": 0.5}
    (tmp_path / "a.json").write_text(json.dumps([row]), encoding="utf-8")
    values = next(read_rows("a.json", Folders((tmp_path,)))).values
    assert values["id"] == 7
    assert [column for column in values if column.startswith("eval.")] == ["eval.faithfulness.score"]


def test_every_export_of_the_table_is_tried() -> None:
    tried = {form.split()[0] for form in FILES} | {tool for tool, _, _ in HOSTED.values()}
    assert {one.tool for one in EXPORTS} == tried


async def test_each_provider_and_prompt_of_promptfoo_is_an_experiment(ax: Caller, files: Path) -> None:
    (files / "p.json").write_bytes((HERE / FILES["promptfoo json"]).read_bytes())
    made = await ax.ask("upload_experiment", file="p.json", dataset="sums", new_dataset=[])
    names = [one["experiment"]["name"] for one in made["experiments"]]
    assert set(names) == {f"p - {one}" for one in ("first / short", "first / long", "second / short", "second / long")}
    assert [(one["runs"], one["failed"]) for one in made["experiments"]] == [(2, 0)] * 4
    assert made["export_of"] == "promptfoo"
    examples = (await ax.ask("get_dataset", dataset="sums"))["examples"]
    assert [(one["key"], one["input"], one["expected"]) for one in examples] == [
        ("q1", "What is 2+2?", "4"), ("q2", "Capital of France?", "Paris"),
    ]  # fmt: skip
    taken = await ax.refused("upload_experiment", file="p.json", dataset="sums")
    assert taken["code"] == "conflict"
    (files / "q.csv").write_bytes((HERE / FILES["promptfoo csv"]).read_bytes())
    again = await ax.ask("upload_experiment", file="q.csv", dataset="sums")
    assert [one["examples_covered"] for one in again["experiments"]] == [2] * 4


async def test_a_dataset_has_each_example_of_an_export_once(ax: Caller, files: Path) -> None:
    (files / "p.jsonl").write_bytes((HERE / FILES["promptfoo jsonl"]).read_bytes())
    told = await ax.read("create_dataset", name="told", file="p.jsonl")
    assert "The file is read as an export of promptfoo, without the columns of its runs: 'output', 'variant'" in told
    made = await ax.ask("create_dataset", name="sums", file="p.jsonl")
    assert (made["examples"], set(made["columns"])) == (2, {"key", "input", "expected", "metadata"})


async def test_nothing_is_left_of_variants_when_one_fits_no_example(ax: Caller, files: Path) -> None:
    given = [json.loads(line) for line in (HERE / FILES["promptfoo jsonl"]).read_text(encoding="utf-8").splitlines()]
    given[-1]["vars"]["id"] = "q9"
    (files / "p.jsonl").write_text("\n".join(map(json.dumps, given)), encoding="utf-8")
    await ax.ask("create_dataset", name="sums", rows=[{"id": "q1"}, {"id": "q2"}])
    refusal = await ax.refused("upload_experiment", file="p.jsonl", dataset="sums")
    assert "q9" in refusal["message"]
    assert (await ax.ask("list_experiments", dataset="sums"))["experiments"] == []


async def test_unknown_ids_of_a_file_are_named_and_inputs_match_rows(ax: Caller, files: Path) -> None:
    await ax.ask("create_dataset", name="sums", rows=[{"id": "a", "input": "2+2?"}, {"id": "b", "input": "3+3?"}])
    (files / "r.csv").write_text("id,output\nq1,4\nq2,6\nq3,7\nq4,8\n", encoding="utf-8")
    refusal = await ax.refused("upload_experiment", file="r.csv", dataset="sums")
    assert "such as 'q1', 'q2', 'q3' in id" in refusal["message"]
    assert "key='column of the file=column of the dataset'" in refusal["next"]
    (files / "s.csv").write_text("id,input,output\nq1,3+3?,6\nq2,2+2?,4\n", encoding="utf-8")
    made = await ax.ask("upload_experiment", file="s.csv", dataset="sums")
    assert (made["runs"], made["examples_covered"]) == (2, 2)


PAGE = Path(__file__).parents[2] / "docs" / "exports.md"
HEAD = """# Exports of other evaluation tools

`upload_experiment` and `create_dataset` read these files as they are. A file is recognised by its first row, and
the reply names the tool. `tests/libraries` holds each cell with its right value, and writes this page.

```
upload_experiment(file="results.json", dataset="sums", new_dataset=[])
```

makes the dataset with the examples of the file, and an experiment. A file with several variants, such as
promptfoo's providers and prompts, gives one experiment for each: all of them or none. Without `new_dataset` the
rows are matched to the examples of a dataset that is there: by `key`, else by ids, else by `input`.
`create_dataset(file=...)` takes each example once, without runs. Further columns of the tool stay under their
names, and the reply names those that are not stored.

An Inspect log that is packed with zstd is refused; `inspect log convert --to json` makes one that is read.

"""


def page() -> str:
    """The page, with the cells of the two tables above."""
    lines = ["| Export | File of the real tool | Examples | Columns of runs | Evaluators |", "|---|---|---|---|---|"]
    read = [(form, file, rows(file)) for form, file in FILES.items()]
    read += [(form, "documented schema", [HOSTED[form][2]]) for form in HOSTED]
    for form, file, found in read:
        columns = dict.fromkeys(column for row in found for column in row)
        judged = sorted({column.split(".")[1] for column in columns if column.startswith("eval.")})
        of_example = [column for column in columns if column in EXAMPLE_COLUMNS]
        others = [one for one in columns if one not in of_example and not one.startswith("eval.")]
        told = [", ".join(f"`{one}`" for one in some) for some in (of_example, others, judged)]
        lines.append(f"| {form} | {file} | {' | '.join(told)} |")
    return HEAD + "\n".join(lines) + "\n"


def test_the_page_is_up_to_date() -> None:
    if os.environ.get("ASSAYKIT_UPDATE"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()


READERS = (
    "promptfoo json",
    "promptfoo csv",
    "inspect_ai json",
    "lm_eval jsonl",
    "deepeval json",
    "mlflow csv",
    "ragas csv",
)


def raw(form: str) -> FileRow:
    """The first row of a file, with the columns of the tool."""
    path = HERE / FILES[form]
    with path.open("rb") as file:
        return next(BY_SUFFIX[path.suffix].read(file, path.name, False))  # noqa: FBT003  (the signature of all readers)


@pytest.mark.parametrize("form", READERS)
def test_a_column_that_no_reader_knows_stays_under_its_name(form: str) -> None:
    first = raw(form)
    known = next(name for name in first.values if "Status" in name) if form == "promptfoo csv" else ""
    further = known.replace("Status", "Found by") or "found_by"
    export = next(one for one in EXPORTS if one.fits(first.values))
    _, read = next(iter(export.translate([first._replace(values={**first.values, further: "hand"})])))
    assert read[further.rpartition("\x1f")[2]] == "hand"
