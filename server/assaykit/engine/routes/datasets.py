"""REST routes of datasets and their examples."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine.operations import NAMED, Operation
from assaykit.engine.problems import Malformed, listing_undeleted
from assaykit.engine.requests import answer, body, created, engine, gone, page
from assaykit.engine.store.definitions import datasets
from assaykit.wire.datasets import (
    CreateDatasetRequest,
    Dataset,
    DatasetPage,
    DatasetVersionWithExampleIds,
    DeleteDatasetExamplesRequest,
    DeleteDatasetExamplesResponse,
    ExamplePage,
    InsertDatasetExamplesRequest,
    UpdateDatasetExamplesRequest,
    UpdateDatasetRequest,
)

EXAMPLES_PER_PAGE = 500


async def list_datasets(request: Request) -> Response:
    """`GET /v2/datasets`."""
    asked = request.query_params
    return answer(
        await engine(request).database.read(
            datasets.page,
            space_id=asked.get("space_id"),
            space_name=asked.get("space_name"),
            name=asked.get("name"),
            at=page(request),
        )
    )


async def create_dataset(request: Request) -> Response:
    """`POST /v2/datasets`."""
    wanted = await body(request, CreateDatasetRequest)
    here = engine(request)
    return created(await here.database.write(datasets.create, wanted, here.clock))


async def get_dataset(request: Request) -> Response:
    """`GET /v2/datasets/{dataset_id}`."""
    return answer(await engine(request).database.read(datasets.get, request.path_params["dataset_id"]))


async def rename_dataset(request: Request) -> Response:
    """`PATCH /v2/datasets/{dataset_id}`."""
    wanted = await body(request, UpdateDatasetRequest)
    here = engine(request)
    target = request.path_params["dataset_id"]
    return answer(await here.database.write(datasets.rename, target, wanted.name, here.clock))


async def delete_dataset(request: Request) -> Response:
    """`DELETE /v2/datasets/{dataset_id}`."""
    await engine(request).database.settle(datasets.delete, request.path_params["dataset_id"])
    return gone()


async def list_examples(request: Request) -> Response:
    """`GET /v2/datasets/{dataset_id}/examples`."""
    return answer(
        await engine(request).database.read(
            datasets.example_page,
            request.path_params["dataset_id"],
            _version(request),
            page(request, most=EXAMPLES_PER_PAGE),
        )
    )


async def append_examples(request: Request) -> Response:
    """`POST /v2/datasets/{dataset_id}/examples`."""
    wanted = await body(request, InsertDatasetExamplesRequest)
    here = engine(request)
    version_id = _version(request)
    target = request.path_params["dataset_id"]
    return created(await here.database.write(datasets.append, target, version_id, wanted.examples, here.clock))


async def update_examples(request: Request) -> Response:
    """`PATCH /v2/datasets/{dataset_id}/examples`: at most 1,000 by id, in place or in a copy of the version."""
    wanted = await body(request, UpdateDatasetExamplesRequest)
    _refuse_twice([example.id for example in wanted.examples])
    if wanted.new_version and not wanted.new_version.strip():
        raise Malformed("new_version is blank.", "Leave it out to change the examples in place.")
    here = engine(request)
    version_id = _version(request)
    target = request.path_params["dataset_id"]
    return answer(await here.database.write(datasets.update_examples, target, version_id, wanted, here.clock))


async def delete_examples(request: Request) -> Response:
    """`DELETE /v2/datasets/{dataset_id}/examples`: at most 1,000 by id, from the version that the body names."""
    wanted = await body(request, DeleteDatasetExamplesRequest)
    _refuse_twice(wanted.example_ids)
    here = engine(request)
    target = request.path_params["dataset_id"]
    with listing_undeleted("example", wanted.example_ids):
        deleted = await here.database.settle(
            datasets.delete_examples, target, wanted.dataset_version_id, wanted.example_ids, here.clock
        )
    return answer(deleted)


def _version(request: Request) -> str | None:
    """The version id in the query. The SDK sends an empty one if its caller named no version."""
    return request.query_params.get("dataset_version_id") or None


def _refuse_twice(example_ids: Sequence[str]) -> None:
    if len(set(example_ids)) < len(example_ids):
        raise Malformed("An example id occurs twice.", "Send each id once.")


routes = [
    Operation("/v2/datasets", list_datasets, gives=DatasetPage, query=NAMED),
    Operation("/v2/datasets", create_dataset, "POST", takes=CreateDatasetRequest, gives=Dataset, refuses=(409,)),
    Operation("/v2/datasets/{dataset_id}", get_dataset, gives=Dataset),
    Operation(
        "/v2/datasets/{dataset_id}",
        rename_dataset,
        "PATCH",
        takes=UpdateDatasetRequest,
        gives=Dataset,
        refuses=(409,),
    ),
    Operation("/v2/datasets/{dataset_id}", delete_dataset, "DELETE"),
    Operation(
        "/v2/datasets/{dataset_id}/examples",
        list_examples,
        gives=ExamplePage,
        query=("dataset_version_id",),
        most=EXAMPLES_PER_PAGE,
    ),
    Operation(
        "/v2/datasets/{dataset_id}/examples",
        append_examples,
        "POST",
        takes=InsertDatasetExamplesRequest,
        gives=DatasetVersionWithExampleIds,
        query=("dataset_version_id",),
    ),
    Operation(
        "/v2/datasets/{dataset_id}/examples",
        update_examples,
        "PATCH",
        takes=UpdateDatasetExamplesRequest,
        gives=DatasetVersionWithExampleIds,
        query=("dataset_version_id",),
        refuses=(409,),
    ),
    Operation(
        "/v2/datasets/{dataset_id}/examples",
        delete_examples,
        "DELETE",
        takes=DeleteDatasetExamplesRequest,
        gives=DeleteDatasetExamplesResponse,
    ),
]
