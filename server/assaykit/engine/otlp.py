"""OTLP trace export without I/O: from the bytes of a request to rows for the spans table.

Only the OTLP routes over HTTP and gRPC import this module, and lazily, because it imports protobuf.

Source: OpenTelemetry Protocol 1.x, `ExportTraceServiceRequest`. OTLP's JSON is protobuf's JSON mapping, except that
ids are hex instead of base64.
"""

import base64
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from assaykit.engine import openinference
from assaykit.engine.problems import Malformed, TooLarge
from assaykit.errors import Invalid
from assaykit.judge.cut_text import cut
from assaykit.wire.bodies import rfc3339

BODY_LIMIT = 16 * 1024 * 1024
"""Most bytes of one request, as sent and after inflation."""

PROTOBUF, JSON = "application/x-protobuf", "application/json"

NAME_LIMIT = 255
"""Most characters of a project's name, as in `POST /v2/projects`. A longer name is cut."""

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8

SAME_CALL = "assaykit.same_call_as"
"""The attribute of a client's own span that names the span of the instrumentation around the same call."""

_ENCODING = "See the OTLP JSON encoding: hex ids, camelCase names."

_LAST_NS = 2**63 - 1  # the store's integers are signed, 64 bits
_STATUS = {0: "UNSET", 1: "OK", 2: "ERROR"}
_SCALARS = (str, int, float)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The attributes that may name the project, in order of preference. `arize-otel` sends `openinference.project.name` on
# the resource or, with routing, `arize.project.name` on each span. Arize's older set-up snippets send `model_id`.
_PROJECT_ON_SPAN = "arize.project.name"
_PROJECT_ON_RESOURCE = ("openinference.project.name", "arize.project.name", "model_id", "service.name")
_NO_SERVICE_NAME = "unknown_service"
"""The prefix of the default service name that SDKs send if the user set none."""


class UnsupportedMedia(Invalid):
    """The content type or encoding is not supported."""

    status = 415


class Batch(NamedTuple):
    """Spans of one project: rows of `tables.spans` without `n` and `project_id`, in the order sent."""

    project: str
    rows: list[dict[str, Any]]


class Intake(NamedTuple):
    """The content of one request: the spans to store, the count of refused spans, and the first refusal's reason."""

    batches: list[Batch]
    rejected: int
    reason: str | None


def decode(body: bytes, *, content_type: str, content_encoding: str | None) -> ExportTraceServiceRequest:
    """The request inside `body`.

    Raises:
        TooLarge: the body has more than `BODY_LIMIT` bytes, as sent or inflated.
        UnsupportedMedia: the body is neither protobuf nor JSON, or its encoding is not gzip.
        Malformed: the JSON has no `resourceSpans`.
        Invalid: the body does not match its content type or encoding.
    """
    media = content_type.partition(";")[0].strip().lower()
    if media not in {PROTOBUF, JSON}:
        raise UnsupportedMedia(f"The content type {media[:100]!r} is not supported.", f"Send {PROTOBUF} or {JSON}.")
    plain = _inflated(body, content_encoding)
    return _from_protobuf(plain) if media == PROTOBUF else _from_json(plain)


def spans(request: ExportTraceServiceRequest) -> Intake:
    """The spans by project, in the order sent. A bad span alone is refused, which OTLP calls partial success."""
    rows: dict[str, list[dict[str, Any]]] = {}
    rejected, reason = 0, None
    for resource_spans in request.resource_spans:
        home = _project(_plain(resource_spans.resource.attributes))
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                fault = next(_faults(span), None)
                if fault is None:
                    raw, events = _plain(span.attributes), [_event(event) for event in span.events]
                    project = _name(raw.get(_PROJECT_ON_SPAN)) or home
                    row = _row(span, openinference.normalised(raw, events), events)
                    rows.setdefault(project[:NAME_LIMIT], []).append(row)
                else:
                    rejected += 1
                    reason = reason or fault
    for found in rows.values():
        _mark_twins(found)
    return Intake([Batch(project, found) for project, found in rows.items()], rejected, reason)


def _mark_twins(rows: Sequence[dict[str, Any]]) -> None:
    """Make one row of two spans for one model call: that of an instrumentation and, below it, that of the client.

    The client's span has no messages. It keeps its attributes and names the other span. Its kind becomes UNKNOWN, and
    its tokens count no more. Only spans of one request are compared.
    """
    calls = {row["span_id"]: row for row in rows if row["kind"] == "LLM"}
    for row in calls.values():
        above = calls.get(row["parent_id"])
        if above is None or not _has_messages(above) or _has_messages(row) or row["trace_id"] != above["trace_id"]:
            continue
        told = row["attributes"]
        for name in [name for name in told if name.startswith(("llm.token_count.", "llm.cost."))]:
            del told[name]
        row["kind"] = told[openinference.KIND] = "UNKNOWN"
        told[SAME_CALL] = row["parent_id"]


def _has_messages(row: dict[str, Any]) -> bool:
    return openinference.INPUT in row["attributes"] or openinference.OUTPUT in row["attributes"]


def response(intake: Intake) -> ExportTraceServiceResponse:
    """The answer to a stored request; it reports refused spans as a partial success."""
    told = ExportTraceServiceResponse()
    if intake.rejected:
        told.partial_success.rejected_spans = intake.rejected
        told.partial_success.error_message = intake.reason or ""
    return told


def reply(intake: Intake, content_type: str) -> bytes:
    """The answer of `response` in the format of the request."""
    if content_type.startswith(JSON):
        return json_format.MessageToJson(response(intake), indent=None).encode()
    return response(intake).SerializeToString()


def _inflated(body: bytes, content_encoding: str | None) -> bytes:
    encoding = (content_encoding or "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise UnsupportedMedia(f"The content encoding {encoding[:100]!r} is not supported.", "Send gzip or none.")
    plain = body
    if encoding == "gzip" and len(body) <= BODY_LIMIT:
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
                plain = stream.read(BODY_LIMIT + 1)  # inflates no further than one byte past the limit
        except (OSError, EOFError, zlib.error) as error:
            raise Invalid("The body is not valid gzip.", "Send the exporter's bytes unchanged.") from error
    if len(plain) > BODY_LIMIT:
        raise TooLarge(f"The body is larger than {BODY_LIMIT} bytes.", "Send fewer spans per request.")
    return plain


def _from_protobuf(body: bytes) -> ExportTraceServiceRequest:
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise Invalid("The body is not an OTLP trace export in protobuf.", f"If it is JSON, send {JSON}.") from error


def _from_json(body: bytes) -> ExportTraceServiceRequest:
    fault = "The body is not an OTLP trace export in JSON."
    try:
        # JSON has no NaN, but some senders write it. Protobuf's JSON has it as text.
        told = json.loads(body, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise Invalid(fault, _ENCODING) from error
    if not isinstance(told, dict):
        raise Invalid(fault, "Send an object with `resourceSpans`.")
    found = cast("dict[str, Any]", told)
    if not {"resourceSpans", "resource_spans"} & found.keys():
        raise Malformed("The body has no `resourceSpans`.", "Send an OTLP trace export: {'resourceSpans': [...]}.")
    try:
        for span in _json_spans(found):
            _ids_to_base64(span)
        try:
            return json_format.ParseDict(found, ExportTraceServiceRequest(), ignore_unknown_fields=True)
        except json_format.ParseError:
            for span in _json_spans(found):
                _empty_if_unreadable(span)
            return json_format.ParseDict(found, ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise Invalid(fault, _ENCODING) from error


def _json_spans(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource_spans in _objects(told, "resourceSpans", "resource_spans"):
        for scope_spans in _objects(resource_spans, "scopeSpans", "scope_spans"):
            yield from _objects(scope_spans, "spans")


def _objects(parent: dict[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    """The objects of the lists under `names`. The parser refuses anything else later."""
    for name in names:
        inner = parent.get(name)
        if isinstance(inner, list):
            for item in cast("list[Any]", inner):
                if isinstance(item, dict):
                    yield cast("dict[str, Any]", item)


def _empty_if_unreadable(span: dict[str, Any]) -> None:
    """Empty a span that is not OTLP, so that it is refused alone."""
    try:
        json_format.ParseDict(span, Span(), ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError):
        span.clear()


def _ids_to_base64(span: dict[str, Any]) -> None:
    """Convert the ids in place from hex to base64. Text that is not hex becomes one byte, which `_faults` refuses."""
    for holder in (span, *_objects(span, "links")):
        for name in ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"):
            told = holder.get(name)
            if isinstance(told, str):
                try:
                    raw = bytes.fromhex(told)
                except ValueError:
                    raw = b"?"
                holder[name] = base64.b64encode(raw).decode("ascii")


def _faults(span: Span) -> Iterator[str]:
    """The reasons against storing the span, each as one sentence."""
    start, end, parent = span.start_time_unix_nano, span.end_time_unix_nano, span.parent_span_id
    if not span.ByteSize():
        yield "A span is empty, or holds a value that OTLP does not allow, such as text for a number."
    if len(span.trace_id) != TRACE_ID_BYTES or not any(span.trace_id):
        yield f"The trace id {span.trace_id[:32].hex()!r} is not 16 bytes long, or is all zeros."
    if len(span.span_id) != SPAN_ID_BYTES or not any(span.span_id):
        yield f"The span id {span.span_id[:32].hex()!r} is not 8 bytes long, or is all zeros."
    if parent and len(parent) != SPAN_ID_BYTES:
        yield f"The parent id {parent[:32].hex()!r} is not 8 bytes long."
    if not 0 < start <= _LAST_NS:
        yield f"The start time {start} is missing or out of range."
    if end < start:
        yield f"The end time {end} is before the start time {start}."
    if end > _LAST_NS:
        yield f"The end time {end} is out of range."


def _row(span: Span, attributes: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any]:
    parent, status = span.parent_span_id, span.status
    start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_id": parent.hex() if any(parent) else None,
        "name": cut(span.name),
        "kind": openinference.kind_of(attributes),
        "start_ns": start_ns,
        "end_ns": end_ns,
        "latency_ms": (end_ns - start_ns) / 1e6,
        "status_code": _STATUS.get(status.code, "UNSET"),
        "status_message": cut(status.message) or None,
        "session_id": _name(attributes.get(openinference.SESSION)),
        "model_name": _name(attributes.get(openinference.MODEL)),
        "attributes": attributes,
        "events": events,
    }


def _event(event: Span.Event) -> dict[str, Any]:
    moment = _EPOCH + timedelta(microseconds=event.time_unix_nano // 1000)
    return {
        "name": cut(event.name),
        "timestamp": rfc3339(moment),
        "attributes": openinference.storable(openinference.flattened(_plain(event.attributes))),
    }


def _project(resource: dict[str, Any]) -> str:
    for key in _PROJECT_ON_RESOURCE:
        name = _name(resource.get(key))
        if name and not (key == "service.name" and name.startswith(_NO_SERVICE_NAME)):
            return name
    return "default"


def _name(value: Any) -> str | None:
    """A scalar as text; None for blank text and for any other type."""
    return str(value).strip() or None if isinstance(value, _SCALARS) else None


def _plain(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    # Nearly all values are strings, and `WhichOneof` takes as long as reading the value.
    return {pair.key: pair.value.string_value or _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    """The value as JSON: bytes as base64, an unset value as None."""
    match value.WhichOneof("value"):
        case None | "string_value_strindex":  # the index belongs to profiles and counts as absent elsewhere
            return None
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _plain(value.kvlist_value.values)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode("ascii")
        case scalar:
            return getattr(value, scalar)
