"""Verdicts computed elsewhere: read from a file or rows, checked whole, and written to spans, traces and sessions."""

import csv
import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.traces import id_of, rest, send, span

from assaykit.settings import Settings

parquet: Any = importlib.import_module("pyarrow.parquet")
arrow: Any = importlib.import_module("pyarrow")

Row = dict[str, Any]
TONE, SCORE, WHY = "eval.tone.label", "eval.tone.score", "eval.tone.explanation"


def read(path: Path) -> list[Row]:
    match path.suffix:
        case ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        case ".json":
            return json.loads(path.read_text(encoding="utf-8"))
        case ".jsonl":
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        case _:
            return parquet.read_table(path).to_pylist()


def write(path: Path, rows: Sequence[Row]) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    match path.suffix:
        case ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(rows)
        case ".json":
            path.write_text(json.dumps(rows), encoding="utf-8")
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        case _:
            whole = [{column: row.get(column) for column in columns} for row in rows]
            parquet.write_table(arrow.Table.from_pylist(whole), path)


async def verdicts(ax: Caller, **asked: Any) -> dict[str, list[Row]]:
    found = await ax.ask("search_spans", **asked)
    return {one["name"]: one["evaluations"] for one in found["spans"] if one["evaluations"]}


async def names(ax: Caller, filter_text: str) -> list[str]:
    return [one["name"] for one in (await ax.ask("search_spans", filter=filter_text))["spans"]]


@pytest.fixture
async def chat(settings: Settings) -> None:
    """Project "bot": two spans of one session, each a trace of its own, and one span without a session."""
    of_chat = "-chat 1"
    spans = [span("a1", "Yes.", session__id=of_chat), span("a2", "=No", session__id=of_chat), span("a3", "Maybe.")]
    await send(settings.home, spans)


@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl", ".parquet"])
async def test_an_export_with_columns_added_comes_back_as_verdicts(
    suffix: str, chat: None, ax: Caller, files: Path
) -> None:
    saved = await ax.ask("search_spans", save_to=f"spans{suffix}")
    there = {"context.span_id", "context.trace_id", "attributes.input.value", "attributes.openinference.span.kind"}
    assert there <= set(saved["saved"]["columns"])
    rows = read(files / f"spans{suffix}")
    for row in rows:
        row[TONE] = "rude" if row["name"] == "a2" else "kind"
        row[SCORE] = 0.25 if row["name"] == "a2" else float("nan")
        row[WHY] = '- it says "=No",' if row["name"] == "a2" else None
    write(files / f"scored{suffix}", rows)
    told = await ax.ask("log_evaluations", file=f"scored{suffix}")
    assert told["evaluations"] == {"new": 3, "replaced": 0, "unchanged": 0}
    assert told["evaluators"] == {"eval.tone": {"labels": 3, "scores": 1, "explanations": 1}}
    assert told["columns"]["context.span_id"] == "span id"
    assert "attributes.input.value" in told["passed_over"]
    assert await names(ax, "eval.tone.label = 'rude'") == ["a2"]
    rude = {"name": "tone", "label": "rude", "score": 0.25, "explanation": '- it says "=No",'}
    kind = {"name": "tone", "label": "kind"}
    assert await verdicts(ax) == {"a1": [kind], "a2": [rude], "a3": [kind]}
    assert (await ax.ask("get_trace", trace=id_of("a2")))["nodes"][0]["evaluations"] == [rude]
    # What is exported once more is what is there, to the last apostrophe.
    await ax.ask("search_spans", save_to=f"again{suffix}")
    again = await ax.ask("log_evaluations", file=f"again{suffix}")
    assert again["evaluations"] == {"new": 0, "replaced": 0, "unchanged": 3}


async def test_traces_and_sessions_are_named_by_their_own_ids_or_by_a_span(chat: None, ax: Caller) -> None:
    found = (await ax.ask("search_spans"))["spans"]
    traces = {one["name"]: one["trace_id"] for one in found}
    rows = [
        {"trace_id": traces["a1"], "trace_eval.done.label": "yes"},
        {"span_id": id_of("a3"), "trace_eval.done.label": "no"},
        {"session_id": "-chat 1", "session_eval.happy.score": 0.5},
    ]
    told = await ax.ask("log_evaluations", rows=rows)
    assert told["evaluations"]["new"] == 3
    assert told["columns"]["session_id"] == "session id"
    assert await names(ax, "trace_eval.done.label = 'yes'") == ["a1"]
    assert await names(ax, "trace_eval.done.label = 'no'") == ["a3"]
    assert sorted(await names(ax, "session_eval.happy.score = 0.5")) == ["a1", "a2"]
    again = await ax.ask("log_evaluations", rows=[{"span_id": id_of("a2"), "session_eval.happy.score": 0.75}])
    assert again["evaluations"] == {"new": 0, "replaced": 1, "unchanged": 0}
    assert await names(ax, "session_eval.happy.score = 0.5") == []


async def test_the_ids_of_a_session_survive_a_spreadsheet(chat: None, ax: Caller, files: Path) -> None:
    await ax.ask("search_spans", save_to="spans.csv", filter="attributes.session.id IS NOT NULL")
    rows = [row | {"session_eval.happy.label": "yes"} for row in read(files / "spans.csv")]
    assert {row["attributes.session.id"] for row in rows} == {"'-chat 1"}
    write(files / "scored.csv", rows)
    told = await ax.ask("log_evaluations", file="scored.csv")
    assert (told["evaluations"]["new"], told["repeated"]) == (1, 1)
    assert await names(ax, "session_eval.happy.label = 'yes'") == ["a2", "a1"]


async def test_plain_columns_are_those_of_the_named_evaluator(bot: None, ax: Caller) -> None:
    rows = [
        {"span_id": id_of("a1"), "label": "good", "score": 1, "explanation": "", "annotator": "me"},
        {"span_id": id_of("a2"), "label": None, "score": None, "explanation": None, "annotator": "me"},
    ]
    text = await ax.read("log_evaluations", rows=rows, name="Q&A")
    assert "Wrote 1 evaluation(s) to 'bot': 1 new" in text
    assert "spans by 'span_id'" in text
    assert "'label' as 'eval.Q&A.label'" in text
    assert "1 row(s) have no verdict." in text
    assert "Ignored: 'annotator'." in text
    assert await verdicts(ax) == {"a1": [{"name": "Q&A", "label": "good", "score": 1.0}]}


async def test_with_a_name_other_verdicts_of_the_rows_are_left_alone(bot: None, ax: Caller) -> None:
    rows = [{"span_id": id_of("a1"), TONE: "kind", "eval.other.label": "x"}]
    told = await ax.ask("log_evaluations", rows=rows, name="tone")
    assert (list(told["evaluators"]), told["passed_over"]) == (["eval.tone"], ["eval.other.label"])


async def test_a_task_passes_over_what_was_labelled_elsewhere(bot: None, ax: Caller) -> None:
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern="[A-Z]")
    rows = [{"span_id": id_of(one), "eval.cites.label": "by hand"} for one in ("a1", "a2")]
    await ax.ask("log_evaluations", rows=rows)
    await ax.ask("create_task", name="policy", evaluators=["cites"])
    run = (await ax.ask("trigger_backfill", task="policy", window="last 7 days", wait=30))["run"]
    assert run["status"] == "COMPLETED"
    found = {name: [one["label"] for one in said] for name, said in (await verdicts(ax)).items()}
    assert found["a1"] == found["a2"] == ["by hand"]
    assert found["a3"] != ["by hand"]


@pytest.mark.over_http(
    "create_judge", "create_task", "list_projects", "log_evaluations", "search_spans", "trigger_backfill"
)
async def test_a_verdict_that_says_the_same_keeps_who_made_it(bot: None, ax: Caller, settings: Settings) -> None:
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern="[A-Z]")
    await ax.ask("create_task", name="policy", evaluators=["cites"])
    await ax.ask("trigger_backfill", task="policy", window="last 7 days", wait=30)
    await ax.ask("search_spans", save_to="spans.jsonl")
    await ax.ask("log_evaluations", file="spans.jsonl")
    project = (await ax.ask("list_projects"))["projects"][0]["id"]
    async with rest(settings.home) as client:
        answer = await client.post("/v2/spans", json={"project_id": project})
    said = [one for found in answer.json()["spans"] for one in found["evaluations"]]
    assert said
    assert all(one["metadata"]["run_id"] for one in said)


async def test_unknown_ids_refuse_everything_unless_they_are_to_be_skipped(bot: None, ax: Caller) -> None:
    rows = [{"span_id": one, TONE: "kind"} for one in (id_of("a1"), *(f"{number:016x}" for number in range(7)))]
    refusal = await ax.refused("log_evaluations", rows=rows)
    assert refusal["code"] == "not_found"
    assert "does not have 7 span id(s): '0000000000000000', " in refusal["message"]
    assert "and 2 more. Nothing was written." in refusal["message"]
    assert "skip_unmatched=true" in refusal["next"]
    assert await verdicts(ax) == {}
    told = await ax.ask("log_evaluations", rows=rows, skip_unmatched=True)
    assert (told["evaluations"]["new"], told["unmatched"]["ids"]) == (1, 7)
    assert len(told["unmatched"]["examples"]) == 7
    assert list(await verdicts(ax)) == ["a1"]
    refusal = await ax.refused("log_evaluations", rows=rows[1:], skip_unmatched=True)
    assert "does not have 7 span id(s)" in refusal["message"]


GOOD = {"context.span_id": id_of("a1"), TONE: "kind"}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({SCORE: "abc"}, "Line 2 of 'rows' holds 'abc' as a score in 'eval.tone.score', which is not a number."),
        ({SCORE: "inf"}, "Line 2 of 'rows' holds 'inf' as a score in 'eval.tone.score'"),
        ({TONE: "x" * 101}, "Line 2 of 'rows' holds 101 characters in 'eval.tone.label'; labels have at most 100."),
        ({WHY: "x" * 10_001}, "10,001 characters in 'eval.tone.explanation'; explanations have at most 10,000."),
        ({TONE: ["kind"]}, "Line 2 of 'rows' holds a list as a label in 'eval.tone.label'."),
        ({TONE: {"a": 1}}, "Line 2 of 'rows' holds an object as a label"),
        ({TONE: None, WHY: "so"}, "Line 2 of 'rows' explains 'tone' and has no label and no score of it."),
        ({"eval.tone.lable": "kind"}, "has a column 'eval.tone.lable', which is nearly the name of a verdict's"),
        ({"Eval.tone.Label": "kind"}, "has a column 'Eval.tone.Label', which is nearly the name of a verdict's"),
        ({"eval.label": "kind"}, "has a column 'eval.label', which is nearly the name of a verdict's"),
        ({"context.span_id": None}, "Line 2 of 'rows' has a verdict eval.tone and no context.span_id."),
        ({"context.span_id": ["x"]}, "Line 2 of 'rows' holds ['x'] as an id in 'context.span_id'."),
        ({"context.span_id": id_of("a1"), TONE: "rude"}, "Lines 1 and 2 of 'rows' give"),
    ],
)
async def test_a_bad_cell_is_told_with_its_place_and_nothing_is_written(
    bad: Row, said: str, bot: None, ax: Caller
) -> None:
    rows = [GOOD, {"context.span_id": id_of("a2"), TONE: "kind", **bad}]
    refusal = await ax.refused("log_evaluations", rows=rows)
    assert refusal["code"] == "invalid"
    assert said in refusal["message"]
    assert refusal["next"]
    assert await verdicts(ax) == {}


@pytest.mark.parametrize(
    ("arguments", "said", "following"),
    [
        ({}, "exactly one of file and rows", "Pass one"),
        ({"rows": []}, "'rows' holds no rows.", "one row for each span"),
        ({"rows": [{TONE: "kind"}]}, "no column that names a span, a trace or a session", "context.span_id"),
        ({"rows": [{"span_id": "x", "label": "kind"}]}, "has no column eval.<name>.label", "Pass name="),
        ({"rows": [{"span_id": "x", "verdict": "kind"}]}, "it has 'span_id', 'verdict'", "Add such columns"),
        ({"rows": [{"span_id": "x", "lable": "kind"}], "name": "tone"}, "'lable' and none named 'label'", "Name it"),
        ({"rows": [{"span_id": "x", "verdict": "kind"}], "name": "tone"}, "has no verdict of 'tone'", "label, score"),
        ({"rows": [{"span_id": "x", "label": "a", TONE: "b"}], "name": "tone"}, ", both for 'tone'", "Leave one"),
        ({"rows": [{"span_id": "x", TONE: " "}]}, "No row of 'rows' holds a verdict in 'eval.tone.label'", "Fill in"),
        ({"rows": [{"trace_id": "x", TONE: "kind"}]}, "a verdict eval.tone and no context.span_id", "on a span"),
        ({"file": "none.csv"}, "There is no file 'none.csv'", ""),
        ({"file": "../x.csv"}, "leads upwards", ""),
    ],
)
async def test_rows_that_cannot_be_read_are_refused_with_what_to_do(
    arguments: Row, said: str, following: str, bot: None, ax: Caller
) -> None:
    refusal = await ax.refused("log_evaluations", **arguments)
    assert said in refusal["message"]
    assert following in refusal["next"]


async def test_a_bad_line_of_a_file_is_told_by_its_number(bot: None, ax: Caller, files: Path) -> None:
    ids = [id_of("a1"), id_of("a2")]
    (files / "scores.csv").write_text(f"span_id,{SCORE}\n{ids[0]},nan\n{ids[1]},high\n", encoding="utf-8")
    refusal = await ax.refused("log_evaluations", file="scores.csv")
    assert "Line 3 of 'scores.csv' holds 'high' as a score in 'eval.tone.score'" in refusal["message"]


async def test_a_span_without_a_session_cannot_stand_for_one(bot: None, ax: Caller) -> None:
    rows = [GOOD, {"context.span_id": id_of("a2"), "session_eval.happy.label": "yes"}]
    refusal = await ax.refused("log_evaluations", rows=rows)
    assert "belongs to no session" in refusal["message"]
    assert await verdicts(ax) == {}


@pytest.mark.slow
async def test_what_takes_several_requests_is_written_whole_or_not_at_all(settings: Settings, ax: Caller) -> None:
    many = [span(f"s{number}", "x") for number in range(1500)]
    await send(settings.home, many)
    # Each explanation is long, so that one body could not hold them all.
    rows = [{"span_id": one["spanId"], TONE: "kind", WHY: "because " * 1200} for one in many]
    refusal = await ax.refused("log_evaluations", rows=[*rows, {"span_id": "nobody", TONE: "kind"}])
    assert "1 span id(s): 'nobody'" in refusal["message"]
    assert await spans_with_a_verdict(ax) == 0
    assert (await ax.ask("log_evaluations", rows=rows))["evaluations"]["new"] == 1500
    assert await spans_with_a_verdict(ax) == 1500


async def spans_with_a_verdict(ax: Caller) -> int:
    """The number of such spans, page by page: a page ends where the reply is full."""
    found = await ax.ask("search_spans", limit=500, filter="eval.tone.label = 'kind'")
    number = len(found["spans"])
    while found["next_cursor"] is not None:
        found = await ax.ask("search_spans", limit=500, filter="eval.tone.label = 'kind'", cursor=found["next_cursor"])
        number += len(found["spans"])
    return number


async def test_a_file_that_resembles_an_export_keeps_its_columns(ax: Caller, settings: Settings, bot: None) -> None:
    row: Row = {
        "input": "x",
        "output": "y",
        "scores": {},
        "root_span_id": id_of("a1"),
        "span_id": id_of("a1"),
        TONE: "kind",
    }
    write(settings.folders[0] / "v.jsonl", [row])
    assert (await ax.ask("log_evaluations", file="v.jsonl", project="bot"))["passed_over"] == [
        "input", "output", "scores", "root_span_id",
    ]  # fmt: skip
    assert await names(ax, "eval.tone.label = 'kind'") == ["a1"]
