"""Times of change that distinguish the successive states of a dataset or an experiment.

The `arize` SDK caches rows on disk under the id and `updated_at` to the second, and reads the cache as long as both
are unchanged. Therefore every write of rows or annotations moves `updated_at` to a later second, and so does the end of
a task's run. Verdicts of a run under way only set `updated_at` to the current time.
"""

from collections.abc import Collection

import sqlalchemy as sa

from assaykit.engine.store.tables import datasets, experiment_runs, experiments, run_items, task_runs

_SECOND = 1_000_000_000


def touch(connection: sa.Connection, table: sa.Table, keys: Collection[str] | sa.CompoundSelect[str], now: int) -> None:
    """Set `updated_ns` to `now`, or to the second after the last change if that is later."""
    later = (table.c.updated_ns // _SECOND + 1) * _SECOND
    connection.execute(table.update().where(table.c.id.in_(keys)).values(updated_ns=sa.func.max(now, later)))


def touch_annotated(connection: sa.Connection, level: str, scope_id: str, now: int) -> None:
    """Touch the dataset or the experiment whose examples or runs were annotated."""
    owner = {"EXAMPLE": datasets, "RUN": experiments}.get(level)
    if owner is not None:
        touch(connection, owner, [scope_id], now)


def touch_run(connection: sa.Connection, run_id: str, now: int) -> None:
    """Touch the experiments that a task's run has scored or created."""
    scored = sa.select(run_items.c.target_id).where(run_items.c.run_id == run_id, run_items.c.state == "SCORED")
    owners = sa.select(experiment_runs.c.experiment_id).where(experiment_runs.c.id.in_(scored))
    made = sa.select(task_runs.c.experiment_id).where(task_runs.c.id == run_id, task_runs.c.experiment_id.is_not(None))
    touch(connection, experiments, owners.union(made), now)


def keep_up(connection: sa.Connection, experiment_ids: Collection[str], now: int) -> None:
    """Set `updated_ns` of experiments to `now`, but never further: `touch` on every batch would run ahead of time."""
    change = experiments.update().where(experiments.c.id.in_(experiment_ids))
    connection.execute(change.values(updated_ns=sa.func.max(now, experiments.c.updated_ns)))
