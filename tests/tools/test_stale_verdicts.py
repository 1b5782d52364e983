"""A verdict on a span that was sent again with another output is older than the text, wherever the verdict is shown."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.tools.test_default_texts import trace_of_two
from tests.traces import id_of, send, span

from assaykit.settings import Settings


def again(one: Any, output: str) -> dict[str, Any]:
    attributes = [{**each, "value": {"stringValue": output}} if each["key"] == "output.value" else each
                  for each in one["attributes"]]  # fmt: skip
    return {**one, "attributes": attributes}


async def judged(ax: Caller, settings: Settings) -> None:
    """Three spans with verdicts; the second was sent again as it was, and the first with another output."""
    spans = [span("one", "yes [1]"), span("two", "no"), span("three", "yes [2]")]
    await send(settings.home, spans)
    await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[")
    await ax.ask("trigger_backfill", evaluators=["cites"], project="bot", wait=30)
    await send(settings.home, [again(spans[0], "no more"), spans[1]])


async def test_lists_traces_files_filters_and_plans_mark_it(ax: Caller, settings: Settings, files: Path) -> None:
    await judged(ax, settings)
    found = (await ax.ask("search_spans", project="bot"))["spans"]
    assert {one["name"]: one["evaluations"][0].get("stale", False) for one in found} == {
        "one": True, "two": False, "three": False,
    }  # fmt: skip
    assert (await ax.read("search_spans", project="bot")).count("(older than the text)") == 1
    assert "(older than the text)" in await ax.read("get_trace", trace=id_of("one"), project="bot")
    assert "older" not in await ax.read("get_trace", trace=id_of("two"), project="bot")
    await ax.ask("search_spans", project="bot", save_to="spans.jsonl")
    rows = [json.loads(line) for line in (files / "spans.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["name"] for row in rows if row.get("eval.cites.metadata.stale")} == {"one"}
    assert "3 were there already" in await ax.read("log_evaluations", project="bot", file="spans.jsonl")
    for text, names in (
        ("eval.cites.metadata.stale = true", ["one"]),
        ("eval.cites.metadata.stale IS NULL", ["three", "two"]),
        ("eval.cites.metadata.stale != false AND eval.cites.label = 'matches'", ["one"]),
    ):
        listed = (await ax.ask("search_spans", project="bot", filter=text))["spans"]
        assert sorted(one["name"] for one in listed) == names, text
    plan = await ax.ask("trigger_backfill", evaluators=["cites"], project="bot", preview=True)
    assert plan["plan"]["evaluators"][0]["verdicts_older_than_text"] == 1
    said = "1 of the rows labelled already were sent again with other values since"
    assert said in await ax.read("trigger_backfill", evaluators=["cites"], project="bot", preview=True)


async def test_a_verdict_given_since_is_not_marked(ax: Caller, settings: Settings) -> None:
    await judged(ax, settings)
    await ax.ask("trigger_backfill", evaluators=["cites"], project="bot", override_evaluations=True, wait=30)
    assert "older than the text" not in await ax.read("search_spans", project="bot")
    plan = await ax.ask("trigger_backfill", evaluators=["cites"], project="bot", preview=True)
    assert "verdicts_older_than_text" not in plan["plan"]["evaluators"][0]


@pytest.mark.parametrize(("output", "is_marked"), [("snow", True), ("rain", False)])
async def test_a_verdict_on_a_trace_is_older_than_a_span_that_was_sent_again(
    ax: Caller, settings: Settings, output: str, is_marked: bool
) -> None:
    root, tool = trace_of_two()
    await send(settings.home, [root, tool])
    verdict = {"context.trace_id": root["traceId"], "trace_eval.tone.label": "kind"}
    await ax.ask("log_evaluations", project="bot", rows=[verdict])
    await send(settings.home, [again(tool, output)])
    text = await ax.read("get_trace", trace=root["traceId"], project="bot")
    assert ("(older than the text)" in text) is is_marked
