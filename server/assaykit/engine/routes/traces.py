"""OTLP over HTTP: where spans arrive. Protobuf and JSON; answered after they are stored."""

import anyio.to_thread
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assaykit.engine.requests import engine
from assaykit.engine.store import projects, spaces, spans
from assaykit.engine.store.pages import Slice


async def ingest(request: Request) -> Response:
    """`POST /v1/traces`: an OTLP ExportTraceServiceRequest."""
    from assaykit.engine import otlp  # noqa: PLC0415  (protobuf is imported when the first spans arrive)

    here = engine(request)
    content_type = request.headers.get("content-type", "")
    encoding = request.headers.get("content-encoding")
    body = await request.body()
    arrived = await anyio.to_thread.run_sync(
        lambda: otlp.spans(otlp.decode(body, content_type=content_type, content_encoding=encoding))
    )

    def store(connection: sa.Connection) -> None:
        space = spaces.page(connection, None, Slice(1)).spaces[0]
        for batch in arrived.batches:
            project = projects.find_or_create(connection, space.id, batch.project, here.clock)
            spans.add(connection, project.id, batch.rows)

    await here.database.write(store)
    return Response(otlp.reply(arrived, content_type), media_type=content_type.partition(";")[0])


routes = [Route("/v1/traces", ingest, methods=["POST"])]
