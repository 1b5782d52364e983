"""Uploads: rows matched, refused with counts, repeated, skipped; datasets made of the same file; all of it or nothing.

Each is tried on the engine, and on a stand-in for AX that has the routes of the contract alone.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.caller import Caller, serving
from tests.engines import KEY, Engines
from tests.forwarding import Forwarder
from tests.loopback import Served
from tests.recording import wanted

from assaykit.settings import Settings

Row = dict[str, Any]


@pytest.fixture(params=["engine", pytest.param("contract", marks=pytest.mark.slow)])
async def here(request: pytest.FixtureRequest, settings: Settings) -> AsyncGenerator[Caller]:
    """A caller over the engine, or over a backend without the engine's own routes."""
    if request.param == "engine":
        async with serving(settings) as caller:
            yield caller
        return
    engines: Engines = request.getfixturevalue("engines")
    with (
        engines.serving(settings) as url,
        Served(Forwarder(url, like_ax=True), lifespan=True) as served,
        wanted(served.address),
    ):
        async with serving(replace(settings, backend="ax", ax_key=KEY, ax_url=served.address)) as caller:
            yield caller


def write(here: Caller, rows: Sequence[Row], name: str = "v.jsonl") -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (here.settings.folders[0] / name).write_text(text, encoding="utf-8")


async def dataset(here: Caller, count: int = 3) -> list[str]:
    """A dataset of so many questions; the ids of the first ones."""
    await here.ask("create_dataset", name="questions", rows=[{"key": f"q{n}", "kind": n % 2} for n in range(count)])
    return [one["id"] for one in (await here.ask("get_dataset", limit=500))["examples"]]


async def nothing(here: Caller) -> None:
    """There is no experiment."""
    assert (await here.ask("list_experiments"))["experiments"] == []


async def test_rows_of_no_example_and_of_one_that_has_a_row_are_told_with_counts(here: Caller) -> None:
    await dataset(here)
    keys = ["q0", "q1", "q1", "q1", "q2", "q2", *(f"x{n}" for n in range(8)), "x0"]
    write(here, [{"key": key, "output": "x"} for key in keys])
    refusal = await here.refused("upload_experiment", file="v.jsonl", key="key")
    assert refusal["message"] == (
        "9 of 15 rows of 'v.jsonl' match no example of dataset 'questions', with 'key' 'x0', 'x1', 'x2', 'x3', 'x4', "
        "...; 2 example(s) have several rows, with 'key' 'q1', 'q2'; nothing was written."
    )
    assert "skip_unmatched=true" in refusal["next"]
    assert "repetitions=true" in refusal["next"]
    await nothing(here)


async def test_what_is_of_no_example_is_left_out_when_that_is_asked_for(here: Caller) -> None:
    ids = await dataset(here)
    write(here, [{"example_id": one, "output": one} for one in (ids[0], "nobody", ids[2])])
    made = await here.ask("upload_experiment", file="v.jsonl", skip_unmatched=True)
    assert (made["runs"], made["examples_without_run"]) == (2, 1)
    assert made["skipped"] == {"rows": 1, "examples": ["nobody"]}
    found = (await here.ask("get_experiment", failures_first=False))["runs"]
    assert [(run["example_id"], run["output"]) for run in found] == [(ids[0], ids[0]), (ids[2], ids[2])]
    rows: list[Row] = [{"example_id": one, "output": "x", "eval.right.score": 1} for one in (ids[0], "nobody")]
    write(here, [*rows, {"example_id": "nobody", "error": "x"}])
    made = await here.ask("upload_experiment", file="v.jsonl", name="scored", skip_unmatched=True)
    assert (made["runs"], made["failed"], made["skipped"]["rows"]) == (1, 0, 2)
    text = await here.read("upload_experiment", file="v.jsonl", name="again", skip_unmatched=True)
    assert "'right': 0 labels, 1 scores" in text
    write(here, [{"example_id": "nobody", "output": "x"}])
    refusal = await here.refused("upload_experiment", file="v.jsonl", name="other", skip_unmatched=True)
    assert "1 of 1 rows" in refusal["message"]
    assert "skip_unmatched" not in refusal["next"]


@pytest.mark.over_http("upload_experiment")
async def test_repetitions_are_runs_of_their_own(here: Caller) -> None:
    await dataset(here)
    write(here, [{"key": f"q{n % 2}", "output": str(n)} for n in range(6)])
    text = await here.read("upload_experiment", file="v.jsonl", key="key", repetitions=True)
    assert "6 runs over 2 of 3 examples" in text
    assert (
        "1 example(s) have no run. 2 example(s) have several runs, repetitions numbered in the order of the file."
    ) in text


async def test_a_repetition_that_failed_is_no_earlier_try(here: Caller) -> None:
    await dataset(here)
    rows: list[dict[str, Any]] = [{"key": f"q{n}", "output": "x", "eval.good.score": 1} for n in (0, 1, 0, 1)]
    write(here, [{"key": "q0", "output": "-", "error": "timed out", "eval.good.score": 0}, *rows])
    await here.ask("upload_experiment", file="v.jsonl", key="key", repetitions=True)
    data = await here.ask("get_experiment", failures_first=False)
    assert data["errors"] == {"failed": 1, "tried_again": 0}
    assert data["evaluators"]["good"]["scored"] == 5
    await here.ask("get_experiment", failures_first=False, save_to="runs.json")
    runs = json.loads((here.settings.folders[0] / "runs.json").read_text(encoding="utf-8"))
    assert [run["repetition"] for run in runs] == [1, 2, 1, 3, 2]


async def test_rows_of_one_repetition_are_tries_of_one_run(here: Caller) -> None:
    await dataset(here)
    failed: Row = {"key": "q0", "output": "-", "error": "timed out"}
    rows: list[Row] = [{**failed, "repetition": 1}, {**failed, "repetition": 1}, {**failed, "repetition": 2}]
    write(here, [*rows, {"key": "q0", "output": "x", "repetition": "1"}])
    text = await here.read("upload_experiment", file="v.jsonl", key="key", repetitions=True)
    assert (
        "1 example(s) have several runs, repetitions by the column 'repetition'; "
        "2 row(s) that failed were tried again by a later one and do not count."
    ) in text
    assert (await here.ask("get_experiment"))["errors"] == {"failed": 1, "tried_again": 2}


@pytest.mark.parametrize(("numbers", "said"), [([1, None], "has no repetition"), ([None, 2], "has a repetition")])
async def test_a_column_of_repetitions_that_is_half_filled_is_refused_with_the_line(
    here: Caller, numbers: list[int | None], said: str
) -> None:
    await dataset(here)
    write(here, [{"key": "q0", "output": "x", "repetition": number} for number in numbers])
    refusal = await here.refused("upload_experiment", file="v.jsonl", key="key", repetitions=True)
    assert refusal["message"] == f"Line 2 of 'v.jsonl' {said}, unlike the rows before it."
    assert "leave it out to have the rows of an example numbered" in refusal["next"]
    await nothing(here)


async def test_metadata_of_an_evaluator_is_mapped_key_by_key(here: Caller) -> None:
    (one, *_) = await dataset(here)
    write(here, [{"example_id": one, "output": "x", "verdict": "good", "points": 1, "why": "so", "by": "m-1"}])
    columns = {"label": "verdict", "score": "points", "explanation": "why", "metadata": {"model": "by"}}
    other = {"label": "why"}
    await here.ask("upload_experiment", file="v.jsonl", evaluators={"helpful": columns, "reason": other})
    await here.ask("get_experiment", save_to="runs.json")
    (run,) = json.loads((here.settings.folders[0] / "runs.json").read_text(encoding="utf-8"))
    said = {column: value for column, value in run.items() if column.startswith("eval.")}
    assert said == {
        "eval.helpful.label": "good",
        "eval.helpful.score": 1,
        "eval.helpful.explanation": "so",
        "eval.helpful.metadata.model": "m-1",
        "eval.reason.label": "so",
    }


@pytest.mark.over_http("upload_experiment")
async def test_a_dataset_is_made_of_the_rows_of_the_file(here: Caller) -> None:
    write(here, [{"question": f"Is it {n}?", "expected": n, "output": "yes", "seconds": n / 2} for n in range(1300)])
    asked = {"file": "v.jsonl", "dataset": "new", "new_dataset": ["question", "expected"]}
    made = await here.ask("upload_experiment", **asked)
    assert (made["examples_created"], made["runs"], made["examples_without_run"]) == (1300, 1300, 0)
    last = (await here.ask("get_dataset", dataset="new", limit=500))["examples"][7]
    assert {key: value for key, value in last.items() if key != "id"} == {"question": "Is it 7?", "expected": 7}
    runs = (await here.ask("get_experiment", failures_first=False, limit=8))["runs"]
    assert runs[7]["example_id"] == last["id"]
    await here.ask("get_experiment", save_to="runs.jsonl", failures_first=False)
    first = json.loads((here.settings.folders[0] / "runs.jsonl").read_text(encoding="utf-8").splitlines()[1])
    assert first["seconds"] == 0.5
    assert "question" not in first
    refusal = await here.refused("upload_experiment", **asked, name="again")
    assert refusal["code"] == "conflict"


async def test_rows_with_one_key_are_one_example_of_the_new_dataset(here: Caller) -> None:
    rows = [{"key": f"q{n % 3}", "kind": n % 3, "output": str(n), "temperature": n} for n in range(6)]
    write(here, rows)
    asked: Row = {"file": "v.jsonl", "dataset": "new", "key": "key", "new_dataset": ["kind"]}
    assert (
        "3 example(s) have several rows, with 'key' 'q0', 'q1', 'q2'"
        in (await here.refused("upload_experiment", **asked))["message"]
    )
    assert (await here.ask("list_datasets"))["datasets"] == []
    made = await here.ask("upload_experiment", **asked, repetitions=True)
    assert (made["examples_created"], made["runs"], made["examples_covered"]) == (3, 6, 3)
    found = (await here.ask("get_dataset"))["examples"]
    assert [(one["key"], one["kind"]) for one in found] == [("q0", 0), ("q1", 1), ("q2", 2)]


async def test_the_ids_of_the_file_stay_with_the_examples_of_the_new_dataset(here: Caller) -> None:
    write(here, [{"example_id": f"old {n}", "question": "?", "output": "x"} for n in range(2)])
    await here.ask("upload_experiment", file="v.jsonl", dataset="new", new_dataset=["question"])
    found = (await here.ask("get_dataset"))["examples"]
    assert [one["source_example_id"] for one in found] == ["old 0", "old 1"]
    runs = (await here.ask("get_experiment", failures_first=False))["runs"]
    assert [run["example_id"] for run in runs] == [one["id"] for one in found]


@pytest.mark.parametrize(
    ("rows", "arguments", "said"),
    [
        ([{"a": 1, "output": "x"}], {"new_dataset": ["a"]}, "A new dataset needs a name and columns."),
        ([{"a": 1, "output": "x"}], {"dataset": "new", "new_dataset": []}, "A new dataset needs a name and columns."),
        ([{"a": 1, "output": "x"}], {"dataset": "new", "new_dataset": ["b"]}, "Line 1 of 'v.jsonl' has nothing in 'b'"),
        (
            [{"a": 1, "output": "x"}],
            {"dataset": "new", "new_dataset": ["a", "b"]},
            "'v.jsonl' has no column 'b'; it has 'a', 'output'.",
        ),
        (
            [{"a": 1, "output": "x"}, {"a": None, "output": "x"}],
            {"dataset": "new", "new_dataset": ["a"]},
            "Line 2 of 'v.jsonl' has nothing in 'a', of which the new dataset is made.",
        ),
        (
            [{"key": "q", "a": 1, "output": "x"}, {"key": "q", "a": 2, "output": "x"}],
            {"dataset": "new", "new_dataset": ["a"], "key": "key"},
            "Lines 1 and 2 of 'v.jsonl' make two different examples of 'q'.",
        ),
        ([], {"dataset": "new", "new_dataset": ["a"]}, "'v.jsonl' holds no rows."),
    ],
)
async def test_a_new_dataset_that_cannot_be_made_is_refused_with_the_line(
    ax: Caller, rows: list[Row], arguments: Row, said: str
) -> None:
    write(ax, rows)
    refusal = await ax.refused("upload_experiment", file="v.jsonl", **arguments)
    assert said in refusal["message"]
    assert (await ax.ask("list_datasets"))["datasets"] == []
    await nothing(ax)


async def test_a_bad_row_far_down_the_file_leaves_nothing_behind(here: Caller) -> None:
    await dataset(here, 2500)
    rows = [{"key": f"q{n}", "output": "x", "eval.good.score": 1} for n in range(2500)]
    write(here, [*rows[:2400], {**rows[2400], "eval.good.score": "high"}, *rows[2401:]])
    for _ in range(10):
        refusal = await here.refused("upload_experiment", file="v.jsonl", key="key")
        assert "Line 2401 of 'v.jsonl' holds 'high' as a score" in refusal["message"]
    await nothing(here)
    write(here, rows)
    assert (await here.ask("upload_experiment", file="v.jsonl", key="key"))["runs"] == 2500


@pytest.mark.slow
async def test_more_rows_than_one_upload_takes_are_refused_before_anything_is_written(ax: Caller) -> None:
    await dataset(ax)
    lines = "".join(f"q{n},x\n" for n in range(100_001))
    (ax.settings.folders[0] / "v.csv").write_text(f"key,output\n{lines}", encoding="utf-8")
    refusal = await ax.refused("upload_experiment", file="v.csv", key="key")
    assert refusal["message"] == "'v.csv' has more than 100,000 rows."
    await nothing(ax)


@pytest.mark.over_http("create_dataset", "conflict")
async def test_a_dataset_of_many_rows_is_made_whole_or_not_at_all(here: Caller) -> None:
    rows: list[Row] = [{"key": f"q{n}", "kind": n % 2} for n in range(2500)]
    write(here, [*rows[:2400], {"key": None}, *rows[2400:]])
    for _ in range(10):
        refusal = await here.refused("create_dataset", name="many", file="v.jsonl")
        assert refusal["message"] == "Line 2401 of 'v.jsonl' is empty."
    assert (await here.ask("list_datasets"))["datasets"] == []
    write(here, rows)
    assert (await here.ask("create_dataset", name="many", file="v.jsonl"))["examples"] == 2500
    refusal = await here.refused("create_dataset", name="many", dataset="many")
    assert refusal["code"] == "conflict"
    assert (await here.ask("create_dataset", name="some", dataset="many", size=1500))["examples"] == 1500
    found = (await here.ask("get_dataset", dataset="some", limit=500))["examples"]
    assert [one["key"] for one in found] == sorted((one["key"] for one in found), key=lambda key: int(key[1:]))
