"""A run's limit of cost: the first question measures, and what it costs releases the others."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tests.engine.door import Body, Door, counts, judge_version, opened, span
from tests.engine.test_runs import ALWAYS, environment
from tests.scripted_model import ScriptedModel

from assaykit.engine.runs.limits import Budget, Expectation
from assaykit.engine.store.queue.runs import Limits
from assaykit.judge.providers.prices import Spent

PRICES = {"judge-1": {"input": 1.25, "output": 10}, "judge-2": {"input": 1.25, "output": 1}}
SLOTS = 16


class Reasoning(ScriptedModel):
    """A model that reports many more tokens than its reply shows."""

    tokens = 3_000

    async def _completions(self, request: Request) -> Response:
        response = await super()._completions(request)
        body: Body = json.loads(bytes(response.body))
        if "usage" in body:
            body["usage"]["completion_tokens"] = self.tokens
        return JSONResponse(body, response.status_code)


async def limited(door: Door, max_cost: float, spans: int = 40, **params: Any) -> tuple[Body, float]:
    """A run over so many spans when it has ended, and its cost in US dollars."""
    project = await door.send(*(span(number) for number in range(spans)))
    (integration,) = (await door.get("/v2/ai-integrations"))["ai_integrations"]
    version = judge_version(integration["id"])
    version["template_config"]["llm_config"]["invocation_parameters"] = params
    body = {"space_id": await door.space(), "name": "tone", "type": "TEMPLATE", "version": version}
    judge = (await door.post("/v2/evaluators", body))["id"]
    task = await door.task(judge, project_id=project, type="TEMPLATE_EVALUATION")
    run = await door.post(f"/x/tasks/{task}/trigger", {"trigger": ALWAYS, "max_cost": max_cost})
    ended = await door.until(run["id"], "COMPLETED", "FAILED", "CANCELLED")
    report = await door.get(f"/x/task-runs/{run['id']}/report")
    return ended, report.get("tokens", {}).get("cost", 0.0)


@pytest.mark.parametrize(
    ("max_cost", "params", "asked", "reason"),
    [
        (0.01, {}, 1, "The cost of a question was not known before it was paid."),
        (0.05, {}, 1, "($0.03"),
        (0.5, {}, 16, "trigger again to continue with the rest"),
        # The reply may have 3,000 tokens, so one question may cost three times the limit.
        (0.01, {"max_tokens": 3_000}, 0, "One question may cost $0.03"),
        (0.1, {"max_tokens": 3_000}, 3, "trigger again to continue with the rest"),
        (0.1, {"max_completion_tokens": 3_000}, 3, "trigger again to continue with the rest"),
    ],
)
async def test_a_run_costs_no_more_than_its_limit_and_the_question_that_measures(
    home: Path, max_cost: float, params: dict[str, int], asked: int, reason: str
) -> None:
    (home / "prices.json").write_text(json.dumps(PRICES), encoding="utf-8")
    with Reasoning(lambda _: "good", latency_s=0.02) as model:
        async with opened(home, environment(model)) as door:
            ended, cost = await limited(door, max_cost, **params)
    assert (ended["status"], counts(ended), model.count) == ("CANCELLED", (asked, 0, 0), asked)
    assert cost <= max(max_cost, 0.0302)
    assert reason in ended["failure_reason"]


async def test_a_limit_that_is_never_reached_leaves_every_question(home: Path) -> None:
    (home / "prices.json").write_text(json.dumps(PRICES), encoding="utf-8")
    with Reasoning(lambda _: "good") as model:
        async with opened(home, environment(model)) as door:
            ended, cost = await limited(door, 40 * 0.0303)
    assert (ended["status"], counts(ended)) == ("COMPLETED", (40, 0, 0))
    assert 1.2 < cost < 1.22


Cost = Callable[[random.Random], tuple[float, float]]
"""The length of a question, as a factor of an ordinary one, and the tokens of its reply."""

LENGTHS: dict[str, Callable[[random.Random], float]] = {
    "equal": lambda _: 1.0,
    "even": lambda chance: chance.uniform(0.2, 2),
    "long tail": lambda chance: min(chance.lognormvariate(0, 1), 20),
    "two sizes": lambda chance: chance.choice((0.1, 5.0)),
}
REPLIES: dict[str, Callable[[random.Random], float]] = {
    "short": lambda _: 20.0,
    "as guessed": lambda chance: chance.uniform(100, 300),
    "reasoning": lambda chance: chance.uniform(1_000, 5_000),
    "wide": lambda chance: min(chance.lognormvariate(6, 1), 8_000),
    "sometimes long": lambda chance: 3_000.0 if chance.random() < 0.3 else 50.0,
}


@pytest.mark.parametrize("replies", REPLIES)
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("prices", [(1.25, 10.0), (0.1, 0.4)])
async def test_a_limit_of_ten_dear_questions_is_overrun_by_one_at_most(
    lengths: str, replies: str, prices: tuple[float, float]
) -> None:
    chance = random.Random(f"{lengths} {replies} {prices}")  # noqa: S311  (a profile, no secret)
    prompt, completion = (price / 1e6 for price in prices)
    questions: list[tuple[float, float]] = []
    for _ in range(400):
        tokens = 500 * LENGTHS[lengths](chance)
        questions.append((tokens * prompt + 200 * completion, tokens * prompt + REPLIES[replies](chance) * completion))
    limit = 10 * max(paid for _, paid in questions)
    budget, gate = Budget(Limits(max_cost=limit), 0.0), anyio.Semaphore(SLOTS)
    spent: list[float] = []
    left = iter(questions)

    async def work() -> None:
        for guess, paid in left:
            while (reserved := await budget.admit(Expectation("m", guess))) is not None:
                async with gate:
                    if may_go := reserved.may_go():
                        for _ in range(chance.randrange(1, 20)):
                            await anyio.lowlevel.checkpoint()
                        spent.append(paid)
                reserved.over(Spent(1, 1, paid) if may_go else None, answered=may_go)
                if may_go:
                    break

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for _ in range(4 * SLOTS):
                group.start_soon(work)
    assert sum(spent) <= 1.1 * limit
    assert len(spent) == len(questions) or sum(spent) > 0.7 * limit


async def test_a_question_that_waited_at_the_gate_stays_there_if_others_were_dearer_than_thought() -> None:
    budget = Budget(Limits(max_cost=10.0), 0.0)
    first = await admitted(budget)
    first.over(Spent(1, 1, 1.0), answered=True)
    out, waits = await admitted(budget), await admitted(budget)
    assert out.may_go()
    out.over(Spent(1, 1, 8.5), answered=True)
    assert not waits.may_go()
    waits.over(None, answered=False)
    assert await budget.admit(Expectation("m", 1.0)) is None
    assert "$9.50 spent" in budget.stopped()


async def test_each_model_is_measured_by_itself() -> None:
    budget = Budget(Limits(max_cost=10.0), 0.0)
    (await admitted(budget)).over(Spent(1, 1, 0.5), answered=True)
    other = await admitted(budget, "other")
    with anyio.move_on_after(0.01) as scope:
        await admitted(budget, "other")
    assert scope.cancelled_caught
    assert other.may_go()
    await admitted(budget)


async def test_an_answer_without_a_count_of_tokens_costs_what_was_expected() -> None:
    budget = Budget(Limits(max_cost=2.5), 0.0)
    for _ in range(2):
        (await admitted(budget)).over(None, answered=True)
    assert await budget.admit(Expectation("m", 1.0)) is None


async def test_a_failure_that_cost_nothing_measures_nothing() -> None:
    budget = Budget(Limits(max_cost=1.5), 0.0)
    for _ in range(5):
        (await admitted(budget)).over(None, answered=False)
    (await admitted(budget)).over(Spent(1, 1, 1.2), answered=True)
    assert await budget.admit(Expectation("m", 1.0)) is None


async def admitted(budget: Budget, model: str = "m") -> Any:
    reserved = await budget.admit(Expectation(model, 1.0))
    assert reserved is not None
    return reserved
