"""The route of the contract's own description. AX publishes its API elsewhere."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from assaykit import __version__
from assaykit.engine import openapi
from assaykit.engine.operations import Operation


async def show_document(request: Request) -> Response:
    """`GET /openapi.json`: every route of the contract that this engine has."""
    operations = [route for route in request.app.routes if isinstance(route, Operation)]
    return JSONResponse(openapi.document(operations, __version__))


routes = [Route("/openapi.json", show_document)]
