"""Leases on runs. One engine at a time executes a run, and every write of results checks its lease.

If an engine stops or sends no heartbeat, another engine takes its runs over. Each takeover raises the run's `fence`.
When a slow engine comes back, its lease has an old fence, and the transaction with its results stores nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.tables import task_runs

ACTIVE = ("PENDING", "RUNNING")

MOST_TRIES = 6
"""A run fails when so many engines in a row ended while they executed it and recorded no row. The run may be the cause
of their end."""

_RELEASED = 0
"""The heartbeat of a run that its engine has released: any engine may take it at once."""

GIVEN_UP = (
    f"{MOST_TRIES} processes in a row ended while they executed this run, and none got a row done. What was "
    "done before stays; see the log of the server or engine, then trigger the task again."
)


class Lease(NamedTuple):
    """An engine's right to execute a run. The fence is 0 until another engine takes the run over."""

    run_id: str
    owner: str
    fence: int = 0


def held(lease: Lease) -> sa.ColumnElement[bool]:
    """The condition on `task_runs` that the run has not ended and that this lease holds it."""
    c = task_runs.c
    return sa.and_(c.id == lease.run_id, c.owner == lease.owner, c.fence == lease.fence, c.status.in_(ACTIVE))


def is_held(connection: sa.Connection, lease: Lease) -> bool:
    """Whether the run has not ended and this lease still holds it."""
    return connection.execute(sa.select(task_runs.c.id).where(held(lease))).first() is not None


def is_alive(connection: sa.Connection, run_id: str, silent_since_ns: int) -> bool:
    """Whether the run has not ended and its last heartbeat is after `silent_since_ns`."""
    c = task_runs.c
    query = sa.select(c.id).where(c.id == run_id, c.status.in_(ACTIVE), c.beat_ns > silent_since_ns)
    return connection.execute(query).first() is not None


def renew(connection: sa.Connection, leases: Sequence[Lease], now_ns: int) -> Sequence[Lease]:
    """Send a heartbeat for each lease. Returns the lost leases: the run has ended, or another engine has it."""
    return [
        lease
        for lease in leases
        if not connection.execute(task_runs.update().where(held(lease)).values(beat_ns=now_ns)).rowcount
    ]


def take(connection: sa.Connection, owner: str, silent_since_ns: int, clock: Clock) -> Sequence[Lease]:
    """Take over every active run with its last heartbeat before `silent_since_ns`; fail those with too many tries."""
    c = task_runs.c
    is_silent = sa.and_(c.status.in_(ACTIVE), c.beat_ns < silent_since_ns)
    given_up = {"status": "FAILED", "finished_ns": clock.now_ns(), "failure_reason": GIVEN_UP}
    connection.execute(task_runs.update().where(is_silent, c.tries >= MOST_TRIES).values(given_up))
    taken = {"owner": owner, "fence": c.fence + 1, "beat_ns": clock.now_ns()}
    rows = connection.execute(task_runs.update().where(is_silent).values(taken).returning(c.id, c.fence))
    return [Lease(run_id, owner, fence) for run_id, fence in rows]


def try_again(connection: sa.Connection, lease: Lease) -> None:
    """Count a try, when the work on a run that was taken over begins. Until then the run may wait for a slot."""
    connection.execute(task_runs.update().where(held(lease)).values(tries=task_runs.c.tries + 1))


def release(connection: sa.Connection, owner: str) -> None:
    """Release every run of an engine that is stopping, so that another engine can take it at once."""
    c = task_runs.c
    mine = sa.and_(c.owner == owner, c.status.in_(ACTIVE))
    connection.execute(task_runs.update().where(mine).values(owner=None, beat_ns=_RELEASED, tries=0))
