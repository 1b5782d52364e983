"""`max_cost` over twenty profiles of prices and lengths, against a model that bills for each question.

The run exceeds its limit by no more than the questions that were in flight when the limit was reached. If the limit is
ten times the dearest question, it exceeds it by no more than a tenth.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tests.engine.door import Body, judge_version, opened, span
from tests.engine.test_runs import ALWAYS, environment
from tests.scripted_model import ScriptedModel

pytestmark = pytest.mark.slow

SPANS: Final = 60
MILLION: Final = 1_000_000

PRICES: Final = {
    "mini": (0.15, 0.6),
    "ordinary": (1.25, 10.0),
    "dear": (15.0, 75.0),
    "prompt only": (3.0, 0.0),
    "reply only": (0.0, 5.0),
}
"""US dollars for a million tokens of the prompt and of the reply."""

Shape = Callable[[random.Random], tuple[int, int]]
"""The words of an answer that is judged, and the tokens of the judge's reply."""

SHAPES: Final[dict[str, Shape]] = {
    "equal": lambda _: (20, 200),
    "reasoning": lambda chance: (20, chance.randint(1_000, 5_000)),
    "long tail": lambda chance: (min(int(20 * chance.lognormvariate(0, 1.2)), 2_000), chance.randint(50, 400)),
    "sometimes long": lambda chance: (20, 4_000 if chance.random() < 0.2 else 40),
}


class Billing(ScriptedModel):
    """A model that counts tokens by profile, and knows what each question costs."""

    def __init__(self, prices: tuple[float, float], shape: Shape) -> None:
        super().__init__(lambda _: "good", latency_s=0.003)
        self.prices = prices
        chance = random.Random(7)  # noqa: S311  (a profile, and no secret)
        sizes = [shape(chance) for _ in range(SPANS)]
        self.answers_of = [" ".join([f"number-{at}", *["word"] * words]) for at, (words, _) in enumerate(sizes)]
        self.replies = {f"number-{at}": tokens for at, (_, tokens) in enumerate(sizes)}
        self.paid = 0.0
        self.open: dict[str, float] = {}
        self.costs: list[float] = []
        self.limit = 0.0
        self.in_flight = 0.0

    def cost_of(self, prompt: str) -> tuple[int, int, float]:
        number = next(word for word in prompt.split() if word.startswith("number-"))
        tokens = len(prompt) // 4, self.replies[number]
        return *tokens, sum(count * price for count, price in zip(tokens, self.prices, strict=True)) / MILLION

    async def _completions(self, request: Request) -> Response:
        prompt: str = (await request.json())["messages"][-1]["content"]
        asked, replied, cost = self.cost_of(prompt)
        self.open[prompt] = cost
        response = await super()._completions(request)
        await anyio.sleep(len(prompt) % 7 / 1_000)
        before, self.paid = self.paid, self.paid + cost
        if before <= self.limit < self.paid:
            self.in_flight = sum(self.open.values())
        del self.open[prompt]
        self.costs.append(cost)
        body: Body = json.loads(bytes(response.body))
        body["usage"] = {"prompt_tokens": asked, "completion_tokens": replied}
        return JSONResponse(body, response.status_code)


def listed(home: Path, prices: tuple[float, float]) -> None:
    asked, replied = prices
    home.mkdir(parents=True)
    (home / "prices.json").write_text(json.dumps({"judge-1": {"input": asked, "output": replied}}), encoding="utf-8")


async def spent(home: Path, model: Billing, limit: float | None) -> tuple[Body, float]:
    """The ended run over all spans, and its cost."""
    model.limit = limit or float("inf")
    listed(home, model.prices)
    async with opened(home, environment(model)) as door:
        project = await door.send(*(span(number + 1, text) for number, text in enumerate(model.answers_of)))
        (integration,) = (await door.get("/v2/ai-integrations"))["ai_integrations"]
        version = judge_version(integration["id"])
        body = {"space_id": await door.space(), "name": "tone", "type": "TEMPLATE", "version": version}
        judge = (await door.post("/v2/evaluators", body))["id"]
        task = await door.task(judge, project_id=project, type="TEMPLATE_EVALUATION")
        limits = {} if limit is None else {"max_cost": limit}
        run = await door.post(f"/x/tasks/{task}/trigger", {"trigger": ALWAYS, **limits})
        ended = await door.until(run["id"], "COMPLETED", "FAILED", "CANCELLED")
        report = await door.get(f"/x/task-runs/{run['id']}/report")
    return ended, report.get("tokens", {}).get("cost", 0.0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("prices", PRICES)
async def test_the_overrun_is_bounded_by_the_questions_in_flight(tmp_path: Path, prices: str, shape: str) -> None:
    with Billing(PRICES[prices], SHAPES[shape]) as model:
        ended, whole = await spent(tmp_path / "whole", model, None)
        assert (ended["status"], ended["num_successes"]) == ("COMPLETED", SPANS)
        dearest = max(model.costs)
        assert whole == pytest.approx(sum(model.costs))
    for factor in (10, 2):
        limit = factor * dearest
        with Billing(PRICES[prices], SHAPES[shape]) as model:
            ended, cost = await spent(tmp_path / str(factor), model, limit)
            assert cost == pytest.approx(model.paid)
            assert cost <= limit + model.in_flight + 1e-12
            if factor == 10:
                assert cost <= 1.1 * limit
            if whole > limit:
                assert ended["status"] == "CANCELLED"
                assert cost > 0
