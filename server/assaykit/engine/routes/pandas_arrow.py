"""Verdicts on spans as an Arrow stream: what the SDK sends where it is told to keep to HTTP."""

import base64
import binascii
import io
from typing import Any

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from assaykit.engine.extras import require_sdk
from assaykit.engine.problems import Malformed
from assaykit.engine.requests import engine
from assaykit.errors import NotFound

_SCHEMA = b"arize-schema"


async def write_evaluations(request: Request) -> Response:
    """`POST /v1/pandas_arrow`: columns `eval.<name>.*` by `context.span_id`, all of them or none.

    The space is in a header, the project's name in a protobuf message within the stream's own schema. The answer
    says how many rows were written and which ids name no span; where none does, it is 404.
    """
    require_sdk("An upload in Arrow's format")
    from assaykit.engine.flight import frames, messages, spool, writes  # noqa: PLC0415  (pyarrow comes with them)

    here = engine(request)
    space_id = request.headers.get("arize-space-id", "")
    body = await request.body()

    def write(connection: sa.Connection) -> messages.Message:
        with spool.stream(io.BytesIO(body)) as stream:
            project = _project(messages.Schema, stream.schema.metadata or {})
            return writes.evaluate(connection, space_id, project, frames.rows_of(stream), here.clock)

    told = await here.database.write(write)
    unmatched = list(told.unmatched_ids)
    if unmatched and not told.records_updated:
        raise NotFound(f"None of the {len(unmatched)} span ids is in the project.", "Look at context.span_id.")
    return JSONResponse({"records_updated": told.records_updated, "unmatched_ids": unmatched})


def _project(schema: Any, metadata: dict[bytes, bytes]) -> str:
    try:
        name: str = schema.FromString(base64.b64decode(metadata[_SCHEMA], validate=True)).constants.model_id
    except (KeyError, binascii.Error, ValueError) as error:
        raise Malformed("The stream does not name its project.", "Send it as the arize SDK does.") from error
    return name


routes = [Route("/v1/pandas_arrow", write_evaluations, methods=["POST"])]
