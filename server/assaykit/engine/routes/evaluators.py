"""REST routes of evaluators, their versions, and the catalogue of ready-made judges."""

from pydantic import RootModel
from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine.operations import NAMED, Operation
from assaykit.engine.problems import Malformed
from assaykit.engine.requests import answer, body, created, engine, gone, page
from assaykit.engine.store.definitions import evaluators
from assaykit.judge import catalogue, score
from assaykit.wire.evaluators import (
    CreateCodeVersionRequest,
    CreateEvaluatorRequest,
    CreateTemplateVersionRequest,
    CreateVersionRequest,
    DeleteEvaluatorVersionsRequest,
    DeleteEvaluatorVersionsResponse,
    Evaluator,
    EvaluatorPage,
    EvaluatorTemplate,
    EvaluatorTemplates,
    EvaluatorVersion,
    EvaluatorVersionPage,
    EvaluatorWithVersion,
    UpdateEvaluatorRequest,
)


class _Version(RootModel[CreateVersionRequest]):
    """A version of any type. The name of its config field decides the type."""


async def list_evaluators(request: Request) -> Response:
    """`GET /v2/evaluators`."""
    asked = request.query_params
    return answer(
        await engine(request).database.read(
            evaluators.page,
            space_id=asked.get("space_id"),
            space_name=asked.get("space_name"),
            name=asked.get("name"),
            at=page(request),
        )
    )


async def create_evaluator(request: Request) -> Response:
    """`POST /v2/evaluators`."""
    wanted = await body(request, CreateEvaluatorRequest)
    _check(wanted.version)
    here = engine(request)
    made = await here.database.write(evaluators.create, wanted, here.clock)
    _expect(request, wanted.version)
    return created(made)


async def get_evaluator(request: Request) -> Response:
    """`GET /v2/evaluators/{evaluator_id}`, with the version `version_id`, by default the newest."""
    wanted = request.path_params["evaluator_id"]
    version_id = request.query_params.get("version_id") or None
    return answer(await engine(request).database.read(evaluators.get, wanted, version_id))


async def create_version(request: Request) -> Response:
    """`POST /v2/evaluators/{evaluator_id}/versions`."""
    wanted = (await body(request, _Version)).root
    _check(wanted)
    here = engine(request)
    target = request.path_params["evaluator_id"]
    made = await here.database.write(evaluators.add_version, target, wanted, here.clock)
    _expect(request, wanted)
    return created(made)


async def update_evaluator(request: Request) -> Response:
    """`PATCH /v2/evaluators/{evaluator_id}`."""
    wanted = await body(request, UpdateEvaluatorRequest)
    if not wanted.model_fields_set:
        raise Malformed("The body changes nothing.", "Send name or description.")
    if "name" in wanted.model_fields_set and wanted.name is None:
        raise Malformed("name cannot be null.", "Leave it out to keep the name.")
    here = engine(request)
    target = request.path_params["evaluator_id"]
    return answer(await here.database.write(evaluators.update, target, wanted, here.clock))


async def list_versions(request: Request) -> Response:
    """`GET /v2/evaluators/{evaluator_id}/versions`."""
    target = request.path_params["evaluator_id"]
    return answer(await engine(request).database.read(evaluators.version_page, target, page(request)))


async def delete_versions(request: Request) -> Response:
    """`DELETE /v2/evaluators/{evaluator_id}/versions`: at most 100 by id, never the last one."""
    wanted = await body(request, DeleteEvaluatorVersionsRequest)
    here = engine(request)
    target = request.path_params["evaluator_id"]
    return answer(await here.database.settle(evaluators.delete_versions, target, wanted.version_ids, here.clock))


async def get_version(request: Request) -> Response:
    """`GET /v2/evaluator-versions/{version_id}`."""
    return answer(await engine(request).database.read(evaluators.version, request.path_params["version_id"]))


async def delete_evaluator(request: Request) -> Response:
    """`DELETE /v2/evaluators/{evaluator_id}`."""
    await engine(request).database.settle(evaluators.delete, request.path_params["evaluator_id"])
    return gone()


async def list_templates(_request: Request) -> Response:
    """`GET /v2/evaluator-templates`: the catalogue of ready-made judges."""
    return answer(
        EvaluatorTemplates(
            evaluator_templates=[
                EvaluatorTemplate(
                    column_name=judge.name,
                    display_name=judge.display_name,
                    template=judge.template,
                    rails=list(judge.choices),
                    classification_choices=dict(judge.choices),
                    direction=judge.direction,
                    data_granularity=judge.granularity,
                )
                for judge in catalogue.all()
            ]
        )
    )


def _expect(request: Request, wanted: CreateVersionRequest) -> None:
    if isinstance(wanted, CreateTemplateVersionRequest):
        engine(request).models.expect()


def _check(wanted: CreateVersionRequest) -> None:
    if isinstance(wanted, CreateTemplateVersionRequest):
        score.check(wanted.template_config)
    elif isinstance(wanted, CreateCodeVersionRequest):
        score.check(wanted.code_config)


routes = [
    Operation("/v2/evaluators", list_evaluators, gives=EvaluatorPage, query=NAMED),
    Operation(
        "/v2/evaluators",
        create_evaluator,
        "POST",
        takes=CreateEvaluatorRequest,
        gives=EvaluatorWithVersion,
        refuses=(409, 501),
    ),
    Operation("/v2/evaluators/{evaluator_id}", get_evaluator, gives=EvaluatorWithVersion, query=("version_id",)),
    Operation(
        "/v2/evaluators/{evaluator_id}",
        update_evaluator,
        "PATCH",
        takes=UpdateEvaluatorRequest,
        gives=Evaluator,
        refuses=(409,),
    ),
    Operation("/v2/evaluators/{evaluator_id}", delete_evaluator, "DELETE", refuses=(409,)),
    Operation("/v2/evaluators/{evaluator_id}/versions", list_versions, gives=EvaluatorVersionPage),
    Operation(
        "/v2/evaluators/{evaluator_id}/versions",
        create_version,
        "POST",
        takes=CreateVersionRequest,
        gives=EvaluatorVersion,
        refuses=(501,),
    ),
    Operation(
        "/v2/evaluators/{evaluator_id}/versions",
        delete_versions,
        "DELETE",
        takes=DeleteEvaluatorVersionsRequest,
        gives=DeleteEvaluatorVersionsResponse,
        refuses=(409,),
    ),
    Operation("/v2/evaluator-versions/{version_id}", get_version, gives=EvaluatorVersion),
    Operation("/v2/evaluator-templates", list_templates, gives=EvaluatorTemplates),
]
