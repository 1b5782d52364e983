"""Judges of the catalogue, named as evaluators before the space has them."""

from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, serving
from tests.conftest import spans_of_bot
from tests.scripted_model import ScriptedModel
from tests.tools.test_run_experiment import Write, bare_python, questions, write
from tests.traces import send

from assaykit.settings import Settings

__all__ = ["bare_python", "questions", "write"]

NEW = "Created judge 'toxicity' from the catalogue, with model gpt-4.1-mini"
FORESEEN = "The call creates judge 'toxicity' from the catalogue, with model gpt-4.1-mini"
ANSWERED = "attributes.output.value IS NOT NULL"


async def judges(ax: Caller) -> list[str]:
    return [one["name"] for one in (await ax.ask("list_judges"))["judges"]]


async def test_a_backfill_creates_the_judge_that_it_names_and_a_preview_does_not(settings: Settings) -> None:
    await send(settings.home, spans_of_bot())
    with ScriptedModel(lambda _: "non-toxic") as model:
        async with serving(settings, model.url) as ax:
            given: dict[str, Any] = {"evaluators": ["toxicity"], "query_filter": ANSWERED}
            assert FORESEEN in await ax.read("trigger_backfill", **given, preview=True)
            await ax.refused("trigger_backfill", **given, column_mappings={"output": "nowhere"})
            empty = await ax.ask("trigger_backfill", **given, window="2020-01-01..2020-01-02")
            assert (empty["runs"], await judges(ax), model.prompts) == ([], [], [])
            text = await ax.read("trigger_backfill", **given, wait=30)
            assert NEW in text
            assert "'toxicity': 'non-toxic' 3" in text
            assert await judges(ax) == ["toxicity"]
            assert "from the catalogue" not in await ax.read("trigger_backfill", **given)


async def test_tasks_take_the_names_of_the_catalogue(settings: Settings) -> None:
    await send(settings.home, spans_of_bot())
    with ScriptedModel(lambda _: "non-toxic") as model:
        async with serving(settings, model.url) as ax:
            task: dict[str, Any] = {"name": "watch", "evaluators": ["toxicity"], "query_filter": ANSWERED}
            assert FORESEEN in await ax.read("create_task", **task, preview=True)
            assert await judges(ax) == []
            assert NEW in await ax.read("create_task", **task)
            two = ["toxicity", "tone"]
            await ax.refused("update_task", task="watch", evaluators=two, query_filter="name = 'zz'")
            assert await judges(ax) == ["toxicity"]
            changed = await ax.read("update_task", task="watch", evaluators=two)
            assert "Created judge 'tone' from the catalogue" in changed
            assert sorted(await judges(ax)) == ["tone", "toxicity"]
            whole = await ax.read("create_task", name="whole", evaluators=["refusal"], granularity="trace")
            assert "'refusal (trace)': a copy that judges whole traces" in whole
            assert sorted(await judges(ax)) == ["refusal (trace)", "tone", "toxicity"]


async def test_without_a_model_a_name_of_the_catalogue_is_refused(kept: Caller) -> None:
    refusal = await kept.refused("trigger_backfill", evaluators=["toxicity"], preview=True)
    assert refusal["message"] == "No model is there to judge with."
    refusal = await kept.refused("trigger_backfill", evaluators=["toxcity"], preview=True)
    assert refusal["message"].endswith("The catalogue has 'toxicity'.")


@pytest.mark.usefixtures("questions")
async def test_an_experiment_is_judged_by_names_of_the_catalogue(
    settings: Settings, write: Write, bare_python: Path
) -> None:
    write("task.py", "def answer(input): return input + ' here'\n")
    call = {"task": "task.py:answer", "dataset": "questions", "python": str(bare_python), "evaluators": ["refusal"]}
    with ScriptedModel(lambda _: "answered") as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("run_experiment", **call, dry_run=True)
            assert await judges(ax) == []
            text = await ax.read("run_experiment", **call)
            assert "Created judge 'refusal' from the catalogue, with model gpt-4.1-mini." in text
            assert await judges(ax) == ["refusal"]
            await ax.refused("run_experiment", **{**call, "evaluators": ["toxicity"]})
            assert await judges(ax) == ["refusal"]
