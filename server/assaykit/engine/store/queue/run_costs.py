"""The cost of a run in US dollars: the sum over its items with a known price."""

import sqlalchemy as sa

from assaykit.engine.store.tables import run_items, task_runs, tasks


def cost(connection: sa.Connection, run_id: str) -> float:
    """The cost of a run until now."""
    spent = sa.select(sa.func.sum(run_items.c.cost)).where(run_items.c.run_id == run_id)
    return connection.execute(spent).scalar() or 0.0


def count(connection: sa.Connection, run_id: str) -> None:
    """Add the cost of a run of a schedule, which has just ended, to that of its task if the task has a limit."""
    c = task_runs.c
    task_id = connection.execute(sa.select(c.task_id).where(c.id == run_id, c.up_to_n.is_not(None))).scalar()
    if task_id is not None:
        limited = tasks.update().where(tasks.c.id == task_id, tasks.c.max_cost.is_not(None))
        connection.execute(limited.values(spent=tasks.c.spent + cost(connection, run_id)))
