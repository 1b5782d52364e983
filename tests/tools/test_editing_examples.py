"""`edit_examples`, and new versions by `append_examples`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller

Row = dict[str, Any]


async def prepared(ax: Caller) -> dict[str, str]:
    """A dataset of three examples; their ids by key."""
    rows = [{"key": f"q{n}", "input": f"question {n}", "expected": n} for n in range(3)]
    await ax.ask("create_dataset", name="qa", rows=rows)
    return {one["key"]: one["id"] for one in await examples(ax)}


async def examples(ax: Caller, **asked: Any) -> list[Row]:
    found: list[Row] = (await ax.ask("get_dataset", **asked))["examples"]
    return found


async def expected(ax: Caller, **asked: Any) -> Sequence[Any]:
    return [one.get("expected") for one in await examples(ax, **asked)]


@pytest.mark.over_http("edit_examples")
async def test_examples_are_changed_and_deleted_by_id_and_by_key(ax: Caller) -> None:
    ids = await prepared(ax)
    rows = [{"id": ids["q0"], "expected": "zero"}, {"key": "q1", "expected": None, "note": "hard"}]
    text = await ax.read("edit_examples", dataset="qa", rows=rows, delete=["q2"])
    assert text == "Changed 2 and deleted 1 example(s) of 'qa'."
    found = await examples(ax)
    assert [(one["id"], one["key"], one["input"], one["expected"]) for one in found] == [
        (ids["q0"], "q0", "question 0", "zero"),
        (ids["q1"], "q1", "question 1", None),
    ]
    assert found[1]["note"] == "hard"


async def test_a_new_version_leaves_the_old_one_as_it_is(ax: Caller) -> None:
    ids = await prepared(ax)
    made = await ax.ask("edit_examples", rows=[{"key": "q0", "expected": 9}], delete=[ids["q1"]], new_version=True)
    assert made["version"]["name"] == "v2"
    assert (await expected(ax), await expected(ax, version="v1")) == ([9, 2], [0, 1, 2])
    assert (await ax.ask("edit_examples", delete=["q2"], new_version=True))["version"]["name"] == "v3"
    text = await ax.read("append_examples", rows=[{"key": "q7", "expected": 7}], new_version=True)
    assert "They are in its new version 'v4'." in text
    assert (await expected(ax), await expected(ax, version="v3")) == ([9, 7], [9])


async def test_an_edited_export_changes_only_what_differs(ax: Caller, files: Path) -> None:
    await prepared(ax)
    await ax.ask("get_dataset", save_to="qa.json")
    rows = json.loads((files / "qa.json").read_text(encoding="utf-8"))
    rows[1]["expected"] = True
    (files / "qa.json").write_text(json.dumps(rows), encoding="utf-8")
    made = await ax.ask("edit_examples", file="qa.json")
    assert (made["changed"], made["equal"], await expected(ax)) == (1, 2, [0, True, 2])
    assert "Nothing to change in 'qa'" in await ax.read("edit_examples", file="qa.json")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "There is no row to change"),
        ({"rows": [{"key": "q0", "a": 1}], "file": "a.json"}, "come from one of file and rows"),
        ({"rows": [{"expected": 1}]}, "Row 1 names no example."),
        ({"rows": [{"key": "q0", "expected": 1}, {"key": "q9"}], "delete": ["x"]}, "has no example 'q9', 'x'"),
        ({"rows": [{"key": "q0", "a": 1}, {"key": "q0", "a": 2}]}, "Row 2 names the example"),
        ({"rows": [{"key": "q0", "a": 1}], "delete": ["q0"]}, "is edited and deleted"),
        ({"rows": [{"key": "q0", "created_at": "now"}]}, "Row 1 has 'created_at', which the server owns"),
        ({"delete": ["q0", "q1", "q2"], "new_version": True}, "would have no example"),
    ],
)
async def test_an_edit_that_does_not_fit_is_refused_and_nothing_is_written(ax: Caller, asked: Row, said: str) -> None:
    await prepared(ax)
    before = await examples(ax)
    assert said in (await ax.refused("edit_examples", dataset="qa", **asked))["message"]
    assert await examples(ax) == before
    assert len((await ax.ask("get_dataset"))["versions"]) == 1
