"""Verdicts on spans as an Arrow stream, which the SDK sends if its user chooses HTTP over Flight."""

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
    """`POST /v1/pandas_arrow`: write columns `eval.<name>.*` by `context.span_id`, all rows or none.

    A header holds the space id, and a protobuf message in the stream's schema holds the project's name. The answer has
    the number of rows written and the ids without a span. It is 404 if no id has a span.
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
        raise NotFound(f"None of the {len(unmatched)} span ids is in the project.", "Check the column context.span_id.")
    return JSONResponse({"records_updated": told.records_updated, "unmatched_ids": unmatched})


def _project(schema: Any, metadata: dict[bytes, bytes]) -> str:
    try:
        name: str = schema.FromString(base64.b64decode(metadata[_SCHEMA], validate=True)).constants.model_id
    except (KeyError, binascii.Error, ValueError) as error:
        raise Malformed("The stream does not name its project.", "Send it as the arize SDK does.") from error
    return name


routes = [Route("/v1/pandas_arrow", write_evaluations, methods=["POST"])]
