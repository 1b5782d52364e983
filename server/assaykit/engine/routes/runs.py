"""REST routes of task runs."""

from typing import cast, get_args

from starlette.requests import Request
from starlette.responses import Response

from assaykit.engine.operations import Operation
from assaykit.engine.problems import Malformed
from assaykit.engine.requests import answer, body, created, engine, page
from assaykit.engine.store import runs
from assaykit.wire.runs import RunStatus, TaskRun, TaskRunPage, TriggerEvaluationRequest


async def trigger(request: Request) -> Response:
    """`POST /v2/tasks/{task_id}/trigger`: answered with PENDING, whatever happens next."""
    wanted = await body(request, TriggerEvaluationRequest)
    return created(await engine(request).executor.trigger(request.path_params["task_id"], wanted))


async def list_runs(request: Request) -> Response:
    """`GET /v2/tasks/{task_id}/runs`."""
    status = (request.query_params.get("status") or "").upper() or None
    if status is not None and status not in get_args(RunStatus):
        raise Malformed(f"status must be one of {', '.join(get_args(RunStatus))}.")
    wanted = request.path_params["task_id"]
    return answer(
        await engine(request).database.read(runs.page, wanted, cast("RunStatus | None", status), page(request))
    )


async def get_run(request: Request) -> Response:
    """`GET /v2/task-runs/{run_id}`."""
    return answer(await engine(request).database.read(runs.get, request.path_params["run_id"]))


async def cancel_run(request: Request) -> Response:
    """`POST /v2/task-runs/{run_id}/cancel`: only while PENDING or RUNNING."""
    return answer(await engine(request).executor.cancel(request.path_params["run_id"]))


routes = [
    Operation(
        "/v2/tasks/{task_id}/trigger",
        trigger,
        "POST",
        takes=TriggerEvaluationRequest,
        gives=TaskRun,
        refuses=(409, 501),
    ),
    Operation("/v2/tasks/{task_id}/runs", list_runs, gives=TaskRunPage, query=("status",)),
    Operation("/v2/task-runs/{run_id}", get_run, gives=TaskRun),
    Operation("/v2/task-runs/{run_id}/cancel", cancel_run, "POST", gives=TaskRun, status=200, refuses=(400,)),
]
