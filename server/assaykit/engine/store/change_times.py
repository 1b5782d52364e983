"""Times of change that tell one state of a dataset or an experiment from the next.

The `arize` SDK keeps rows on disk under the id and `updated_at` to the second, and reads them from there while the
two stay the same. So every write of rows or annotations moves `updated_at` to another second than the one before,
and a task's run does so when it ends; while it runs, its verdicts only bring `updated_at` up to the present.
"""

from collections.abc import Collection

import sqlalchemy as sa

from assaykit.engine.store.tables import datasets, experiment_runs, experiments, run_items, task_runs

_SECOND = 1_000_000_000


def touch(connection: sa.Connection, table: sa.Table, keys: Collection[str] | sa.CompoundSelect[str], now: int) -> None:
    """Move `updated_ns` to now, or to the second after the last change where that is later."""
    later = (table.c.updated_ns // _SECOND + 1) * _SECOND
    connection.execute(table.update().where(table.c.id.in_(keys)).values(updated_ns=sa.func.max(now, later)))


def touch_annotated(connection: sa.Connection, level: str, scope_id: str, now: int) -> None:
    """The same for the dataset or the experiment whose examples or runs were annotated."""
    owner = {"EXAMPLE": datasets, "RUN": experiments}.get(level)
    if owner is not None:
        touch(connection, owner, [scope_id], now)


def touch_run(connection: sa.Connection, run_id: str, now: int) -> None:
    """The same for the experiments that a task's run has scored, or has made."""
    scored = sa.select(run_items.c.target_id).where(run_items.c.run_id == run_id, run_items.c.state == "SCORED")
    owners = sa.select(experiment_runs.c.experiment_id).where(experiment_runs.c.id.in_(scored))
    made = sa.select(task_runs.c.experiment_id).where(task_runs.c.id == run_id, task_runs.c.experiment_id.is_not(None))
    touch(connection, experiments, owners.union(made), now)


def keep_up(connection: sa.Connection, experiment_ids: Collection[str], now: int) -> None:
    """Bring `updated_ns` of experiments up to the present, and no further: batches of verdicts follow quickly."""
    change = experiments.update().where(experiments.c.id.in_(experiment_ids))
    connection.execute(change.values(updated_ns=sa.func.max(now, experiments.c.updated_ns)))
