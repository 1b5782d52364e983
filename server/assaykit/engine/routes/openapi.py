"""The route of the OpenAPI document. AX has no such route; it publishes its API elsewhere."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from assaykit import __version__
from assaykit.engine import openapi
from assaykit.engine.operations import Operation


async def show_document(request: Request) -> Response:
    """`GET /openapi.json`: the document of every contract route that the engine serves."""
    operations = [route for route in request.app.routes if isinstance(route, Operation)]
    return JSONResponse(openapi.document(operations, __version__))


routes = [Route("/openapi.json", show_document)]
