"""A backfill of more rows than one run takes: planned before it starts, resumed, and cancelled as a set."""

import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from tests.caller import Caller, serving
from tests.scripted_model import ScriptedModel
from tests.traces import Span, send, span

from assaykit.settings import Settings


@pytest.fixture
async def cites(ax: Caller, settings: Settings) -> Caller:
    """Seven answers, and a task over them whose evaluator is code."""
    await send(settings.home, [span(f"s{number}", "See [RET-1].", minutes_ago=10 + number) for number in range(7)])
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]")
    await ax.ask("create_task", name="policy", evaluators=["cites"])
    return ax


async def labels(ax: Caller) -> list[str]:
    found = await ax.ask("search_spans", window="everything", filter="eval.cites.label IS NOT NULL")
    return sorted(one["name"] for one in found["spans"])


async def test_the_plan_says_into_how_many_runs_it_goes_before_anything_starts(cites: Caller) -> None:
    text = await cites.read("trigger_backfill", task="policy", max_spans=3, preview=True)
    assert "3 runs, the newest first, for 7 of 7 rows:\n-   3 in 20" in text
    data = await cites.ask("trigger_backfill", task="policy", max_spans=3, preview=True)
    assert data["coverage"] == {"matching": 7, "labelled": 0, "left": 7}
    assert [part["rows"] for part in data["parts"]] == [3, 3, 1]
    assert (await cites.ask("list_runs", task="policy"))["runs"] == []


async def test_every_row_is_scored_once_and_the_sum_is_told(cites: Caller) -> None:
    data = await cites.ask("trigger_backfill", task="policy", max_spans=3, wait=30)
    assert (data["scored"], data["failed"], data["skipped"], data["still_running"]) == (7, 0, 0, False)
    assert [run["num_successes"] for run in data["runs"]] == [3, 3, 1]
    assert await labels(cites) == [f"s{number}" for number in range(7)]
    ids = ",".join(run["id"] for run in data["runs"])
    text = await cites.read("wait_for_run", run=ids)
    assert "Together 7 scored, 0 failed, 0 skipped\nNext: search_spans shows the verdicts." in text


async def test_the_same_call_again_goes_on_with_what_is_left(cites: Caller, settings: Settings) -> None:
    await cites.ask("trigger_backfill", task="policy", window="last 12 minutes", max_spans=1, wait=30)
    done = await labels(cites)
    assert 0 < len(done) < 7
    again = await cites.ask("trigger_backfill", task="policy", max_spans=3, wait=30)
    assert again["coverage"] == {"matching": 7, "labelled": len(done), "left": 7 - len(done)}
    assert again["scored"] == 7 - len(done)
    last = await cites.ask("trigger_backfill", task="policy", max_spans=3, wait=30)
    assert (last["runs"], last["coverage"]["left"]) == ([], 0)


async def test_traces_are_not_cut(ax: Caller, settings: Settings) -> None:
    spans: list[Span] = []
    for number in range(4):
        for place in range(2):
            one = dict(span(f"t{number} {place}", "x", minutes_ago=10 + 10 * number + 5 * place))
            spans.append(one | {"traceId": f"{number + 1:032x}"})
    ends = (dict(span(f"long {minutes}", "x", minutes_ago=minutes)) for minutes in (12, 22))
    long = [one | {"traceId": f"{9:032x}"} for one in ends]
    await send(settings.home, [*spans, *long])
    await ax.ask("create_judge", name="json", code="JSON_PARSEABLE")
    await ax.ask("create_task", name="whole", evaluators=["json"], granularity="trace")
    data = await ax.ask("trigger_backfill", task="whole", max_spans=2, wait=30)
    assert [part["rows"] for part in data["parts"]] == [3, 2]
    assert (data["scored"], [run["num_successes"] for run in data["runs"]]) == (5, [3, 2])


@asynccontextmanager
async def held(settings: Settings) -> AsyncGenerator[tuple[Caller, ScriptedModel, threading.Event]]:
    """Six answers, a task with a judge, and a model that answers once the event is set."""
    answers = threading.Event()

    def answer(_: str) -> str:
        answers.wait(120)
        return "good"

    await send(settings.home, [span(f"s{number}", f"Answer {number}.", minutes_ago=10 + number) for number in range(6)])
    with ScriptedModel(answer) as model:
        async with serving(settings, model.url) as ax:
            judge = {"template": "Is {output} good or bad?", "choices": {"good": 1, "bad": 0}, "model": "judge-1"}
            await ax.ask("create_judge", name="helpful", **judge)
            await ax.ask("create_task", name="policy", evaluators=["helpful"])
            try:
                yield ax, model, answers
            finally:
                answers.set()


async def runs_of(ax: Caller) -> list[dict[str, Any]]:
    return (await ax.ask("list_runs", task="policy"))["runs"]


async def test_a_call_while_the_runs_are_at_work_starts_nothing_and_waits_for_them(settings: Settings) -> None:
    async with held(settings) as (ax, model, answers):
        first = await ax.ask("trigger_backfill", task="policy", max_spans=2)
        assert len(first["runs"]) == 3
        text = await ax.read("trigger_backfill", task="policy", max_spans=2)
        assert text.startswith("Task 'policy' is at work on this window; nothing more was triggered.")
        ended: dict[str, Any] = {}

        async def wait() -> None:
            ended.update(await ax.ask("trigger_backfill", task="policy", max_spans=2, wait=60))

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            with anyio.fail_after(60):
                # It reports once it waits: what it does, it has decided on by then.
                while not ax.progress:  # noqa: ASYNC110  (a list, and no event)
                    await anyio.sleep(0.01)
            answers.set()
        assert (len(await runs_of(ax)), ended["still_running"]) == (3, False)
        assert model.count == 6


async def test_the_runs_are_cancelled_as_a_set(settings: Settings) -> None:
    async with held(settings) as (ax, model, answers):
        first = await ax.ask("trigger_backfill", task="policy", max_spans=2)
        ids = [run["id"] for run in first["runs"]]
        with anyio.fail_after(60):
            while not model.count:
                await runs_of(ax)
        cancelled = await ax.ask("cancel_run", run=ids)
        assert {run["status"] for run in cancelled["runs"]} == {"CANCELLED"}
        refusal = await ax.refused("cancel_run", run=ids)
        assert refusal["message"] == "All of these runs have ended already."
        assert (await ax.refused("cancel_run", run=""))["code"] == "invalid"
        answers.set()
        again = await ax.ask("trigger_backfill", task="policy", max_spans=2, wait=30)
        assert again["scored"] == 6
