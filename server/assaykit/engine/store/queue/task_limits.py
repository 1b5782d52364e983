"""The limits of a continuous task, over the runs that its schedule makes: of their cost, and of long values.

The limit of cost counts from its time on. Each run of the schedule gets the rest of the limit as its own. A run
that somebody triggers has a limit of its own, and does not count.
"""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.definitions import tasks
from assaykit.engine.store.queue import run_costs
from assaykit.engine.store.queue.leases import ACTIVE, Lease, held
from assaykit.engine.store.tables import schedules, task_runs
from assaykit.engine.store.tables import tasks as task_table
from assaykit.errors import Invalid
from assaykit.wire.local import OnTooLong
from assaykit.wire.tasks import CreateTaskRequest, Task, UpdateTaskRequest

NewLimits = Mapping[str, Any]
"""Some of `max_cost` and `on_too_long`; None ends a limit."""


def create(connection: sa.Connection, wanted: CreateTaskRequest, limits: NewLimits, clock: Clock) -> Task:
    """A new task with limits.

    Raises:
        Invalid: the task is not continuous.
        NotFound, Invalid: as `tasks.create`.
    """
    made = tasks.create(connection, wanted, clock)
    _set(connection, made, limits)
    return made


def update(
    connection: sa.Connection,
    task_id: str,
    wanted: UpdateTaskRequest,
    limits: NewLimits,
    clock: Clock,
    check: Callable[[CreateTaskRequest], None],
) -> Task:
    """Change a task and some of its limits. A limit of cost counts from now.

    Raises:
        Invalid: the changed task is not continuous, and there is a limit.
        NotFound, Malformed, Invalid: as `tasks.update`.
    """
    made = tasks.update(connection, task_id, wanted, clock, check)
    _set(connection, made, limits)
    return made


def _set(connection: sa.Connection, task: Task, limits: NewLimits) -> None:
    for name, limit in limits.items():
        if limit is not None and not task.is_continuous:
            raise Invalid(
                f"{name} limits a continuous task, and this one runs when triggered.",
                f"Make it continuous, or give {name} to the trigger.",
            )
    if "max_cost" in limits:
        _set_cost(connection, task, limits["max_cost"])
    if "on_too_long" in limits:
        change = task_table.update().where(task_table.c.id == task.id)
        connection.execute(change.values(on_too_long=limits["on_too_long"]))


def _set_cost(connection: sa.Connection, task: Task, max_cost: float | None) -> None:
    """Set the limit of cost. A run under way gets it too, and its cost until now does not count."""
    c, before = task_runs.c, 0.0
    for run_id, cost in _under_way(connection, task.id):
        before += cost
        own = None if max_cost is None else cost + max_cost
        connection.execute(task_runs.update().where(c.id == run_id).values(max_cost=own))
    change = task_table.update().where(task_table.c.id == task.id)
    connection.execute(change.values(max_cost=max_cost, spent=-before))


def of(connection: sa.Connection, task_id: str) -> tuple[float, float] | None:
    """The limit of a task, and the cost since it was set, in US dollars. None without a limit.

    The cost counts answers with a known price alone.
    """
    c = task_table.c
    row = connection.execute(sa.select(c.max_cost, c.spent).where(c.id == task_id)).first()
    if row is None or row.max_cost is None:
        return None
    return row.max_cost, row.spent + sum(cost for _, cost in _under_way(connection, task_id))


def on_too_long(connection: sa.Connection, task_id: str) -> OnTooLong | None:
    """The way of the task's schedule with rows whose judge would see a value shortened."""
    return connection.execute(sa.select(task_table.c.on_too_long).where(task_table.c.id == task_id)).scalar()


def rest(connection: sa.Connection, task_id: str) -> float | None:
    """The dollars that the next run of a task's schedule may spend, at least 0; None without a limit."""
    found = of(connection, task_id)
    return None if found is None else max(0.0, found[0] - found[1])


def stop(connection: sa.Connection, lease: Lease, max_cost: float | None) -> None:
    """Note that a run of a schedule has stopped at its limit. The schedule stops too, unless the limit was changed."""
    c = task_runs.c
    connection.execute(task_runs.update().where(held(lease)).values(at_limit=True))
    unchanged = sa.exists().where(held(lease), c.max_cost == max_cost)
    connection.execute(schedules.update().where(schedules.c.run_id == lease.run_id, unchanged).values(at_limit=True))


def _under_way(connection: sa.Connection, task_id: str) -> list[tuple[str, float]]:
    """The runs of the task's schedule that have not ended, each with its cost until now."""
    c = task_runs.c
    query = sa.select(c.id).where(c.task_id == task_id, c.up_to_n.is_not(None), c.status.in_(ACTIVE))
    return [(run_id, run_costs.cost(connection, run_id)) for run_id in connection.execute(query).scalars().all()]
