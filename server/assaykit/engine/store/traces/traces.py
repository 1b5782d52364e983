"""Traces in the store. A trace is listed by its root span, and has its other spans with it."""

from typing import Any, cast

import sqlalchemy as sa

from assaykit.engine.store.definitions import projects
from assaykit.engine.store.pages import PageRequest, after, newest_by
from assaykit.engine.store.tables import spans as span_table
from assaykit.engine.store.traces import spans
from assaykit.engine.store.traces.span_filters import where
from assaykit.engine.store.traces.spans import TimeRange
from assaykit.filters.fields import span_tree
from assaykit.wire.traces import Trace, TracePage

SPANS_PER_TRACE = 1000
"""The most spans returned with one trace."""


def page(
    connection: sa.Connection, project_id: str, window: TimeRange, filter_text: str | None, at: PageRequest
) -> TracePage:
    """One page of traces, newest root first. A trace without a root in the window is left out, as on AX.

    Raises:
        NotFound: no such project.
        Invalid: the filter cannot be read.
    """
    projects.get(connection, project_id)
    root = span_table.alias("root")
    wanted = [root.c[name] for name in ("n", "start_ns", "trace_id", "span_id")]
    query = cast("sa.Select[Any]", sa.select(*wanted)).where(
        root.c.project_id == project_id, root.c.start_ns.between(*after(at, window)), root.c.parent_id.is_(None)
    )
    if filter_text is not None:
        inside = sa.select(sa.literal(1)).where(
            where(span_tree(filter_text), project_id),
            span_table.c.trace_id == root.c.trace_id,
            span_table.c.start_ns.between(*window),
        )
        query = query.where(inside.correlate(root).exists())
    rows, pagination = newest_by(connection, query, (root.c.start_ns, root.c.n), at)
    traces = [_trace(connection, project_id, window, row.trace_id, row.span_id) for row in rows]
    return TracePage(traces=traces, pagination=pagination)


def _trace(connection: sa.Connection, project_id: str, window: TimeRange, trace_id: str, root_id: str) -> Trace:
    inside, truncated = spans.of_trace(connection, project_id, window, trace_id, SPANS_PER_TRACE)
    return Trace(
        trace_id=trace_id,
        root_span_id=root_id,
        start_time=min((span.start_time for span in inside if span.start_time), default=None),
        end_time=max((span.end_time for span in inside if span.end_time), default=None),
        spans_truncated=truncated,
        spans=inside,
    )
