"""A call of a model that two spans tell of is one row, whatever the requests that bring them."""

from pathlib import Path
from typing import Any

import pytest
from tests.engine.door import NOW, SECOND, Body, Door, HandClock, attribute, opened
from tests.engine.test_conventions import pairs

SAID = {"gen_ai.input.messages": "Hello", "gen_ai.output.messages": "Hi"}
COUNTED = {"gen_ai.usage.input_tokens": 11, "gen_ai.usage.output_tokens": 5}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", **COUNTED}
ANSWERED = {**CHAT, "gen_ai.response.id": "r1"}
FAILED = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
CLIENT, INSTRUMENTATION = "client.sdk", "instrumentation"


def sent(number: int, scope: str, at: tuple[int, int], told: Body, **more: Any) -> tuple[str, Body]:
    """A span between two seconds, and its scope. Each is a trace of its own unless it is told to be below another."""
    return scope, {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": f"call {number}",
        "startTimeUnixNano": str(NOW + at[0] * SECOND),
        "endTimeUnixNano": str(NOW + at[1] * SECOND),
        "attributes": pairs(told),
        **more,
    }


BELOW = {"traceId": f"{1:032x}", "parentSpanId": f"{1:016x}"}
BESIDE = {"traceId": f"{1:032x}", "parentSpanId": f"{9:016x}"}
ERROR = {"status": {"code": 2}}
INSTRUMENTED = sent(1, INSTRUMENTATION, (0, 9), ANSWERED | SAID)

TWINS: dict[str, tuple[tuple[str, Body], tuple[str, Body]]] = {
    "below the instrumentation's": (INSTRUMENTED, sent(2, CLIENT, (1, 8), CHAT, **BELOW)),
    "without a parent": (INSTRUMENTED, sent(2, CLIENT, (1, 8), ANSWERED)),
    "beside it": (
        sent(1, INSTRUMENTATION, (0, 9), ANSWERED | SAID, **BESIDE),
        sent(2, CLIENT, (1, 8), ANSWERED, **BESIDE),
    ),
    "around it": (
        sent(1, INSTRUMENTATION, (1, 8), ANSWERED | SAID, traceId=f"{2:032x}", parentSpanId=f"{2:016x}"),
        sent(2, CLIENT, (0, 9), ANSWERED),
    ),
    "that ends after it, as a stream does": (INSTRUMENTED, sent(2, CLIENT, (1, 10), ANSWERED)),
    "of a call that failed, without an id": (
        sent(1, INSTRUMENTATION, (0, 9), FAILED | {"gen_ai.input.messages": "Hello"}, **ERROR),
        sent(2, CLIENT, (1, 8), FAILED, **ERROR),
    ),
    "of a call without an id": (sent(1, INSTRUMENTATION, (0, 9), CHAT | SAID), sent(2, CLIENT, (1, 8), CHAT)),
    "of another instrumentation, with the same tokens": (
        sent(1, INSTRUMENTATION, (0, 9), CHAT | SAID),
        sent(2, "other", (1, 8), CHAT | SAID, **BELOW),
    ),
    "around it, without messages and tokens": (
        sent(1, INSTRUMENTATION, (1, 8), CHAT, traceId=f"{2:032x}", parentSpanId=f"{2:016x}"),
        sent(2, INSTRUMENTATION, (0, 9), FAILED),
    ),
    "without messages in either": (sent(1, INSTRUMENTATION, (0, 9), ANSWERED), sent(2, CLIENT, (1, 8), ANSWERED)),
}

SINGLES: dict[str, tuple[tuple[str, Body], tuple[str, Body]]] = {
    "one after the other, with an id that comes again": (INSTRUMENTED, sent(2, CLIENT, (10, 11), ANSWERED)),
    "at the same time, with ids of their own": (
        INSTRUMENTED,
        sent(2, CLIENT, (1, 8), ANSWERED | {"gen_ai.response.id": "r2"}),
    ),
    "of one instrumentation, with an id that comes again": (
        INSTRUMENTED,
        sent(2, INSTRUMENTATION, (1, 8), ANSWERED | SAID),
    ),
    "of other models, without an id": (
        sent(1, INSTRUMENTATION, (0, 9), CHAT | SAID),
        sent(2, CLIENT, (1, 8), CHAT | {"gen_ai.request.model": "other"}),
    ),
    "with other tokens, without an id": (
        sent(1, INSTRUMENTATION, (0, 9), CHAT | SAID),
        sent(2, CLIENT, (1, 8), CHAT | {"gen_ai.usage.input_tokens": 12}),
    ),
    "of which one failed": (
        sent(1, INSTRUMENTATION, (0, 9), FAILED | SAID),
        sent(2, CLIENT, (1, 8), FAILED, **ERROR),
    ),
}
ORDERS = ("in one request", "the twin first", "the twin last")


async def send(door: Door, *spans: tuple[str, Body]) -> str:
    scopes = [{"scope": {"name": scope}, "spans": [span]} for scope, span in spans]
    resource = {"attributes": [attribute("service.name", "shop")]}
    await door.post("/v1/traces", {"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]})
    return (await door.get("/v2/projects", name="shop"))["projects"][0]["id"]


async def rows(door: Door, project: str) -> dict[str, Body]:
    return {row["context"]["span_id"]: row for row in await door.spans(project, end_time="2026-01-02T00:00:00Z")}


def assert_is_twin(found: dict[str, Body], twin: int = 2, of: int = 1) -> None:
    row, told = found[f"{of:016x}"], found[f"{twin:016x}"]
    assert (row["kind"], told["kind"]) == ("LLM", "UNKNOWN")
    assert "assaykit.same_call_as" not in row["attributes"]
    assert told["attributes"]["assaykit.same_call_as"] == f"{of:016x}"
    assert not [name for name in told["attributes"] if name.startswith("llm.token_count.")]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", TWINS)
async def test_a_twin_is_no_row_and_its_tokens_do_not_count(door: Door, name: str, order: str) -> None:
    row, twin = TWINS[name]
    requests = {ORDERS[0]: [(twin, row)], ORDERS[1]: [(twin,), (row,)], ORDERS[2]: [(row,), (twin,)]}[order]
    project = ""
    for request in requests:
        project = await send(door, *request)
    found = await rows(door, project)
    assert_is_twin(found)
    counted = [told["attributes"].get("llm.token_count.total") for told in found.values()]
    assert sum(tokens or 0 for tokens in counted) == (0 if "failed" in name else 16)


@pytest.mark.parametrize("name", SINGLES)
async def test_two_calls_are_two_rows(door: Door, name: str) -> None:
    project = await send(door, *SINGLES[name])
    assert [row["kind"] for row in (await rows(door, project)).values()] == ["LLM", "LLM"]


async def test_calls_that_fail_at_the_same_time_have_a_twin_each(door: Door) -> None:
    asked = FAILED | {"gen_ai.input.messages": "Hello"}
    outer = [sent(number, INSTRUMENTATION, (number, 20), asked, **ERROR) for number in (1, 2)]
    inner = [sent(number, CLIENT, (number, 19), FAILED, **ERROR) for number in (3, 4)]
    found = await rows(door, await send(door, *inner, *outer))
    assert sorted(row["kind"] for row in found.values()) == ["LLM", "LLM", "UNKNOWN", "UNKNOWN"]
    twins = {found[f"{number:016x}"]["attributes"]["assaykit.same_call_as"] for number in (3, 4)}
    assert twins == {f"{number:016x}" for number in (1, 2)}


async def test_a_twin_that_is_sent_again_stays_a_twin(door: Door) -> None:
    row, twin = TWINS["without a parent"]
    project = await send(door, row, twin)
    for again in ((twin,), (row,), (twin, row)):
        await send(door, *again)
        assert_is_twin(await rows(door, project))


async def test_an_engine_that_starts_between_two_requests_finds_the_twin(tmp_path: Path) -> None:
    row, twin = TWINS["without a parent"]
    async with opened(tmp_path, clock=HandClock()) as door:
        await send(door, twin)
    async with opened(tmp_path, clock=HandClock()) as door:
        assert_is_twin(await rows(door, await send(door, row)))
