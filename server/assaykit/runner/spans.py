"""Spans of a run as OTLP's JSON has them."""

import json
import secrets
from collections.abc import Iterable
from typing import Any, cast

_STATUS = {"UNSET": 0, "OK": 1, "ERROR": 2}
_PROJECT = "openinference.project.name"


def cut_short(name: str, start_ns: int, end_ns: int, example_id: str, why: str) -> dict[str, Any]:
    """The span of a call whose process is gone, as a worker would have told it."""
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


def otlp(spans: Iterable[dict[str, Any]], project: str) -> list[dict[str, Any]]:
    """The `resourceSpans` of an export to a project, by its name."""
    resource = {"attributes": [{"key": _PROJECT, "value": {"stringValue": project}}]}
    return [{"resource": resource, "scopeSpans": [{"spans": [_span(one) for one in spans]}]}]


def _span(one: dict[str, Any]) -> dict[str, Any]:
    told = {
        "traceId": one["trace_id"],
        "spanId": one["span_id"],
        "name": one["name"],
        "startTimeUnixNano": str(one["start_ns"]),
        "endTimeUnixNano": str(one["end_ns"]),
        "status": {"code": _STATUS[one["status"]], "message": one["message"] or ""},
        "attributes": [{"key": key, "value": _value(value)} for key, value in one["attributes"].items()],
    }
    return told if one["parent_id"] is None else {**told, "parentSpanId": one["parent_id"]}


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in cast("list[Any]", value)]}}
    return {"stringValue": str(value)}
