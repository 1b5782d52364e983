"""Continuous tasks as a user of the tools sees them: when they run, what waits, and who runs them."""

import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.caller import Caller, serving
from tests.engine.door import PAUSE_S
from tests.scripted_model import ScriptedModel
from tests.traces import rest, send, span

from assaykit.figures import dollars
from assaykit.settings import Settings

BY_HAND = "trigger_backfill(task='watch')"


@pytest.fixture
async def ax(settings: Settings, bot: None) -> AsyncGenerator[Caller]:
    """A caller over project "bot" whose engine looks for new spans all the time, with a code evaluator."""
    async with serving(replace(settings, period_s=0.05)) as caller:
        await caller.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]")
        yield caller


async def watch(ax: Caller, **arguments: Any) -> dict[str, Any]:
    return await ax.ask("create_task", name="watch", evaluators=["cites"], is_continuous=True, **arguments)


async def until(ax: Caller, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What `get_task` shows, as soon as it shows that."""
    with anyio.fail_after(60):
        while not reached(found := await ax.ask("get_task", task="watch")):  # noqa: ASYNC110
            await anyio.sleep(PAUSE_S)
    return found


async def labels(ax: Caller) -> dict[str, str]:
    found = await ax.ask("search_spans", filter="eval.cites.label IS NOT NULL", window="everything")
    return {one["name"]: one["evaluations"][0]["label"] for one in found["spans"]}


async def test_a_continuous_task_says_when_it_runs_and_scores_what_arrives(ax: Caller, settings: Settings) -> None:
    before = datetime.now(UTC)
    made = await watch(ax)
    assert made["schedule"]["worker"] == "this"
    waits = datetime.fromisoformat(made["schedule"]["next_run_at"]) - before
    assert waits.total_seconds() < 60
    await send(settings.home, [span("new", "See [RET-2]."), span("late", "No.", minutes_ago=60 * 24 * 400)])
    found = await until(ax, lambda found: sum(run["num_successes"] for run in found["last_runs"]) == 2)
    assert await labels(ax) == {"new": "matches", "late": "no match"}
    assert found["task"]["is_continuous"] is True
    await ax.ask("trigger_backfill", task="watch", window="everything", wait=30)
    assert len(await labels(ax)) == 5


async def test_the_answer_says_when_and_how_and_what_it_does_not_do(ax: Caller) -> None:
    text = await ax.read("create_task", name="watch", evaluators=["cites"], is_continuous=True)
    assert "Runs continuously, in this process: next at about 20" in text
    assert "last run none yet, 0 new span(s) waiting. It scores spans that arrive from now on, while a server" in text
    assert f"For existing spans: {BY_HAND}." in text
    assert "Runs continuously, in this process" in await ax.read("get_task")
    listed = await ax.read("list_tasks")
    assert "- 'watch' (CODE_EVALUATION) on project 'bot', continuously: 'cites'\n  Runs continuously, in this" in listed
    (row,) = (await ax.ask("list_tasks"))["tasks"]
    assert (row["schedule"]["is_continuous"], row["schedule"]["spans_waiting"]) == (True, 0)


async def test_a_task_on_traces_says_what_waits_and_what_is_not_quiet_yet(ax: Caller, settings: Settings) -> None:
    text = await ax.read("create_task", name="watch", evaluators=["cites"], granularity="trace", is_continuous=True)
    assert "It scores whole traces that arrive from now on" in text
    assert f"For existing whole traces: {BY_HAND}." in text
    await send(settings.home, [span("new", "See [RET-2].")])
    found = await until(ax, lambda found: found["schedule"].get("units_open") == 1)
    assert (found["schedule"]["unit"], found["schedule"]["units_waiting"], found["schedule"]["quiet_s"]) == (
        "TRACE",
        0,
        60.0,
    )
    said = "0 trace(s) waiting, and 1 to which something was added in the last 60 s"
    assert said in await ax.read("get_task")
    assert said in await ax.read("list_tasks")


async def test_a_task_is_made_continuous_and_stopped_by_an_update(ax: Caller, settings: Settings) -> None:
    await ax.ask("create_task", name="watch", evaluators=["cites"])
    assert "schedule" not in await ax.ask("get_task")
    text = await ax.read("update_task", task="watch", is_continuous=True)
    assert text.startswith("Changed task 'watch': is_continuous. It holds for its next run.\n- Runs continuously, in")
    assert BY_HAND in text
    assert BY_HAND not in await ax.read("update_task", task="watch", sampling_rate=1)
    changed = await ax.ask("update_task", task="watch", is_continuous=False)
    assert (changed["task"]["is_continuous"], "schedule" in changed) == (False, False)
    await send(settings.home, [span("unseen", "See [RET-2].")])
    await ax.ask("update_task", task="watch", is_continuous=True)
    await send(settings.home, [span("seen", "See [RET-3].")])
    await until(ax, lambda found: bool(found["last_runs"] and found["last_runs"][0]["num_successes"]))
    assert await labels(ax) == {"seen": "matches"}


@pytest.mark.parametrize(
    ("query_filter", "warns"),
    [
        ("eval.tone.label = 'rude'", True),
        ("name = 'a' OR NOT (annotation.seen.label IS NULL)", True),
        ("NOT (session_eval.tone.score < 1)", True),
        ("eval.tone.label IS NULL AND name != 'eval.tone.label'", False),
        ("NOT (name IS NULL)", False),
    ],
)
async def test_a_filter_for_what_a_new_span_cannot_have_is_warned_of(
    ax: Caller, query_filter: str, warns: bool
) -> None:
    entry = {"name": "watch", "evaluators": ["cites"], "query_filter": query_filter, "allow_empty": True}
    assert "Warning: a filter asks for verdicts" not in await ax.read("create_task", **entry)
    text = await ax.read("update_task", task="watch", is_continuous=True)
    assert ("Warning: a filter asks for verdicts or annotations. A span is checked once" in text) == warns


async def test_another_process_may_be_the_one_that_runs_it(ax: Caller, settings: Settings, tmp_path: Path) -> None:
    other = replace(settings, home=tmp_path / "shared")
    await send(other.home, [span("first", "x")])
    async with rest(other.home), serving(other) as second:
        await second.ask("create_judge", name="cites", code="JSON_PARSEABLE")
        assert (await watch(second))["schedule"]["worker"] == "another"
        assert "in another process that has the store open" in await second.read("get_task")


async def test_a_task_that_fails_says_why_and_that_it_waits(ax: Caller, settings: Settings) -> None:
    with ScriptedModel(lambda _: "good", key="another") as model:
        async with serving(replace(settings, period_s=0.05), model.url) as second:
            await second.ask("create_judge", name="tone", template="Good? {output}", choices={"good": 1, "bad": 0})
            # The server that came first runs the tasks, and has no key at all.
            asked = {"name": "watch", "evaluators": ["tone"], "is_continuous": True}
            await second.ask("create_task", **asked)
            await send(settings.home, [span("new", "x")])
            found = await until(second, lambda found: bool(found["schedule"]["failures"]))
            assert "OPENAI_API_KEY" in found["schedule"]["last_failure"]
            text = await second.read("get_task")
    assert "run(s) in a row failed, so it waits longer each time, at most 10 minutes, and takes the same spans" in text
    assert "again, which reads keys from its own environment. Cause: " in text
    assert "OPENAI_API_KEY" in text


async def test_experiments_do_not_arrive_so_a_task_on_them_is_not_continuous(ax: Caller, files: Path) -> None:
    await ax.ask("create_dataset", name="questions", rows=[{"key": "q1"}])
    (files / "a.csv").write_text("key,output\nq1,[RET-1]\n", encoding="utf-8")
    await ax.ask("upload_experiment", file="a.csv", key="key")
    variants = {"name": "watch", "evaluators": ["cites"], "experiments": ["a"]}
    refusal = await ax.refused("create_task", **variants, is_continuous=True)
    assert refusal["message"] == "is_continuous belongs to a task on a project."
    await ax.ask("create_task", **variants, is_continuous=False)
    await ax.ask("update_task", task="watch", is_continuous=False)
    assert (await ax.refused("update_task", task="watch", is_continuous=True))["code"] == "invalid"


@pytest.mark.over_http("list_tasks")
async def test_a_preview_of_a_continuous_task_creates_nothing(ax: Caller) -> None:
    assert (await watch(ax, preview=True))["created"] is False
    assert (await ax.ask("list_tasks"))["tasks"] == []


async def test_a_limit_of_cost_is_shown_with_what_was_spent_and_the_way_on(settings: Settings, bot: None) -> None:
    prices = {"m": {"input": 1_000.0, "output": 2_000.0}}
    (settings.home / "prices.json").write_text(json.dumps(prices), encoding="utf-8")
    with ScriptedModel(lambda _: "good") as model:
        async with serving(replace(settings, period_s=0.05, ask_above_dollars=10**6), model.url) as ax:
            judge = {"name": "tone", "template": "Good? {output}", "choices": {"good": 1, "bad": 0}, "model": "m"}
            await ax.ask("create_judge", **judge)
            given = {"name": "watch", "evaluators": ["tone"], "is_continuous": True, "max_cost": 0.001}
            text = await ax.read("create_task", **given, preview=True)
            assert "It stops after $0.001 from now on (max_cost); the questions in flight then may exceed it" in text
            text = await ax.read("create_task", **given)
            assert "0 new span(s) waiting, $0 spent of max_cost $0.001." in text
            await send(settings.home, [span(name, f"Answer {name}") for name in ("one", "two")])
            found = await until(
                ax, lambda found: found["schedule"]["at_max_cost"] and found["schedule"]["spans_waiting"]
            )
            assert (model.count, found["schedule"]["max_cost"]) == (1, 0.001)
            spent = f"{dollars(found['schedule']['spent'], 4)} spent of max_cost $0.001. It has stopped at max_cost."
            way = "update_task(task='watch', max_cost=...) goes on with the spans that wait, and counts from 0"
            for reply in ("get_task", "list_tasks"):
                text = await ax.read(reply)
                assert [one for one in (spent, way, "next at about") if one in text] == [spent, way]
            changed = await ax.ask("update_task", task="watch", max_cost=1)
            assert changed["changed"] == ["max_cost"]
            await until(ax, lambda found: not found["schedule"]["spans_waiting"] and found["schedule"]["spent"] > 0)
            assert model.count == 2
            text = await ax.read("update_task", task="watch", sampling_rate=0.5)
            assert "spent of max_cost $1.00" in text
            await ax.ask("update_task", task="watch", clear=["max_cost"])
            assert "max_cost" not in (await ax.ask("get_task"))["schedule"]


@pytest.mark.parametrize("is_new", [True, False])
async def test_a_limit_of_cost_is_refused_where_nothing_would_hold_it(ax: Caller, *, is_new: bool) -> None:
    given: dict[str, Any] = {"name": "nightly", "evaluators": ["cites"], "max_cost": 1}
    if not is_new:
        await ax.ask("create_task", name="nightly", evaluators=["cites"])
        given = {"task": "nightly", "max_cost": 1}
    refusal = await ax.refused("create_task" if is_new else "update_task", **given)
    assert refusal["message"] == "max_cost limits a continuous task, and this one runs when triggered."
    assert "trigger_backfill" in refusal["next"]
    assert len((await ax.ask("list_tasks"))["tasks"]) == (0 if is_new else 1)
