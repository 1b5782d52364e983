"""A backfill of more rows than one run takes: planned before it starts, resumed, and cancelled as a set."""

import json
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
    assert "Together 7 scored, 0 failed, 0 skipped\nNext: search_spans shows the verdicts;" in text


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


PRICES = '{"gpt-test": {"input": 1.25, "output": 10}}'


async def judged(settings: Settings, ax: Caller, spans: list[Span], **judge: Any) -> None:
    """A judge whose price is known, and spans in project "bot"."""
    await send(settings.home, spans)
    (settings.home / "prices.json").write_text(PRICES, encoding="utf-8")
    of = {"template": "Is {output} good or bad?", "choices": {"good": 1, "bad": 0}, "model": "gpt-test", **judge}
    await ax.ask("create_judge", name="helpful", **of)


@asynccontextmanager
async def priced(settings: Settings, texts: list[str | None]) -> AsyncGenerator[tuple[Caller, ScriptedModel]]:
    """One span for each text, newest first, and a judge whose price is known."""
    with ScriptedModel(lambda _: "good") as model:
        async with serving(settings, model.url) as ax:
            spans = [span(f"s{at}", text, minutes_ago=10 + at) for at, text in enumerate(texts)]
            await judged(settings, ax, spans)
            yield ax, model


def texts(number: int) -> list[str | None]:
    return [f"Answer {at}." for at in range(number)]


@pytest.mark.parametrize(
    ("limits", "rows", "calls"),
    [
        ({"max_spans": 2}, [2, 2, 2, 2, 2], 10),
        ({"max_rows": 1}, [1], 1),
        ({"max_spans": 2, "max_rows": 6}, [2, 2, 2], 6),
        ({"max_spans": 2, "max_rows": 5}, [2, 2, 1], 5),
        ({"max_spans": 2, "max_rows": 6, "max_cost": 5}, [6], 6),
        ({"max_spans": 4, "max_cost": 5}, [4], 4),
    ],
)
async def test_cost_and_rows_are_told_for_all_parts_and_within_the_limits(
    settings: Settings, limits: dict[str, Any], rows: list[int], calls: int
) -> None:
    async with priced(settings, texts(10)) as (ax, model):
        given = {"project": "bot", "evaluators": ["helpful"], **limits}
        plan = await ax.ask("trigger_backfill", **given, preview=True)
        assert [part["rows"] for part in plan["parts"]] == rows
        (share,) = plan["plan"]["evaluators"]
        assert (share["rows_to_score"], share["expected"]["calls"], plan["spending"]["calls"]) == (calls,) * 3
        done = await ax.ask("trigger_backfill", **given, wait=60)
        runs = done["runs"] if len(rows) > 1 else [done["run"]]
        assert [run["num_successes"] for run in runs] == rows
        assert model.count == calls


async def test_equal_questions_and_rows_without_a_value_are_counted_once_or_not_at_all(settings: Settings) -> None:
    async with priced(settings, ["same"] * 6 + ["other", None, None]) as (ax, model):
        given = {"project": "bot", "evaluators": ["helpful"]}
        plan = await ax.ask("trigger_backfill", **given, preview=True)
        assert (plan["coverage"]["left"], plan["spending"]["calls"]) == (9, 2)
        text = await ax.read("preview_backfill", **given)
        assert "helpful: 9 rows match, 9 to score with 2 calls: about" in text
        assert "2 calls to models for 9 rows" in text
        await ax.ask("trigger_backfill", **given, wait=60)
        assert model.count == 2
        again = await ax.ask("trigger_backfill", **given, override_evaluations=True, preview=True)
        assert again["spending"]["calls"] == 2


async def test_answers_of_another_task_cost_no_call_in_the_plan(settings: Settings) -> None:
    async with priced(settings, texts(4)) as (ax, model):
        await ax.ask("trigger_backfill", project="bot", evaluators=["helpful"], wait=60)
        await ax.ask("delete_task", task="helpful on bot", confirm="helpful on bot")
        await send(settings.home, [span("new", "Answer 0.", minutes_ago=3), span("newer", "New.", minutes_ago=2)])
        plan = await ax.ask("trigger_backfill", project="bot", evaluators=["helpful"], preview=True)
        assert (plan["coverage"]["left"], plan["spending"]["calls"]) == (2, 1)
        await ax.ask("trigger_backfill", project="bot", evaluators=["helpful"], wait=60)
        assert model.count == 5


async def test_coverage_knows_the_sample_the_override_and_the_own_filters(ax: Caller, settings: Settings) -> None:
    names = ["a", "b"] * 5
    spans = [dict(span(f"s{at}", "x", minutes_ago=10 + at)) | {"name": name} for at, name in enumerate(names)]
    await send(settings.home, spans)
    for judge in ("j1", "j2"):
        await ax.ask("create_judge", name=judge, code="JSON_PARSEABLE")
    own = [{"name": "j1", "query_filter": "name = 'a'"}, {"name": "j2", "query_filter": "name = 'b'"}]
    await ax.ask("create_task", name="two", evaluators=own)
    await ax.ask("create_task", name="half", evaluators=["j1"], sampling_rate=0.5)
    half = await ax.ask("trigger_backfill", task="half", max_spans=2, preview=True)
    found = half["coverage"]
    assert (found["matching"], found["labelled"]) == (10, 0)
    assert found["left"] + found["sampled_out"] == 10
    assert sum(part["rows"] for part in half["parts"]) == found["left"]
    done = await ax.ask("trigger_backfill", task="half", max_spans=2, wait=60)
    assert done["scored"] == found["left"]
    await ax.ask("trigger_backfill", task="two", wait=60)
    more = [dict(span(f"n{at}", "x", minutes_ago=5)) | {"name": "a" if at < 3 else "c"} for at in range(9)]
    await send(settings.home, more)
    plan = await ax.ask("trigger_backfill", task="two", max_spans=2, preview=True)
    assert plan["coverage"] == {"matching": 19, "labelled": 10, "left": 3, "filtered_out": 6}
    assert sum(part["rows"] for part in plan["parts"]) == 3
    anew = await ax.ask("trigger_backfill", task="two", override_evaluations=True, preview=True)
    assert anew["coverage"] == {"matching": 19, "labelled": 0, "left": 13, "filtered_out": 6}


async def test_a_sample_that_takes_no_other_row_is_told_as_the_reason(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [span(f"s{at}", "x") for at in range(3)])
    await ax.ask("create_judge", name="j", code="JSON_PARSEABLE")
    await ax.ask("create_task", name="few", evaluators=["j"], sampling_rate=0.000001)
    text = await ax.read("trigger_backfill", task="few")
    assert "The sampling rate takes none of the other 3 rows, so no task and no run was made." in text


@pytest.mark.parametrize(
    ("limits", "scored"), [({"max_spans": 2}, 2), ({"max_rows": 2}, 2), ({"max_spans": 2, "max_rows": 4}, 4), ({}, 6)]
)
async def test_max_spans_holds_for_experiments_too(
    ax: Caller, settings: Settings, limits: dict[str, int], scored: int
) -> None:
    await ax.ask("create_dataset", name="d", rows=[{"input": f"q{at}", "expected": f"a{at}"} for at in range(6)])
    lines = [json.dumps({"input": f"q{at}", "output": f"a{at}"}) for at in range(6)]
    (settings.folders[0] / "v1.jsonl").write_text("\n".join(lines), encoding="utf-8")
    await ax.ask("upload_experiment", file="v1.jsonl", dataset="d", key="input")
    await ax.ask("create_judge", name="em", code="EXACT_MATCH")
    await ax.ask("create_task", name="dt", dataset="d", experiments=["v1"], evaluators=["em"])
    plan = await ax.ask("trigger_backfill", task="dt", **limits, preview=True)
    assert [one["rows_to_score"] for one in plan["plan"]["evaluators"]] == [scored]
    done = await ax.ask("trigger_backfill", task="dt", **limits, wait=60)
    assert done["run"]["num_successes"] == scored
    left = await ax.ask("trigger_backfill", task="dt", preview=True)
    assert left["coverage"] == {"matching": 6, "labelled": scored, "left": 6 - scored}


@pytest.mark.parametrize(("field", "labelled"), [("score", 6), ("label", 6), ("explanation", 0)])
async def test_uploaded_scores_count_as_verdicts_in_the_plan(
    ax: Caller, settings: Settings, field: str, labelled: int
) -> None:
    await ax.ask("create_dataset", name="d", rows=[{"input": f"q{at}"} for at in range(6)])
    lines = [json.dumps({"input": f"q{at}", "output": "x", f"eval.em.{field}": 1}) for at in range(6)]
    (settings.folders[0] / "v1.jsonl").write_text("\n".join(lines), encoding="utf-8")
    await ax.ask("upload_experiment", file="v1.jsonl", dataset="d", key="input")
    await ax.ask("create_judge", name="em", code="JSON_PARSEABLE")
    await ax.ask("create_task", name="dt", dataset="d", experiments=["v1"], evaluators=["em"])
    plan = await ax.ask("trigger_backfill", task="dt", preview=True)
    assert (plan["coverage"]["labelled"], plan["coverage"]["left"]) == (labelled, 6 - labelled)
    run = await ax.ask("trigger_backfill", task="dt", wait=60)
    assert len(run["runs"]) == (labelled == 0)
