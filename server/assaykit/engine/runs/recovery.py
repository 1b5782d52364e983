"""Results that engines paid for and did not store before they ended, stored by the engine that has the run now."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import anyio.to_thread
import sqlalchemy as sa
import structlog
from pydantic import TypeAdapter

from assaykit.engine.clock import Clock
from assaykit.engine.runs.generation import made_lines
from assaykit.engine.runs.life import LifeLock
from assaykit.engine.runs.limits import Budget
from assaykit.engine.runs.scoring import Scoring, scored_lines
from assaykit.engine.runs.selection import resume
from assaykit.engine.runs.unstored import Leaving, leavings, remove
from assaykit.engine.store.database import Database
from assaykit.engine.store.queue import generations, leases
from assaykit.engine.store.queue.leases import Lease
from assaykit.engine.store.queue.runs import UNLIMITED, Item
from assaykit.errors import AssayError

log = structlog.get_logger()

R = TypeVar("R")


async def recover(life: LifeLock, database: Database, clock: Clock, lease: Lease) -> None:
    """Store the results that dead engines left for the rows of a run that are not done.

    An engine that is only silent keeps its results: it may still store their answers itself.
    """
    home = life.path.parent
    files = [one for one in await anyio.to_thread.run_sync(leavings, home) if one.run_id == lease.run_id]
    with life.dead(one.owner for one in files) as dead:
        ended = [one for one in files if one.owner in dead]
    if not ended:
        return
    try:
        if await anyio.to_thread.run_sync(_all_empty, ended):
            number = 0
        elif await database.read(generations.makes_experiment, lease.run_id):
            number = await _made(ended, database, clock, lease)
        else:
            number = await _scored(ended, home, database, clock, lease)
    except AssayError as error:
        # The run itself fails for the same cause, or asks about the rows again.
        log.warning("results_not_recovered", run_id=lease.run_id, error=str(error))
        return
    if number is None:
        return  # another engine has the run by now, and the files with it
    log.info("results_recovered", run_id=lease.run_id, results=number)
    await anyio.to_thread.run_sync(remove, ended)


def _all_empty(files: Sequence[Leaving]) -> bool:
    return all(file.is_empty for file in files)


async def _scored(files: Sequence[Leaving], home: Path, database: Database, clock: Clock, lease: Lease) -> int | None:
    begun = await database.read(resume, lease.run_id)
    if begun is None:
        return 0
    selection, _ = begun
    found = await _left(files, scored_lines(), lambda one: one.item, selection.items)
    if found:
        budget = Budget(UNLIMITED, 0.0, is_scheduled=selection.is_scheduled)
        scoring = Scoring(database, clock, lease, selection, {}, 1, budget, home=home, anew=False)
        if not await scoring.record(found):
            return None
    return len(found)


async def _made(files: Sequence[Leaving], database: Database, clock: Clock, lease: Lease) -> int | None:
    provision = await database.persist(generations.start, lease, None, clock)
    if provision is None or provision.reason is not None:
        return 0
    found = await _left(files, made_lines(), lambda one: one.outcome.item, provision.items)
    if found and not await database.persist(generations.record, lease, provision, found, clock):
        return None
    return len(found)


async def _left(
    files: Sequence[Leaving], kind: TypeAdapter[R], item_of: Callable[[R], Item], items: Sequence[Item]
) -> list[R]:
    """One result for each of the items that the files have results for."""
    waiting = set(items)
    found: dict[Item, R] = {}
    for file in files:
        for one in await anyio.to_thread.run_sync(file.results, kind):
            if item_of(one) in waiting:
                found.setdefault(item_of(one), one)
    return list(found.values())


async def forget(home: Path, run_id: str) -> None:
    """Remove the files of a run that has ended."""
    await anyio.to_thread.run_sync(lambda: remove(one for one in leavings(home) if one.run_id == run_id))


async def sweep(home: Path, database: Database) -> None:
    """Remove the files of runs that have ended or are deleted. If the store refuses, they stay until the next start."""
    if files := await anyio.to_thread.run_sync(leavings, home):
        with contextlib.suppress(AssayError):
            active = await database.read(_active)
            await anyio.to_thread.run_sync(remove, [one for one in files if one.run_id not in active])


def _active(connection: sa.Connection) -> frozenset[str]:
    return frozenset(sight.run_id for sight in leases.sights(connection))
