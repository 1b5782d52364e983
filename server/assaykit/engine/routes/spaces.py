"""REST routes of spaces."""

from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine.operations import Operation
from assaykit.engine.requests import answer, engine, page
from assaykit.engine.store.definitions import spaces
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


async def create_space(_request: Request) -> Response:
    """`POST /v2/spaces`: refused, because the engine has one fixed space."""
    raise _one_space()


async def update_space(_request: Request) -> Response:
    """`PATCH /v2/spaces/{space_id}`: refused, because the engine has one fixed space."""
    raise _one_space()


async def delete_space(_request: Request) -> Response:
    """`DELETE /v2/spaces/{space_id}`: refused, because the engine has one fixed space."""
    raise _one_space()


def _one_space() -> Unsupported:
    return Unsupported(
        "The embedded engine does not have several spaces; its one space cannot be changed.",
        "Keep work apart by project and dataset, or give a second engine another ASSAYKIT_HOME.",
    )


routes = [
    Operation("/v2/spaces", list_spaces, gives=SpacePage, query=("name", "org_id"), refuses=(501,)),
    Operation("/v2/spaces", create_space, "POST", status=501),
    Operation("/v2/spaces/{space_id}", get_space, gives=Space),
    Operation("/v2/spaces/{space_id}", update_space, "PATCH", status=501),
    Operation("/v2/spaces/{space_id}", delete_space, "DELETE", status=501),
]
