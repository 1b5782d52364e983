"""Bodies of the engine's routes that set limits of a continuous task. AX has no such limits."""

from assaykit.wire.bodies import RequestBody
from assaykit.wire.local import MaxCost, OnTooLong
from assaykit.wire.tasks import CreateTaskRequest, UpdateTaskRequest


class LimitedTask(RequestBody):
    """Create a continuous task that stops once the runs of its schedule have cost `max_cost`.

    With `on_too_long="skip"` these runs leave rows unscored whose judge would see a value shortened. Runs that a
    trigger starts have limits of their own, and do not count. On AX: none. Source: `POST /x/tasks`.
    """

    task: CreateTaskRequest
    max_cost: MaxCost | None = None
    on_too_long: OnTooLong | None = None


class LimitedTaskUpdate(RequestBody):
    """Change a task and its limits. An omitted limit stays, and null ends it. The cost counts from a new `max_cost` on.

    On AX: none. Source: `PATCH /x/tasks/{task_id}`.
    """

    task: UpdateTaskRequest = UpdateTaskRequest()
    max_cost: MaxCost | None = None
    on_too_long: OnTooLong | None = None
