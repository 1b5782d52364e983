"""Who executes a run: one engine at a time, under a lease that every write of results checks.

An engine that falls silent, or stops, loses its runs to the next one that looks. Each time the run's `fence` rises, so
that an engine that was only slow finds out in the transaction that would have stored its results, and stores nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.tables import task_runs

ACTIVE = ("PENDING", "RUNNING")

MOST_TRIES = 6
"""A run is given up when so many engines in a row died while they were at it and got no row done: it may be what ends
them."""

_RELEASED = 0
"""The heartbeat of a run whose engine has let go of it."""

GIVEN_UP = (
    f"{MOST_TRIES} processes in a row ended while they executed this run, and none got a row done. What was "
    "done before stays; see the log of the server or engine, then trigger the task again."
)


class Lease(NamedTuple):
    """An engine's right to a run. A run that nobody has taken over has the fence 0."""

    run_id: str
    owner: str
    fence: int = 0


def held(lease: Lease) -> sa.ColumnElement[bool]:
    """Takes the run of `task_runs` while it has not ended and is this lease's."""
    c = task_runs.c
    return sa.and_(c.id == lease.run_id, c.owner == lease.owner, c.fence == lease.fence, c.status.in_(ACTIVE))


def is_held(connection: sa.Connection, lease: Lease) -> bool:
    """Whether the run has not ended and is still this lease's."""
    return connection.execute(sa.select(task_runs.c.id).where(held(lease))).first() is not None


def is_alive(connection: sa.Connection, run_id: str, silent_since_ns: int) -> bool:
    """Whether the run has not ended and its engine has shown a sign of life after that time."""
    c = task_runs.c
    query = sa.select(c.id).where(c.id == run_id, c.status.in_(ACTIVE), c.heartbeat_ns > silent_since_ns)
    return connection.execute(query).first() is not None


def renew(connection: sa.Connection, leases: Sequence[Lease], now_ns: int) -> Sequence[Lease]:
    """Show a sign of life for each. Returns those that are gone: the run has ended, or another engine has it."""
    return [
        lease
        for lease in leases
        if not connection.execute(task_runs.update().where(held(lease)).values(heartbeat_ns=now_ns)).rowcount
    ]


def take(connection: sa.Connection, owner: str, silent_since_ns: int, clock: Clock) -> Sequence[Lease]:
    """Take over every run that nobody has shown a sign of life for since then."""
    c = task_runs.c
    is_silent = sa.and_(c.status.in_(ACTIVE), c.heartbeat_ns < silent_since_ns)
    given_up = {"status": "FAILED", "finished_ns": clock.now_ns(), "failure_reason": GIVEN_UP}
    connection.execute(task_runs.update().where(is_silent, c.tries >= MOST_TRIES).values(given_up))
    taken = {"owner": owner, "fence": c.fence + 1, "heartbeat_ns": clock.now_ns()}
    rows = connection.execute(task_runs.update().where(is_silent).values(taken).returning(c.id, c.fence))
    return [Lease(run_id, owner, fence) for run_id, fence in rows]


def try_again(connection: sa.Connection, lease: Lease) -> None:
    """Note that the engine sets about a run that another began. It may have had many more, which wait for a place."""
    connection.execute(task_runs.update().where(held(lease)).values(tries=task_runs.c.tries + 1))


def release(connection: sa.Connection, owner: str) -> None:
    """Let go of every run of an engine that is stopping: the next one need not wait."""
    c = task_runs.c
    mine = sa.and_(c.owner == owner, c.status.in_(ACTIVE))
    connection.execute(task_runs.update().where(mine).values(owner=None, heartbeat_ns=_RELEASED, tries=0))
