"""Pages of whole spans as JSON text, written without making spans of the rows.

The text is that of `SpanPage`. The attributes are JSON text in the store already, and go into the page as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic import BaseModel
from pydantic_core import to_json

from assaykit.engine import json_text
from assaykit.engine.store import times
from assaykit.engine.store.pages import PageRequest
from assaykit.engine.store.tables import spans
from assaykit.engine.store.traces import annotations, verdicts
from assaykit.engine.store.traces.spans import TimeRange, event, page_rows

NO_NUMBERS = ("NaN", "Infinity")
"""Words that Python writes for numbers that JSON lacks. A page has null for them."""

_TEXTS = sa.select(
    *(column for column in spans.columns if column.name not in {"attributes", "events"}),
    sa.type_coerce(spans.c.attributes, sa.String).label("attributes"),
    sa.type_coerce(spans.c.events, sa.String).label("events"),
)
"""The columns of the table, with the JSON as text."""


class _Said(NamedTuple):
    """The verdicts and annotations on the spans of a page, as JSON lists by span, trace or session id."""

    on_span: Mapping[str, str]
    on_trace: Mapping[str, str]
    on_session: Mapping[str, str]
    annotated: Mapping[str, str]
    trace_annotated: Mapping[str, str]


def page(
    connection: sa.Connection,
    project_id: str,
    window: TimeRange,
    filter_text: str | None,
    at: PageRequest,
    run_id: str | None = None,
) -> bytes:
    """The JSON text of `spans.page` with every column.

    Raises:
        NotFound: no such project.
        Invalid: the filter cannot be read.
    """
    rows, pagination = page_rows(connection, project_id, window, filter_text, at, run_id, _TEXTS)
    said = _said(connection, project_id, rows)
    listed = ",".join([_span(row, said) for row in rows])
    return f'{{"pagination":{_text(pagination)},"spans":[{listed}]}}'.encode()


def _said(connection: sa.Connection, project_id: str, rows: Sequence[sa.Row[Any]]) -> _Said:
    changed = {row.span_id: row.changed_ns for row in rows if row.changed_ns is not None}
    span_ids, trace_ids = [row.span_id for row in rows], list({row.trace_id for row in rows})
    session_ids = list({row.session_id for row in rows if row.session_id})
    return _Said(
        _items(verdicts.of(connection, project_id, "SPAN", span_ids, changed)),
        _items(verdicts.shared(connection, project_id, "TRACE", trace_ids)),
        _items(verdicts.shared(connection, project_id, "SESSION", session_ids)),
        _items(annotations.of(connection, project_id, "SPAN", span_ids)),
        _items(annotations.of(connection, project_id, "TRACE", trace_ids)),
    )


def _span(row: sa.Row[Any], said: _Said) -> str:
    told: dict[str, Any] = {
        "context": {"trace_id": row.trace_id, "span_id": row.span_id},
        "name": row.name,
        "kind": row.kind,
        "parent_id": row.parent_id,
        "start_time": times.text(row.start_ns),
        "end_time": times.text(row.end_ns),
        "status_code": row.status_code,
        "status_message": row.status_message,
    }
    head = json_text.written({key: value for key, value in told.items() if value is not None})
    judged = ",".join(
        filter(
            None,
            (
                said.on_span.get(row.span_id),
                said.on_trace.get(row.trace_id),
                said.on_session.get(row.session_id),
            ),
        )
    )
    return (
        f'{head[:-1]},"attributes":{_attributes(row.attributes)},"annotations":[{said.annotated.get(row.span_id, "")}],'
        f'"trace_annotations":[{said.trace_annotated.get(row.trace_id, "")}],"evaluations":[{judged}],'
        f'"events":{_events(row.events)}}}'
    )


def _attributes(stored: str) -> str:
    if any(word in stored for word in NO_NUMBERS):
        return to_json(json_text.read(stored), inf_nan_mode="null").decode()
    return stored


def _events(stored: str) -> str:
    return "[]" if stored == "[]" else f"[{','.join(_text(event(one)) for one in json_text.read(stored))}]"


def _items(found: Mapping[str, Sequence[BaseModel]]) -> Mapping[str, str]:
    return {key: ",".join(map(_text, some)) for key, some in found.items()}


def _text(body: BaseModel) -> str:
    return body.model_dump_json(exclude_none=True)
