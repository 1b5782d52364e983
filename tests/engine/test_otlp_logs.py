"""GenAI events of the logs signal join their spans, whichever comes first."""

import gzip
import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from itertools import permutations
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from tests.engine import door as doors
from tests.engine.door import KEY, NOW, SECOND, Body, Door, HandClock, attribute, span, span_id
from tests.engine.rest import trace_id

from assaykit.engine import otlp_logs, otlp_messages
from assaykit.engine.store import tables
from assaykit.engine.store.traces import log_events
from assaykit.errors import Invalid


def opened(home: Path, clock: HandClock | None = None) -> AbstractAsyncContextManager[Door]:
    """An engine whose clock stands at the time of the records."""
    return doors.opened(home, clock=clock or HandClock())


def value(told: Any) -> Body:
    """A JSON value as OTLP's."""
    match told:
        case bool():
            return {"boolValue": told}
        case int():
            return {"intValue": str(told)}
        case str():
            return {"stringValue": told}
        case list():
            return {"arrayValue": {"values": [value(one) for one in cast("list[Any]", told)]}}
        case _:
            return {"kvlistValue": {"values": [{"key": key, "value": value(one)} for key, one in told.items()]}}


def pairs(attributes: Body) -> list[Body]:
    return [{"key": key, "value": value(one)} for key, one in attributes.items()]


def record(name: str, body: Any, *, at: int = 0, span: int = 1, trace: int = 1) -> Body:
    """A log record `at` nanoseconds after a time."""
    told: Body = {"traceId": trace_id(trace), "spanId": span_id(span), "timeUnixNano": str(NOW - SECOND + at)}
    told["attributes"] = pairs({"event.name": name})
    return told if body is None else told | {"body": value(body)}


def request(*records: Body) -> Body:
    return {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": list(records)}]}]}


SYSTEM = record("gen_ai.system.message", {"content": "Be brief."}, at=1)
USER = record("gen_ai.user.message", {"content": "Is it late?"}, at=2)
CHOICE = record("gen_ai.choice", {"index": 0, "message": {"role": "assistant", "content": "Yes."}}, at=3)
CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
SPAN = span(1, "") | {"attributes": [attribute(key, one) for key, one in CALL.items()]}
INPUT, OUTPUT = "system: Be brief.\nuser: Is it late?", "Yes."


async def hear(door: Door, *records: Body) -> Body:
    return await door.post("/v1/logs", request(*records))


async def only(door: Door, project: str) -> Body:
    (found,) = await door.spans(project)
    return found


def said(found: Body) -> tuple[Any, Any]:
    return found["attributes"].get("input.value"), found["attributes"].get("output.value")


@pytest.mark.parametrize("order", list(permutations(["span", "first", "rest"])), ids="-".join)
async def test_the_order_of_arrival_makes_no_difference(tmp_path: Path, order: Sequence[str]) -> None:
    async with opened(tmp_path) as door:
        for part in order:
            if part == "span":
                await door.send(SPAN)
            else:
                # The later events come in the earlier request.
                assert await hear(door, *([CHOICE, USER] if part == "first" else [SYSTEM])) == {}
        project = await door.send(SPAN)
        assert await hear(door, CHOICE, USER) == {}
        found = await only(door, project)
        assert said(found) == (INPUT, OUTPUT)
        assert [one["name"] for one in found["events"]] == [
            "gen_ai.system.message",
            "gen_ai.user.message",
            "gen_ai.choice",
        ]
        assert (found["kind"], found["attributes"]["llm.model_name"]) == ("LLM", "m")
        checked = await door.get("/x/check")
        assert checked["damaged"] == 0


async def test_a_value_that_the_span_has_itself_stays(tmp_path: Path) -> None:
    own = SPAN | {"attributes": [*SPAN["attributes"], attribute("input.value", "mine")]}
    async with opened(tmp_path) as door:
        project = await door.send(own)
        await hear(door, USER, CHOICE)
        assert said(await only(door, project)) == ("mine", OUTPUT)


@pytest.mark.parametrize(
    ("name", "body", "attributes", "expected"),
    [
        ("gen_ai.choice", {"message": {"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}}, {},
         (None, '{"type": "tool_call", "name": "f", "arguments": {}}')),
        ("gen_ai.user.message", "plain text", {}, ("plain text", None)),
        ("gen_ai.user.message", '{"content": "JSON text"}', {}, ("JSON text", None)),
        ("gen_ai.tool.message", {"content": "sunny", "id": "1"}, {}, ("sunny", None)),
        ("gen_ai.assistant.message", {"content": "Hello."}, {}, ("Hello.", None)),
        ("gen_ai.client.inference.operation.details", None, {
            "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Why?"}]}],
            "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "So."}]}],
        }, ("Why?", "So.")),
        ("gen_ai.client.inference.operation.details", {
            "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Why?"}]}],
        }, {}, ("Why?", None)),
    ],
    ids=["tool call", "text", "JSON text", "tool", "assistant", "details", "details in the body"],
)  # fmt: skip
async def test_each_event_tells_its_part(
    tmp_path: Path, name: str, body: Any, attributes: Body, expected: tuple[Any, Any]
) -> None:
    async with opened(tmp_path) as door:
        project = await door.send(SPAN)
        await hear(door, record(name, body) | {"attributes": pairs({"event.name": name} | attributes)})
        assert said(await only(door, project)) == expected


async def test_equal_events_are_two_and_a_request_sent_again_is_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        for _ in range(2):
            await hear(door, USER, USER)
        project = await door.send(SPAN)
        assert [one["name"] for one in (await only(door, project))["events"]] == ["gen_ai.user.message"] * 2


async def test_another_trace_with_the_same_span_id_gets_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        await hear(door, record("gen_ai.user.message", {"content": "other"}, trace=2))
        project = await door.send(SPAN)
        assert said(await only(door, project)) == (None, None)


async def test_records_that_are_not_kept_are_told(tmp_path: Path) -> None:
    spanless = {key: told for key, told in USER.items() if key != "spanId"}
    bad = USER | {"traceId": "zz"}
    async with opened(tmp_path) as door:
        told = (await hear(door, USER, record("app.started", "hello"), spanless, bad))["partialSuccess"]
        assert told["rejectedLogRecords"] == "1"
        for part in ("1 log record(s) are no GenAI event", "1 GenAI event(s) have no span id", "The trace id"):
            assert part in told["errorMessage"]
        told = await hear(door, record("app.started", "hello"))
        assert list(told["partialSuccess"]) == ["errorMessage"]
        project = await door.send(SPAN)
        assert said(await only(door, project)) == ("Is it late?", None)


async def test_events_go_with_their_span_and_wait_a_week(tmp_path: Path) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock=clock) as door:
        await hear(door, USER)
        project = await door.send(SPAN)
        (found,) = await door.spans(project)
        asked = {"project_id": project, "span_ids": [found["context"]["span_id"]]}
        (await door.http.request("DELETE", "/v2/spans", json=asked)).raise_for_status()
        await door.send(SPAN)
        assert said(await only(door, project)) == (None, None)
        await hear(door, record("gen_ai.user.message", {"content": "old"}, span=2, trace=2))
        clock.now += log_events.KEPT_NS + 1
        await hear(door, record("gen_ai.user.message", {"content": "new"}, span=3, trace=3))
        rows = await door.engine.database.read(
            lambda connection: connection.execute(sa.select(tables.log_events)).fetchall()
        )
        assert [row.span_id for row in rows] == [span_id(3)]


async def test_a_verdict_from_before_the_events_is_older_than_the_text(tmp_path: Path) -> None:
    clock = HandClock()
    async with opened(tmp_path, clock=clock) as door:
        project = await door.send(span(1, "a refund"))
        await door.run(await door.task(await door.evaluator(), project_id=project))
        clock.now += SECOND
        await hear(door, record("gen_ai.evaluation.result", {"name": "tone"}))
        (verdict,) = (await only(door, project))["evaluations"]
        assert "stale" not in verdict["metadata"]
        await hear(door, record("gen_ai.client.inference.operation.details", {"gen_ai.conversation.id": "s"}))
        found = await only(door, project)
        assert found["attributes"]["session.id"] == "s"
        assert found["evaluations"][0]["metadata"]["stale"]


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/logs/"])
@pytest.mark.parametrize("packed", [False, True])
async def test_protobuf_is_answered_in_protobuf(tmp_path: Path, path: str, packed: bool) -> None:
    told = json.loads(json.dumps(request(USER, record("app.started", "x"))))
    message = otlp_messages.decode(
        otlp_logs.LOGS, json.dumps(told).encode(), content_type=otlp_messages.JSON, content_encoding=None
    )
    body = message.SerializeToString()
    headers = {"content-type": otlp_messages.PROTOBUF} | ({"content-encoding": "gzip"} if packed else {})
    async with opened(tmp_path) as door:
        answer = await door.http.post(path, content=gzip.compress(body) if packed else body, headers=headers)
        assert answer.headers["content-type"] == otlp_messages.PROTOBUF
        assert "1 log record(s)" in ExportLogsServiceResponse.FromString(answer.content).partial_success.error_message
        project = await door.send(SPAN)
        assert said(await only(door, project)) == ("Is it late?", None)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, b"{}", {}),
        (422, b"[]", {}),
        (422, b'{"resourceLogs": 1}', {}),
        (415, b"{}", {"content-type": "text/plain"}),
        (401, b'{"resourceLogs": []}', {"authorization": "other"}),
    ],
)
async def test_other_bodies_are_refused(tmp_path: Path, status: int, body: bytes, headers: Body) -> None:
    async with opened(tmp_path) as door:
        sent = {"content-type": "application/json", "authorization": f"Bearer {KEY}"} | headers
        await door.refused(status, "POST", "/v1/logs", content=body, headers=sent)


NAMES = [
    "traceId",
    "spanId",
    "timeUnixNano",
    "body",
    "attributes",
    "eventName",
    "severityNumber",
    "kvlistValue",
    "values",
]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(TREES, st.sampled_from(NAMES))
def test_a_record_with_one_wrong_field_is_read_or_invalid(tree: Any, field: str) -> None:
    body = json.dumps(request(USER | {field: tree}, CHOICE)).encode()
    try:
        message = otlp_messages.decode(otlp_logs.LOGS, body, content_type=otlp_messages.JSON, content_encoding=None)
    except Invalid:
        return
    found = otlp_logs.events(message)
    json.dumps([row["attributes"] for row in found.rows], allow_nan=False, ensure_ascii=False).encode()
    assert any(row["name"] == "gen_ai.choice" for row in found.rows)


@given(st.binary(max_size=300))
def test_damaged_bytes_are_read_or_invalid(tail: bytes) -> None:
    whole = json_format.ParseDict({"resourceLogs": [{}]}, ExportLogsServiceRequest()).SerializeToString()
    try:
        message = otlp_messages.decode(
            otlp_logs.LOGS, whole + tail, content_type=otlp_messages.PROTOBUF, content_encoding=None
        )
    except Invalid:
        return
    otlp_logs.response(otlp_logs.events(message)).SerializeToString()
