"""Verdicts of several versions of a judge on the same rows: each is told from the others, and none is lost."""

import json
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.caller import Caller, serving
from tests.engine.door import PAUSE_S
from tests.scripted_model import ScriptedModel
from tests.traces import id_of, send, span

from assaykit.settings import Settings

EVERYTHING = "everything"
CITED = {"name": "cites", "code": "MATCHES_REGEX"}
OTHERS = {"evaluators": ["cites"], "window": EVERYTHING}


@pytest.fixture(autouse=True)
async def spans(settings: Settings) -> None:
    """Three spans of project "bot"."""
    texts = {"a": "See [RET-2].", "b": "See there.", "c": "No."}
    await send(settings.home, [span(name, text, minutes_ago=9 + n) for n, (name, text) in enumerate(texts.items())])


async def sharpen(ax: Caller, pattern: str, **arguments: Any) -> None:
    await ax.ask("create_judge", **CITED, pattern=pattern, **arguments)


async def verdicts(ax: Caller, column: str = "cites", **arguments: Any) -> dict[str, Mapping[str, Any]]:
    found = await ax.ask("search_spans", window=EVERYTHING, **arguments)
    every = ((one["name"], said) for one in found["spans"] for said in one["evaluations"])
    return {name: said for name, said in every if said["name"].removeprefix("trace_eval.") == column}


async def rewritten(ax: Caller) -> None:
    """Two of three spans scored by version 1; version 2 is the newest."""
    await sharpen(ax, r"\[[A-Z]+-\d\]")
    assert (await ax.ask("trigger_backfill", **OTHERS, max_rows=2, wait=30))["run"]["num_successes"] == 2
    await sharpen(ax, "e", new_version=True)


@pytest.mark.over_http
async def test_rows_of_an_older_version_are_counted_apart_and_scored_anew_on_request(ax: Caller) -> None:
    await rewritten(ax)
    (planned,) = (await ax.ask("preview_backfill", **OTHERS))["plan"]["evaluators"]
    assert (planned["rows_labelled_already"], planned["rows_to_score"]) == (2, 1)
    assert (planned["version"], planned["rows_of_other_versions"]) == (2, {"1": 2})
    text = await ax.read("preview_backfill", **OTHERS)
    assert "cites: 3 rows match, 2 by v1 (now v2), 1 to score" in text
    assert "rescore_older=true scores the rows of other versions anew; their verdicts are kept." in text
    first = await ax.ask("trigger_backfill", **OTHERS, wait=30)
    assert (first["run"]["num_successes"], first["judges"]["cites"]["version"]) == (1, 2)
    assert sorted(one["version"] for one in (await verdicts(ax)).values()) == [1, 1, 2]
    done = await ax.ask("trigger_backfill", **OTHERS)
    assert done["runs"] == []
    assert done["next"]["arguments"]["rescore_older"] is True
    assert "All 3 matching rows are labelled, 2 of them by another version" in await ax.read(
        "preview_backfill", **OTHERS
    )
    again = await ax.ask("trigger_backfill", **OTHERS, rescore_older=True, wait=30)
    assert again["run"]["num_successes"] == 2
    assert [one["version"] for one in (await verdicts(ax)).values()] == [2, 2, 2]
    assert (await ax.ask("preview_backfill", **OTHERS, rescore_older=True))["plan"]["evaluators"][0][
        "rows_to_score"
    ] == 0


async def test_replies_filters_and_files_tell_the_versions_and_keep_the_old_verdict(ax: Caller, files: Path) -> None:
    await rewritten(ax)
    old = await verdicts(ax)
    await ax.ask("trigger_backfill", **OTHERS, rescore_older=True, wait=30)
    found = await verdicts(ax)
    (name, before), (other, _) = old.items()
    kept = {key: before[key] for key in ("label", "score")}
    assert (found[name]["version"], found[name]["earlier"]) == (2, [{"version": 1} | kept])
    assert f"cites={found[name]['label']} (v2), before {before['label']} (v1)" in await ax.read(
        "get_trace", trace=id_of(name)
    )
    asked = {
        "eval.cites.metadata.version = 1": 0,
        "eval.cites.metadata.version = 2": 3,
        "eval.cites.metadata.version < 2": 0,
        "eval.cites.metadata.version = null AND eval.cites.label != null": 0,
        "eval.cites.metadata.model = 'x'": 0,
    }
    for text, number in asked.items():
        assert len(await verdicts(ax, filter=text)) == number, text
    refused = await ax.refused("search_spans", filter="eval.cites.version = 1")
    assert "explanation, metadata.version, metadata.model or metadata.stale" in refused["next"]
    await ax.ask("search_spans", window=EVERYTHING, save_to="spans.jsonl")
    lines = (files / "spans.jsonl").read_text(encoding="utf-8").splitlines()
    rows = {row["name"]: row for row in map(json.loads, lines)}
    assert [row["eval.cites.metadata.version"] for row in rows.values()] == [2, 2, 2]
    told = json.loads(rows[name]["eval.cites.metadata.earlier"])
    assert [(one["version"], one["label"]) for one in told] == [(1, before["label"])]
    assert sum("eval.cites.metadata.earlier" in row for row in rows.values()) == len({name, other})
    asked = {"project": "bot", "window": EVERYTHING, "failures": ["no match"], "truth": "cites@1"}
    both = await ax.ask("calibrate_judge", judge="cites", **asked)
    assert (both["rows"], both["without_truth"]) == (2, 1)
    # A verdict that came from elsewhere has no version, and keeps the judge's as earlier.
    await ax.ask("log_evaluations", rows=[{"span_id": id_of(name), "eval.cites.label": "mine"}])
    said = (await verdicts(ax))[name]
    assert (said["label"], "version" in said, [one["version"] for one in said["earlier"]]) == ("mine", False, [2, 1])
    assert "cites=mine (v?), before " in await ax.read("search_spans", window=EVERYTHING)
    assert len(await verdicts(ax, filter="eval.cites.metadata.version = null AND eval.cites.label != null")) == 1
    planned = (await ax.ask("preview_backfill", **OTHERS, rescore_older=True))["plan"]["evaluators"][0]
    assert (planned["rows_to_score"], planned["rows_of_other_versions"]) == (1, {"?": 1})


@asynccontextmanager
async def held(settings: Settings) -> AsyncGenerator[tuple[Caller, threading.Event]]:
    """A judge "good" whose model answers with the first word of its template once the event is set."""
    answers = threading.Event()

    def answer(prompt: str) -> str:
        answers.wait(120)
        return "strict" if "Be strict" in prompt else "mild"

    with ScriptedModel(answer) as model:
        async with serving(replace(settings, period_s=0.05), model.url) as ax:
            await redefine(ax, "Be mild", "judge-1")
            try:
                yield ax, answers
            finally:
                answers.set()


async def redefine(ax: Caller, how: str, model: str, **arguments: Any) -> None:
    asked = {"template": f"{how}: {{output}} is mild or strict?", "choices": {"mild": 1, "strict": 0}}
    await ax.ask("create_judge", name="good", **asked, model=model, **arguments)


async def makers(ax: Caller) -> dict[str, tuple[str, int, str]]:
    """Label, version and model of each verdict, by span."""
    return {
        name: (said["label"], said["version"], said["model"]) for name, said in (await verdicts(ax, "good")).items()
    }


async def test_a_run_keeps_the_version_that_it_began_with_though_the_judge_changes_meanwhile(
    settings: Settings,
) -> None:
    async with held(settings) as (ax, answers):
        asked = {"evaluators": ["good"], "window": EVERYTHING}
        run = (await ax.ask("trigger_backfill", **asked))["run"]["id"]
        await until(ax, "get_run", lambda found: found["run"]["status"] == "RUNNING", run=run)
        await redefine(ax, "Be strict", "judge-2", new_version=True)
        answers.set()
        ended = await ax.ask("wait_for_run", run=run)
        made_by = {**ended["judges"]["good"], "version_id": ""}
        assert made_by == {"version_id": "", "version": 1, "model": "judge-1"}
        assert "'good': 'mild' 3 (v1, model judge-1, not calibrated)" in await ax.read("get_run", run=run)
        assert {one["version"] for one in (await ax.ask("get_run", run=run, rows=True))["rows"]} == {1}
        assert set((await makers(ax)).values()) == {("mild", 1, "judge-1")}
        await ax.ask("trigger_backfill", **asked, rescore_older=True, wait=30)
        assert set((await makers(ax)).values()) == {("strict", 2, "judge-2")}
        for said in (await verdicts(ax, "good")).values():
            assert said["earlier"] == [{"version": 1, "model": "judge-1", "label": "mild", "score": 1.0}]
        assert {one["version"] for one in (await ax.ask("get_run", run=run, rows=True))["rows"]} == {1}


async def test_runs_of_a_backfill_that_have_not_begun_keep_the_version_of_their_creation(
    settings: Settings, files: Path
) -> None:
    """Four runs of a backfill are at work, and two are PENDING, when the judge gets its new version."""
    await send(settings.home, [span(f"more {n}", "Later.", minutes_ago=20 + n) for n in range(3)])
    async with held(settings) as (ax, answers):
        asked = {"evaluators": ["good"], "window": EVERYTHING}
        runs = [run["id"] for run in (await ax.ask("trigger_backfill", **asked, max_spans=1))["runs"]]
        assert len(runs) == 6
        for run in runs[:4]:
            await until(ax, "get_run", lambda found: found["run"]["status"] == "RUNNING", run=run)
        states = [(await ax.ask("get_run", run=run))["run"]["status"] for run in runs]
        assert states.count("PENDING") == 2
        await redefine(ax, "Be strict", "judge-2", new_version=True)
        answers.set()
        assert (await ax.ask("wait_for_run", run=",".join(runs)))["scored"] == 6
        for run in runs:
            ended = await ax.ask("get_run", run=run)
            assert (ended["labels"], ended["judges"]["good"]["version"]) == ({"good": {"mild": 1}}, 1)
            rows = (await ax.ask("get_run", run=run, rows=True))["rows"]
            assert [(row["label"], row["version"]) for row in rows] == [("mild", 1)]
        made_by = await makers(ax)
        assert (len(made_by), set(made_by.values())) == (6, {("mild", 1, "judge-1")})
        planned = (await ax.ask("preview_backfill", **asked))["plan"]["evaluators"][0]
        assert (planned["version"], planned["rows_of_other_versions"]) == (2, {"1": 6})
        again = await ax.ask("trigger_backfill", **asked, rescore_older=True, max_rows=2, wait=30)
        assert again["judges"]["good"]["version"] == 2
        for number, rows in ((1, 4), (2, 2)):
            assert len(await verdicts(ax, "good", filter=f"eval.good.metadata.version = {number}")) == rows
        planned = (await ax.ask("preview_backfill", **asked))["plan"]["evaluators"][0]
        assert (planned["rows_labelled_already"], planned["rows_of_other_versions"]) == (6, {"1": 4})
        await ax.ask("search_spans", window=EVERYTHING, save_to="spans.jsonl")
        rows = [json.loads(line) for line in (files / "spans.jsonl").read_text(encoding="utf-8").splitlines()]
        said = sorted((row["eval.good.metadata.version"], row["eval.good.label"]) for row in rows)
        assert said == [(1, "mild")] * 4 + [(2, "strict")] * 2
        kept = [json.loads(row["eval.good.metadata.earlier"])[0] for row in rows if "eval.good.metadata.earlier" in row]
        assert [(one["version"], one["label"], one["model"]) for one in kept] == [(1, "mild", "judge-1")] * 2


async def test_a_continuous_task_takes_the_new_version_for_spans_that_arrive_later(
    settings: Settings, files: Path
) -> None:
    async with held(settings) as (ax, answers):
        answers.set()
        await ax.ask("create_task", name="watch", evaluators=["good"], is_continuous=True)
        for number, (how, model) in enumerate((("Be mild", "judge-1"), ("Be strict", "judge-2")), 1):
            if number > 1:
                await redefine(ax, how, model, new_version=True)
            await send(settings.home, [span(f"new {number}", "Later.")])
            at_work = {"filter": f"eval.good.metadata.version = {number}"}
            await until(ax, "search_spans", lambda found: bool(found["spans"]), **at_work)
        assert await makers(ax) == {"new 1": ("mild", 1, "judge-1"), "new 2": ("strict", 2, "judge-2")}
        (share,) = (await ax.ask("preview_backfill", task="watch", window=EVERYTHING))["plan"]["evaluators"]
        assert (share["rows_labelled_already"], share["rows_of_other_versions"]) == (2, {"1": 1})
        filtered = await verdicts(ax, "good", filter="eval.good.metadata.model = 'judge-1'")
        assert list(filtered) == ["new 1"]
        runs = (await ax.ask("get_task", task="watch"))["last_runs"]
        told = [await ax.ask("get_run", run=one["id"]) for one in runs]
        made_by = [(one["judges"]["good"]["version"], one["labels"]["good"]) for one in told if one["labels"]]
        assert sorted(made_by, key=str) == [(1, {"mild": 1}), (2, {"strict": 1})]
        await ax.ask("search_spans", window=EVERYTHING, filter="eval.good.label != null", save_to="spans.jsonl")
        rows = [json.loads(line) for line in (files / "spans.jsonl").read_text(encoding="utf-8").splitlines()]
        assert {row["name"]: row["eval.good.metadata.version"] for row in rows} == {"new 1": 1, "new 2": 2}


async def until(ax: Caller, tool: str, reached: Callable[[dict[str, Any]], bool], **arguments: Any) -> None:
    """Return once a tool's reply is as wanted."""
    with anyio.fail_after(60):
        while not reached(await ax.ask(tool, **arguments)):  # noqa: ASYNC110
            await anyio.sleep(PAUSE_S)


async def test_traces_and_rows_of_experiments_keep_their_old_verdicts_too(ax: Caller, files: Path) -> None:
    await sharpen(ax, r"^none$")
    await ax.ask("create_task", name="whole", evaluators=["cites"], granularity="trace")
    texts = [{"key": f"q{n}", "output": text} for n, text in enumerate(("some", "more"))]
    await ax.ask("create_dataset", name="cases", rows=[{"key": row["key"]} for row in texts])
    (files / "one.jsonl").write_text("\n".join(map(json.dumps, texts)), encoding="utf-8")
    await ax.ask("upload_experiment", file="one.jsonl", dataset="cases", key="key", name="one")
    await ax.ask("create_task", name="rows", evaluators=["cites"], experiments=["one"])
    await ax.ask("trigger_backfill", task="whole", window=EVERYTHING, wait=30)
    await ax.ask("trigger_backfill", task="rows", wait=30)
    await sharpen(ax, "e", new_version=True)
    await ax.ask("create_judge", **{**CITED, "name": "cites (trace)"}, pattern="e", new_version=True)
    earlier = [{"version": 1, "label": "no match", "score": 0.0}]
    again = await ax.ask("trigger_backfill", task="whole", window=EVERYTHING, rescore_older=True, wait=30)
    assert again["run"]["num_successes"] == 3
    traces = await verdicts(ax, filter="trace_eval.cites.metadata.version = 2")
    assert [said["earlier"] for said in traces.values()] == [earlier] * 3
    (share,) = (await ax.ask("preview_backfill", task="rows"))["plan"]["evaluators"]
    assert (share["rows_to_score"], share["rows_of_other_versions"]) == (0, {"1": 2})
    await ax.ask("trigger_backfill", task="rows", rescore_older=True, wait=30)
    await ax.ask("get_experiment", experiment="one", save_to="scored.jsonl")
    rows = [json.loads(line) for line in (files / "scored.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["eval.cites.metadata.version"] for row in rows] == [2, 2]
    told = [json.loads(row["eval.cites.metadata.earlier"]) for row in rows]
    assert [[one["label"] for one in some] for some in told] == [["no match"], ["no match"]]
