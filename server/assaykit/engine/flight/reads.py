"""The reads of Flight: rows from the store to a spool, within one transaction."""

from collections.abc import Iterator
from functools import partial

import sqlalchemy as sa

from assaykit.engine.flight import columns
from assaykit.engine.flight.frames import ArrowRow
from assaykit.engine.flight.spool import Spool
from assaykit.engine.flight.tickets import FlightRequest, GetDataset, GetExperiment, SpanExport
from assaykit.engine.sampling import taken
from assaykit.engine.store.definitions import bulk
from assaykit.engine.store.pages import PageRequest
from assaykit.engine.store.times import nanoseconds
from assaykit.engine.store.traces import spans
from assaykit.engine.store.traces.span_updates import project_named
from assaykit.engine.store.traces.spans import TimeRange
from assaykit.errors import Invalid

_SPANS_PER_READ = 500


def fetch(connection: sa.Connection, asked: FlightRequest, spool: Spool) -> None:
    """Write the rows that `asked` names to the spool.

    Raises:
        NotFound: no such dataset, version, experiment, space or project.
        Invalid: the filter or the time window is not valid.
    """
    match asked:
        case GetDataset():
            version = asked.dataset_version or None
            spool.write(
                partial(bulk.examples_of, connection, asked.dataset_id, version),
                {"id": "text", "created_at": "int", "updated_at": "int"},
            )
        case GetExperiment():
            spool.write(
                partial(bulk.runs_of, connection, asked.experiment_id),
                {"id": "text", "example_id": "text", "output": "text"},
            )
        case SpanExport():
            begin = columns.projected(asked.projected_columns) if asked.projected_columns else columns.FIXED
            spool.write(partial(span_rows, connection, asked), begin, only=bool(asked.projected_columns))
        case _:
            raise TypeError(type(asked))


def count(connection: sa.Connection, asked: SpanExport) -> int:
    """The number of spans that the query finds, after sampling.

    Raises:
        NotFound: no such space or project.
        Invalid: the filter or the time window is not valid.
    """
    project = project_named(connection, asked.space_id, asked.model_id)
    found = spans.ids(connection, project.id, _window(asked), asked.filter_expression.strip() or None)
    return sum(asked.sample_rate is None or taken(trace_id, asked.sample_rate) for _, trace_id in found)


def span_rows(connection: sa.Connection, asked: SpanExport) -> Iterator[ArrowRow]:
    """The spans that the query finds, as rows, newest first.

    Raises:
        NotFound: no such space or project.
        Invalid: the filter or the time window is not valid.
    """
    project = project_named(connection, asked.space_id, asked.model_id)
    filter_text = asked.filter_expression.strip() or None
    at = PageRequest(_SPANS_PER_READ)
    while True:
        page = spans.page(connection, project.id, _window(asked), filter_text, spans.EVERYTHING, at)
        found = [
            span for span in page.spans if asked.sample_rate is None or taken(span.context.trace_id, asked.sample_rate)
        ]
        yield from map(columns.of_span, found)
        if not page.pagination.has_more:
            return
        at = at._replace(cursor=page.pagination.next_cursor)


def _window(asked: SpanExport) -> TimeRange:
    start, end = nanoseconds(asked.start_time), nanoseconds(asked.end_time)
    if start is None or end is None or start >= end:
        raise Invalid("The window ends before it begins.", "Give a start_time before the end_time.")
    # The query excludes its end; a `TimeRange` of the store includes both ends.
    return TimeRange(start, end - 1)
