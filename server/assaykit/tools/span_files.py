"""Spans as rows of a file. `log_evaluations` reads the same columns, such as `eval.<name>.label`.

A file may have 100,000 spans, so the spans of a page stay JSON objects, and become rows without span objects. A span
that differs in any part from the usual form is read as a span object, which accepts more forms and refuses the others.
"""

import json
from datetime import datetime
from typing import Any, get_args

from pydantic import ValidationError

from assaykit.errors import ContractBroken
from assaykit.judge.columns import ATTRIBUTES, EVENT, said_columns, span_row
from assaykit.wire.bodies import Page, rfc3339
from assaykit.wire.spans import Annotation, Evaluation, Span, SpanKind, SpanStatusCode

_KINDS = frozenset({None, *get_args(SpanKind)})
_STATUSES = frozenset({None, *get_args(SpanStatusCode)})


class SpanObjects(Page[dict[str, Any]]):
    """A page of spans as JSON objects. Source: `POST /v2/spans`."""

    spans: list[dict[str, Any]] = []

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The spans of this page."""
        return self.spans


def file_row(told: dict[str, Any]) -> dict[str, Any]:
    """A span of a page as a row of a file.

    Raises:
        ContractBroken: the object is not a span.
    """
    try:
        return _usual(told)
    except (LookupError, TypeError, ValueError, AttributeError):
        return row_of_span(_read(told))


def _usual(told: dict[str, Any]) -> dict[str, Any]:
    """The row of a span in the usual form. Any other error than none means that the span has another form."""
    context, kind, status = told["context"], told.get("kind"), told.get("status_code")
    has_exception = any(event.get("name") == "exception" for event in told.get("events", ()))
    if kind not in _KINDS or status not in _STATUSES or has_exception:
        raise ValueError
    start, end = _moment(told.get("start_time")), _moment(told.get("end_time"))
    row = {
        "context.span_id": _text(context["span_id"]),
        "context.trace_id": _text(context["trace_id"]),
        "end_time": None if end is None else f"{end.isoformat()}Z",
        "status_message": _text(told.get("status_message")) or None,
        "name": _text(told.get("name")),
        "span_kind": kind,
        "status_code": status,
        "latency_ms": None if start is None or end is None else (end - start).total_seconds() * 1000,
        "parent_id": _text(told.get("parent_id")),
        "start_time": None if start is None else f"{start.isoformat()}Z",
    }
    for key, value in told.get("attributes", {}).items():
        row[ATTRIBUTES + key] = value
    evaluations = told.get("evaluations", ())
    said = told.get("annotations", ()), told.get("trace_annotations", ())
    if evaluations or any(said):
        by_people = [list(map(Annotation.model_validate, some)) for some in said]
        row |= said_columns(map(Evaluation.model_validate, evaluations), *by_people)
    return {key: value for key, value in row.items() if value is not None}


def _text(value: str | None) -> str | None:
    if value is not None and not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]  (it is JSON)
        raise TypeError
    return value


def _moment(value: str | None) -> datetime | None:
    """The moment of a time in UTC, as the engine writes it, without a zone."""
    if value is None:
        return None
    if value[-1] != "Z":
        raise ValueError
    moment = datetime.fromisoformat(value[:-1])
    if moment.tzinfo is not None:
        raise ValueError
    return moment


def _read(told: dict[str, Any]) -> Span:
    try:
        return Span.read(json.dumps(told))
    except ValidationError as error:
        raise ContractBroken(
            "The backend answered with a span that is not valid.",
            "This is a fault in assaykit or the backend; please report it.",
        ) from error


def row_of_span(span: Span) -> dict[str, Any]:
    """A span object as a row of a file, without its events but the last exception."""
    row = {key: value for key, value in span_row(span).items() if value is not None and not key.startswith(EVENT)}
    ids = {key: row.pop(key) for key in ("context.span_id", "context.trace_id")}
    if span.end_time is not None:
        ids["end_time"] = rfc3339(span.end_time)
    if span.status_message:
        ids["status_message"] = span.status_message
    return {**ids, **row}
