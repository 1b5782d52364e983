"""REST routes of AI integrations. They come from the environment: no key travels over this contract."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assaykit.engine.requests import answer, engine, page
from assaykit.engine.store import integrations


async def list_integrations(request: Request) -> Response:
    """`GET /v2/ai-integrations`."""
    here = engine(request)
    name = request.query_params.get("name")
    return answer(await here.database.read(integrations.page, name, page(request), here.environment))


async def get_integration(request: Request) -> Response:
    """`GET /v2/ai-integrations/{integration_id}`."""
    here = engine(request)
    wanted = request.path_params["integration_id"]
    return answer(await here.database.read(integrations.get, wanted, here.environment))


routes = [
    Route("/v2/ai-integrations", list_integrations),
    Route("/v2/ai-integrations/{integration_id}", get_integration),
]
