"""REST routes of prompts, their versions and labels."""

from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine.operations import NAMED, Operation
from assaykit.engine.problems import Malformed
from assaykit.engine.requests import answer, body, created, engine, gone, page
from assaykit.engine.store.definitions import prompts
from assaykit.wire.prompts import (
    CreatePromptRequest,
    CreatePromptVersionRequest,
    Prompt,
    PromptPage,
    PromptVersion,
    PromptVersionPage,
    PromptWithVersion,
    SetPromptVersionLabelsRequest,
    UpdatePromptRequest,
)


async def list_prompts(request: Request) -> Response:
    """`GET /v2/prompts`."""
    asked = request.query_params
    return answer(
        await engine(request).database.read(
            prompts.page,
            space_id=asked.get("space_id"),
            space_name=asked.get("space_name"),
            name=asked.get("name"),
            at=page(request),
        )
    )


async def create_prompt(request: Request) -> Response:
    """`POST /v2/prompts`."""
    wanted = await body(request, CreatePromptRequest)
    here = engine(request)
    return created(await here.database.write(prompts.create, wanted, here.clock))


async def get_prompt(request: Request) -> Response:
    """`GET /v2/prompts/{prompt_id}`, with the version of `version_id` or `label`, by default the newest."""
    asked = request.query_params
    version_id, label = asked.get("version_id") or None, asked.get("label") or None
    if version_id is not None and label is not None:
        raise Malformed("version_id and label exclude each other.", "Give one of them.")
    wanted = request.path_params["prompt_id"]
    return answer(await engine(request).database.read(prompts.get, wanted, version_id=version_id, label=label))


async def update_prompt(request: Request) -> Response:
    """`PATCH /v2/prompts/{prompt_id}`."""
    wanted = await body(request, UpdatePromptRequest)
    if not wanted.model_fields_set:
        raise Malformed("The body changes nothing.", "Send description; null clears it.")
    here = engine(request)
    target = request.path_params["prompt_id"]
    return answer(await here.database.write(prompts.update, target, wanted.description, here.clock))


async def delete_prompt(request: Request) -> Response:
    """`DELETE /v2/prompts/{prompt_id}`."""
    await engine(request).database.settle(prompts.delete, request.path_params["prompt_id"])
    return gone()


async def list_versions(request: Request) -> Response:
    """`GET /v2/prompts/{prompt_id}/versions`."""
    target = request.path_params["prompt_id"]
    return answer(await engine(request).database.read(prompts.version_page, target, page(request)))


async def create_version(request: Request) -> Response:
    """`POST /v2/prompts/{prompt_id}/versions`."""
    wanted = await body(request, CreatePromptVersionRequest)
    here = engine(request)
    return created(await here.database.write(prompts.add_version, request.path_params["prompt_id"], wanted, here.clock))


async def get_labelled(request: Request) -> Response:
    """`GET /v2/prompts/{prompt_id}/labels/{label_name}`."""
    target, label = request.path_params["prompt_id"], request.path_params["label_name"]
    return answer(await engine(request).database.read(prompts.labelled, target, label))


async def get_version(request: Request) -> Response:
    """`GET /v2/prompt-versions/{version_id}`."""
    return answer(await engine(request).database.read(prompts.version, request.path_params["version_id"]))


async def set_labels(request: Request) -> Response:
    """`PUT /v2/prompt-versions/{version_id}/labels`."""
    wanted = await body(request, SetPromptVersionLabelsRequest)
    target = request.path_params["version_id"]
    return answer(await engine(request).database.write(prompts.set_labels, target, wanted.labels))


async def remove_label(request: Request) -> Response:
    """`DELETE /v2/prompt-versions/{version_id}/labels/{label_name}`."""
    target, label = request.path_params["version_id"], request.path_params["label_name"]
    await engine(request).database.write(prompts.remove_label, target, label)
    return gone()


routes = [
    Operation("/v2/prompts", list_prompts, gives=PromptPage, query=NAMED),
    Operation("/v2/prompts", create_prompt, "POST", takes=CreatePromptRequest, gives=PromptWithVersion, refuses=(409,)),
    Operation("/v2/prompts/{prompt_id}", get_prompt, gives=PromptWithVersion, query=("version_id", "label")),
    Operation("/v2/prompts/{prompt_id}", update_prompt, "PATCH", takes=UpdatePromptRequest, gives=Prompt),
    Operation("/v2/prompts/{prompt_id}", delete_prompt, "DELETE"),
    Operation("/v2/prompts/{prompt_id}/versions", list_versions, gives=PromptVersionPage),
    Operation(
        "/v2/prompts/{prompt_id}/versions",
        create_version,
        "POST",
        takes=CreatePromptVersionRequest,
        gives=PromptVersion,
    ),
    Operation("/v2/prompts/{prompt_id}/labels/{label_name}", get_labelled, gives=PromptVersion),
    Operation("/v2/prompt-versions/{version_id}", get_version, gives=PromptVersion),
    Operation(
        "/v2/prompt-versions/{version_id}/labels",
        set_labels,
        "PUT",
        takes=SetPromptVersionLabelsRequest,
        gives=PromptVersion,
    ),
    Operation("/v2/prompt-versions/{version_id}/labels/{label_name}", remove_label, "DELETE"),
]
