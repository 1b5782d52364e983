"""OTLP trace export without I/O: from the bytes of a request to rows for the spans table.

Only the OTLP routes over HTTP and gRPC import this module, and lazily, because it imports protobuf.

Source: OpenTelemetry Protocol 1.x, `ExportTraceServiceRequest`.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from assaykit.engine import openinference, otlp_messages
from assaykit.engine.content_encodings import UnsupportedMedia
from assaykit.engine.otlp_messages import (
    BODY_LIMIT,
    JSON,
    LAST_NS,
    NAME_LIMIT,
    PROJECT_ON_ITEM,
    PROTOBUF,
    SPAN_ID_BYTES,
    faults_of_ids,
    mapping_of,
    name_in,
    timestamp,
)
from assaykit.engine.problems import TooLarge
from assaykit.judge.cut_text import cut

__all__ = ["BODY_LIMIT", "JSON", "PROTOBUF", "TRACES", "Batch", "Intake", "TooLarge", "UnsupportedMedia"]

TRACES = otlp_messages.Signal("trace", ExportTraceServiceRequest, Span, ("resourceSpans", "scopeSpans", "spans"))

RESOURCE, SCOPE, LINKS = "resource.", "scope.", "links"
"""Beginnings of the attributes that hold those of the resource and the scope, and the attribute with the links."""

_STATUS = {0: "UNSET", 1: "OK", 2: "ERROR"}


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

    Raises: as `otlp_messages.decode`.
    """
    return otlp_messages.decode(TRACES, body, content_type=content_type, content_encoding=content_encoding)


def spans(request: ExportTraceServiceRequest) -> Intake:
    """The spans by project, in the order sent. A bad span alone is refused, which OTLP calls partial success."""
    rows: dict[str, list[dict[str, Any]]] = {}
    rejected, reason = 0, None
    for resource_spans in request.resource_spans:
        resource = mapping_of(resource_spans.resource.attributes)
        home = otlp_messages.project_of(resource)
        for scope_spans in resource_spans.scope_spans:
            around = _around(resource, scope_spans.scope)
            for span in scope_spans.spans:
                fault = next(_faults(span), None)
                if fault is None:
                    raw = mapping_of(span.attributes)
                    events = [_event(event) for event in span.events] if span.events else []
                    project = name_in(raw.get(PROJECT_ON_ITEM)) or home
                    beside = around | _links(span) if span.links else around
                    row = _row(span, openinference.normalised(raw, events, beside), events)
                    rows.setdefault(project[:NAME_LIMIT], []).append(row)
                else:
                    rejected += 1
                    reason = reason or fault
    return Intake([Batch(project, found) for project, found in rows.items()], rejected, reason)


def response(intake: Intake) -> ExportTraceServiceResponse:
    """The answer to a stored request; it reports refused spans as a partial success."""
    told = ExportTraceServiceResponse()
    if intake.rejected:
        told.partial_success.rejected_spans = intake.rejected
        told.partial_success.error_message = intake.reason or ""
    return told


def _faults(span: Span) -> Iterator[str]:
    """The reasons against storing the span, each as one sentence."""
    start, end, parent = span.start_time_unix_nano, span.end_time_unix_nano, span.parent_span_id
    yield from faults_of_ids(span)
    if parent and len(parent) != SPAN_ID_BYTES:
        yield f"The parent id {parent[:32].hex()!r} is not 8 bytes long."
    if not 0 < start <= LAST_NS:
        yield f"The start time {start} is missing or out of range."
    if end < start:
        yield f"The end time {end} is before the start time {start}."
    if end > LAST_NS:
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
        "session_id": name_in(attributes.get(openinference.SESSION)),
        "model_name": name_in(attributes.get(openinference.MODEL)),
        "attributes": attributes,
        "events": events,
    }


def _event(event: Span.Event) -> dict[str, Any]:
    return {
        "name": cut(event.name),
        "timestamp": timestamp(event.time_unix_nano),
        "attributes": openinference.storable(openinference.flattened(mapping_of(event.attributes))),
    }


def _around(resource: dict[str, Any], scope: Any) -> dict[str, Any]:
    """The attributes of a resource and of a scope, under the beginnings of their own, but for those of the project."""
    kept = {name: value for name, value in resource.items() if name not in otlp_messages.OF_THE_PROJECT}
    told = openinference.flattened(kept, RESOURCE)
    told |= {f"{SCOPE}name": scope.name or None, f"{SCOPE}version": scope.version or None}
    told |= openinference.flattened(mapping_of(scope.attributes), SCOPE)
    return {key: value for key, value in told.items() if value is not None}


def _links(span: Span) -> dict[str, Any]:
    """The links of a span as one attribute; none without links."""
    told = [
        {"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex(), "attributes": mapping_of(link.attributes)}
        for link in span.links
    ]
    return {LINKS: told} if told else {}
