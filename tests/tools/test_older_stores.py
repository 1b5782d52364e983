"""A store that the code of schema 0024 made: its verdicts are told by version, or shown as being without one."""

import json
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, serving
from tests.engine.make_store import read
from tests.traces import id_of

from assaykit.engine.engine import STORE
from assaykit.settings import Settings

EVERYTHING = "everything"
MADE = Path(__file__).parents[1] / "engine" / "old_stores" / "0024.sql"
"""Written by `tests/engine/make_store.py` in a worktree of the last commit with schema 0024."""

pytestmark = pytest.mark.embedded("a store file of its own")


@pytest.fixture
async def old(settings: Settings) -> AsyncGenerator[Caller]:
    """A server on the migrated store."""
    settings.home.mkdir()
    read(MADE, settings.home / STORE)
    async with serving(settings) as ax:
        yield ax


def rows_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


async def versions(ax: Caller, column: str, **arguments: Any) -> Mapping[str, tuple[int | None, str | None]]:
    """The version and the model of each verdict, by span."""
    found = (await ax.ask("search_spans", window=EVERYTHING, **arguments))["spans"]
    every = ((one["name"], said) for one in found for said in one["evaluations"] if said["name"] == column)
    return {name: (said.get("version"), said.get("model")) for name, said in every}


async def test_lists_traces_filters_and_files_tell_old_verdicts_and_those_without_a_version(
    old: Caller, files: Path
) -> None:
    one, two, none = (1, "judge-1"), (2, "judge-2"), (None, None)
    good = await versions(old, "good")
    assert (list(good.values()).count(one), list(good.values()).count(two), good["d"]) == (2, 1, none)
    # The version of "cites" was deleted before the migration, and "mine" never had one.
    assert await versions(old, "cites") == {"a": none, "b": none}
    assert await versions(old, "mine") == {"d": none}
    assert set((await versions(old, "trace_eval.whole")).values()) == {(1, None)}
    text = await old.read("search_spans", window=EVERYTHING)
    assert "good=mild (v?)" in text
    assert "mine=x" in text
    assert "cites=matches (v?)" in await old.read("get_trace", trace=id_of("a"))
    asked = {"version = 1": 2, "version = 2": 1, "version < 3": 3, "model = 'judge-1'": 2, "model = null": 1}
    for said, number in asked.items():
        found = await versions(old, "good", filter=f"eval.good.metadata.{said} AND eval.good.label != null")
        assert len(found) == number, said
    unknown = "eval.good.metadata.version = null AND eval.good.label != null"
    assert await versions(old, "good", filter=unknown) == {"d": none}
    await old.ask("search_spans", window=EVERYTHING, save_to="spans.jsonl")
    rows = {row["name"]: row for row in rows_of(files / "spans.jsonl")}
    assert {name: row.get("eval.good.metadata.version") for name, row in rows.items()} == {
        name: number for name, (number, _) in good.items()
    }
    assert [row.get("eval.cites.metadata.version") for row in rows.values()] == [None] * 4
    await old.ask("get_experiment", experiment="one", save_to="rows.jsonl")
    kept = rows_of(files / "rows.jsonl")
    assert [row["eval.rows.metadata.version"] for row in kept] == [1, 1]
    assert {row.get("eval.given.metadata.version") for row in kept} == {None}


async def test_plans_runs_and_calibrations_count_old_verdicts_by_version(old: Caller) -> None:
    asked = {"evaluators": ["good"], "window": EVERYTHING}
    (share,) = (await old.ask("preview_backfill", **asked))["plan"]["evaluators"]
    assert (share["version"], share["rows_labelled_already"]) == (2, 4)
    assert share["rows_of_other_versions"] == {"1": 2, "?": 1}
    told = "good: 4 rows match, 1 labelled already, 2 by v1 and 1 by v? (now v2), 0 to score"
    assert told in await old.read("preview_backfill", **asked)
    for name, numbers in {"good": [1, 2], "cites": [None], "whole": [1], "rows": [1]}.items():
        tasks = [one for one in (await old.ask("list_tasks"))["tasks"] if one["name"].startswith(name)]
        found = [run for one in tasks for run in (await old.ask("get_task", task=one["id"]))["last_runs"]]
        told = [
            one.get("version") for run in found for one in (await old.ask("get_run", run=run["id"]))["judges"].values()
        ]
        assert sorted(told, key=str) == numbers, name
        rows = [row for run in found for row in (await old.ask("get_run", run=run["id"], rows=True))["rows"]]
        assert {row.get("version") for row in rows} == set(numbers), name
    people = [{"span_id": id_of(name), "label": "strict" if name in "bc" else "mild"} for name in "abcd"]
    await old.ask("annotate", name="tone", rows=people, choices={"mild": 1, "strict": 0})
    asked = {"project": "bot", "truth": "tone", "failures": ["strict"]}
    first = await old.ask("calibrate_judge", judge="good@1", **asked)
    assert (first["rows"], first["without_verdict"], first["rows_without_version"]) == (2, 2, 0)
    # Version 2 judged one row.
    refused = await old.refused("calibrate_judge", judge="good", **asked)
    assert "People gave all 1 rows the label 'strict'" in refused["message"]


async def test_an_old_verdict_without_a_version_is_scored_anew_and_kept(old: Caller, files: Path) -> None:
    asked = {"evaluators": ["cites"], "window": EVERYTHING, "rescore_older": True}
    (share,) = (await old.ask("preview_backfill", **asked))["plan"]["evaluators"]
    assert (share["rows_to_score"], share["rows_of_other_versions"]) == (4, {"?": 2})
    assert (await old.ask("trigger_backfill", **asked, wait=30))["run"]["num_successes"] == 4
    # The migration numbered the versions that were there, so the one that is left is the first.
    assert set((await versions(old, "cites")).values()) == {(1, None)}
    assert "cites=matches (v1), before matches (v?)" in await old.read("get_trace", trace=id_of("a"))
    await old.ask("search_spans", window=EVERYTHING, save_to="spans.jsonl")
    rows = {row["name"]: row.get("eval.cites.metadata.earlier") for row in rows_of(files / "spans.jsonl")}
    told = {
        name: [(one.get("version"), one["label"]) for one in json.loads(text or "[]")] for name, text in rows.items()
    }
    assert told == {"a": [(None, "matches")], "b": [(None, "no match")], "c": [], "d": []}
