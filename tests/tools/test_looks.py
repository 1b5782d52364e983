"""Repeated looks at two experiments, as the comparison tells them."""

import json
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, serving
from tests.traces import rest

from assaykit.settings import Settings

pytestmark = pytest.mark.embedded("rows are added to the store behind the client's back")

ROWS = 80


def rows(ids: list[str], right: int) -> list[dict[str, Any]]:
    """A run of each example; the first `right` are right."""
    return [
        {"example_id": one, "output": "x", "eval.right.score": int(n < right), "eval.grade.score": n % 5 + (n < right)}
        for n, one in enumerate(ids)
    ]


async def send(settings: Settings, at: str, body: dict[str, Any]) -> dict[str, Any]:
    async with rest(settings.home) as client:
        told = await client.post(at, json=body)
        assert told.status_code == 201, told.text
        return told.json()


@pytest.fixture
async def grown(ax: Caller) -> tuple[list[str], dict[str, str]]:
    """The ids of the examples, and those of two experiments with runs of the first half."""
    await ax.ask("create_dataset", name="q", rows=[{"key": f"q{n}", "half": n % 2} for n in range(ROWS)])
    ids = [one["id"] for one in (await ax.ask("get_dataset", limit=ROWS))["examples"]]
    dataset = (await ax.ask("list_datasets"))["datasets"][0]["id"]
    made: dict[str, str] = {}
    for name, right in (("old", 20), ("new", 22)):
        runs = rows(ids[:40], right)
        body = {"name": name, "dataset_id": dataset, "experiment_runs": runs}
        made[name] = (await send(ax.settings, "/v2/experiments", body))["id"]
    return ids, made


async def notes(ax: Caller, *names: str, **arguments: Any) -> list[str]:
    asked = {"experiments": list(names or ("old", "new")), **arguments}
    told = (await ax.ask("compare_experiments", **asked))["comparison"]["repeated_looks"]
    text = await ax.read("compare_experiments", **asked)
    assert all(f"Note: {note}" in text for note in told)
    return told


async def test_a_comparison_on_more_rows_is_a_second_look_and_other_slices_are_none(
    ax: Caller, files: Path, grown: tuple[list[str], dict[str, str]]
) -> None:
    ids, made = grown
    assert await notes(ax) == []
    assert await notes(ax, slice_by=["half"]) == []
    assert await notes(ax, "new", "old") == []
    for name, right in (("old", 0), ("new", 40)):
        await send(ax.settings, f"/v2/experiments/{made[name]}/runs", {"experiment_runs": rows(ids[40:], right)})
    rate, grade = await notes(ax)
    assert "'right'" in rate or rate.startswith("right: this is the second look at new against old")
    assert "of 40 needed: a difference is shown." in rate
    assert grade.startswith("grade: this is the second look")
    assert await notes(ax) == [rate, grade], "the same rows are the same look"
    await ax.ask("compare_experiments", experiments=["old", "new"], save_to="page.html")
    page = (files / "page.html").read_text(encoding="utf-8")
    assert f'<p class="note">{escape(rate)}</p>' in page
    assert [note.partition(":")[0] for note in await notes(ax, evaluators=["right"])] == ["right"]


async def test_a_read_only_server_keeps_no_look(settings: Settings, ax: Caller, grown: object) -> None:
    async with serving(replace(settings, read_only=True)) as reader:
        assert await notes(reader) == []
    assert not (settings.home / "looks.json").exists()
    assert await notes(ax) == []
    assert (settings.home / "looks.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "held",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b"x" * 3_000_000,
        json.dumps({"a" * 32: {"digests": ["../../etc"], "scale": 1}}).encode(),
        json.dumps({"a" * 32: {"digests": [], "scale": -1}}).encode(),
        b'{"' + b"a" * 32 + b'": {"digests": [], "scale": NaN}}',
    ],
    ids=["empty", "torn", "list", "null", "utf-16", "deep", "huge", "path", "negative", "nan"],
)  # fmt: skip
async def test_a_record_that_is_not_ours_counts_as_empty(ax: Caller, grown: object, held: bytes) -> None:
    file = ax.settings.home / "looks.json"
    file.write_bytes(held)
    assert await notes(ax) == []
    assert len(json.loads(file.read_bytes())) == 2
    assert {entry.name for entry in ax.settings.home.iterdir() if "looks" in entry.name} == {"looks.json", "looks.lock"}


async def test_a_record_that_cannot_be_written_stops_no_comparison(ax: Caller, grown: object) -> None:
    (ax.settings.home / "looks.json").mkdir()
    assert await notes(ax) == []
    (ax.settings.home / "looks.json").rmdir()
    (ax.settings.home / "looks.lock").unlink()
    (ax.settings.home / "looks.lock").mkdir()
    assert await notes(ax) == []
