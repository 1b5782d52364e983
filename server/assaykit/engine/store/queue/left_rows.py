"""Rows that a run left for another one. Every decision about them is taken from the rows, not from the run's status."""

import sqlalchemy as sa

from assaykit.engine.store.tables import run_items, task_runs, tasks
from assaykit.engine.store.traces.spans import Arrivals

_MODEL_AT_FAULT = ("auth", "bad_model", "rate_limited", "model_error", "timeout")
"""Causes of failure outside the row. A later run may score the row."""


def left_by(connection: sa.Connection, run_id: str) -> dict[str, int]:
    """The rows that an ended run left for another run, counted by evaluator.

    A row is left if it has no outcome, or if it failed for a cause outside of it. The status of the run plays no part,
    except that a cancelled run leaves no row: a user ended it on purpose. A run that failed before its selection has
    left all rows; it counts as one row of the evaluator with the empty id.
    """
    status = connection.execute(sa.select(task_runs.c.status).where(task_runs.c.id == run_id)).scalar_one()
    if status == "CANCELLED":
        return {}
    c = run_items.c
    query = sa.select(c.evaluator_id, c.state, c.reason, sa.func.count()).where(c.run_id == run_id)
    found = connection.execute(query.group_by(c.evaluator_id, c.state, c.reason)).fetchall()
    if not found:
        return {"": 1} if status == "FAILED" else {}
    left: dict[str, int] = {}
    for evaluator_id, state, reason, number in found:
        if state == "PENDING" or (state == "FAILED" and reason in _MODEL_AT_FAULT):
            left[evaluator_id] = left.get(evaluator_id, 0) + number
    return left


def settled(connection: sa.Connection, task_id: str, arrivals: Arrivals) -> set[tuple[str, str]]:
    """The evaluators and rows that earlier runs over these arrivals are done with, though there is no verdict.

    Such a row failed by its own fault or was skipped. Runs before the last change of the task do not count.
    """
    c, r = run_items.c, task_runs.c
    unchanged = r.created_ns >= sa.select(tasks.c.updated_ns).where(tasks.c.id == task_id).scalar_subquery()
    within = sa.and_(r.task_id == task_id, r.after_n < arrivals.up_to, r.up_to_n > arrivals.after, unchanged)
    by_own_fault = c.reason.not_in(_MODEL_AT_FAULT)
    done = (c.state == "SKIPPED") | ((c.state == "FAILED") & by_own_fault)
    query = sa.select(c.evaluator_id, c.target_id).join(task_runs, r.id == c.run_id).where(within, done).distinct()
    return {(evaluator_id, target_id) for evaluator_id, target_id in connection.execute(query)}


def count_owed(connection: sa.Connection, task_id: str, arrivals: Arrivals) -> int:
    """The number of rows that runs over these arrivals left, and that no run was done with since."""
    c, r = run_items.c, task_runs.c
    within = sa.and_(r.task_id == task_id, r.after_n < arrivals.up_to, r.up_to_n > arrivals.after)
    query = sa.select(c.evaluator_id, c.target_id).join(task_runs, r.id == c.run_id).where(within)
    at_fault = c.reason.in_(_MODEL_AT_FAULT)
    left = (c.state == "PENDING") | ((c.state == "FAILED") & at_fault)
    owed = query.where(left).except_(query.where(sa.not_(sa.func.coalesce(left, False)))).subquery()
    return connection.execute(sa.select(sa.func.count(sa.distinct(owed.c.target_id)))).scalar_one()


def drop_pending(connection: sa.Connection, run_id: str) -> None:
    """Remove the items of an ended run that have no outcome. A later run selects their rows anew."""
    c = run_items.c
    connection.execute(run_items.delete().where(c.run_id == run_id, c.state == "PENDING"))
