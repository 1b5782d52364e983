import json
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.traces import rest

from assaykit.settings import Settings

ROWS = [{"key": "q1", "question": "Where?"}, {"key": "q2", "question": "When?"}]


async def examples(settings: Settings, dataset_id: str) -> list[dict[str, Any]]:
    """The examples as the store has them, without what the server owns."""
    async with rest(settings.home) as client:
        answer = await client.get(f"/v2/datasets/{dataset_id}/examples", params={"limit": 500})
    owned = {"id", "created_at", "updated_at", "annotations"}
    return [{key: value for key, value in row.items() if key not in owned} for row in answer.json()["examples"]]


async def is_absent(ax: Caller, name: str) -> bool:
    refusal = await ax.refused("upload_experiment", file="none.csv", dataset=name)
    return refusal["message"].startswith(f"No dataset is named {name!r}.")


async def test_rows_become_examples_with_their_columns(ax: Caller, settings: Settings) -> None:
    made = await ax.ask("create_dataset", name="questions", rows=ROWS)
    dataset_id = made["dataset"].pop("id")
    assert made == {
        "backend": ax.settings.backend,
        "space": "default",
        "dataset": {"name": "questions"},
        "examples": 2,
        "columns": ["key", "question"],
    }
    assert await examples(settings, dataset_id) == ROWS


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q.csv", "key,question\nq1,Where?\nq2,When?\n"),
        ("q.json", json.dumps(ROWS)),
        ("q.json", json.dumps({"examples": ROWS})),
        ("q.jsonl", "\n".join(json.dumps(row) for row in ROWS)),
    ],
)
async def test_a_file_of_each_format_becomes_the_same_examples(
    ax: Caller, settings: Settings, files: Path, name: str, text: str
) -> None:
    (files / name).write_text(text, encoding="utf-8")
    made = await ax.ask("create_dataset", name="questions", file=name)
    assert await examples(settings, made["dataset"]["id"]) == ROWS


async def test_more_rows_than_one_request_takes_arrive_in_order(ax: Caller, settings: Settings) -> None:
    made = await ax.ask("create_dataset", name="many", rows=[{"n": number} for number in range(1201)])
    assert made["examples"] == 1201
    assert (await examples(settings, made["dataset"]["id"]))[:2] == [{"n": 0}, {"n": 1}]


async def test_rows_larger_than_one_body_arrive_in_several(ax: Caller, files: Path) -> None:
    text = "x" * 900_000
    (files / "long.jsonl").write_text(
        "\n".join(json.dumps({"n": n, "text": text}) for n in range(20)), encoding="utf-8"
    )
    assert (await ax.ask("create_dataset", name="long", file="long.jsonl"))["examples"] == 20


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("bad.csv", "key,question\nq1,Where?\nq2\n", "Line 3 of 'bad.csv' has 1 cells, but the header has 2."),
        ("bad.json", '[{"key": "q1"},\n{"key": }]', "Line 2 of 'bad.json' is not JSON"),
        ("bad.jsonl", '{"key": "q1"}\n[1]\n', "Line 2 of 'bad.jsonl' holds a row that is not an object"),
        ("bad.xls", "x", "'.xls' is not the suffix of a known format"),
        ("empty.csv", "key\n", "There is no row"),
        ("commas.csv", "key,question\nq1,Where?\n,\n", "Line 3 of 'commas.csv' is empty."),
        ("empty.jsonl", '{"key": "q1"}\n\n{}\n', "Line 3 of 'empty.jsonl' is empty."),
    ],
)
async def test_a_file_with_a_bad_row_names_the_line_and_nothing_is_made(
    kept: Caller, name: str, text: str, said: str
) -> None:
    (kept.settings.folders[0] / name).write_text(text, encoding="utf-8")
    refusal = await kept.refused("create_dataset", name="questions", file=name)
    assert refusal["code"] == "invalid"
    assert said in refusal["message"]
    assert await is_absent(kept, "questions")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ({}, "invalid", "A dataset comes from exactly one of file, rows, dataset, and the spans"),
        ({"file": "a.csv", "rows": ROWS}, "invalid", "exactly one of file, rows, dataset"),
        ({"rows": []}, "invalid", "There is no row, so there is no example."),
        ({"rows": [{"a": 1}, {}]}, "invalid", "Row 2 is empty."),
        ({"rows": {"a": 1}}, "invalid", "rows: input should be a valid list"),
        ({"name": "", "rows": ROWS}, "invalid", "name: string should have at least 1 character"),
        ({"file": "question.csv"}, "not_found", "There is no file 'question.csv'"),
        ({"file": "../questions.csv"}, "invalid", "leads upwards with '..'"),
        ({"file": "/etc/hosts.csv"}, "invalid", "'/etc/hosts.csv' lies outside the allowed folders"),
        ({"row": ROWS}, "invalid", "row: unknown name, did you mean 'rows'?"),
    ],
)
async def test_what_is_no_dataset_is_refused(kept: Caller, arguments: dict[str, Any], code: str, said: str) -> None:
    refusal = await kept.refused("create_dataset", **{"name": "questions", **arguments})
    assert refusal["code"] == code
    assert said in refusal["message"]


async def test_a_near_file_name_is_offered(ax: Caller, files: Path) -> None:
    (files / "questions.csv").write_text("key\nq1\n", encoding="utf-8")
    refusal = await ax.refused("create_dataset", name="questions", file="question.csv")
    assert refusal["next"].startswith("Did you mean 'questions.csv'?")


async def test_a_name_is_taken_once(ax: Caller, settings: Settings) -> None:
    made = await ax.ask("create_dataset", name="questions", rows=ROWS)
    refusal = await ax.refused("create_dataset", name="questions", rows=[{"key": "other"}])
    assert refusal["code"] == "conflict"
    assert "This space has a dataset named 'questions' already." in refusal["message"]
    assert await examples(settings, made["dataset"]["id"]) == ROWS
