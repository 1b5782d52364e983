"""REST routes of AI integrations. A request may send a key itself, which `engine.raw_keys` keeps, or a reference."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine import credentials, raw_keys
from assaykit.engine.operations import Operation
from assaykit.engine.problems import Malformed
from assaykit.engine.requests import answer, body, created, engine, gone, page
from assaykit.engine.store.definitions import integrations
from assaykit.errors import AssayError
from assaykit.wire.integrations import (
    AiIntegration,
    AiIntegrationPage,
    CreateAiIntegrationRequest,
    UpdateAiIntegrationRequest,
)

if TYPE_CHECKING:
    from assaykit.engine.engine import Engine

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
    """`POST /v2/ai-integrations`. A key itself is kept after its integration is there."""
    wanted = await body(request, CreateAiIntegrationRequest)
    here = engine(request)
    made = await here.database.write(integrations.create, wanted, here.environment, here.clock)
    try:
        return created(await _kept(here, made, wanted.api_key))
    except AssayError:
        await here.database.settle(integrations.delete, made.id)
        raise


async def _kept(here: "Engine", made: AiIntegration, api_key: str | None) -> AiIntegration:
    """Keep a key that was sent itself. Returns the integration with its key."""
    if api_key is None or credentials.is_reference(api_key):
        return made
    key = credentials.check_key(api_key, here.environment)
    bound_to = raw_keys.binding(made.id, made.provider, made.base_url, made.headers)
    reference = await here.models.raw_keys.keep(key, bound_to)
    return await here.database.write(integrations.attach, made.id, reference, here.environment)


async def _forget(here: "Engine", reference: str | None) -> None:
    if reference is not None and raw_keys.is_kept(reference):
        await here.models.raw_keys.forget(reference)


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
    before = await here.database.read(integrations.access, target)
    changed = await here.database.write(integrations.update, target, wanted, here.environment, here.clock)
    changed = await _kept(here, changed, wanted.api_key)
    if (await here.database.read(integrations.access, target)).secret_ref != before.secret_ref:
        await _forget(here, before.secret_ref)
    return answer(changed)


async def delete_integration(request: Request) -> Response:
    """`DELETE /v2/ai-integrations/{integration_id}`. A kept key goes from its home too."""
    here, target = engine(request), request.path_params["integration_id"]
    access = await here.database.read(integrations.access, target)
    await here.database.settle(integrations.delete, target)
    await _forget(here, access.secret_ref)
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
