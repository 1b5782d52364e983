"""`get_dataset` and `append_examples`."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller

from assaykit.files.folders import Folders
from assaykit.files.reading import read_rows

ROWS = [{"key": f"q{n}", "question": f"Where is {n}?"} for n in range(1, 13)]


@pytest.fixture
async def questions(ax: Caller) -> str:
    """A dataset of twelve questions; its id."""
    return (await ax.ask("create_dataset", name="questions", rows=ROWS))["dataset"]["id"]


async def test_a_dataset_shows_its_columns_its_versions_and_its_first_examples(ax: Caller, questions: str) -> None:
    data = await ax.ask("get_dataset")
    assert data["dataset"] == {"id": questions, "name": "questions"}
    assert data["columns"] == ["key", "question"]
    assert [version["name"] for version in data["versions"]] == [data["version"]]
    assert [example["key"] for example in data["examples"]] == [f"q{n}" for n in range(1, 11)]
    assert data["examples"][0].keys() == {"id", "key", "question"}
    head, versions, columns, fence, first, *_ = (await ax.read("get_dataset")).splitlines()
    assert head == "Dataset 'questions': 10 example(s); more follow, see cursor below"
    assert (await ax.facts("get_dataset"))["cursor"] == data["next_cursor"]
    assert versions == f"- Versions, newest first: {data['version']!r} ({data['versions'][0]['id']})"
    assert columns == "- Columns: 'key', 'question'"
    assert fence.startswith("--- untrusted data ")
    assert first == f"{data['examples'][0]['id']} | key: q1 | question: Where is 1?"
    rest = await ax.ask("get_dataset", cursor=data["next_cursor"])
    assert ([example["key"] for example in rest["examples"]], rest["next_cursor"]) == (["q11", "q12"], None)


async def test_without_a_dataset_the_list_says_how_to_begin(ax: Caller) -> None:
    assert (await ax.ask("list_datasets"))["datasets"] == []
    assert await ax.read("list_datasets") == "No dataset in space 'default' fits. `create_dataset` makes one."


async def test_a_version_is_named_or_given_by_its_id(ax: Caller, questions: str) -> None:
    (version,) = (await ax.ask("get_dataset"))["versions"]
    for wanted in version.values():
        assert (await ax.ask("get_dataset", version=wanted, limit=1))["examples"][0]["key"] == "q1"
    refusal = await ax.refused("get_dataset", version="v9")
    assert refusal["code"] == "not_found"
    assert refusal["message"] == (
        f"Dataset 'questions' has no version 'v9'. There are: {version['name']!r} ({version['id']})."
    )


async def test_the_file_of_a_dataset_leads_back_to_an_experiment(ax: Caller, files: Path, questions: str) -> None:
    saved = await ax.ask("get_dataset", save_to="questions.json")
    assert (saved["saved"]["rows"], saved["saved"]["columns"]) == (12, ["id", "key", "question"])
    rows = json.loads((files / "questions.json").read_text(encoding="utf-8"))
    results = [{**row, "output": row["question"].upper()} for row in rows]
    (files / "loud.json").write_text(json.dumps(results), encoding="utf-8")
    made = await ax.ask("upload_experiment", file="loud.json", example_id="id")
    assert (made["runs"], made["examples_without_run"]) == (12, 0)


MIXED: list[dict[str, Any]] = [
    {"key": f"q{n}", "n": n, "fits": n % 2 == 0, "tags": ["a", {"b": n}], "odd": "=1+1" if n else None}
    for n in range(1201)
]


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "parquet"])
async def test_every_format_holds_every_example_of_the_version_that_is_named(
    ax: Caller, files: Path, suffix: str
) -> None:
    await ax.ask("create_dataset", name="mixed", rows=MIXED)
    (version,) = (await ax.ask("get_dataset"))["versions"]
    saved = await ax.ask("get_dataset", version=version["name"], save_to=f"mixed.{suffix}")
    columns = ["id", "key", "n", "fits", "tags", "odd"]
    assert (saved["saved"]["rows"], saved["saved"]["cut"], saved["saved"]["columns"]) == (1201, False, columns)
    read = [row.values for row in read_rows(f"mixed.{suffix}", Folders((files,)))]
    assert len({row.pop("id") for row in read}) == 1201
    assert read == MIXED


async def test_a_long_cell_is_clipped_and_says_so(ax: Caller) -> None:
    await ax.ask("create_dataset", name="long", rows=[{"text": "x" * 5000, "list": list(range(1000)), "n": 1}])
    (example,) = (await ax.ask("get_dataset"))["examples"]
    assert (len(example["text"]), example["text"][-1], len(example["list"]), example["n"]) == (400, "…", 400, 1)
    assert len(await ax.read("get_dataset")) < 1000


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ({"dataset": "answers"}, "not_found", "No dataset is named 'answers'. There are: 'questions' ("),
        ({"limit": 501}, "invalid", "limit: input should be less than or equal to 500"),
        ({"cursor": "abc"}, "invalid", "The cursor does not come from this list."),
        ({"save_to": "q.txt"}, "invalid", "'q.txt' does not have the suffix of a format for writing."),
        ({"versions": "v1"}, "invalid", "versions: unknown name, did you mean 'version'?"),
    ],
)
async def test_a_dataset_that_is_none_is_refused(
    ax: Caller, questions: str, arguments: dict[str, Any], code: str, said: str
) -> None:
    refusal = await ax.refused("get_dataset", **arguments)
    assert (refusal["code"], said in refusal["message"]) == (code, True), refusal


async def keys(ax: Caller) -> list[str]:
    return [example["key"] for example in (await ax.ask("get_dataset", limit=500))["examples"]]


async def test_rows_are_appended_in_order(ax: Caller, files: Path, questions: str) -> None:
    added = await ax.ask("append_examples", rows=[{"key": "q13", "question": "Why?"}])
    assert (added["examples"], added["dataset"]["name"]) == (1, "questions")
    (files / "more.csv").write_text("key,question\nq14,Who?\nq15,How?\n", encoding="utf-8")
    text = await ax.read("append_examples", dataset="questions", file="more.csv")
    assert text == "Appended 2 example(s) to 'questions'."
    assert (await keys(ax))[-3:] == ["q13", "q14", "q15"]
    assert len((await ax.ask("get_dataset"))["versions"]) == 1


async def test_columns_that_differ_are_warned_of(ax: Caller, questions: str) -> None:
    text = await ax.read("append_examples", rows=[{"key": "q13", "qestion": "Why?"}])
    assert text == (
        "Appended 1 example(s) to 'questions'. Warning: its first example has no 'qestion'. "
        "Warning: the new ones have no 'question'."
    )


@pytest.mark.over_http("append_examples")
async def test_more_rows_than_one_request_takes_are_all_appended(ax: Caller, questions: str) -> None:
    added = await ax.ask("append_examples", rows=[{"key": f"k{n}", "question": "?"} for n in range(1200)])
    assert added["examples"] == 1200


async def test_what_is_there_already_is_not_appended_again(ax: Caller, files: Path, questions: str) -> None:
    (files / "more.jsonl").write_text(
        "".join(json.dumps({"key": key, "question": "New?"}) + "\n" for key in ("q1", "q13", "q13", "q14")),
        encoding="utf-8",
    )
    assert await ax.read("append_examples", file="more.jsonl", unique=["key"]) == (
        "Appended 2 example(s) to 'questions'. "
        "Dropped 2 row(s) that repeat an earlier one or an example that was there by 'key'."
    )
    assert (await keys(ax))[-3:] == ["q12", "q13", "q14"]
    again = await ax.ask("append_examples", file="more.jsonl", unique=["*"])
    assert (again["examples"], again["dropped"]) == (1, 3)
    nothing = await ax.ask("append_examples", file="more.jsonl", unique=["key"])
    assert (nothing["examples"], nothing["dropped"]) == (0, 4)
    assert len(await keys(ax)) == 15


@pytest.mark.embedded
async def test_what_the_engine_refuses_far_down_a_file_leaves_nothing_of_it(
    ax: Caller, files: Path, questions: str
) -> None:
    longer = json.dumps({"key": "\x01" * 2_796_190})
    (files / "long.jsonl").write_text('{"key": "k"}\n' * 1500 + longer + "\n", encoding="utf-8")
    assert (await ax.refused("append_examples", file="long.jsonl"))["code"] == "invalid"
    assert len(await keys(ax)) == 12


@pytest.mark.slow
@pytest.mark.embedded
async def test_a_file_of_many_rows_is_appended_in_little_memory(ax: Caller, files: Path, questions: str) -> None:
    row = json.dumps({f"column {n}": str(n) for n in range(40)}) + "\n"
    (files / "wide.jsonl").write_text(row * 20_000, encoding="utf-8")
    tracemalloc.start()
    try:
        assert (await ax.ask("append_examples", file="wide.jsonl"))["examples"] == 20_000
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "Examples come from exactly one of file and rows."),
        ({"rows": [{"a": 1}], "file": "a.csv"}, "exactly one of file and rows"),
        ({"rows": []}, "There is no row"),
        ({"rows": [{"a": 1}, {}]}, "Row 2 is empty."),
        ({"file": "absent.csv"}, "There is no file 'absent.csv'"),
        ({"rows": [{"a": 1}], "dataset": "answers"}, "No dataset is named 'answers'."),
        ({"rows": [{"a": 1}], "unique": []}, "unique names no column."),
        ({"rows": [{"key": 1}], "unique": ["kee"]}, "No row has a column 'kee'; there are 'key'."),
        ({"rows": [{"a": 1}, {"a": None}]}, "Row 2 is empty."),
    ],
)
async def test_what_cannot_be_an_example_is_refused_and_nothing_is_appended(
    ax: Caller, questions: str, arguments: dict[str, Any], said: str
) -> None:
    assert said in (await ax.refused("append_examples", **arguments))["message"]
    assert len(await keys(ax)) == 12
