"""Rows that a run left for another one. Every decision about them is taken from the rows, not from the run's status."""

from collections.abc import Sequence

import sqlalchemy as sa

from assaykit.engine.store.tables import evaluator_versions, run_items, task_runs, tasks
from assaykit.engine.store.traces.spans import Arrivals

_MODEL_AT_FAULT = ("auth", "bad_model", "rate_limited", "model_error", "timeout", "refused")
"""Causes of failure outside the row. A later run may score the row."""

MOST_TRIES = 5
"""Tries of a row while its judge scores other rows. After them the row counts as failed by its own fault."""

MOST_REFUSALS = 30
"""Refused tries of a row of a judge that has scored no other row. The judge may be wrong, and not the row."""

_NEAR_NS = 600 * 1_000_000_000
"""A judge is at work at the time of a try if it scored a row within so many nanoseconds."""


def left_by(connection: sa.Connection, run_id: str) -> dict[str, int]:
    """The rows that an ended run left for another run, counted by evaluator.

    A row is left if it has no outcome, or if it failed for a cause outside of it. The status of the run plays no part,
    except that a run which a user cancelled leaves no row: the user ended it on purpose. A run that failed before its
    selection has left all rows; it counts as one row of the evaluator with the empty id.
    """
    of_run = sa.select(task_runs.c.status, task_runs.c.at_limit).where(task_runs.c.id == run_id)
    status, at_limit = connection.execute(of_run).one()
    if status == "CANCELLED" and not at_limit:
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

    Such a row failed by its own fault, was skipped, or was tried too often. Runs before the last change of the task or
    of an evaluator do not count.
    """
    c, r = run_items.c, task_runs.c
    within = sa.and_(_unchanged(task_id), r.after_n < arrivals.up_to, r.up_to_n > arrivals.after)
    by_own_fault = c.reason.not_in(_MODEL_AT_FAULT)
    done = (c.state == "SKIPPED") | ((c.state == "FAILED") & by_own_fault)
    query = sa.select(c.evaluator_id, c.target_id).join(task_runs, r.id == c.run_id).where(within, done).distinct()
    found = {(evaluator_id, target_id) for evaluator_id, target_id in connection.execute(query)}
    return found | given_up(connection, task_id, arrivals)


def given_up(connection: sa.Connection, task_id: str, arrivals: Arrivals | None = None) -> set[tuple[str, str]]:
    """The evaluators and rows that a continuous task tried too often, though the provider may be at fault.

    A try counts if the provider refused the request itself, or if the judge scored other rows at that time. So an
    outage gives no row up.
    """
    c, r = run_items.c, task_runs.c
    within = [_unchanged(task_id), r.up_to_n.is_not(None), c.state == "FAILED"]
    if arrivals is not None:
        within += [r.after_n < arrivals.up_to, r.up_to_n > arrivals.after]
    tried = sa.and_(*within, c.reason.in_(("model_error", "timeout", "refused")))
    key = c.evaluator_id, c.target_id
    often = sa.select(*key).join(task_runs, r.id == c.run_id).where(tried).group_by(*key)
    often = often.having(sa.func.count() >= MOST_TRIES).subquery()
    query = sa.select(*key, c.reason, r.created_ns).join(task_runs, r.id == c.run_id)
    query = query.join(often, (often.c.evaluator_id == c.evaluator_id) & (often.c.target_id == c.target_id))
    tries: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for evaluator_id, target_id, reason, created_ns in connection.execute(query.where(tried)):
        tries.setdefault((evaluator_id, target_id), []).append((reason, created_ns))
    scored = {one: _scored_at(connection, task_id, one) for one in {evaluator_id for evaluator_id, _ in tries}}
    return {row for row, of in tries.items() if _is_given_up(of, scored[row[0]])}


def _is_given_up(tries: Sequence[tuple[str, int]], scored: Sequence[int]) -> bool:
    refused = sum(reason == "refused" for reason, _ in tries)
    at_work = sum(reason != "refused" and any(abs(at - one) <= _NEAR_NS for one in scored) for reason, at in tries)
    return refused + at_work >= MOST_TRIES if scored else refused >= MOST_REFUSALS


def _scored_at(connection: sa.Connection, task_id: str, evaluator_id: str) -> Sequence[int]:
    """The times of the runs in which an evaluator scored a row of a task."""
    c, r = run_items.c, task_runs.c
    query = sa.select(r.created_ns).join(run_items, r.id == c.run_id).where(_unchanged(task_id), c.state == "SCORED")
    return connection.execute(query.where(c.evaluator_id == evaluator_id).distinct()).scalars().all()


def _unchanged(task_id: str) -> sa.ColumnElement[bool]:
    """The condition on an item that its run is newer than the last change of the task and of the evaluator."""
    r, v = task_runs.c, evaluator_versions.c
    of_task = sa.select(tasks.c.updated_ns).where(tasks.c.id == task_id).scalar_subquery()
    newest = sa.select(sa.func.max(v.created_ns)).where(v.evaluator_id == run_items.c.evaluator_id)
    is_newer = r.created_ns >= sa.func.coalesce(newest.correlate(run_items).scalar_subquery(), 0)
    return sa.and_(r.task_id == task_id, r.created_ns >= of_task, is_newer)


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
