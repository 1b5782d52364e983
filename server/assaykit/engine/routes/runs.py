"""REST routes of task runs."""

from typing import Any, cast, get_args

from pydantic import BaseModel, model_validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assaykit.engine.operations import Operation
from assaykit.engine.problems import Malformed
from assaykit.engine.requests import answer, body, created, engine, page
from assaykit.engine.store.definitions import tasks
from assaykit.engine.store.queue import runs
from assaykit.engine.store.queue.runs import Limits
from assaykit.wire.local import RunLimits
from assaykit.wire.runs import RunStatus, TaskRun, TaskRunPage, TriggerEvaluationRequest, TriggerRunExperimentRequest


class _ForEvaluation(TriggerEvaluationRequest):
    """The trigger of an evaluation task, with a clear error for fields of a RUN_EXPERIMENT trigger."""

    @model_validator(mode="before")
    @classmethod
    def _is_of_the_task(cls, given: Any) -> Any:
        return _refuse_foreign(given, TriggerRunExperimentRequest, "RUN_EXPERIMENT tasks")


class _ForExperiment(TriggerRunExperimentRequest):
    """The trigger of a RUN_EXPERIMENT task, with a clear error for fields of an evaluation trigger."""

    @model_validator(mode="before")
    @classmethod
    def _is_of_the_task(cls, given: Any) -> Any:
        return _refuse_foreign(given, TriggerEvaluationRequest, "evaluation tasks; this one is RUN_EXPERIMENT")


class _LimitedEvaluation(RunLimits):
    trigger: _ForEvaluation


class _LimitedExperiment(RunLimits):
    trigger: _ForExperiment


def _refuse_foreign(given: Any, other: type[BaseModel], owners: str) -> Any:
    if isinstance(given, dict):
        foreign = [name for name in other.model_fields if name in given]
        if foreign:
            raise ValueError(f"{', '.join(foreign)} belong{'s' if len(foreign) == 1 else ''} to {owners}")
    return cast("Any", given)


async def trigger(request: Request) -> Response:
    """`POST /v2/tasks/{task_id}/trigger`: start a run and answer at once, with the status PENDING.

    The body does not name its type; the type of the task decides which fields fit.
    """
    here, task_id = engine(request), request.path_params["task_id"]
    task = await here.database.read(tasks.get, task_id)
    wanted = await body(request, _ForExperiment if task.type == "RUN_EXPERIMENT" else _ForEvaluation)
    return created(await here.executor.trigger(task_id, wanted))


async def trigger_limited(request: Request) -> Response:
    """`POST /x/tasks/{task_id}/trigger`: start a run with limits. On AX: a smaller `max_spans`."""
    here, task_id = engine(request), request.path_params["task_id"]
    task = await here.database.read(tasks.get, task_id)
    wanted = await body(request, _LimitedExperiment if task.type == "RUN_EXPERIMENT" else _LimitedEvaluation)
    if wanted.max_cost is not None:
        await here.models.refuse_unpriced(task)
    limits = Limits(wanted.max_rows, wanted.max_cost, wanted.on_too_long, bool(wanted.outdated))
    return created(await here.executor.trigger(task_id, wanted.trigger, limits))


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
        takes=TriggerEvaluationRequest | TriggerRunExperimentRequest,
        gives=TaskRun,
        refuses=(409, 501),
    ),
    Operation("/v2/tasks/{task_id}/runs", list_runs, gives=TaskRunPage, query=("status",)),
    Route("/x/tasks/{task_id}/trigger", trigger_limited, methods=["POST"]),
    Operation("/v2/task-runs/{run_id}", get_run, gives=TaskRun),
    Operation("/v2/task-runs/{run_id}/cancel", cancel_run, "POST", gives=TaskRun, status=200, refuses=(400,)),
]
