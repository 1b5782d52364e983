"""A judge that is refused is given up alone: its neighbours in the run go on, and no paid answer is lost."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.engine.door import Body, Door, counts, judge_version, opened, span
from tests.engine.test_runs import ALWAYS, environment
from tests.scripted_model import ScriptedModel

SPANS = 40


async def judge(door: Door, name: str, integration: str, **llm: Any) -> str:
    version = judge_version(integration, name)
    version["template_config"]["llm_config"] |= llm
    body = {"space_id": await door.space(), "name": name, "type": "TEMPLATE", "version": version}
    return (await door.post("/v2/evaluators", body))["id"]


async def integration(door: Door, model: ScriptedModel, key: str = "env:SECOND_KEY") -> str:
    body = {"name": "second", "provider": "CUSTOM", "base_url": model.url, "api_key": key}
    return (await door.post("/v2/ai-integrations", body))["id"]


async def first(door: Door) -> str:
    return (await door.get("/v2/ai-integrations", name="openai"))["ai_integrations"][0]["id"]


async def labels(door: Door, project: str) -> dict[str, int]:
    """The number of spans with a verdict, by the verdict's name."""
    rows = await door.spans(project, start_time="2000-01-01T00:00:00Z")
    names = [one["name"] for row in rows for one in row["evaluations"]]
    return {name: names.count(name) for name in names}


@asynccontextmanager
async def two_keys(home: Path, latency_s: float = 0.0) -> AsyncGenerator[tuple[Door, ScriptedModel, ScriptedModel]]:
    """A door to two providers; the second does not accept the key in SECOND_KEY."""
    with (
        ScriptedModel(lambda _: "good", latency_s=latency_s) as good,
        ScriptedModel(lambda _: "good", key="the right key") as refusing,
    ):
        async with opened(home, environment(good) | {"SECOND_KEY": "wrong"}) as door:
            yield door, good, refusing


async def ran(door: Door, *judges: str, kind: str = "TEMPLATE_EVALUATION") -> tuple[str, Body]:
    project = await door.send(*(span(number) for number in range(SPANS)))
    evaluators = [{"evaluator_id": one} for one in judges]
    task = await door.task(judges[0], project_id=project, type=kind, evaluators=evaluators)
    return project, await door.run(task, **ALWAYS)


async def test_a_judge_with_a_wrong_key_stops_no_other_and_no_paid_answer_is_lost(home: Path) -> None:
    # The refusals come at once, and the answers of the other judge are under way at that time.
    async with two_keys(home, latency_s=0.3) as (door, good, refusing):
        tone = await judge(door, "tone", await first(door))
        facts = await judge(door, "facts", await integration(door, refusing))
        project, run = await ran(door, tone, facts)
        assert (run["status"], run["num_successes"]) == ("COMPLETED", SPANS)
        assert await labels(door, project) == {"tone": SPANS}
        assert good.count == SPANS
        assert refusing.count < SPANS
    assert run["failure_reason"].startswith("Without all verdicts of 'facts'. Given up after ")
    assert "SECOND_KEY" in run["failure_reason"]


async def test_a_judge_whose_model_is_unknown_stops_no_other_of_the_same_provider(home: Path) -> None:
    with ScriptedModel(lambda _: "good", models=["judge-1"]) as model:
        async with opened(home, environment(model)) as door:
            tone = await judge(door, "tone", await first(door))
            facts = await judge(door, "facts", await first(door), model_name="judge-9")
            project, run = await ran(door, facts, tone)
            assert (run["status"], await labels(door, project)) == ("COMPLETED", {"tone": SPANS})
    assert "has no model 'judge-9'" in run["failure_reason"]


async def test_judges_of_one_refused_key_are_given_up_together_and_the_run_fails(home: Path) -> None:
    async with two_keys(home) as (door, _, refusing):
        second = await integration(door, refusing)
        _, run = await ran(door, await judge(door, "facts", second), await judge(door, "style", second))
        assert (run["status"], run["num_successes"]) == ("FAILED", 0)
        assert "refusals in a row" in run["failure_reason"]
        assert refusing.count < 2 * SPANS


async def test_a_code_evaluator_needs_no_key_of_its_neighbour(home: Path) -> None:
    async with two_keys(home) as (door, _, refusing):
        facts = await judge(door, "facts", await integration(door, refusing))
        project = await door.send(*(span(number) for number in range(SPANS)))
        code = await door.task(await door.evaluator(), "code", project_id=project)
        task = await door.task(facts, project_id=project, type="TEMPLATE_EVALUATION")
        judged, run = await door.run(task, **ALWAYS), await door.run(code, **ALWAYS)
        assert (judged["status"], counts(run)) == ("FAILED", (SPANS, 0, 0))


async def test_a_judge_that_was_given_up_has_its_rows_scored_by_the_next_run(home: Path) -> None:
    async with two_keys(home) as (door, good, refusing):
        second = await integration(door, refusing)
        tone, facts = await judge(door, "tone", await first(door)), await judge(door, "facts", second)
        project = await door.send(*(span(number) for number in range(SPANS)))
        evaluators = [{"evaluator_id": one} for one in (tone, facts)]
        task = await door.task(tone, project_id=project, type="TEMPLATE_EVALUATION", evaluators=evaluators)
        await door.run(task, **ALWAYS)
        change = {"api_key": "env:OPENAI_API_KEY", "base_url": good.url}
        assert (await door.http.patch(f"/v2/ai-integrations/{second}", json=change)).is_success
        again = await door.run(task, **ALWAYS)
        assert (again["status"], counts(again)) == ("COMPLETED", (SPANS, 0, 0))
        assert await labels(door, project) == {"tone": SPANS, "facts": SPANS}
        assert good.count == 2 * SPANS
