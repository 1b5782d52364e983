"""The versions of evaluators that a run is created with, so that all its verdicts are of one version each."""

from collections.abc import Mapping

import sqlalchemy as sa

from assaykit.engine.store.tables import evaluator_versions
from assaykit.wire.tasks import Task

Pins = Mapping[str, str]
"""The ids of versions by the ids of their evaluators."""


def of_task(connection: sa.Connection, task: Task) -> Pins:
    """The versions that a run of the task takes: the one that the task names, else the newest."""
    entries = task.evaluators or ()
    pinned = {one.evaluator_id: one.evaluator_version_id or _newest(connection, one.evaluator_id) for one in entries}
    return {evaluator_id: version_id for evaluator_id, version_id in pinned.items() if version_id is not None}


def applied(connection: sa.Connection, task: Task, pins: Pins | None) -> Task:
    """The task with these versions. An evaluator whose version was deleted since keeps what the task says of it."""
    if not pins or not task.evaluators:
        return task
    c = evaluator_versions.c
    there = set(connection.execute(sa.select(c.id).where(c.id.in_(list(pins.values())))).scalars())
    entries = [
        entry.model_copy(update={"evaluator_version_id": version_id})
        if (version_id := pins.get(entry.evaluator_id)) in there
        else entry
        for entry in task.evaluators
    ]
    return task.model_copy(update={"evaluators": entries})


def _newest(connection: sa.Connection, evaluator_id: str) -> str | None:
    c = evaluator_versions.c
    query = sa.select(c.id).where(c.evaluator_id == evaluator_id).order_by(c.n.desc()).limit(1)
    return connection.execute(query).scalar_one_or_none()
