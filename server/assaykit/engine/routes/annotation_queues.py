"""REST routes of annotation queues and their records."""

from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine.operations import NAMED, Operation
from assaykit.engine.requests import answer, body, created, engine, gone, page
from assaykit.engine.store.definitions import annotation_queues, queue_records
from assaykit.errors import Unsupported
from assaykit.wire.annotation_queues import (
    AnnotationQueue,
    AnnotationQueuePage,
    AnnotationQueueRecordPage,
    CreateAnnotationQueueRequest,
)

RECORDS_PER_PAGE = 500


async def list_queues(request: Request) -> Response:
    """`GET /v2/annotation-queues`."""
    asked = request.query_params
    return answer(
        await engine(request).database.read(
            annotation_queues.page,
            space_id=asked.get("space_id"),
            space_name=asked.get("space_name"),
            name=asked.get("name"),
            at=page(request),
        )
    )


async def create_queue(request: Request) -> Response:
    """`POST /v2/annotation-queues`."""
    wanted = await body(request, CreateAnnotationQueueRequest)
    if wanted.assignment_method == "RANDOM":
        raise Unsupported("The embedded engine does not have random assignment.", "Leave assignment_method out.")
    here = engine(request)
    return created(await here.database.write(annotation_queues.create, wanted, here.clock))


async def get_queue(request: Request) -> Response:
    """`GET /v2/annotation-queues/{queue_id}`."""
    return answer(await engine(request).database.read(annotation_queues.get, request.path_params["queue_id"]))


async def delete_queue(request: Request) -> Response:
    """`DELETE /v2/annotation-queues/{queue_id}`."""
    await engine(request).database.settle(annotation_queues.delete, request.path_params["queue_id"])
    return gone()


async def list_records(request: Request) -> Response:
    """`GET /v2/annotation-queues/{queue_id}/records`."""
    at = page(request, most=RECORDS_PER_PAGE)
    return answer(await engine(request).database.read(queue_records.page, request.path_params["queue_id"], at))


async def update_queue(_request: Request) -> Response:
    """`PATCH /v2/annotation-queues/{queue_id}`: not here."""
    raise _no_changes()


async def add_records(_request: Request) -> Response:
    """`POST /v2/annotation-queues/{queue_id}/records`: not here."""
    raise _no_changes()


async def delete_records(_request: Request) -> Response:
    """`DELETE /v2/annotation-queues/{queue_id}/records`: not here."""
    raise _no_changes()


def _no_changes() -> Unsupported:
    return Unsupported(
        "The embedded engine does not have changes of annotation queues.",
        "Make another queue; labels stand with the items themselves: POST /v2/spans/annotate.",
    )


_AT = "/v2/annotation-queues"

routes = [
    Operation(_AT, list_queues, gives=AnnotationQueuePage, query=NAMED),
    Operation(_AT, create_queue, "POST", takes=CreateAnnotationQueueRequest, gives=AnnotationQueue, refuses=(409, 501)),
    Operation(f"{_AT}/{{queue_id}}", get_queue, gives=AnnotationQueue),
    Operation(f"{_AT}/{{queue_id}}", delete_queue, "DELETE"),
    Operation(f"{_AT}/{{queue_id}}", update_queue, "PATCH", status=501),
    Operation(f"{_AT}/{{queue_id}}/records", list_records, gives=AnnotationQueueRecordPage, most=RECORDS_PER_PAGE),
    Operation(f"{_AT}/{{queue_id}}/records", add_records, "POST", status=501),
    Operation(f"{_AT}/{{queue_id}}/records", delete_records, "DELETE", status=501),
]
