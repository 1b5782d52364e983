"""REST routes of spans. Listing is a POST, because the project and the filter are in the body."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine import sdk_versions
from assaykit.engine.operations import Operation
from assaykit.engine.problems import Malformed, listing_undeleted
from assaykit.engine.requests import JSON, answer, body, engine, page
from assaykit.engine.store.pages import PageRequest
from assaykit.engine.store.times import earlier, nanoseconds
from assaykit.engine.store.traces import span_texts, spans
from assaykit.errors import Invalid
from assaykit.wire.spans import DeleteSpansRequest, DeleteSpansResponse, ListSpansRequest, SpanPage

SPANS_PER_PAGE = 500
DEFAULT_WINDOW = timedelta(days=7)
DELETE_WINDOW = timedelta(days=2 * 365)


async def list_spans(request: Request) -> Response:
    """`POST /v2/spans`: one page of spans, newest start first, by default of the last week."""
    wanted = await body(request, ListSpansRequest)
    shape = shape_of(wanted)
    here = engine(request)
    at = page(request, most=SPANS_PER_PAGE)
    within = window(wanted.start_time, wanted.end_time, here.clock.now_ns())

    def read(connection: sa.Connection) -> Response:
        return page_answer(connection, wanted, within, shape, at)

    return await here.database.read(read)


def page_answer(
    connection: sa.Connection,
    wanted: ListSpansRequest,
    within: spans.TimeRange,
    shape: spans.Shape,
    at: PageRequest,
    run_id: str | None = None,
) -> Response:
    """The answer with one page of spans.

    Raises:
        NotFound: no such project.
        Invalid: the filter cannot be read.
    """
    asked = wanted.project_id, within, wanted.filter
    if shape is spans.EVERYTHING and sdk_versions.older() is None:
        return Response(span_texts.page(connection, *asked, at, run_id), media_type=JSON)
    return answer(spans.page(connection, *asked, shape, at, run_id))


def shape_of(wanted: ListSpansRequest) -> spans.Shape:
    """The columns and the string length of the spans in the answer.

    Raises:
        Invalid: the request both includes and excludes columns.
        Malformed: the filter is blank.
    """
    if wanted.included_columns and wanted.excluded_columns:
        raise Invalid("included_columns and excluded_columns exclude each other.", "Give one of them.")
    if wanted.filter is not None and not wanted.filter.strip():
        raise Malformed("The filter is blank.", "Leave it out to list every span.")
    if not (wanted.included_columns or wanted.excluded_columns or wanted.truncate_string_length):
        return spans.EVERYTHING
    return spans.Shape(
        frozenset(wanted.included_columns) if wanted.included_columns else None,
        frozenset(wanted.excluded_columns or ()),
        wanted.truncate_string_length,
    )


async def delete_spans(request: Request) -> Response:
    """`DELETE /v2/spans`: at most 5,000 by id, by default of the last two years."""
    wanted = await body(request, DeleteSpansRequest)
    here = engine(request)
    within = window(wanted.start_time, wanted.end_time, here.clock.now_ns(), DELETE_WINDOW)
    with listing_undeleted("span", wanted.span_ids):
        deleted = await here.database.settle(spans.delete, wanted.project_id, within, wanted.span_ids)
    return answer(deleted)


def window(
    start: datetime | None, end: datetime | None, now_ns: int, width: timedelta = DEFAULT_WINDOW
) -> spans.TimeRange:
    """The requested window, both bounds inclusive. The end defaults to now, the start to `width` before the end.

    Raises:
        Invalid: it ends before it starts.
    """
    end_ns = nanoseconds(end)
    # The wire has microseconds, so an inclusive end includes all nanoseconds of its microsecond.
    end_ns = now_ns if end_ns is None else end_ns + 999
    start_ns = nanoseconds(start)
    if start_ns is None:
        start_ns = earlier(end_ns, int(width.total_seconds()) * 1_000_000_000)
    if start is not None and end is not None and start_ns > end_ns:
        raise Invalid("start_time lies after end_time.", "Swap them.")
    return spans.TimeRange(start_ns, end_ns)


routes = [
    Operation("/v2/spans", list_spans, "POST", takes=ListSpansRequest, gives=SpanPage, status=200, most=SPANS_PER_PAGE),
    Operation("/v2/spans", delete_spans, "DELETE", takes=DeleteSpansRequest, gives=DeleteSpansResponse),
]
