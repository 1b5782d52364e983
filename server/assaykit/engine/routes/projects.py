"""REST routes of projects."""

from typing import cast, get_args

from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine.operations import NAMED, Operation
from assaykit.engine.problems import Malformed
from assaykit.engine.requests import answer, body, created, engine, gone, page
from assaykit.engine.store.definitions import projects
from assaykit.wire.projects import CreateProjectRequest, Project, ProjectPage, ProjectType, UpdateProjectRequest


async def list_projects(request: Request) -> Response:
    """`GET /v2/projects`."""
    asked = request.query_params
    kind = (asked.get("project_type") or "").upper() or None
    if kind is not None and kind not in get_args(ProjectType):
        raise Malformed(f"project_type must be one of {', '.join(get_args(ProjectType))}.")
    return answer(
        await engine(request).database.read(
            projects.page,
            space_id=asked.get("space_id"),
            space_name=asked.get("space_name"),
            name=asked.get("name"),
            kind=cast("ProjectType | None", kind),
            at=page(request),
        )
    )


async def create_project(request: Request) -> Response:
    """`POST /v2/projects`."""
    wanted = await body(request, CreateProjectRequest)
    here = engine(request)
    return created(await here.database.write(projects.create, wanted, here.clock))


async def get_project(request: Request) -> Response:
    """`GET /v2/projects/{project_id}`."""
    return answer(await engine(request).database.read(projects.get, request.path_params["project_id"]))


async def rename_project(request: Request) -> Response:
    """`PATCH /v2/projects/{project_id}`."""
    wanted = await body(request, UpdateProjectRequest)
    target = request.path_params["project_id"]
    return answer(await engine(request).database.write(projects.rename, target, wanted.name))


async def delete_project(request: Request) -> Response:
    """`DELETE /v2/projects/{project_id}`."""
    await engine(request).database.settle(projects.delete, request.path_params["project_id"])
    return gone()


routes = [
    Operation("/v2/projects", list_projects, gives=ProjectPage, query=(*NAMED, "project_type")),
    Operation("/v2/projects", create_project, "POST", takes=CreateProjectRequest, gives=Project, refuses=(409,)),
    Operation("/v2/projects/{project_id}", get_project, gives=Project),
    Operation(
        "/v2/projects/{project_id}",
        rename_project,
        "PATCH",
        takes=UpdateProjectRequest,
        gives=Project,
        refuses=(409,),
    ),
    Operation("/v2/projects/{project_id}", delete_project, "DELETE"),
]
