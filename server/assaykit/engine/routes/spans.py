"""REST routes of spans. Listing is a POST: the project and the filter travel in the body."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assaykit.engine.problems import Malformed
from assaykit.engine.requests import answer, body, engine, page
from assaykit.engine.store import spans
from assaykit.engine.store.times import nanoseconds
from assaykit.errors import Invalid
from assaykit.wire.spans import ListSpansRequest

SPANS_PER_PAGE = 500
DEFAULT_WINDOW = timedelta(days=7)


async def list_spans(request: Request) -> Response:
    """`POST /v2/spans`: one page of spans, newest start first; the last week unless a window is given."""
    wanted = await body(request, ListSpansRequest)
    if wanted.included_columns and wanted.excluded_columns:
        raise Invalid("included_columns and excluded_columns exclude each other.", "Give one of them.")
    if wanted.filter is not None and not wanted.filter.strip():
        raise Malformed("The filter is blank.", "Leave it out to list every span.")
    here = engine(request)
    shape = spans.Shape(
        frozenset(wanted.included_columns) if wanted.included_columns else None,
        frozenset(wanted.excluded_columns or ()),
        wanted.truncate_string_length,
    )
    at = page(request, most=SPANS_PER_PAGE)
    return answer(
        await here.database.read(
            spans.page, wanted.project_id, window(wanted, here.clock.now_ns()), wanted.filter, shape, at
        )
    )


def window(wanted: ListSpansRequest, now_ns: int) -> spans.Window:
    """The bounds asked for, both inclusive; the week before the end when there is no start."""
    end_ns = nanoseconds(wanted.end_time)
    # The wire holds microseconds, so an inclusive end takes the rest of its microsecond with it.
    end_ns = now_ns if end_ns is None else end_ns + 999
    start_ns = nanoseconds(wanted.start_time)
    if start_ns is None:
        start_ns = end_ns - int(DEFAULT_WINDOW.total_seconds()) * 1_000_000_000
    return spans.Window(start_ns, end_ns)


routes = [Route("/v2/spans", list_spans, methods=["POST"])]
