"""Free looks: tools of their own that show what a paid call would do, also on a read-only server."""

from dataclasses import replace

import pytest
from tests.caller import Caller, serving
from tests.scripted_model import ScriptedModel

from assaykit.settings import Settings

LOOKS = {"preview_backfill": "trigger_backfill", "render_judge": "preview_judge"}


@pytest.fixture
async def policy(ax: Caller, bot: None) -> Caller:
    """A caller with a code evaluator `policy`."""
    await ax.ask("create_judge", name="policy", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]", variables=["output"])
    return ax


async def test_a_backfill_is_previewed_and_nothing_is_made(policy: Caller) -> None:
    text = await policy.read("preview_backfill", project="bot", evaluators=["policy"])
    same = await policy.read("trigger_backfill", project="bot", evaluators=["policy"], preview=True)
    assert text == same
    assert "nothing was triggered" in text
    assert (await policy.ask("list_tasks"))["tasks"] == []


async def test_a_judge_is_rendered_and_no_model_is_called(settings: Settings, bot: None) -> None:
    with ScriptedModel(lambda _: "good") as model:
        async with serving(settings, model.url) as ax:
            await ax.ask("create_judge", name="tone", template="Rate {output}", choices={"good": 1, "bad": 0})
            text = await ax.read("render_judge", judge="tone", project="bot")
            assert "Rate " in text
            assert model.count == 0
            await ax.read("preview_judge", judge="tone", project="bot", filter="name = 'a1'")
            assert model.count == 1


@pytest.mark.over_http("preview_backfill", "render_judge")
async def test_free_looks_work_on_a_read_only_server(settings: Settings, policy: Caller) -> None:
    async with serving(replace(settings, read_only=True)) as ax:
        assert "nothing was triggered" in await ax.read("preview_backfill", project="bot", evaluators=["policy"])
        assert "'policy' on 3 span(s)" in await ax.read("render_judge", judge="policy", project="bot")
        refusal = await ax.refused("trigger_backfill", project="bot", evaluators=["policy"], preview=True)
    assert refusal["next"] == "The user can start the server without --read-only."


async def test_the_argument_that_makes_a_look_free_cannot_be_changed(policy: Caller) -> None:
    assert await policy.read("preview_backfill", project="bot", evaluators=["policy"], preview=True)
    refusal = await policy.refused("preview_backfill", project="bot", evaluators=["policy"], preview=False)
    assert refusal == {
        "code": "invalid",
        "message": "preview_backfill has preview=true in every call, so that it is free.",
        "next": "Leave preview out, or call trigger_backfill.",
    }
    refusal = await policy.refused("render_judge", judge="policy", project="bot", call_model=True)
    assert refusal["next"] == "Leave call_model out, or call preview_judge."


async def test_a_misspelt_argument_of_a_look_is_refused_by_its_name(policy: Caller) -> None:
    refusal = await policy.refused("preview_backfill", evaluator=["policy"])
    assert "evaluators" in refusal["message"]
    assert refusal["next"].startswith("preview_backfill takes: task, project, evaluators")


@pytest.mark.parametrize(("look", "usual"), LOOKS.items())
async def test_a_look_lists_the_arguments_of_its_tool(ax: Caller, look: str, usual: str) -> None:
    listed = {tool.name: tool.input_schema["properties"] for tool in (await ax.client.list_tools()).tools}
    assert listed[look].keys() < listed[usual].keys()
    assert not {"preview", "call_model", "wait"} & listed[look].keys()
