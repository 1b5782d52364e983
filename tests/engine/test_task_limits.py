"""The limit of cost of a continuous task: its runs stop there, and all rows that wait are scored after a new limit."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.engine.door import Body, Door, judge_version, span
from tests.engine.test_continuous import labelled, looking, runs, schedule, until, until_labelled
from tests.engine.test_cost_limits import PRICES, Reasoning
from tests.engine.test_runs import ALWAYS, environment

pytestmark = pytest.mark.slow

QUESTION = 0.0302
"""US dollars that one question costs at most: 3,000 tokens of a reply, and its prompt."""


@asynccontextmanager
async def watched(home: Path, latency_s: float = 0.0) -> AsyncGenerator[tuple[Door, Reasoning]]:
    """A door of an engine that looks for new spans, and its model. Each question costs about three cents."""
    (home / "prices.json").write_text(json.dumps(PRICES), encoding="utf-8")
    with Reasoning(lambda _: "good", latency_s=latency_s) as model:
        async with looking(home, environment=environment(model)) as door:
            yield door, model


async def judge(door: Door, model: str = "judge-1", **params: Any) -> str:
    (integration,) = (await door.get("/v2/ai-integrations"))["ai_integrations"]
    version = judge_version(integration["id"])
    version["template_config"]["llm_config"] |= {"invocation_parameters": params, "model_name": model}
    body = {"space_id": await door.space(), "name": "tone", "type": "TEMPLATE", "version": version}
    return (await door.post("/v2/evaluators", body))["id"]


async def body(door: Door, **params: Any) -> Body:
    evaluators = [{"evaluator_id": await judge(door, **params)}]
    about = {"name": "watch", "type": "TEMPLATE_EVALUATION", "is_continuous": True}
    return {**about, "project_id": await door.send(span(0)), "evaluators": evaluators}


async def limited(door: Door, max_cost: float, **params: Any) -> tuple[str, str]:
    """The ids of a continuous task with a limit, and of its project."""
    wanted = await body(door, **params)
    made = await door.post("/x/tasks", {"task": wanted, "max_cost": max_cost})
    return made["id"], wanted["project_id"]


async def changed(door: Door, task: str, **change: Any) -> Body:
    response = await door.http.patch(f"/x/tasks/{task}", json=change)
    assert response.status_code == 200, response.text
    return response.json()


async def stopped(door: Door, task: str, waiting: int | None = None) -> Body:
    """The schedule of the task once it has stopped at its limit, and so many spans wait."""

    def is_over(found: Body) -> bool:
        is_all = waiting is None or found["spans_waiting"] == waiting
        return found["at_max_cost"] and not found["is_running"] and is_all

    return await until(lambda: schedule(door, task), is_over)


async def test_the_task_stops_at_its_limit_and_a_new_one_scores_the_rows_that_waited(home: Path) -> None:
    async with watched(home) as (door, model):
        task, project = await limited(door, 0.1)
        await door.send(*(span(number) for number in range(1, 13)))
        # The first question measures. With what it cost, there is room for two more.
        found = await stopped(door, task, waiting=9)
        assert (model.count, found["max_cost"]) == (3, 0.1)
        assert 3 * 0.03 < found["spent"] <= 3 * QUESTION
        assert "next_run_at" not in found
        assert found["failures"] == 0
        (run,) = await runs(door, task)
        assert run["status"] == "CANCELLED"
        assert run["failure_reason"].startswith("Stopped at its max_cost, as its task had $0.1 left ($0.09")
        assert run["failure_reason"].endswith("the task goes on with the other rows after a new max_cost.")
        await door.send(span(13))
        await anyio.sleep(0.3)
        assert (model.count, len(await runs(door, task))) == (3, 1)
        await changed(door, task, max_cost=20 * QUESTION)
        await until_labelled(door, project, range(1, 14))
        found = await schedule(door, task)
        assert (model.count, found["at_max_cost"]) == (13, False)
        assert 10 * 0.03 < found["spent"] <= 10 * QUESTION


async def test_the_limit_counts_over_several_runs_and_over_restarts(home: Path) -> None:
    async with watched(home) as (door, model):
        task, project = await limited(door, 0.1)
        for number in (1, 2):
            await door.send(span(number))
            await until_labelled(door, project, range(1, number + 1))
        assert model.count == 2
    async with watched(home) as (door, model):
        assert 2 * 0.03 < (await schedule(door, task))["spent"] <= 2 * QUESTION
        await door.send(*(span(number) for number in range(3, 7)))
        await stopped(door, task)
        # Each run measures anew: its first question may go out as long as something is left.
        assert model.count <= 2
        assert len(await labelled(door, project)) == 2 + model.count


async def test_a_question_that_may_cost_more_than_is_left_is_not_asked(home: Path) -> None:
    async with watched(home) as (door, model):
        task, _ = await limited(door, 0.01, max_tokens=3_000)
        await door.send(span(1))
        found = await stopped(door, task)
        assert (model.count, found["spans_waiting"], found["spent"]) == (0, 1, 0.0)
        assert "One question may cost $0.03" in found["last_failure"]
        await anyio.sleep(0.3)
        assert len(await runs(door, task)) == 1


async def test_a_limit_that_is_set_while_a_run_is_under_way_holds_for_it(home: Path) -> None:
    async with watched(home, latency_s=0.1) as (door, model):
        task, _ = await limited(door, 100.0)
        await door.send(*(span(number) for number in range(1, 201)))
        await until(lambda: schedule(door, task), lambda found: (found["spent"] or 0) > 2 * QUESTION)
        await changed(door, task, max_cost=0.2)
        before = model.count
        await stopped(door, task)
        assert model.count <= before + 0.2 / 0.03 + 3 * 16  # with the questions that were in flight at the change
        await stopped(door, task, waiting=200 - model.count)


async def test_a_run_that_somebody_triggers_has_its_own_limit_and_does_not_count(home: Path) -> None:
    async with watched(home) as (door, model):
        task, project = await limited(door, 0.1)
        await door.send(span(1))
        await until_labelled(door, project, [1])
        spent = (await schedule(door, task))["spent"]
        await door.run(task, **ALWAYS, override_evaluations=True)
        assert model.count == 3
        assert (await schedule(door, task))["spent"] == spent


async def test_without_a_limit_or_after_its_end_a_task_goes_on(home: Path) -> None:
    async with watched(home) as (door, model):
        task, project = await limited(door, 0.01)
        await door.send(*(span(number) for number in range(1, 4)))
        await stopped(door, task)
        await changed(door, task, max_cost=None)
        await until_labelled(door, project, range(1, 4))
        found = await schedule(door, task)
        assert (model.count, found.get("max_cost"), found.get("spent"), found["at_max_cost"]) == (3, None, None, False)


async def test_a_change_of_another_field_keeps_the_limit_and_what_was_spent(home: Path) -> None:
    async with watched(home) as (door, model):
        task, _ = await limited(door, 0.01)
        await door.send(span(1), span(2))
        spent = (await stopped(door, task))["spent"]
        await door.http.patch(f"/v2/tasks/{task}", json={"name": "renamed"})
        found = await stopped(door, task)
        assert (model.count, found["max_cost"], found["spent"]) == (1, 0.01, spent)


async def test_a_judge_whose_price_is_not_known_any_more_is_not_asked(home: Path) -> None:
    async with watched(home) as (door, model):
        task, _ = await limited(door, 1.0)
        (entry,) = (await door.get(f"/v2/tasks/{task}"))["evaluators"]
        version = judge_version((await door.get("/v2/ai-integrations"))["ai_integrations"][0]["id"])
        version["template_config"]["llm_config"]["model_name"] = "unknown-1"
        await door.post(f"/v2/evaluators/{entry['evaluator_id']}/versions", version)
        await door.send(span(1))
        found = await stopped(door, task)
        assert (model.count, found["spans_waiting"]) == (0, 1)
        assert "The price of model 'unknown-1' is not known" in found["last_failure"]


async def test_a_limit_that_cannot_be_held_is_refused(home: Path) -> None:
    async with watched(home) as (door, _):
        wanted = await body(door)
        for max_cost in (0, -1, "much", None):
            await door.refused(400, "POST", "/x/tasks", json={"task": wanted, "max_cost": max_cost})
        for limits in ({}, {"on_too_long": None}, {"on_too_long": "shorten"}, {"max_cost": 1, "on_too_long": None}):
            await door.refused(400, "POST", "/x/tasks", json={"task": wanted, **limits})
        once = wanted | {"is_continuous": False}
        await door.refused(422, "POST", "/x/tasks", json={"task": once, "on_too_long": "skip"})
        told = await door.refused(422, "POST", "/x/tasks", json={"task": once, "max_cost": 1})
        assert "max_cost limits a continuous task" in told
        assert (await door.get("/v2/tasks"))["tasks"] == []
        task = (await door.post("/v2/tasks", once))["id"]
        await door.refused(422, "PATCH", f"/x/tasks/{task}", json={"max_cost": 1})
        await door.refused(400, "PATCH", f"/x/tasks/{task}", json={"max_cost": 0})
        await door.refused(400, "PATCH", f"/x/tasks/{task}", json={"task": {"name": "other"}})
        await door.refused(400, "PATCH", f"/x/tasks/{task}", json={"task": {"name": None}, "max_cost": 1})


async def test_a_limit_on_a_model_of_unknown_price_makes_no_task(home: Path) -> None:
    async with watched(home) as (door, _):
        wanted = await body(door, model="unknown-1")
        told = await door.refused(422, "POST", "/x/tasks", json={"task": wanted, "max_cost": 1})
        assert "The price of model 'unknown-1' is not known" in told
        assert (await door.get("/v2/tasks"))["tasks"] == []
        task = (await door.post("/v2/tasks", wanted))["id"]
        await door.refused(422, "PATCH", f"/x/tasks/{task}", json={"max_cost": 1})
