"""REST routes of spaces."""

from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine.operations import Operation
from assaykit.engine.requests import answer, engine, page
from assaykit.engine.store import spaces
from assaykit.errors import Unsupported
from assaykit.wire.spaces import Space, SpacePage


async def list_spaces(request: Request) -> Response:
    """`GET /v2/spaces`."""
    if request.query_params.get("org_id"):
        raise Unsupported("The embedded engine does not have organizations.", "Leave org_id out.")
    name = request.query_params.get("name")
    return answer(await engine(request).database.read(spaces.page, name, page(request)))


async def get_space(request: Request) -> Response:
    """`GET /v2/spaces/{space_id}`."""
    return answer(await engine(request).database.read(spaces.get, request.path_params["space_id"]))


routes = [
    Operation("/v2/spaces", list_spaces, gives=SpacePage, query=("name", "org_id"), refuses=(501,)),
    Operation("/v2/spaces/{space_id}", get_space, gives=Space),
]
