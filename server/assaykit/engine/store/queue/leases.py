"""Leases on runs. One engine at a time executes a run, and every write of results checks its lease.

If an engine stops, dies or sends no heartbeat, another engine that can do the run takes it over. Each takeover raises
the run's `fence`. When a slow engine comes back, its lease has an old fence, and the transaction with its results
stores nothing. A run that no open engine can do has no owner, and names the key that it waits for.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.change_times import touch_run
from assaykit.engine.store.queue import run_costs
from assaykit.engine.store.tables import task_runs

ACTIVE = ("PENDING", "RUNNING")

MOST_TRIES = 6
"""A run fails when so many engines in a row ended while it was on trial and none recorded a row of it. See
`runs/trials.py`."""

_FREE = {"owner": None, "heartbeat_ns": 0, "attempts": 0}
"""The columns of a run that its engine has released: any engine that can do it may take it at once."""

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


class Sight(NamedTuple):
    """A run that has not ended, as one look found it. `beat` counts its heartbeats.

    `attempts` counts the engines that ended over it. `is_begun` is set once its rows are selected.
    """

    run_id: str
    owner: str | None
    fence: int
    beat: int
    waits_for: str | None = None
    attempts: int = 0
    is_begun: bool = False

    @property
    def is_suspect(self) -> bool:
        """Whether an engine ended or fell silent while the run was in work, instead of releasing it."""
        return self.is_begun and self.owner is not None

    def still(self) -> sa.ColumnElement[bool]:
        """The condition on `task_runs` that the run is as it was found."""
        c = task_runs.c
        found = sa.and_(c.id == self.run_id, c.fence == self.fence, c.beat == self.beat, c.status.in_(ACTIVE))
        return found & (c.owner.is_(None) if self.owner is None else c.owner == self.owner)


def sights(connection: sa.Connection) -> Sequence[Sight]:
    """Every run that has not ended, in order of arrival."""
    c = task_runs.c
    begun = c.status == "RUNNING"
    query = (
        sa.select(c.id, c.owner, c.fence, c.beat, c.waits_for, c.attempts, begun)
        .where(c.status.in_(ACTIVE))
        .order_by(c.n)
    )
    return [Sight(*row) for row in connection.execute(query)]


def is_alive(connection: sa.Connection, run_id: str, now_ns: int, silent_ns: int) -> bool:
    """Whether the run has not ended and its last heartbeat is less than `silent_ns` from `now_ns`.

    A heartbeat of the future is as old as one of the past: the clock has been set back since.
    """
    c = task_runs.c
    query = sa.select(c.id).where(c.id == run_id, c.status.in_(ACTIVE), c.owner.is_not(None))
    near = c.heartbeat_ns.between(now_ns - silent_ns + 1, now_ns + silent_ns - 1)
    return connection.execute(query.where(near)).first() is not None


def renew(connection: sa.Connection, leases: Sequence[Lease], now_ns: int) -> Sequence[Lease]:
    """Send a heartbeat for each lease. Returns the lost leases: the run has ended, or another engine has it."""
    beat = {"heartbeat_ns": now_ns, "beat": task_runs.c.beat + 1}
    return [
        lease for lease in leases if not connection.execute(task_runs.update().where(held(lease)).values(beat)).rowcount
    ]


def take(connection: sa.Connection, owner: str, wanted: Sequence[Sight], clock: Clock) -> Sequence[Lease]:
    """Take over runs that are still as they were found; fail those with too many tries."""
    c = task_runs.c
    given_up = {"status": "FAILED", "finished_ns": clock.now_ns(), "failure_reason": GIVEN_UP}
    taken = {
        "owner": owner,
        "fence": c.fence + 1,
        "beat": c.beat + 1,
        "heartbeat_ns": clock.now_ns(),
        "waits_for": None,
    }
    leases: list[Lease] = []
    for sight in wanted:
        change = task_runs.update().where(sight.still())
        if connection.execute(change.where(c.attempts >= MOST_TRIES).values(given_up)).rowcount:
            touch_run(connection, sight.run_id, clock.now_ns())
            run_costs.count(connection, sight.run_id)
        elif fence := connection.execute(change.values(taken).returning(c.fence)).scalar():
            leases.append(Lease(sight.run_id, owner, fence))
    return leases


def wait(connection: sa.Connection, unfit: Mapping[Sight, str]) -> None:
    """Release runs that are still as they were found. `unfit` has the names of the keys that they wait for."""
    for sight, names in unfit.items():
        connection.execute(task_runs.update().where(sight.still()).values(**_FREE, waits_for=names))


def let_go(connection: sa.Connection, lease: Lease, waits_for: str) -> None:
    """Release one run, which waits for keys that its engine does not have."""
    connection.execute(task_runs.update().where(held(lease)).values(**_FREE, waits_for=waits_for))


def has_got_on(connection: sa.Connection, lease: Lease) -> bool:
    """Whether a row was recorded since the trial of the run began, or the lease is lost."""
    c = task_runs.c
    return connection.execute(sa.select(c.id).where(held(lease), c.attempts > 0)).first() is None


def try_again(connection: sa.Connection, lease: Lease) -> None:
    """Count a try, when the trial of a run begins. Until then the run waits for its turn."""
    connection.execute(task_runs.update().where(held(lease)).values(attempts=task_runs.c.attempts + 1))


def release(connection: sa.Connection, owner: str) -> None:
    """Release every run of an engine that is stopping, so that another engine can take it at once."""
    c = task_runs.c
    mine = sa.and_(c.owner == owner, c.status.in_(ACTIVE))
    connection.execute(task_runs.update().where(mine).values(_FREE))
