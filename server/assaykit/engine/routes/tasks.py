"""REST routes of tasks."""

from typing import cast, get_args

from pydantic import field_validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assaykit.engine.operations import NAMED, Operation
from assaykit.engine.problems import Malformed
from assaykit.engine.requests import answer, body, created, engine, gone, page
from assaykit.engine.store.definitions import tasks
from assaykit.engine.store.queue import task_limits
from assaykit.engine.validation import run_configurations
from assaykit.wire.bodies import RequestBody
from assaykit.wire.local import MaxCost, OnTooLong
from assaykit.wire.tasks import CreateTaskRequest, Task, TaskPage, TaskType, UpdateTaskRequest


def _without_null(entries: object) -> object:
    if isinstance(entries, list) and None in cast("list[object]", entries):
        raise ValueError(
            "an entry is null and names no evaluator; with the arize SDK, wrap it: "
            "TaskEvaluatorInput(SpanEvaluatorInput(evaluator_id=...))"
        )
    return cast("object", entries)


class _CreateTask(CreateTaskRequest):
    """The request, with a clear error for the null that `TaskEvaluatorInput(evaluator_id=...)` of the SDK sends."""

    _has_no_null = field_validator("evaluators", mode="before")(_without_null)


class _UpdateTask(UpdateTaskRequest):
    """The update, with the same clear error."""

    _has_no_null = field_validator("evaluators", mode="before")(_without_null)


class _LimitedTask(RequestBody):
    task: _CreateTask
    max_cost: MaxCost | None = None
    on_too_long: OnTooLong | None = None


class _LimitedTaskUpdate(RequestBody):
    task: _UpdateTask = _UpdateTask()
    max_cost: MaxCost | None = None
    on_too_long: OnTooLong | None = None


async def list_tasks(request: Request) -> Response:
    """`GET /v2/tasks`."""
    asked = request.query_params
    exactly = {key: asked[key] for key in ("project_id", "dataset_id", "type") if asked.get(key)}
    if "type" in exactly:
        exactly["type"] = exactly["type"].upper()
        if exactly["type"] not in get_args(TaskType):
            raise Malformed(f"type must be one of {', '.join(get_args(TaskType))}.")
    return answer(
        await engine(request).database.read(
            tasks.page,
            space_id=asked.get("space_id"),
            space_name=asked.get("space_name"),
            name=asked.get("name"),
            exactly=exactly,
            at=page(request),
        )
    )


async def create_task(request: Request) -> Response:
    """`POST /v2/tasks`."""
    wanted = await body(request, _CreateTask)
    _check_shape(wanted)
    here = engine(request)
    return created(await here.database.write(tasks.create, wanted, here.clock))


async def create_limited_task(request: Request) -> Response:
    """`POST /x/tasks`: create a continuous task with limits. On AX: none."""
    wanted = await body(request, _LimitedTask)
    limits = _limits(wanted)
    if not limits or None in limits.values():
        raise Malformed("A new task needs a limit.", "Send max_cost or on_too_long with a value, or POST /v2/tasks.")
    _check_shape(wanted.task)
    here = engine(request)
    if wanted.max_cost is not None:
        await here.models.refuse_unpriced(wanted.task)
    return created(await here.database.write(task_limits.create, wanted.task, limits, here.clock))


async def get_task(request: Request) -> Response:
    """`GET /v2/tasks/{task_id}`."""
    return answer(await engine(request).database.read(tasks.get, request.path_params["task_id"]))


async def update_task(request: Request) -> Response:
    """`PATCH /v2/tasks/{task_id}`: omitted fields stay; null clears a filter and is refused for other fields."""
    wanted = await body(request, _UpdateTask)
    if not wanted.model_fields_set:
        raise Malformed("The body changes nothing.", "Send the fields to change.")
    _refuse_null(wanted)
    here = engine(request)
    target = request.path_params["task_id"]
    return answer(await here.database.write(tasks.update, target, wanted, here.clock, _check_shape))


async def update_limited_task(request: Request) -> Response:
    """`PATCH /x/tasks/{task_id}`: change a task and the limits that are sent. On AX: none."""
    wanted = await body(request, _LimitedTaskUpdate)
    if not _limits(wanted):
        raise Malformed("The body sets no limit.", "Send max_cost or on_too_long, or PATCH /v2/tasks.")
    _refuse_null(wanted.task)
    here = engine(request)
    target = request.path_params["task_id"]
    if wanted.max_cost is not None:
        now = await here.database.read(tasks.get, target)
        await here.models.refuse_unpriced(now if wanted.task.evaluators is None else tasks.changed(now, wanted.task))
    change = target, wanted.task, _limits(wanted), here.clock, _check_shape
    return answer(await here.database.write(task_limits.update, *change))


def _limits(wanted: _LimitedTask | _LimitedTaskUpdate) -> task_limits.NewLimits:
    sent = wanted.model_fields_set
    return {name: getattr(wanted, name) for name in ("max_cost", "on_too_long") if name in sent}


async def delete_task(request: Request) -> Response:
    """`DELETE /v2/tasks/{task_id}`."""
    await engine(request).database.settle(tasks.delete, request.path_params["task_id"])
    return gone()


def _refuse_null(wanted: UpdateTaskRequest) -> None:
    for name in wanted.model_fields_set - {"query_filter", "query_filters"}:
        if getattr(wanted, name) is None:
            raise Malformed(f"{name} cannot be null.", "Leave it out to keep it.")


def _check_shape(wanted: CreateTaskRequest) -> None:
    for text in (wanted.query_filter, *(entry.query_filter for entry in wanted.evaluators or ())):
        if text is not None and not text.strip():
            raise Malformed("A filter is blank.", "Leave it out to take every row.")
    if wanted.run_configuration is not None:
        run_configurations.runnable(wanted.run_configuration)
    _refuse_mixture(wanted)


def _refuse_mixture(wanted: CreateTaskRequest) -> None:
    """Refuse a task that mixes a filter or column mappings with lettered filters or query mappings.

    Raises:
        Malformed: fields of both kinds are set.
    """
    one: dict[str, object] = {"query_filter": wanted.query_filter}
    several: dict[str, object] = {"query_filters": wanted.query_filters}
    for entry in wanted.evaluators or ():
        one["an evaluator's query_filter"] = one.get("an evaluator's query_filter") or entry.query_filter
        one["column_mappings"] = one.get("column_mappings") or entry.column_mappings
        several["query_mappings"] = several.get("query_mappings") or entry.query_mappings
    first, second = (next((name for name, value in of.items() if value), None) for of in (one, several))
    if first and second:
        raise Malformed(
            f"{first} and {second} do not go together.",
            "Use query_filters with query_mappings for traces and sessions, or query_filter with column_mappings.",
        )


routes = [
    Operation("/v2/tasks", list_tasks, gives=TaskPage, query=(*NAMED, "project_id", "dataset_id", "type")),
    Operation("/v2/tasks", create_task, "POST", takes=CreateTaskRequest, gives=Task, refuses=(501,)),
    Route("/x/tasks", create_limited_task, methods=["POST"]),
    Route("/x/tasks/{task_id}", update_limited_task, methods=["PATCH"]),
    Operation("/v2/tasks/{task_id}", get_task, gives=Task),
    Operation("/v2/tasks/{task_id}", update_task, "PATCH", takes=UpdateTaskRequest, gives=Task, refuses=(501,)),
    Operation("/v2/tasks/{task_id}", delete_task, "DELETE"),
]
