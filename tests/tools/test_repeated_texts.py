"""Spans that repeat the text of their parent are pointed out before anything is spent."""

from typing import Any

import pytest
from tests.caller import Caller
from tests.traces import Span, id_of, send, span

from assaykit.planning.repeats import SPANS_COMPARED
from assaykit.settings import Settings

SAID = "repeat the text of their parent, so one text gets two verdicts; "


def below(parent: str, name: str, output: str, **attributes: Any) -> Span:
    """A span in the trace of its parent."""
    child = dict(span(name, output, **attributes))
    return child | {"traceId": span(parent)["traceId"], "parentSpanId": id_of(parent)}


def turns(number: int, **child: Any) -> list[Span]:
    """Traces of a chain with a call of a model that has the same input and output, and of a tool that has not."""
    found: list[Span] = []
    for n in range(number):
        texts: dict[str, Any] = {"asked": f"Question {n}?", "minutes_ago": n + 1}
        found.append(span(f"chain{n}", f"Answer {n}.", kind="CHAIN", **texts))
        found.append(below(f"chain{n}", f"model{n}", f"Answer {n}.", **texts, **child))
        found.append(below(f"chain{n}", f"tool{n}", "policy", asked=f"look {n}", kind="TOOL", minutes_ago=n + 1))
    return found


@pytest.fixture
async def fine(ax: Caller) -> Caller:
    """A caller with an evaluator of input and output."""
    await ax.ask("create_judge", name="same", code="EXACT_MATCH", variables=["input", "output"])
    return ax


async def test_every_plan_points_them_out_and_the_filter_leaves_them_out(fine: Caller, settings: Settings) -> None:
    await send(settings.home, turns(4))
    said = f"Warning, same: 4 of 12 matched spans {SAID}the filter span_kind != 'LLM' leaves them out"
    asked: dict[str, Any] = {"evaluators": ["same"]}
    for tool, more in (
        ("create_task", {"name": "t", "preview": True}),
        ("preview_backfill", {}),
        ("trigger_backfill", {"preview": True}),
        ("create_task", {"name": "t"}),
    ):
        assert said in await fine.read(tool, **asked, **more), tool
    plan = (await fine.ask("preview_backfill", **asked))["plan"]["evaluators"][0]
    repeats = plan["rows_like_their_parent"]
    assert repeats == {"compared": 12, "repeated": 4, "left_out_by": "span_kind != 'LLM'"}
    plan = (await fine.ask("preview_backfill", **asked, query_filter=repeats["left_out_by"]))["plan"]["evaluators"][0]
    assert (plan["rows_matched"], "rows_like_their_parent" in plan) == (8, False)
    # A filter that takes the children alone leaves no parent to repeat.
    assert SAID not in await fine.read("preview_backfill", **asked, query_filter="span_kind = 'LLM'")
    assert said in await fine.read("trigger_backfill", **asked)


async def test_the_roots_alone_are_offered_if_every_child_repeats_its_parent(fine: Caller, settings: Settings) -> None:
    await send(settings.home, [one for one in turns(3) if "tool" not in one["name"]])
    text = await fine.read("preview_backfill", evaluators=["same"])
    assert f"3 of 6 matched spans {SAID}the filter parent_id IS NULL leaves them out" in text


async def test_no_filter_is_made_up_where_none_is_simple(fine: Caller, settings: Settings) -> None:
    await send(settings.home, turns(2, kind="TOOL"))
    text = await fine.read("preview_backfill", evaluators=["same"])
    assert f"2 of 6 matched spans {SAID}a filter on name or span_kind may leave them out" in text


async def test_the_values_that_the_evaluator_reads_are_compared(fine: Caller, settings: Settings) -> None:
    inner = {"metadata": '{"said": "%s"}'}
    parent = span("root", "one", metadata=inner["metadata"] % "same text")
    child = below("root", "child", "two", metadata=inner["metadata"] % "same text")
    await send(settings.home, [parent, child, span("empty", None, asked=None)])
    await fine.ask("create_judge", name="json", code="JSON_PARSEABLE")
    mapped = {"column_mappings": {"output": "attributes.metadata.said"}}
    assert f"1 of 3 matched spans {SAID}" in await fine.read("preview_backfill", evaluators=["json"], **mapped)
    assert SAID not in await fine.read("preview_backfill", evaluators=["json"])


async def test_spans_without_text_and_single_spans_repeat_nothing(fine: Caller, settings: Settings) -> None:
    silent = [span("a", None, asked=None), dict(span("b", None, asked=None)) | {"parentSpanId": id_of("a")}]
    await send(settings.home, [*silent, span("c", "x")])
    assert SAID not in await fine.read("preview_backfill", evaluators=["same"])


@pytest.mark.slow
async def test_the_newest_spans_alone_are_compared(fine: Caller, settings: Settings) -> None:
    await send(settings.home, turns(SPANS_COMPARED // 2))
    text = await fine.read("preview_backfill", evaluators=["same"])
    assert f" of the newest {SPANS_COMPARED} spans {SAID}" in text
