"""REST routes that search the examples of a dataset and the runs of an experiment."""

from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine.operations import Operation
from assaykit.engine.problems import Malformed
from assaykit.engine.requests import answer, body, engine
from assaykit.engine.store.definitions import searches
from assaykit.engine.store.pages import PageRequest
from assaykit.wire.datasets import ExamplePage, SearchDatasetExamplesRequest
from assaykit.wire.experiments import ExperimentRunPage, SearchExperimentRunsRequest

DEFAULT_LIMIT = 50


async def search_examples(request: Request) -> Response:
    """`POST /v2/datasets/{dataset_id}/examples/search`."""
    wanted = await body(request, SearchDatasetExamplesRequest)
    target = request.path_params["dataset_id"]
    return answer(
        await engine(request).database.read(
            searches.search_examples, target, wanted.dataset_version_id or None, _filter(wanted), _slice(wanted)
        )
    )


async def search_runs(request: Request) -> Response:
    """`POST /v2/experiments/{experiment_id}/runs/search`."""
    wanted = await body(request, SearchExperimentRunsRequest)
    target = request.path_params["experiment_id"]
    return answer(await engine(request).database.read(searches.search_runs, target, _filter(wanted), _slice(wanted)))


def _filter(wanted: SearchDatasetExamplesRequest | SearchExperimentRunsRequest) -> str | None:
    if wanted.filter is not None and not wanted.filter.strip():
        raise Malformed("The filter is blank.", "Leave it out to take every row.")
    return wanted.filter


def _slice(wanted: SearchDatasetExamplesRequest | SearchExperimentRunsRequest) -> PageRequest:
    return PageRequest(wanted.limit or DEFAULT_LIMIT, wanted.cursor)


routes = [
    Operation(
        "/v2/datasets/{dataset_id}/examples/search",
        search_examples,
        "POST",
        takes=SearchDatasetExamplesRequest,
        gives=ExamplePage,
        status=200,
    ),
    Operation(
        "/v2/experiments/{experiment_id}/runs/search",
        search_runs,
        "POST",
        takes=SearchExperimentRunsRequest,
        gives=ExperimentRunPage,
        status=200,
    ),
]
