"""Routes of traces: the OTLP export over HTTP (protobuf or JSON), answered after the spans are stored, and the list."""

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assaykit.engine import ingest
from assaykit.engine.operations import Operation
from assaykit.engine.problems import Malformed
from assaykit.engine.requests import answer, engine, page
from assaykit.engine.requests import body as body_of
from assaykit.engine.routes.spans import window
from assaykit.engine.store.traces import traces
from assaykit.wire.traces import ListTracesRequest, TracePage

DEFAULT_TRACES = 25
TRACES_PER_PAGE = 50


async def export(request: Request) -> Response:
    """`POST /v1/traces`: an OTLP ExportTraceServiceRequest."""
    from assaykit.engine import otlp  # noqa: PLC0415  (protobuf is imported when the first spans arrive)

    here = engine(request)
    content_type = request.headers.get("content-type", "")
    encoding = request.headers.get("content-encoding")
    body = await request.body()
    arrived = await anyio.to_thread.run_sync(
        lambda: otlp.spans(otlp.decode(body, content_type=content_type, content_encoding=encoding))
    )
    arrived = await ingest.keep(here, arrived)
    return Response(otlp.reply(arrived, content_type), media_type=content_type.partition(";")[0])


async def list_traces(request: Request) -> Response:
    """`POST /v2/traces`: traces with at least one span that matches the filter, newest root first."""
    wanted = await body_of(request, ListTracesRequest)
    if wanted.filter is not None and not wanted.filter.strip():
        raise Malformed("The filter is blank.", "Leave it out to list every trace.")
    here = engine(request)
    at = page(request, default=DEFAULT_TRACES, most=TRACES_PER_PAGE)
    within = window(wanted.start_time, wanted.end_time, here.clock.now_ns())
    return answer(await here.database.read(traces.page, wanted.project_id, within, wanted.filter, at))


routes = [
    Route("/v1/traces", export, methods=["POST"]),
    Route("/v1/traces/", export, methods=["POST"]),
    Operation(
        "/v2/traces", list_traces, "POST", takes=ListTracesRequest, gives=TracePage, status=200, most=TRACES_PER_PAGE
    ),
]
