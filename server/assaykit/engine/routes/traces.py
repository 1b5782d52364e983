"""Routes of traces: OTLP over HTTP (protobuf or JSON), answered after spans and events are stored, and the list."""

from collections.abc import Callable
from typing import Any, TypeVar

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

Read = TypeVar("Read")

DEFAULT_TRACES = 25
TRACES_PER_PAGE = 50


async def export(request: Request) -> Response:
    """`POST /v1/traces`: an OTLP ExportTraceServiceRequest."""
    from assaykit.engine import otlp  # noqa: PLC0415  (protobuf is imported when the first spans arrive)

    arrived = await _read(request, otlp.TRACES, otlp.spans)
    return _encoded(request, otlp.response(await ingest.keep(engine(request), arrived)))


async def export_logs(request: Request) -> Response:
    """`POST /v1/logs`: an OTLP ExportLogsServiceRequest, of which GenAI events are kept."""
    from assaykit.engine import otlp_logs  # noqa: PLC0415  (as above)

    found = await _read(request, otlp_logs.LOGS, otlp_logs.events)
    await ingest.keep_events(engine(request), found)
    return _encoded(request, otlp_logs.response(found))


async def _read(request: Request, signal: Any, read: Callable[[Any], Read]) -> Read:
    """The content of a request, read in a worker thread."""
    from assaykit.engine import otlp_messages  # noqa: PLC0415  (as above)

    body = await request.body()
    kind = request.headers.get("content-type", "")
    packed = request.headers.get("content-encoding")
    return await anyio.to_thread.run_sync(
        lambda: read(otlp_messages.decode(signal, body, content_type=kind, content_encoding=packed))
    )


def _encoded(request: Request, message: Any) -> Response:
    from assaykit.engine import otlp_messages  # noqa: PLC0415  (as above)

    kind = request.headers.get("content-type", "")
    return Response(otlp_messages.encoded(message, kind), media_type=kind.partition(";")[0])


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
    Route("/v1/logs", export_logs, methods=["POST"]),
    Route("/v1/logs/", export_logs, methods=["POST"]),
    Operation(
        "/v2/traces", list_traces, "POST", takes=ListTracesRequest, gives=TracePage, status=200, most=TRACES_PER_PAGE
    ),
]
