"""REST routes of AI integrations. Requests send a reference to a key, never the key: see `engine.credentials`."""

from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine.operations import Operation
from assaykit.engine.problems import Malformed
from assaykit.engine.requests import answer, body, created, engine, gone, page
from assaykit.engine.store.definitions import integrations
from assaykit.wire.integrations import (
    AiIntegration,
    AiIntegrationPage,
    CreateAiIntegrationRequest,
    UpdateAiIntegrationRequest,
)

CLEARABLE = {"api_key", "base_url", "headers", "provider_metadata"}
"""Fields that null clears; the other fields cannot be null."""


async def list_integrations(request: Request) -> Response:
    """`GET /v2/ai-integrations`."""
    here = engine(request)
    asked = request.query_params
    return answer(
        await here.database.read(
            integrations.page,
            space_id=asked.get("space_id"),
            space_name=asked.get("space_name"),
            name=asked.get("name"),
            at=page(request),
            environment=here.environment,
        )
    )


async def create_integration(request: Request) -> Response:
    """`POST /v2/ai-integrations`."""
    wanted = await body(request, CreateAiIntegrationRequest)
    here = engine(request)
    return created(await here.database.write(integrations.create, wanted, here.environment, here.clock))


async def get_integration(request: Request) -> Response:
    """`GET /v2/ai-integrations/{integration_id}`."""
    here = engine(request)
    wanted = request.path_params["integration_id"]
    return answer(await here.database.read(integrations.get, wanted, here.environment))


async def update_integration(request: Request) -> Response:
    """`PATCH /v2/ai-integrations/{integration_id}`: omitted fields stay."""
    wanted = await body(request, UpdateAiIntegrationRequest)
    if not wanted.model_fields_set:
        raise Malformed("The body changes nothing.", "Send the fields to change.")
    for name in wanted.model_fields_set - CLEARABLE:
        if getattr(wanted, name) is None:
            raise Malformed(f"{name} cannot be null.", "Leave it out to keep it.")
    here = engine(request)
    target = request.path_params["integration_id"]
    return answer(await here.database.write(integrations.update, target, wanted, here.environment, here.clock))


async def delete_integration(request: Request) -> Response:
    """`DELETE /v2/ai-integrations/{integration_id}`."""
    await engine(request).database.settle(integrations.delete, request.path_params["integration_id"])
    return gone()


routes = [
    Operation("/v2/ai-integrations", list_integrations, gives=AiIntegrationPage, query=("name",)),
    Operation(
        "/v2/ai-integrations",
        create_integration,
        "POST",
        takes=CreateAiIntegrationRequest,
        gives=AiIntegration,
        refuses=(409, 501),
    ),
    Operation("/v2/ai-integrations/{integration_id}", get_integration, gives=AiIntegration),
    Operation(
        "/v2/ai-integrations/{integration_id}",
        update_integration,
        "PATCH",
        takes=UpdateAiIntegrationRequest,
        gives=AiIntegration,
        refuses=(409, 501),
    ),
    Operation("/v2/ai-integrations/{integration_id}", delete_integration, "DELETE", refuses=(409,)),
]
