"""The texts that a judge sees for `{input}`, `{output}`, `{reasoning}`, `{steps}` and `{last_output}` by default."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from tests.caller import Caller, serving
from tests.scripted_model import ScriptedModel
from tests.traces import Span, send, span

from assaykit.settings import Settings

pytestmark = pytest.mark.embedded("Arize AX resolves paths by rules of its own")

RAW = '{"id": "m1", "choices": [{"message": {"content": "It is a cat."}}]}'
MESSAGES: dict[str, Any] = {
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": "Be brief",
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.contents.0.message_content.type": "text",
    "llm.input_messages.1.message.contents.0.message_content.text": "What is it?",
    "llm.input_messages.1.message.contents.1.message_content.type": "image",
    "llm.input_messages.1.message.contents.1.message_content.image.image.url": "data:image/png;base64," + "A" * 4000,
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.contents.0.message_content.type": "reasoning",
    "llm.output_messages.0.message.contents.0.message_content.text": "A cat?",
    "llm.output_messages.0.message.contents.1.message_content.type": "text",
    "llm.output_messages.0.message.contents.1.message_content.text": "It is a cat.",
}


async def seen(
    settings: Settings,
    template: str,
    spans: list[Span],
    *,
    level: str = "span",
    mappings: Mapping[str, str] | None = None,
) -> tuple[list[str], dict[str, Any]]:
    """The values in the prompts of a judge, and the reply of the run."""
    prompts: list[str] = []

    def answer(prompt: str) -> str:
        prompts.append(prompt)
        return "good"

    with ScriptedModel(answer) as model:
        async with serving(settings, model.url) as ax:
            await send(settings.home, spans)
            await ax.ask("create_judge", name="tone", template=template, choices={"good": 1, "bad": 0})
            more = {} if level == "span" else {"granularity": level}
            more |= {} if mappings is None else {"column_mappings": dict(mappings)}
            await ax.ask("create_task", name="t", evaluators=["tone"], project="bot", **more)
            found = await ax.ask("trigger_backfill", task="t", window="last 5 hours", wait=30)
    values = [
        value
        for prompt in prompts
        for value in re.findall(r"\[data [0-9a-f]+ \w+\]\n(.*?)\n\[end [0-9a-f]+\]", prompt, re.DOTALL)
    ]
    return values, found


def child(name: str, output: str | None, parent: Span, **how: Any) -> Span:
    return dict(span(name, output, **how)) | {"traceId": parent["traceId"], "parentSpanId": parent["spanId"]}


def trace_of_two() -> list[Span]:
    root = span("root", "final", asked="question", kind="AGENT", minutes_ago=10)
    return [root, child("tool", "rain", root, asked="Paris", kind="TOOL", minutes_ago=9)]


@pytest.mark.parametrize(
    ("template", "mappings", "expected"),
    [
        ("{input}", None, "system: Be brief\nuser: What is it?\n[image/png, 3 kB]"),
        ("{output}", None, "It is a cat."),
        ("{reasoning}", None, "A cat?"),
        ("{output}", {"output": "attributes.output.value"}, RAW),
        ("{output}", {"output": "output.value.choices.0.message.content"}, "It is a cat."),
    ],
)
async def test_an_llm_span_is_judged_by_the_text_of_its_messages(
    settings: Settings, template: str, mappings: dict[str, str] | None, expected: str
) -> None:
    values, _ = await seen(settings, f"Good? {template}", [span("one", RAW, asked="{}", **MESSAGES)], mappings=mappings)
    assert values == [expected]


async def test_a_trace_is_judged_by_its_root(settings: Settings) -> None:
    root = span("root", "final", asked="question", kind="AGENT", minutes_ago=10)
    inner = [
        child("early", "{}", root, asked="inner", minutes_ago=20),
        child("tool", "rain", root, asked="Paris", kind="TOOL", minutes_ago=9),
    ]
    values, _ = await seen(settings, "Good? {input} {output}", [*inner, root], level="trace")
    assert values == ["question", "final"]


async def test_a_trace_whose_root_never_came_is_judged_by_its_first_span(settings: Settings) -> None:
    top = dict(span("top", "final", asked="question", minutes_ago=10)) | {"parentSpanId": "00000000000000aa"}
    below = child("below", "rain", top, asked="Paris", minutes_ago=9)
    values, _ = await seen(settings, "Good? {input} {output}", [below, top], level="trace")
    assert values == ["question", "final"]


async def test_a_filter_chooses_the_spans_that_are_read(ax: Caller, settings: Settings) -> None:
    root = span("root", "final", kind="AGENT", minutes_ago=10)
    tools = [child(f"tool {n}", f"rain {n}", root, kind="TOOL", minutes_ago=9 - n) for n in range(2)]
    await send(settings.home, [root, *tools])
    await ax.ask("create_judge", name="rain", code="MATCHES_REGEX", pattern="^rain 0,rain 1$")
    tooled = {"granularity": "trace", "query_filter": "span_kind = 'TOOL'"}
    await ax.ask("create_task", name="t", evaluators=["rain"], project="bot", **tooled)
    found = await ax.ask("trigger_backfill", task="t", wait=30)
    assert [*found["labels"].values()] == [{"matches": 1}]


async def test_a_path_of_attributes_still_joins_the_spans_of_a_trace(settings: Settings) -> None:
    root = span("root", "final", minutes_ago=10)
    mapped = {"output": "attributes.output.value"}
    values, _ = await seen(
        settings, "Good? {output}", [root, child("one", "rain", root, minutes_ago=9)], level="trace", mappings=mapped
    )
    assert values == ["final,rain"]


async def test_steps_are_the_tree_with_tool_results_and_errors(settings: Settings) -> None:
    root = span("root", "final", asked="question", kind="AGENT", minutes_ago=10)
    call = child("model", "call", root, asked="q", minutes_ago=9)
    tool = child("tool", "rain", call, asked="Paris", kind="TOOL", minutes_ago=8)
    failed = child("broken", None, root, asked="x", kind="TOOL", status="ERROR", minutes_ago=7)
    values, found = await seen(settings, "Good? {steps}", [failed, tool, call, root], level="trace")
    assert json.loads(values[0]) == [
        {
            "name": "root", "kind": "AGENT", "input": "question", "output": "final",
            "steps": [
                {
                    "name": "model", "kind": "LLM", "input": "q", "output": "call",
                    "steps": [{"name": "tool", "kind": "TOOL", "input": "Paris", "output": "rain"}],
                },
                {"name": "broken", "kind": "TOOL", "input": "x", "error": "ERROR"},
            ],
        }
    ]  # fmt: skip
    assert "shortened" not in found


async def test_long_steps_are_bounded_and_the_verdict_says_so(settings: Settings) -> None:
    root = span("root", "final", asked="question", kind="AGENT", minutes_ago=100)
    inner = [child(f"step {n}", f"END{n}" * 2000, root, asked=f"q{n}", minutes_ago=90 - n / 10) for n in range(60)]
    values, found = await seen(settings, "Good? {steps}", [root, *inner], level="trace")
    tree = json.loads(values[0])
    assert len(values[0].encode()) <= 32 * 1024
    assert tree[-1] == {"shortened": True}
    assert [one["input"] for one in tree[0]["steps"]] == [f"q{n}" for n in range(60)]
    assert "characters ...]" in tree[0]["steps"][0]["output"]
    assert found["shortened"] == 1


async def test_the_last_output_of_a_session_is_that_of_its_last_turn(settings: Settings) -> None:
    turns = [span(f"turn {n}", f"answer {n}", minutes_ago=50 - n, session__id="s") for n in range(3)]
    inner = child("inner", "no turn", turns[2], minutes_ago=1, session__id="s")
    values, _ = await seen(settings, "Good? {last_output}", [*turns, inner], level="session")
    assert values == ["answer 2"]


async def test_a_new_task_tells_the_path_that_it_reads(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [span("one", RAW, asked="{}", **MESSAGES)])
    await ax.ask("create_judge", name="json", code="JSON_PARSEABLE")
    made = await ax.read("create_task", name="t", evaluators=["json"], project="bot")
    assert "output <- output (1 of 1 rows)" in made
