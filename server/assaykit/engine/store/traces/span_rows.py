"""Spans as flat rows for evaluators, read without making spans of them.

A run reads a few paths of each span. Most of these lie in the span's own columns, so the verdicts and annotations of
the spans are read only for a path that leads to one.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from assaykit.engine.store.keys import listed
from assaykit.engine.store.tables import spans
from assaykit.engine.store.times import moment
from assaykit.engine.store.traces.spans import by_ids
from assaykit.judge.columns import ATTRIBUTES, Row, span_row
from assaykit.wire.bodies import rfc3339

_ELSEWHERE = (
    "eval.", "trace_eval.", "session_eval.", "annotation.", "trace_annotation.", "event.", "exception.",
    "status_message",
)  # fmt: skip
"""The beginnings of the columns of verdicts and annotations, of events and of the status, which few evaluators read."""

_OWN = sa.select(
    spans.c.span_id,
    spans.c.n,
    spans.c.trace_id,
    spans.c.parent_id,
    spans.c.name,
    spans.c.kind,
    spans.c.status_code,
    spans.c.start_ns,
    spans.c.end_ns,
    spans.c.attributes,
).where(spans.c.project_id == sa.bindparam("project_id"), listed(spans.c.span_id))


class PlacedRow(NamedTuple):
    """A span's row, and the span's place in the ingest sequence."""

    place: int
    row: Row


def of(
    connection: sa.Connection, project_id: str, span_ids: Sequence[str], paths: Collection[str]
) -> dict[str, PlacedRow]:
    """The rows of some spans by id, each with all columns that a path in `paths` can lead to."""
    found = connection.execute(_OWN, {"project_id": project_id, "listed": list(span_ids)}).fetchall()
    if any(path.startswith(_ELSEWHERE) for path in paths):
        whole = by_ids(connection, project_id, span_ids)
        return {row.span_id: PlacedRow(row.n, span_row(whole[row.span_id])) for row in found}
    is_timed = not {"start_time", "latency_ms"}.isdisjoint(paths)
    return {row.span_id: PlacedRow(row.n, _row(row, is_timed=is_timed)) for row in found}


def _row(found: Sequence[Any], *, is_timed: bool) -> dict[str, Any]:
    """The row as `span_row` makes it, without verdicts and annotations; without times unless they are asked for."""
    span_id, _, trace_id, parent_id, name, kind, status_code, start_ns, end_ns, attributes = found
    row: dict[str, Any] = {
        "name": name,
        "span_kind": kind,
        "status_code": status_code,
        "context.span_id": span_id,
        "context.trace_id": trace_id,
        "parent_id": parent_id,
    }
    if is_timed:
        start, end = moment(start_ns), moment(end_ns)
        row["start_time"] = rfc3339(start) if start else None
        row["latency_ms"] = (end - start).total_seconds() * 1000 if start and end else None
    for key, value in attributes.items():
        row[ATTRIBUTES + key] = value
    return row
