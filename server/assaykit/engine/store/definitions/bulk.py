"""Datasets and experiments of any size, written and read in parts for Arrow Flight."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.change_times import touch
from assaykit.engine.store.definitions import datasets, experiments, run_columns
from assaykit.engine.store.keys import row_ids
from assaykit.engine.store.pages import PageRequest
from assaykit.engine.store.tables import examples, experiment_runs
from assaykit.engine.store.tables import experiments as experiment_table
from assaykit.engine.store.traces import annotations
from assaykit.errors import Conflict, Invalid, NotFound, quote
from assaykit.wire.datasets import SYSTEM_COLUMNS
from assaykit.wire.experiments import Experiment

StoredRow = dict[str, Any]

_ROWS_PER_READ = 500
_IDS_PER_QUERY = 500
_APART_NS = 1000
"""Nanoseconds between the ids of two parts. They make the order of ids as text the order of arrival."""


def create_dataset(
    connection: sa.Connection, space_id: str, name: str, parts: Iterable[Sequence[Mapping[str, Any]]], clock: Clock
) -> str:
    """Create a dataset of these rows and return its id. A row keeps its `id`, because the sender may refer to it.

    The engine sets the times of creation and change.

    Raises:
        NotFound: no such space.
        Conflict: the space has a dataset of this name, or an example has an id that is in use.
        Invalid: there are no rows, or one has nothing but system columns.
    """
    dataset_id, version_id = datasets.begin(connection, space_id, name, clock)
    now = clock.now_ns()
    there = False
    for number, part in enumerate(parts):
        ids = row_ids(len(part), now + number * _APART_NS)
        rows = [_example(version_id, key, row, now) for key, row in zip(ids, part, strict=True)]
        _refuse_used(connection, [row["id"] for row in rows])
        if rows:
            connection.execute(examples.insert(), rows)
            there = True
    if not there:
        raise Invalid("The dataset would have no examples.", "Send at least one row.")
    return dataset_id


def begin_experiment(connection: sa.Connection, dataset_id: str, name: str, clock: Clock) -> Experiment:
    """Return an experiment without runs: the stored one of this name, or a new one.

    Raises:
        NotFound: no such dataset.
        Conflict: the dataset has an experiment of this name that has runs.
    """
    found = _named(connection, dataset_id, name)
    if found is None:
        return experiments.provision(connection, dataset_id, None, name, clock)
    _refuse_filled(connection, found)
    return found


def fill_experiment(
    connection: sa.Connection, dataset_id: str, name: str, parts: Iterable[Sequence[Mapping[str, Any]]], clock: Clock
) -> str:
    """Add the runs of an experiment that has none, and return its id. The engine sets the ids of the runs.

    Raises:
        NotFound: the dataset has no such experiment.
        Conflict: it has runs.
        Invalid: there are no rows, or one has no `example_id` or has annotations.
    """
    experiment = _named(connection, dataset_id, name)
    if experiment is None:
        raise NotFound(
            f"The dataset {dataset_id!r} has no experiment named {quote(name, 60)!r}.", "Create the experiment first."
        )
    _refuse_filled(connection, experiment)
    now = clock.now_ns()
    there = 0
    for number, part in enumerate(parts):
        ids = row_ids(len(part), now + number * _APART_NS)
        made = zip(ids, part, range(there + 1, there + len(part) + 1), strict=True)
        rows = [_run(experiment.id, key, row, position, now) for key, row, position in made]
        if rows:
            connection.execute(experiment_runs.insert(), rows)
            run_columns.keep(connection, experiment.id)
            there += len(rows)
    if not there:
        raise Invalid("The experiment would have no runs.", "Send at least one row.")
    touch(connection, experiment_table, [experiment.id], now)
    return experiment.id


def examples_of(connection: sa.Connection, dataset_id: str, version_id: str | None) -> Iterator[StoredRow]:
    """Yield the examples of a version, oldest first: `id`, times in milliseconds, columns and `annotation.<name>.*`.

    Raises:
        NotFound: no such dataset or version.
    """
    at = PageRequest(_ROWS_PER_READ)
    while True:
        page = datasets.example_page(connection, dataset_id, version_id, at)
        for example in page.examples:
            times = {"created_at": _milliseconds(example.created_at), "updated_at": _milliseconds(example.updated_at)}
            columns: StoredRow = example.model_extra or {}
            yield {"id": example.id} | times | columns | annotations.columns(example.annotations)
        if not page.pagination.has_more:
            return
        at = at._replace(cursor=page.pagination.next_cursor)


def runs_of(connection: sa.Connection, experiment_id: str) -> Iterator[StoredRow]:
    """Yield the runs of an experiment by arrival, with uploaded and computed verdicts and `annotation.<name>.*`.

    Raises:
        NotFound: no such experiment.
    """
    at = PageRequest(_ROWS_PER_READ)
    while True:
        page = experiments.run_page(connection, experiment_id, at)
        for run in page.experiment_runs:
            yield run.model_dump(exclude={"annotations"}) | annotations.columns(run.annotations)
        if not page.pagination.has_more:
            return
        at = at._replace(cursor=page.pagination.next_cursor)


def _example(version_id: str, key: str, row: Mapping[str, Any], now: int) -> StoredRow:
    data = _free(row)
    if not data:
        raise Invalid("An example has no column of its own.", "Give each example at least one field.")
    example_id = str(row.get("id") or key)
    return {"id": example_id, "version_id": version_id, "data": data, "created_ns": now, "updated_ns": now}


def _run(experiment_id: str, key: str, row: Mapping[str, Any], position: int, now: int) -> StoredRow:
    if not row.get("example_id"):
        raise Invalid(
            f"Run {position} has no example_id.", "Each run of a dataset's experiment names the example it belongs to."
        )
    data = _free(row)
    texts = {column: _text(data[column]) for column in ("output", "error") if column in data}
    return {
        "id": key,
        "experiment_id": experiment_id,
        "example_id": str(data.pop("example_id")),
        "data": data | texts,
        "created_ns": now,
    }


def _free(row: Mapping[str, Any]) -> StoredRow:
    """The columns without the system columns. A sender may fill in any system column except `annotations`."""
    if "annotations" in row:
        raise Invalid("The column annotations belongs to the engine.", "Leave it out or rename it.")
    return {column: value for column, value in row.items() if column not in SYSTEM_COLUMNS}


def _text(value: Any) -> str | None:
    """The value as the text that the wire requires. A column is numeric if the sender's task returned numbers."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _named(connection: sa.Connection, dataset_id: str, name: str) -> Experiment | None:
    c = experiment_table.c
    key = connection.execute(sa.select(c.id).where(c.dataset_id == dataset_id, c.name == name)).scalar()
    return None if key is None else experiments.get(connection, key)


def _refuse_filled(connection: sa.Connection, experiment: Experiment) -> None:
    if connection.execute(
        sa.select(experiment_runs.c.id).where(experiment_runs.c.experiment_id == experiment.id).limit(1)
    ).first():
        raise Conflict(
            f"There is an experiment named {experiment.name!r} already, and it has runs.", "Choose another name."
        )


def _refuse_used(connection: sa.Connection, ids: Sequence[str]) -> None:
    used = next((key for key in ids if ids.count(key) > 1), None) if len(set(ids)) < len(ids) else None
    for start in range(0, len(ids), _IDS_PER_QUERY):
        some = sa.select(examples.c.id).where(examples.c.id.in_(ids[start : start + _IDS_PER_QUERY])).limit(1)
        used = used or connection.execute(some).scalar()
    if used is not None:
        raise Conflict(
            f"The example id {quote(used, 60)!r} occurs twice, or belongs to another dataset.",
            "Leave the column id out; the engine then gives each example an id.",
        )


def _milliseconds(moment: Any) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
