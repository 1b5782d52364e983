"""OTLP ingest: what a real tracer sends, what hands write in JSON, and what attackers send."""

import gzip
import json
import math
import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

from assaykit.engine import openinference, otlp
from assaykit.errors import Invalid
from assaykit.wire.spans import SpanEvent

START = 1_750_000_000_000_000_000
TRACE, SPAN, PARENT = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", "eee19b7ec3c1b173"


def traced(
    attributes: Mapping[str, Any], resource: Mapping[str, Any] | None = None, name: str = "call"
) -> ReadableSpan:
    """One ended span, made by the SDK."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create(dict(resource or {})), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    span = provider.get_tracer("tests").start_span(name, start_time=START)
    span.set_attributes(dict(attributes))
    span.end(end_time=START + 1_500_000)
    return memory.get_finished_spans()[0]


def sent(*finished: ReadableSpan) -> otlp.Intake:
    """What is read when the SDK's own encoding of the spans arrives."""
    body = encode_spans(finished).SerializeToString()
    return otlp.spans(otlp.decode(body, content_type="application/x-protobuf", content_encoding=None))


def own(row: dict[str, Any]) -> dict[str, Any]:
    """The row without the attributes of the resource and the scope."""
    attributes = row["attributes"].items()
    return row | {"attributes": {key: one for key, one in attributes if not key.startswith(("resource.", "scope."))}}


def row_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return own(sent(traced(attributes)).batches[0].rows[0])


def test_the_resource_and_the_scope_are_kept_beside_the_attributes() -> None:
    resource = {"service.name": "shop", "service.version": "1.2", "deployment.environment": "prod"}
    row = sent(traced({"resource.service.name": "mine"}, resource)).batches[0].rows[0]
    expected = {f"resource.{key}": one for key, one in resource.items()} | {"scope.name": "tests"}
    assert expected | {"resource.service.name": "mine"} == {key: row["attributes"].get(key) for key in expected}
    assert row["kind"] == "UNKNOWN"


def json_span(**changes: Any) -> dict[str, Any]:
    span: dict[str, Any] = {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": "by hand",
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": START + 2_000_000,
    }
    return span | changes


def sent_json(*spans: Any, resource: list[dict[str, Any]] | None = None) -> otlp.Intake:
    told = {"resourceSpans": [{"resource": {"attributes": resource or []}, "scopeSpans": [{"spans": list(spans)}]}]}
    body = json.dumps(told).encode()
    return otlp.spans(otlp.decode(body, content_type="application/json; charset=utf-8", content_encoding=None))


def test_a_span_of_the_sdk_becomes_one_row() -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"openinference.project.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span("outer") as outer:
        inner = tracer.start_span("ask", start_time=START)
        inner.set_attributes(
            {
                "openinference.span.kind": "llm",
                "llm.model_name": "gpt-4o",
                "session.id": "s-1",
                "llm.token_count.total": 12,
                "ok": True,
                "tags": ["a", "b"],
            }
        )
        inner.add_event("token", {"n": 1}, timestamp=START + 1_234_567)
        inner.set_status(Status(StatusCode.ERROR, "boom"))
        inner.end(end_time=START + 2_500_000)
        trace_id = f"{inner.get_span_context().trace_id:032x}"
        span_id = f"{inner.get_span_context().span_id:016x}"
        parent_id = f"{outer.get_span_context().span_id:016x}"
    intake = sent(*memory.get_finished_spans())
    assert [batch.project for batch in intake.batches] == ["shop"]
    assert intake.rejected == 0
    row = own(intake.batches[0].rows[0])
    assert row == {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_id": parent_id,
        "name": "ask",
        "kind": "LLM",
        "start_ns": START,
        "end_ns": START + 2_500_000,
        "latency_ms": 2.5,
        "status_code": "ERROR",
        "status_message": "boom",
        "session_id": "s-1",
        "model_name": "gpt-4o",
        "attributes": {
            "openinference.span.kind": "llm",
            "llm.model_name": "gpt-4o",
            "session.id": "s-1",
            "llm.token_count.total": 12,
            "ok": True,
            "tags": ["a", "b"],
        },
        "events": [{"name": "token", "timestamp": "2025-06-15T15:06:40.001234Z", "attributes": {"n": 1}}],
    }
    assert intake.batches[0].rows[1]["parent_id"] is None
    assert SpanEvent.model_validate(row["events"][0]).name == "token"


@pytest.mark.parametrize(
    ("resource", "project"),
    [
        ({"openinference.project.name": "a", "arize.project.name": "b"}, "a"),
        ({"arize.project.name": "b", "model_id": "c"}, "b"),
        ({"model_id": "c", "service.name": "d"}, "c"),
        ({"service.name": "d"}, "d"),
        ({"openinference.project.name": " ", "service.name": "d"}, "d"),
        ({}, "default"),
    ],
)
def test_the_project_is_the_best_name_on_the_resource(resource: dict[str, str], project: str) -> None:
    assert sent(traced({}, resource)).batches[0].project == project


def test_a_project_named_on_the_span_wins_and_splits_the_request() -> None:
    resource = {"openinference.project.name": "home"}
    intake = sent(
        traced({}, resource, "one"),
        traced({"arize.project.name": "away"}, resource, "two"),
        traced({}, resource, "three"),
    )
    assert {batch.project: [row["name"] for row in batch.rows] for batch in intake.batches} == {
        "home": ["one", "three"],
        "away": ["two"],
    }


def test_json_is_read_with_hex_ids_numbers_as_text_and_enums_by_name() -> None:
    span = json_span(
        parentSpanId=PARENT,
        kind="SPAN_KIND_CLIENT",
        status={"code": "STATUS_CODE_OK"},
        traceState="",
        links=[{"traceId": TRACE, "spanId": PARENT}],
        attributes=[
            {"key": "openinference.span.kind", "value": {"stringValue": "CHAIN"}},
            {"key": "i", "value": {"intValue": "7"}},
            {"key": "d", "value": {"doubleValue": 0.5}},
            {"key": "raw", "value": {"bytesValue": "AP8="}},
            {"key": "list", "value": {"arrayValue": {"values": [{"intValue": 1}, {"boolValue": False}]}}},
            {
                "key": "deep",
                "value": {"kvlistValue": {"values": [{"key": "er", "value": {"stringValue": "x"}}]}},
            },
            {"key": "none", "value": {}},
        ],
        aFieldOfTomorrow=1,
    )
    intake = sent_json(span, resource=[{"key": "service.name", "value": {"stringValue": "svc"}}])
    assert intake.rejected == 0
    batch = intake.batches[0]
    assert batch.project == "svc"
    row = batch.rows[0]
    assert (row["trace_id"], row["span_id"], row["parent_id"]) == (TRACE, SPAN, PARENT)
    assert (row["kind"], row["status_code"], row["latency_ms"]) == ("CHAIN", "OK", 2.0)
    assert own(row)["attributes"] == {
        "openinference.span.kind": "CHAIN",
        "i": 7,
        "d": 0.5,
        "raw": "AP8=",
        "links": [{"trace_id": TRACE, "span_id": PARENT, "attributes": {}}],
        "list": [1, False],
        "deep.er": "x",
        "none": None,
    }


def test_json_takes_enums_as_numbers_and_upper_case_hex() -> None:
    row = sent_json(json_span(traceId=TRACE.upper(), status={"code": 2})).batches[0].rows[0]
    assert (row["trace_id"], row["status_code"]) == (TRACE, "ERROR")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"traceId": "0" * 32}, "trace id"),
        ({"traceId": TRACE[:-2]}, "trace id"),
        ({"traceId": "not hex"}, "trace id"),
        ({"spanId": "0" * 16}, "span id"),
        ({"spanId": ""}, "span id"),
        ({"parentSpanId": "zz"}, "parent id"),
        ({"startTimeUnixNano": 0}, "start time"),
        ({"endTimeUnixNano": START - 1}, "before the start"),
        ({"endTimeUnixNano": 2**63}, "out of range"),
    ],
)
def test_a_bad_span_is_refused_alone_and_the_first_reason_is_told(changes: dict[str, Any], reason: str) -> None:
    intake = sent_json(json_span(**changes), json_span(), json_span(spanId="00"))
    assert intake.rejected == 2
    assert [row["span_id"] for row in intake.batches[0].rows] == [SPAN]
    assert intake.reason is not None
    assert reason in intake.reason


def test_a_parent_of_zeros_means_a_root() -> None:
    assert sent_json(json_span(parentSpanId="0" * 16)).batches[0].rows[0]["parent_id"] is None


@pytest.mark.parametrize("kind", ["", "llm-ish", "unknown"])
def test_a_kind_outside_the_contract_is_unknown(kind: str) -> None:
    assert row_of({"openinference.span.kind": kind})["kind"] == "UNKNOWN"


def test_metadata_in_json_text_becomes_dotted_columns() -> None:
    metadata = json.dumps({"tier": "gold", "user": {"id": 7, "tags": ["x", {"y": 1}]}, "none": None, "e": {}})
    attributes = row_of({"metadata": metadata, "metadata.tier": "sent flat"})["attributes"]
    assert attributes == {
        "metadata.tier": "sent flat",
        "metadata.user.id": 7,
        "metadata.user.tags": ["x", {"y": 1}],
        "metadata.none": None,
        "metadata.e": {},
    }


@pytest.mark.parametrize("text", ["plain", "[1]", "{broken", '{"a":' * 5000 + "1" + "}" * 5000])
def test_metadata_that_is_no_json_object_stays_as_sent(text: str) -> None:
    assert row_of({"metadata": text})["attributes"] == {"metadata": text}


def test_keys_stop_growing_below_the_depth_limit() -> None:
    deep: dict[str, Any] = {"end": 1}
    for _ in range(200):
        deep = {"k": deep}
    attributes = row_of({"metadata": json.dumps(deep)})["attributes"]
    (key,) = attributes
    assert key.count(".") == openinference.FLATTEN_LIMIT
    assert isinstance(attributes[key], dict)


def test_floats_that_json_cannot_say_become_none() -> None:
    attributes = row_of({"nan": math.nan, "list": [1.5, math.inf], "metadata": '{"x": -Infinity}'})["attributes"]
    assert attributes == {"nan": None, "list": [1.5, None], "metadata.x": None}


def test_a_long_string_is_cut_at_a_character_and_says_so() -> None:
    most = 2 * 1024 * 1024
    attributes = row_of({"long": "xé" + "é" * most, "short": "é" * most})["attributes"]
    assert attributes["short"] == "é" * most
    assert attributes["long"] == "x" + "é" * (most - 1) + f"…[cut: {2 * most + 3} bytes]"


def test_half_a_surrogate_pair_does_not_reach_the_store() -> None:
    attributes = row_of({"metadata": '{"x": "a\\ud800b"}'})["attributes"]
    assert attributes == {"metadata.x": "a?b"}


def test_gen_ai_messages_are_mapped_and_kept() -> None:
    asked = json.dumps(
        [
            {"role": "user", "parts": [{"type": "text", "content": "Weather in Paris?"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "name": "weather", "arguments": {"q": 1}}]},
        ]
    )
    told = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "Rain."}]}])
    row = row_of(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.conversation.id": "conv",
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
            "gen_ai.input.messages": asked,
            "gen_ai.output.messages": told,
        }
    )
    assert (row["kind"], row["model_name"], row["session_id"]) == ("LLM", "gpt-4o-2024-08-06", "conv")
    attributes = row["attributes"]
    assert attributes["gen_ai.input.messages"] == asked
    assert attributes["openinference.span.kind"] == "LLM"
    assert [attributes[f"llm.token_count.{part}"] for part in ("prompt", "completion", "total")] == [
        10,
        5,
        15,
    ]
    assert attributes["output.value"] == "Rain."
    assert attributes["input.value"] == (
        "system: Be brief.\nuser: Weather in Paris?\n"
        'assistant: {"type": "tool_call", "name": "weather", "arguments": {"q": 1}}'
    )


def test_the_older_numbered_gen_ai_prompts_are_mapped_in_order() -> None:
    row = row_of(
        {
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4",
            "gen_ai.usage.prompt_tokens": 3,
            "gen_ai.usage.completion_tokens": 4,
            "gen_ai.prompt.10.role": "user",
            "gen_ai.prompt.10.content": "last",
            "gen_ai.prompt.2.role": "system",
            "gen_ai.prompt.2.content": "first",
            "gen_ai.completion.0.content": "done",
        }
    )
    assert (row["kind"], row["model_name"]) == ("LLM", "gpt-4")
    assert row["attributes"]["input.value"] == "system: first\nuser: last"
    assert row["attributes"]["output.value"] == "done"
    assert row["attributes"]["llm.token_count.total"] == 7


def test_a_single_gen_ai_message_is_its_text_alone() -> None:
    assert row_of({"gen_ai.prompt.0.content": "just this"})["attributes"]["input.value"] == "just this"


def test_gen_ai_never_overwrites_what_openinference_says() -> None:
    row = row_of(
        {
            "openinference.span.kind": "AGENT",
            "input.value": "mine",
            "llm.model_name": "mine",
            "gen_ai.request.model": "theirs",
            "gen_ai.input.messages": '[{"role": "user", "content": "theirs"}]',
        }
    )
    assert (row["kind"], row["model_name"], row["attributes"]["input.value"]) == ("AGENT", "mine", "mine")


@pytest.mark.parametrize(
    ("operation", "kind"), [("execute_tool", "TOOL"), ("invoke_agent", "AGENT"), ("embeddings", "EMBEDDING")]
)
def test_gen_ai_operations_that_are_no_model_call_get_their_own_kind(operation: str, kind: str) -> None:
    assert row_of({"gen_ai.operation.name": operation})["kind"] == kind


def test_gzip_is_inflated() -> None:
    body = gzip.compress(encode_spans([traced({})]).SerializeToString())
    request = otlp.decode(body, content_type="application/x-protobuf", content_encoding="gzip")
    assert len(otlp.spans(request).batches[0].rows) == 1


def test_a_gzip_bomb_is_refused_before_it_fills_memory() -> None:
    body = gzip.compress(bytes(1024 * 1024), mtime=0) * 1024
    tracemalloc.start()
    with pytest.raises(otlp.TooLarge) as caught:
        otlp.decode(body, content_type="application/x-protobuf", content_encoding="gzip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.status == 413
    assert peak < 4 * otlp.BODY_LIMIT


def test_a_plain_body_over_the_limit_is_refused() -> None:
    with pytest.raises(otlp.TooLarge):
        otlp.decode(b" " * (otlp.BODY_LIMIT + 1), content_type="application/json", content_encoding=None)


@pytest.mark.parametrize(
    ("content_type", "content_encoding"), [("text/plain", None), ("", None), ("application/json", "br")]
)
def test_an_unknown_type_or_encoding_is_415(content_type: str, content_encoding: str | None) -> None:
    with pytest.raises(otlp.UnsupportedMedia) as caught:
        otlp.decode(b"{}", content_type=content_type, content_encoding=content_encoding)
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("body", "content_type", "content_encoding"),
    [
        (b"\xff\xff", "application/x-protobuf", None),
        (b"{", "application/json", None),
        (b"[]", "application/json", None),
        (b'{"resourceSpans": 1}', "application/json", None),
        (b'{"resourceSpans": [1]}', "application/json", None),
        (b"[" * 100_000, "application/json", None),
        (b"plain", "application/x-protobuf", "gzip"),
        (gzip.compress(b"x" * 1000, mtime=0)[:-9], "application/x-protobuf", "gzip"),
    ],
)
def test_a_malformed_body_is_invalid(body: bytes, content_type: str, content_encoding: str | None) -> None:
    with pytest.raises(Invalid) as caught:
        otlp.decode(body, content_type=content_type, content_encoding=content_encoding)
    assert caught.value.status == 422


def read_or_refuse(body: bytes, content_type: str, content_encoding: str | None = None) -> None:
    """Whatever arrives is refused as Invalid or becomes rows that JSON can hold and an answer can carry."""
    try:
        request = otlp.decode(body, content_type=content_type, content_encoding=content_encoding)
    except Invalid:
        return
    intake = otlp.spans(request)
    for batch in intake.batches:
        json.dumps(batch.rows, allow_nan=False, ensure_ascii=False).encode()


@given(st.binary(max_size=400), st.sampled_from([None, "gzip"]), st.sampled_from([otlp.PROTOBUF, otlp.JSON]))
def test_arbitrary_bytes_are_read_or_invalid(body: bytes, encoding: str | None, media: str) -> None:
    read_or_refuse(body, media, encoding)


WHOLE = encode_spans([traced({"metadata": '{"a": {"b": 1}}', "gen_ai.prompt.0.content": "x", "n": [1.5]})])


@given(st.data())
def test_a_request_with_damaged_bytes_is_read_or_invalid(data: st.DataObject) -> None:
    body = bytearray(WHOLE.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(bytes(body), otlp.PROTOBUF)


SHAPES = [
    "resourceSpans",
    "resource_spans",
    "resource",
    "scopeSpans",
    "spans",
    "values",
    "key",
    "value",
    "code",
]
FIELDS = [
    "traceId",
    "spanId",
    "parentSpanId",
    "name",
    "kind",
    "startTimeUnixNano",
    "endTimeUnixNano",
    "status",
]
LISTS = ["attributes", "events", "links"]
VALUES = ["stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue"]
NAMES = st.sampled_from([*SHAPES, *FIELDS, *LISTS, *VALUES])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(TRACE)
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(TREES, st.integers(0, 3))
def test_json_of_the_wrong_shape_is_read_or_invalid(tree: Any, depth: int) -> None:
    told = tree
    for name in ["spans", "scopeSpans", "resourceSpans"][3 - depth :]:
        told = {name: [told]}
    read_or_refuse(json.dumps(told).encode(), otlp.JSON)


@given(TREES, st.sampled_from([*FIELDS, *LISTS]), st.sampled_from(VALUES))
def test_a_json_span_with_one_wrong_field_is_read_or_invalid(tree: Any, field: str, value: str) -> None:
    odd = {"key": "k", "timeUnixNano": 1, "value": {value: tree}, "attributes": tree, "traceId": tree}
    span = json_span(**{field: [odd, tree] if field in LISTS else tree})
    told = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    read_or_refuse(json.dumps(told).encode(), otlp.JSON)


@given(TREES)
def test_attributes_of_any_shape_are_stored_as_json(tree: Any) -> None:
    value = json.dumps(tree)
    read_or_refuse(
        encode_spans([traced({"metadata": value, "gen_ai.input.messages": value})]).SerializeToString(),
        otlp.PROTOBUF,
    )


def test_protobuf_nested_to_its_limit_is_stored() -> None:
    value = AnyValue(string_value="end")
    for _ in range(28):
        value = AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=value)]))
    request = ExportTraceServiceRequest()
    request.CopyFrom(WHOLE)
    request.resource_spans[0].scope_spans[0].spans[0].attributes.append(KeyValue(key="deep", value=value))
    read_or_refuse(request.SerializeToString(), otlp.PROTOBUF)
    row = otlp.spans(request).batches[0].rows[0]
    assert any(key.startswith("deep.k.k") for key in row["attributes"])
