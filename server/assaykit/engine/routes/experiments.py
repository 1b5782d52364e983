"""REST routes of experiments and their runs."""

from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine.operations import Operation
from assaykit.engine.problems import Malformed
from assaykit.engine.requests import answer, body, created, engine, gone, page
from assaykit.engine.store.definitions import experiments
from assaykit.wire.experiments import (
    CreateExperimentRequest,
    Experiment,
    ExperimentPage,
    ExperimentRunPage,
    ExperimentWithRunIds,
    InsertExperimentRunsRequest,
)

RUNS_PER_PAGE = 500


async def list_experiments(request: Request) -> Response:
    """`GET /v2/experiments`."""
    asked = request.query_params
    if asked.get("dataset_id") and asked.get("space_id"):
        raise Malformed("dataset_id and space_id exclude each other.", "Give one of them.")
    return answer(
        await engine(request).database.read(
            experiments.page,
            dataset_id=asked.get("dataset_id"),
            space_id=asked.get("space_id"),
            name=asked.get("name"),
            at=page(request),
        )
    )


async def create_experiment(request: Request) -> Response:
    """`POST /v2/experiments`."""
    wanted = await body(request, CreateExperimentRequest)
    if (wanted.dataset_id is None) == (wanted.space_id is None):
        raise Malformed("Give exactly one of dataset_id and space_id.")
    here = engine(request)
    return created(await here.database.write(experiments.create, wanted, here.clock))


async def get_experiment(request: Request) -> Response:
    """`GET /v2/experiments/{experiment_id}`."""
    return answer(await engine(request).database.read(experiments.get, request.path_params["experiment_id"]))


async def delete_experiment(request: Request) -> Response:
    """`DELETE /v2/experiments/{experiment_id}`."""
    await engine(request).database.settle(experiments.delete, request.path_params["experiment_id"])
    return gone()


async def list_runs(request: Request) -> Response:
    """`GET /v2/experiments/{experiment_id}/runs`."""
    target = request.path_params["experiment_id"]
    at = page(request, most=RUNS_PER_PAGE)
    return answer(await engine(request).database.read(experiments.run_page, target, at))


async def append_runs(request: Request) -> Response:
    """`POST /v2/experiments/{experiment_id}/runs`."""
    wanted = await body(request, InsertExperimentRunsRequest)
    here = engine(request)
    target = request.path_params["experiment_id"]
    return created(await here.database.write(experiments.append, target, wanted.experiment_runs, here.clock))


routes = [
    Operation("/v2/experiments", list_experiments, gives=ExperimentPage, query=("dataset_id", "space_id", "name")),
    Operation(
        "/v2/experiments",
        create_experiment,
        "POST",
        takes=CreateExperimentRequest,
        gives=ExperimentWithRunIds,
        refuses=(409,),
    ),
    Operation("/v2/experiments/{experiment_id}", get_experiment, gives=Experiment),
    Operation("/v2/experiments/{experiment_id}", delete_experiment, "DELETE"),
    Operation("/v2/experiments/{experiment_id}/runs", list_runs, gives=ExperimentRunPage, most=RUNS_PER_PAGE),
    Operation(
        "/v2/experiments/{experiment_id}/runs",
        append_runs,
        "POST",
        takes=InsertExperimentRunsRequest,
        gives=ExperimentWithRunIds,
    ),
]
