"""OTLP log export without I/O: the GenAI events in a request, each of which belongs to a span.

Other log records are accepted and not kept, and the answer says so.

Source: OpenTelemetry Protocol 1.x, `ExportLogsServiceRequest`; OpenTelemetry GenAI conventions, events.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from assaykit import messages
from assaykit.engine import json_text, openinference, otlp_messages
from assaykit.engine.otlp_messages import LAST_NS, faults_of_ids, mapping_of, value_of
from assaykit.judge.cut_text import cut

LOGS = otlp_messages.Signal("logs", ExportLogsServiceRequest, LogRecord, ("resourceLogs", "scopeLogs", "logRecords"))

_FAMILY = "gen_ai."
_NAME = "event.name"


class EventIntake(NamedTuple):
    """The content of one request: rows of `tables.log_events` without `n`, and the counts of other records.

    `others` are records that are no GenAI event, and `spanless` are GenAI events without a span.
    """

    rows: list[dict[str, Any]]
    others: int
    spanless: int
    rejected: int
    reason: str | None


def events(request: ExportLogsServiceRequest) -> EventIntake:
    """The GenAI events in a request, in the order sent. A bad one is refused alone.

    A record that is sent again gets the same digest. Equal records within one request get different ones.
    """
    rows: list[dict[str, Any]] = []
    seen = Counter[bytes]()
    others = spanless = rejected = 0
    reason = None
    for record in _records(request):
        attributes = mapping_of(record.attributes)
        name = str(record.event_name or attributes.get(_NAME) or "")
        if record.ByteSize() and not name.startswith(_FAMILY):
            others += 1
        elif record.ByteSize() and not any(record.span_id):
            spanless += 1
        elif (fault := next(_faults(record), None)) is not None:
            rejected += 1
            reason = reason or fault
        else:
            row = _row(record, name, attributes)
            seen[row["digest"]] += 1
            row["digest"] = hashlib.sha256(row["digest"] + str(seen[row["digest"]]).encode()).hexdigest()[:32]
            rows.append(row)
    return EventIntake(rows, others, spanless, rejected, reason)


def response(found: EventIntake) -> ExportLogsServiceResponse:
    """The answer to a stored request. Its message tells of records that are refused or not kept."""
    told = ExportLogsServiceResponse()
    said = [
        *([found.reason] if found.reason else []),
        *([f"{found.others} log record(s) are no GenAI event and were not kept."] if found.others else []),
        *([f"{found.spanless} GenAI event(s) have no span id and were not kept."] if found.spanless else []),
    ]
    if said:
        told.partial_success.rejected_log_records = found.rejected
        told.partial_success.error_message = " ".join(said)
    return told


def _records(request: ExportLogsServiceRequest) -> Iterator[LogRecord]:
    for of_resource in request.resource_logs:
        for of_scope in of_resource.scope_logs:
            yield from of_scope.log_records


def _faults(record: LogRecord) -> Iterator[str]:
    yield from faults_of_ids(record)
    if not 0 <= _time(record) <= LAST_NS:
        yield f"The time {_time(record)} is out of range."


def _time(record: LogRecord) -> int:
    return record.time_unix_nano or record.observed_time_unix_nano


def _row(record: LogRecord, name: str, attributes: dict[str, Any]) -> dict[str, Any]:
    told = openinference.storable(openinference.flattened(_body(record) | attributes))
    row: dict[str, Any] = {
        "trace_id": record.trace_id.hex(),
        "span_id": record.span_id.hex(),
        "name": cut(name),
        "time_ns": _time(record),
        "attributes": told,
    }
    row["digest"] = hashlib.sha256(json_text.written(row).encode("utf-8", "surrogatepass")).digest()
    return row


def _body(record: LogRecord) -> dict[str, Any]:
    """The body as attributes: an object as it is, also from JSON text, and any other value as `content`."""
    if not record.HasField("body"):
        return {}
    told = messages.opened(value_of(record.body))
    if isinstance(told, dict):
        return dict(cast("dict[str, Any]", told))
    return {} if told is None else {"content": told}
