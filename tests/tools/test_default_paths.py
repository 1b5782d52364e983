"""The default paths of a task: what Arize AX resolves, and the change of a task from before."""

from typing import Any

import pytest
from tests.caller import Caller
from tests.tools.test_default_texts import MESSAGES, RAW, trace_of_two
from tests.traces import send, span

from assaykit.settings import Settings

BEFORE = {"output": "attributes.output.value"}


async def judged(ax: Caller, mappings: dict[str, str] | None, **more: Any) -> dict[str, Any]:
    await ax.ask("create_judge", name="cat", code="MATCHES_REGEX", pattern="cat")
    return await ax.ask("create_task", name="t", evaluators=["cat"], column_mappings=mappings, **more)


async def test_a_task_of_before_is_offered_the_default_of_now(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [span("one", RAW, asked="{}", **MESSAGES)])
    await judged(ax, BEFORE, project="bot")
    text = await ax.read("get_task", task="t")
    step = "update_task(task='t', column_mappings={'output': 'output'})"
    assert f"the default of before. New tasks read the text of the messages: {step}" in text
    offered = (await ax.ask("get_task", task="t"))["next"]
    changed = await ax.read(offered["tool"], **offered["arguments"])
    assert "'cat' has a new version of the same content, because it reads other texts now" in changed
    after = await ax.ask("get_task", task="t")
    assert "next" not in after
    assert after["task"]["evaluators"][0]["column_mappings"] == {"output": "output"}


async def test_verdicts_before_and_after_the_change_are_told_apart(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [span("one", RAW, asked="{}", **MESSAGES)])
    await judged(ax, BEFORE, project="bot")
    await ax.ask("trigger_backfill", task="t", wait=30)
    await ax.ask("update_task", task="t", column_mappings={"output": "output"})
    await ax.ask("trigger_backfill", task="t", rescore_older=True, wait=30)
    (one,) = (await ax.ask("search_spans", project="bot"))["spans"]
    (verdict,) = one["evaluations"]
    assert (verdict["version"], [each["version"] for each in verdict["earlier"]]) == (2, [1])


@pytest.mark.parametrize(
    ("spans", "more"),
    [
        pytest.param([span("plain", "a cat")], {}, marks=pytest.mark.slow),
        ([span("one", RAW, asked="{}", **MESSAGES)], {"mapped": {"output": "attributes.output.value.choices"}}),
        ([span("one", RAW, asked="{}", **MESSAGES)], {"mapped": {"output": "output"}}),
        pytest.param(trace_of_two(), {}, marks=pytest.mark.slow),
    ],
)
async def test_a_task_whose_paths_read_the_same_is_offered_nothing(
    ax: Caller, settings: Settings, spans: list[Any], more: dict[str, Any]
) -> None:
    await send(settings.home, spans)
    await judged(ax, more.get("mapped", BEFORE), project="bot")
    assert "next" not in await ax.ask("get_task", task="t")
    assert "default of before" not in await ax.read("get_task", task="t")


async def test_a_task_on_traces_is_offered_the_texts_of_the_root(ax: Caller, settings: Settings) -> None:
    await send(settings.home, trace_of_two())
    await judged(ax, BEFORE, project="bot", granularity="trace")
    text = await ax.read("get_task", task="t")
    assert "New tasks read those of the root of the trace: update_task(" in text
