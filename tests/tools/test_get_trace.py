from typing import Any

import pytest
from tests.caller import Caller
from tests.traces import Span, id_of, send, span

from assaykit.settings import Settings
from assaykit.tools.traces import in_order
from assaykit.wire.spans import Span as Told

TRACE = "a" * 32


def child(name: str, parent: str | None = None, **arguments: Any) -> Span:
    """A span of the one trace below the span of the name `parent`."""
    made = {**span(name, **arguments), "traceId": TRACE}
    return made if parent is None else {**made, "parentSpanId": id_of(parent)}


def spans() -> list[Span]:
    """agent > (retrieve, answer > tool); the tool failed."""
    return [
        child("agent", output="At noon.", asked="When?", kind="AGENT", minutes_ago=5, ms=2500),
        child("answer", "agent", output="At noon.", minutes_ago=4, kind="LLM"),
        child("tool", "answer", output=None, asked="clock()", minutes_ago=3, kind="TOOL", status="ERROR"),
        child("retrieve", "agent", output=None, minutes_ago=4.5, kind="RETRIEVER"),
    ]


@pytest.fixture
async def traced(ax: Caller, settings: Settings) -> Caller:
    """Project "bot" with one trace of four spans beside another, judged by `noon`."""
    await send(settings.home, [*spans(), span("other", "At noon.")])
    await ax.ask("create_judge", name="noon", code="CONTAINS_ANY_KEYWORD", keywords=["noon"])
    await ax.ask("trigger_backfill", evaluators=["noon"], query_filter="span_kind = 'LLM'", wait=30)
    return ax


async def test_a_trace_is_a_tree_with_verdicts_and_why(traced: Caller) -> None:
    text = await traced.read("get_trace", trace=TRACE)
    head, fence, *lines, end = text.splitlines()
    assert head == f"Trace {TRACE} of 'bot': 4 span(s)"
    assert fence.startswith("--- untrusted data ")
    assert end.startswith("Next: `preview_judge`")
    assert lines.pop().startswith("--- end of data ")
    assert lines == [
        f"agent AGENT OK 2500 ms {id_of('agent')}",
        "  in: When?",
        "  out: At noon.",
        f"  retrieve RETRIEVER OK 100 ms {id_of('retrieve')}",
        "    in: hello",
        f"  answer LLM OK 100 ms [noon=contains (v1)] {id_of('answer')}",
        "    in: hello",
        "    out: At noon.",
        "    noon=contains (v1): Found ['noon'].",
        f"    tool TOOL ERROR 100 ms {id_of('tool')}",
        "      in: clock()",
    ]


async def test_the_nodes_say_the_same_as_data(traced: Caller) -> None:
    data = await traced.ask("get_trace", trace=TRACE.upper())
    assert (data["trace_id"], data["spans"], data["complete"]) == (TRACE, 4, True)
    assert [(node["name"], node["depth"]) for node in data["nodes"]] == [
        ("agent", 0),
        ("retrieve", 1),
        ("answer", 1),
        ("tool", 2),
    ]
    answer = data["nodes"][2]
    assert (answer["span_id"], answer["parent_id"]) == (id_of("answer"), id_of("agent"))
    assert answer["evaluations"] == [
        {"name": "noon", "label": "contains", "score": 1.0, "explanation": "Found ['noon'].", "version": 1}
    ]


@pytest.mark.over_http("get_trace")
async def test_the_id_of_any_span_in_it_stands_for_the_trace(traced: Caller) -> None:
    assert (await traced.ask("get_trace", trace=id_of("tool")))["trace_id"] == TRACE


async def test_a_long_trace_is_cut_and_says_so(traced: Caller) -> None:
    text = await traced.read("get_trace", trace=TRACE, limit=2)
    assert f"Trace {TRACE} of 'bot': 4 span(s), the first 2 shown" in text
    assert "answer LLM" not in text


async def test_more_spans_than_are_looked_at_are_told(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [child(f"s{n}", minutes_ago=n / 100) for n in range(1001)])
    data = await ax.ask("get_trace", trace=TRACE, limit=1)
    assert (data["spans"], data["complete"]) == (1000, False)
    assert "its newest 1000 spans; there are more" in await ax.read("get_trace", trace=TRACE, limit=1)


async def test_an_old_trace_is_found_too(ax: Caller, settings: Settings) -> None:
    await send(settings.home, [span("old", "x", minutes_ago=60 * 24 * 40)])
    assert (await ax.ask("get_trace", trace=id_of("old")))["spans"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ({"trace": "b" * 32}, "not_found", f"Project 'bot' has no span with the trace id '{'b' * 32}'."),
        ({"trace": "b" * 16}, "not_found", f"Project 'bot' has no span with the span id '{'b' * 16}'."),
        ({"trace": "x' OR 1=1"}, "invalid", '"x\' OR 1=1" is not an id of a trace or a span'),
        ({"trace": "a" * 31}, "invalid", "those have 32 or 16 hexadecimal digits"),
        ({}, "invalid", "trace: required"),
        ({"trace": TRACE, "project": "bott"}, "not_found", "No project is named 'bott'. Near: 'bot'"),
        ({"trace": TRACE, "limit": 0}, "invalid", "limit: input should be greater than or equal to 1"),
    ],
)
async def test_a_trace_that_is_none_is_refused(kept: Caller, arguments: dict[str, Any], code: str, said: str) -> None:
    refusal = await kept.refused("get_trace", **arguments)
    assert (refusal["code"], said in refusal["message"]) == (code, True), refusal


def told(span_id: str, parent_id: str | None) -> Told:
    return Told.model_validate({"context": {"trace_id": TRACE, "span_id": span_id}, "parent_id": parent_id})


def test_a_span_whose_parent_is_absent_is_a_root() -> None:
    assert [(node.depth, node.span.context.span_id) for node in in_order([told("b", "x"), told("c", "b")])] == [
        (0, "b"),
        (1, "c"),
    ]


def test_spans_that_are_each_others_parents_are_all_there_once() -> None:
    nodes = in_order([told("a", "b"), told("b", "a"), told("c", "c"), told("d", None)])
    assert sorted(node.span.context.span_id for node in nodes) == ["a", "b", "c", "d"]
    assert nodes[0].span.context.span_id == "d"


def test_a_chain_of_a_thousand_spans_is_walked() -> None:
    nodes = in_order([told(str(n), str(n - 1) if n else None) for n in range(1000)])
    assert nodes[-1].depth == 999
