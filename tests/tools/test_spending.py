"""The cost of a run is told, no answer is paid twice, and a run stops at its limits."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.caller import Caller, serving
from tests.scripted_model import ScriptedModel
from tests.tools.test_run_causes import counts, run_of
from tests.traces import Span, send, span

from assaykit.figures import dollars
from assaykit.settings import Settings

PRICES = {"gpt-4o-mini": {"input": 1_000.0, "output": 2_000.0}}
"""So that an answer of seven tokens costs about two cents."""


def answers(number: int, *, same: bool = False) -> list[Span]:
    return [span(f"s{at}", f"Answer {0 if same else at}.", minutes_ago=at + 1) for at in range(number)]


def priced(settings: Settings, prices: Any = PRICES) -> None:
    (settings.home / "prices.json").write_text(json.dumps(prices), encoding="utf-8")


@asynccontextmanager
async def judging(
    settings: Settings, spans: list[Span], answer: Callable[[str], str] = lambda _: "good", **provider: Any
) -> AsyncGenerator[tuple[Caller, ScriptedModel]]:
    """A task "policy" of a judge over some spans, and the model that is asked. Nothing is too dear to start."""
    await send(settings.home, spans)
    with ScriptedModel(answer, **provider) as model:
        async with serving(replace(settings, ask_above_dollars=1_000.0), model.url) as ax:
            await ax.ask(
                "create_judge",
                name="helpful",
                template="Is {output} good or bad?",
                choices={"good": 1, "bad": 0},
                model="gpt-4o-mini",
            )
            await ax.ask("create_task", name="policy", evaluators=["helpful"])
            yield ax, model


async def test_a_run_tells_its_tokens_and_what_they_cost_by_list_prices(settings: Settings) -> None:
    async with judging(settings, answers(3)) as (ax, model):
        data = await run_of(ax)
        words = sum(len(prompt.split()) for prompt in model.prompts)
        tokens = data["tokens"]
        assert (tokens["prompt"], tokens["completion"], tokens["answers"], tokens["unpriced"]) == (words, 21, 3, 0)
        assert tokens["cost"] == pytest.approx(words * 0.15e-6 + 21 * 0.6e-6)
        text = await ax.read("get_run", run=data["run"]["id"])
        assert (
            f"Tokens: {words} prompt, 21 completion, in 3 answers, {dollars(tokens['cost'], 4)} by list prices" in text
        )


async def test_a_price_of_ones_own_wins_and_one_that_is_not_known_is_not_zero(settings: Settings) -> None:
    async with judging(settings, answers(2), lambda prompt: "good" if "good" in prompt else "y") as (ax, model):
        priced(settings)
        first = (await run_of(ax))["tokens"]
        words = sum(len(prompt.split()) for prompt in model.prompts)
        assert first["cost"] == pytest.approx(words * 1e-3 + 14 * 2e-3)
        await ax.ask("create_judge", name="other", template="Is {output} bad?", choices={"y": 1}, model="mine-7b")
        await ax.ask("create_task", name="own", evaluators=["other"])
        second = await run_of(ax, "own")
        assert ("cost" in second["tokens"], second["tokens"]["unpriced"]) == (False, 2)
        assert "the price of 2 is not known" in await ax.read("get_run", run=second["run"]["id"])


async def test_what_failed_was_paid_for_too(settings: Settings) -> None:
    async with judging(settings, answers(2), lambda _: "neither") as (ax, _):
        data = await run_of(ax)
        assert counts(data) == ("FAILED", 0, 2, 0)
        assert (data["tokens"]["completion"], data["tokens"]["answers"]) == (14, 2)


async def test_rows_with_the_same_question_are_asked_about_once(settings: Settings) -> None:
    async with judging(settings, answers(8, same=True)) as (ax, model):
        data = await run_of(ax)
        assert (counts(data), model.count) == (("COMPLETED", 8, 0, 0), 1)
        assert (data["tokens"]["answers"], data["tokens"]["remembered"]) == (1, 7)
        text = await ax.read("get_run", run=data["run"]["id"])
        assert "7 rows repeated an earlier question and cost nothing" in text


async def test_an_answer_is_remembered_in_later_runs_and_after_a_restart_until_it_is_asked_for_anew(
    settings: Settings,
) -> None:
    async with judging(settings, answers(3)) as (ax, model):
        await run_of(ax)
        await send(settings.home, [span("later", "Answer 1."), span("new", "Another.")])
        assert (await run_of(ax))["tokens"]["remembered"] == 1
        assert model.count == 4
        async with serving(settings, model.url) as again:
            await send(settings.home, [span("last", "Another.")])
            data = await run_of(again)
            assert (data["labels"], model.count) == ({"helpful": {"good": 1}}, 4)
            anew = await run_of(again, override_evaluations=True)
            assert (counts(anew), anew["tokens"]["remembered"], model.count) == (("COMPLETED", 6, 0, 0), 2, 8)


async def test_a_failed_answer_is_shared_by_the_rows_that_waited_and_remembered_for_no_later_run(
    settings: Settings,
) -> None:
    said = ["neither", "good", "bad"]
    async with judging(settings, answers(2, same=True), lambda _: said.pop(0)) as (ax, model):
        assert counts(await run_of(ax)) == ("FAILED", 0, 2, 0)
        assert counts(await run_of(ax)) == ("COMPLETED", 2, 0, 0)
        assert (model.count, said) == (2, ["bad"])


async def test_another_template_choice_or_model_is_another_question(settings: Settings) -> None:
    async with judging(settings, answers(1)) as (ax, model):
        await run_of(ax)
        for number, change in enumerate(
            (
                {"template": "Is {output} bad or good?"},
                {"choices": {"good": 2, "bad": 0}},
                {"explanations": False},
                {"model": "gpt-4o"},
            )
        ):
            judge = {"template": "Is {output} good or bad?", "choices": {"good": 1, "bad": 0}, "model": "gpt-4o-mini"}
            await ax.ask("create_judge", name=f"judge {number}", **(judge | change))
            await ax.ask("create_task", name=f"task {number}", evaluators=[f"judge {number}"])
            await run_of(ax, f"task {number}")
            assert model.count == number + 2, change


async def test_a_run_stops_after_max_rows_with_the_newest_done_and_the_next_goes_on(settings: Settings) -> None:
    async with judging(settings, answers(5)) as (ax, model):
        data = await run_of(ax, max_rows=2)
        assert (counts(data), model.count) == (("CANCELLED", 2, 0, 0), 2)
        assert data["run"]["failure_reason"] == (
            "Stopped at its max_rows of 2. Earlier results stay; trigger again to continue with the rest."
        )
        done = await ax.ask("search_spans", run=data["run"]["id"], filter="eval.helpful.label = 'good'")
        assert [row["name"] for row in done["spans"]] == ["s0", "s1"]
        assert counts(await run_of(ax)) == ("COMPLETED", 3, 0, 0)
        assert model.count == 5


async def test_a_backfill_stops_before_it_costs_more_than_max_cost(settings: Settings) -> None:
    async with judging(settings, answers(40)) as (ax, model):
        priced(settings)
        done = await ax.ask("trigger_backfill", task="policy", max_cost=2, wait=30)
        data = await ax.ask("get_run", run=done["run"]["id"])
        assert data["run"]["status"] == "CANCELLED"
        assert data["run"]["failure_reason"].startswith("Stopped at its max_cost of $2.00 ($1.")
        assert 1 < model.count < 40
        assert data["tokens"]["answers"] == model.count
        assert 1 < data["tokens"]["cost"] <= 2
        await ax.ask("trigger_backfill", task="policy", wait=30)
        assert model.count == 40


async def test_a_limit_of_cost_needs_a_price(settings: Settings) -> None:
    async with judging(settings, answers(1)) as (ax, model):
        await ax.ask("create_judge", name="own", template="Is {output} good?", choices={"y": 1}, model="mine-7b")
        await ax.ask("create_task", name="own", evaluators=["own"])
        refusal = await ax.refused("trigger_run", task="own", window="last 7 days", max_cost=1)
        assert refusal["message"].startswith("The price of model 'mine-7b' is not known")
        assert '"mine-7b"' in refusal["next"]
        assert "max_rows" in refusal["next"]
        priced(settings, {"mine-7b": {"input": "a lot"}})
        refusal = await ax.refused("trigger_run", task="own", window="last 7 days", max_cost=1)
        assert refusal["message"] == f"The price list {str(settings.home / 'prices.json')!r} cannot be read."
        assert (await ax.ask("list_runs", task="own"))["runs"] == []
        assert model.count == 0


@pytest.mark.parametrize("call", ["create_task", "trigger_backfill", "update_task"])
async def test_a_plan_tells_what_its_calls_will_about_cost(settings: Settings, call: str) -> None:
    async with judging(settings, answers(40)) as (ax, _):
        given: dict[str, Any] = {
            "create_task": {"name": "more", "evaluators": ["helpful"], "preview": True},
            "trigger_backfill": {"task": "policy", "preview": True},
            "update_task": {"task": "policy", "query_filter": "span_kind = 'LLM'"},
        }[call]
        text = await ax.read(call, **given)
        assert "40 to score: about" in text
        assert "tokens of gpt-4o-mini, $0.0" in text
        assert "by list prices" in text


async def test_what_a_plan_expects_is_near_what_its_run_takes(settings: Settings) -> None:
    async with judging(settings, answers(40)) as (ax, model):
        plan = await ax.ask("trigger_backfill", task="policy", preview=True)
        expected = plan["plan"]["evaluators"][0]["expected"]
        await run_of(ax)
        # The scripted model counts words, so the characters that it was sent are what there is to hold it against.
        characters = sum(map(len, model.prompts))
        assert expected["calls"] == len(model.prompts) == 40
        assert expected["prompt_tokens"] * 4 == pytest.approx(characters, rel=0.25)
        assert expected["completion_tokens"] == 40 * 200
        assert expected["cost"] == pytest.approx(expected["prompt_tokens"] * 0.15e-6 + 8000 * 0.6e-6)


async def test_a_plan_whose_model_has_no_price_says_so_and_what_would_tell_it(settings: Settings) -> None:
    async with judging(settings, answers(2)) as (ax, _):
        judge = {"name": "own", "template": "Is {output} good or bad?", "choices": {"good": 1, "bad": 0}}
        await ax.ask("create_judge", **judge, model="my-model")
        asked = {"name": "own", "evaluators": ["own"], "preview": True}
        text = await ax.read("create_task", **asked)
        assert "of my-model, whose price is not known; prices.json in the data folder can set it" in text
        priced(settings, {"my-model": {"input": 1_000.0, "output": 0.0}})
        found = (await ax.ask("create_task", **asked))["plan"]["evaluators"][0]["expected"]
        assert found["cost"] == pytest.approx(found["prompt_tokens"] * 1e-3)
        priced(settings, "nonsense")
        assert "price list" in (await ax.refused("create_task", **asked))["message"]


async def test_a_code_evaluator_costs_nothing_and_nothing_is_said_of_it(settings: Settings) -> None:
    async with judging(settings, answers(2)) as (ax, _):
        await ax.ask("create_judge", name="short", code="MATCHES_REGEX", pattern="Answer")
        data = await ax.ask("create_task", name="c", evaluators=["short"], preview=True)
        assert "expected" not in data["plan"]["evaluators"][0]


async def test_a_provider_that_tells_its_limit_is_asked_no_faster_and_refuses_nothing(settings: Settings) -> None:
    async with judging(settings, answers(80), limit=1800, burst=40) as (ax, model):
        data = await run_of(ax)
        assert counts(data) == ("COMPLETED", 80, 0, 0)
        assert (model.count, model.refused) == (80, 0)
