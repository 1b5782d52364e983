"""Spans of a run in the format of OTLP."""

import json
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

PROTOBUF = "application/x-protobuf"

_PROJECT = "openinference.project.name"


def cut_short(name: str, start_ns: int, end_ns: int, example_id: str, why: str) -> dict[str, Any]:
    """The span of a call whose process is gone, in the form that a worker sends."""
    return {
        "trace_id": secrets.token_hex(16),
        "span_id": secrets.token_hex(8),
        "parent_id": None,
        "name": name,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "status": "ERROR",
        "message": why,
        "attributes": {"openinference.span.kind": "CHAIN", "metadata": json.dumps({"example_id": example_id})},
    }


def import_protobuf() -> None:
    """Import the modules of `otlp`, so that it need not at the end of a run."""
    otlp((), "")


def otlp(spans: Iterable[dict[str, Any]], project: str) -> bytes:
    """The protobuf body of an OTLP export to the project of this name."""
    # Protobuf takes half the time of OTLP's JSON for a thousand spans. Its modules are imported on first use.
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: PLC0415
    from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status  # noqa: PLC0415

    def span(one: dict[str, Any]) -> Span:
        return Span(
            trace_id=bytes.fromhex(one["trace_id"]),
            span_id=bytes.fromhex(one["span_id"]),
            parent_span_id=bytes.fromhex(one["parent_id"] or ""),
            name=_readable(one["name"]),
            start_time_unix_nano=one["start_ns"],
            end_time_unix_nano=one["end_ns"],
            status=Status(
                code=Status.StatusCode.Value(f"STATUS_CODE_{one['status']}"), message=_readable(one["message"] or "")
            ),
            attributes=[_attribute(key, value) for key, value in one["attributes"].items()],
        )

    export = ExportTraceServiceRequest()
    of_project = export.resource_spans.add()
    of_project.resource.attributes.append(_attribute(_PROJECT, project))
    of_project.scope_spans.add().spans.extend([span(one) for one in spans])
    return export.SerializeToString()


def _attribute(key: str, value: Any) -> "KeyValue":
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue  # noqa: PLC0415  (as above)

    return KeyValue(key=key, value=_value(value))


def _value(value: Any) -> "AnyValue":
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue  # noqa: PLC0415  (as above)

    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_value(item) for item in cast("list[Any]", value)]))
    return AnyValue(string_value=_readable(str(value)))


def _readable(text: str) -> str:
    """The text with lone surrogates replaced. The user's spans may hold them, and protobuf refuses them."""
    return text.encode("utf-8", "replace").decode()
