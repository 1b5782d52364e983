"""REST routes of annotation configs, and of annotating spans, runs and examples."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine.operations import NAMED, Operation
from assaykit.engine.problems import Malformed
from assaykit.engine.requests import answer, body, created, engine, gone, page
from assaykit.engine.routes.spans import window
from assaykit.engine.store.definitions import annotation_configs
from assaykit.engine.store.times import nanoseconds
from assaykit.engine.store.traces import annotation_batches
from assaykit.wire.annotations import (
    SESSIONS_PER_REQUEST,
    AnnotateRecordsRequest,
    AnnotateSpansRequest,
    AnnotationConfig,
    AnnotationConfigPage,
    CreateAnnotationConfigRequest,
    UpdateAnnotationConfigRequest,
)

WIDEST = timedelta(days=31)
WIDEST_FOR_SESSIONS = timedelta(days=7)


async def list_configs(request: Request) -> Response:
    """`GET /v2/annotation-configs`."""
    asked = request.query_params
    return answer(
        await engine(request).database.read(
            annotation_configs.page,
            space_id=asked.get("space_id"),
            space_name=asked.get("space_name"),
            name=asked.get("name"),
            at=page(request),
        )
    )


async def create_config(request: Request) -> Response:
    """`POST /v2/annotation-configs`."""
    wanted = await body(request, CreateAnnotationConfigRequest)
    here = engine(request)
    return created(await here.database.write(annotation_configs.create, wanted, here.clock))


async def get_config(request: Request) -> Response:
    """`GET /v2/annotation-configs/{config_id}`."""
    return answer(await engine(request).database.read(annotation_configs.get, request.path_params["config_id"]))


async def update_config(request: Request) -> Response:
    """`PATCH /v2/annotation-configs/{config_id}`."""
    wanted = await body(request, UpdateAnnotationConfigRequest)
    target = request.path_params["config_id"]
    return answer(await engine(request).database.write(annotation_configs.update, target, wanted))


async def delete_config(request: Request) -> Response:
    """`DELETE /v2/annotation-configs/{config_id}`."""
    await engine(request).database.settle(annotation_configs.delete, request.path_params["config_id"])
    return gone()


async def annotate_spans(request: Request) -> Response:
    """`POST /v2/spans/annotate`: all records or none."""
    wanted = await body(request, AnnotateSpansRequest)
    granularity = wanted.granularity or "SPAN"
    sessions = granularity == "SESSION"
    if sessions and len(wanted.annotations) > SESSIONS_PER_REQUEST:
        raise Malformed(
            f"There are {len(wanted.annotations)} sessions in the body.", f"Send at most {SESSIONS_PER_REQUEST}."
        )
    here = engine(request)
    widest = WIDEST_FOR_SESSIONS if sessions else WIDEST
    within = window(wanted.start_time, wanted.end_time, here.clock.now_ns(), widest)
    if max(nanoseconds(wanted.start_time) or 0, nanoseconds(wanted.end_time) or 0) > here.clock.now_ns():
        raise Malformed("The window lies in the future.", "Leave end_time out to reach as far as now.")
    if within.end_ns - within.start_ns > widest.total_seconds() * 1_000_000_000 + 999:
        raise Malformed(
            f"The window is wider than {widest.days} days.", "Annotate in several requests, one for each period."
        )
    await here.database.write(
        annotation_batches.annotate_spans, wanted.project_id, granularity, within, wanted.annotations, here.clock
    )
    return _accepted()


async def annotate_runs(request: Request) -> Response:
    """`POST /v2/experiments/{experiment_id}/runs/annotate`: all records or none."""
    wanted = await body(request, AnnotateRecordsRequest)
    here = engine(request)
    target = request.path_params["experiment_id"]
    await here.database.write(annotation_batches.annotate_runs, target, wanted.annotations, here.clock)
    return _accepted()


async def annotate_examples(request: Request) -> Response:
    """`POST /v2/datasets/{dataset_id}/examples/annotate`: all records or none."""
    wanted = await body(request, AnnotateRecordsRequest)
    here = engine(request)
    target = request.path_params["dataset_id"]
    await here.database.write(annotation_batches.annotate_examples, target, wanted.annotations, here.clock)
    return _accepted()


def _accepted() -> Response:
    return Response(status_code=202)


routes = [
    Operation("/v2/annotation-configs", list_configs, gives=AnnotationConfigPage, query=NAMED),
    Operation(
        "/v2/annotation-configs",
        create_config,
        "POST",
        takes=CreateAnnotationConfigRequest,
        gives=AnnotationConfig,
        refuses=(409,),
    ),
    Operation("/v2/annotation-configs/{config_id}", get_config, gives=AnnotationConfig),
    Operation(
        "/v2/annotation-configs/{config_id}",
        update_config,
        "PATCH",
        takes=UpdateAnnotationConfigRequest,
        gives=AnnotationConfig,
        refuses=(409,),
    ),
    Operation("/v2/annotation-configs/{config_id}", delete_config, "DELETE"),
    Operation("/v2/spans/annotate", annotate_spans, "POST", takes=AnnotateSpansRequest),
    Operation("/v2/experiments/{experiment_id}/runs/annotate", annotate_runs, "POST", takes=AnnotateRecordsRequest),
    Operation("/v2/datasets/{dataset_id}/examples/annotate", annotate_examples, "POST", takes=AnnotateRecordsRequest),
]
