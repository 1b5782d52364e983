"""Bodies of the engine's routes that set the limit of cost of a continuous task. AX has no such limit."""

from assaykit.wire.bodies import RequestBody
from assaykit.wire.local import MaxCost
from assaykit.wire.tasks import CreateTaskRequest, UpdateTaskRequest


class LimitedTask(RequestBody):
    """Create a continuous task that stops once the runs of its schedule have cost `max_cost`.

    Runs that a trigger starts have limits of their own, and do not count. On AX: none. Source: `POST /x/tasks`.
    """

    task: CreateTaskRequest
    max_cost: MaxCost


class LimitedTaskUpdate(RequestBody):
    """Change a task, and set its limit anew. The cost counts from then on. Null ends the limit.

    On AX: none. Source: `PATCH /x/tasks/{task_id}`.
    """

    task: UpdateTaskRequest = UpdateTaskRequest()
    max_cost: MaxCost | None
