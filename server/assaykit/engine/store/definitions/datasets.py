"""Datasets, their versions and examples in the store."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store import checksums
from assaykit.engine.store.change_times import touch
from assaykit.engine.store.checksums import SUMMED
from assaykit.engine.store.definitions import spaces
from assaykit.engine.store.keys import next_id, row_ids, row_of
from assaykit.engine.store.pages import PageRequest, by_arrival, decode_cursor, named_like
from assaykit.engine.store.tables import dataset_versions, datasets, evals, examples, experiments
from assaykit.engine.store.times import moment
from assaykit.engine.store.traces import annotations
from assaykit.errors import Conflict, Invalid, NotFound
from assaykit.wire.datasets import (
    SYSTEM_COLUMNS,
    CreateDatasetRequest,
    Dataset,
    DatasetExample,
    DatasetPage,
    DatasetVersion,
    DatasetVersionWithExampleIds,
    DeleteDatasetExamplesResponse,
    ExamplePage,
    UpdateDatasetExamplesRequest,
)
from assaykit.wire.spans import Annotation

_IDS_PER_QUERY = 500


def create(connection: sa.Connection, wanted: CreateDatasetRequest, clock: Clock) -> Dataset:
    """A new dataset whose first version holds the examples.

    Raises:
        NotFound: no such space.
        Conflict: the space has a dataset of this name.
        Invalid: an example is empty or has a system column.
    """
    dataset_id, version_id = begin(connection, wanted.space_id, wanted.name, clock)
    _insert_examples(connection, version_id, wanted.examples, clock.now_ns())
    return get(connection, dataset_id)


def begin(connection: sa.Connection, space_id: str, name: str, clock: Clock) -> tuple[str, str]:
    """Create a dataset with an empty first version. Returns the ids of both.

    Raises:
        NotFound: no such space.
        Conflict: the space has a dataset of this name.
    """
    spaces.get(connection, space_id)
    taken = sa.select(datasets.c.id).where(datasets.c.space_id == space_id, datasets.c.name == name)
    if connection.execute(taken).first():
        raise Conflict(
            f"This space has a dataset named {name!r} already.",
            "Append to it, or choose another name.",
        )
    now = clock.now_ns()
    dataset_id = next_id(connection, "Dataset", clock)
    connection.execute(
        datasets.insert().values(id=dataset_id, space_id=space_id, name=name, created_ns=now, updated_ns=now)
    )
    return dataset_id, _insert_version(connection, dataset_id, "v1", clock)


def append(
    connection: sa.Connection,
    dataset_id: str,
    version_id: str | None,
    rows: Sequence[dict[str, Any]],
    clock: Clock,
) -> DatasetVersionWithExampleIds:
    """Add examples to a version in place; to the newest if `version_id` is None.

    Raises:
        NotFound: no such dataset or version.
        Invalid: an example is empty or has a system column.
    """
    _row(connection, dataset_id)
    version = _version_row(connection, dataset_id, version_id)
    now = clock.now_ns()
    new_ids = _insert_examples(connection, version.id, rows, now)
    return _written(touch_examples(connection, dataset_id, version.id, now), version.id, new_ids)


def update_examples(
    connection: sa.Connection,
    dataset_id: str,
    version_id: str | None,
    wanted: UpdateDatasetExamplesRequest,
    clock: Clock,
) -> DatasetVersionWithExampleIds:
    """Change columns of examples in a version, in place or in a copy of it. `version_id` None is the newest version.

    Unknown example ids are ignored; the response has the ids of the changed examples.

    Raises:
        NotFound: no such dataset or version.
        Conflict: the dataset has a version with the name of the new one.
        Invalid: an example is empty or has a system column.
    """
    _row(connection, dataset_id)
    target: str = _version_row(connection, dataset_id, version_id).id
    changes = {example.id: example.model_extra or {} for example in wanted.examples}
    refuse_unfit(list(changes.values()))
    now = clock.now_ns()
    if wanted.new_version:
        target = copy_version(connection, dataset_id, target, wanted.new_version, clock)
    c = examples.c
    query = sa.select(examples).where(c.version_id == target, c.id.in_(list(changes)))
    before = {row.id: row for row in connection.execute(query)}
    changed = [_changed(before[key], columns, now) for key, columns in changes.items() if key in before]
    if changed:
        change = examples.update().where(c.version_id == target, c.id == sa.bindparam("key"))
        new = change.values(data=sa.bindparam("row"), updated_ns=now, checksum=sa.bindparam("sum"))
        connection.execute(new, changed)
    dataset = touch_examples(connection, dataset_id, target, now)
    return _written(dataset, target, [change["key"] for change in changed])


def _changed(row: sa.Row[Any], columns: Mapping[str, Any], now: int) -> dict[str, Any]:
    data = row.data | columns
    stored = {"id": row.id, "created_ns": row.created_ns, "data": data, "updated_ns": now}
    return {"key": row.id, "row": data, "sum": checksums.of_columns(stored, SUMMED["examples"])}


def page(
    connection: sa.Connection, *, space_id: str | None, space_name: str | None, name: str | None, at: PageRequest
) -> DatasetPage:
    """Datasets, newest first."""
    query = sa.select(datasets).where(spaces.within(datasets, space_id, space_name))
    if name:
        query = query.where(named_like(datasets.c.name, name))
    rows, pagination = by_arrival(connection, query, datasets.c.n, at)
    return DatasetPage(datasets=[_dataset(row, None) for row in rows], pagination=pagination)


def get(connection: sa.Connection, dataset_id: str) -> Dataset:
    """One dataset with its versions, newest first.

    Raises:
        NotFound: there is none with this id.
    """
    row = _row(connection, dataset_id)
    versions = connection.execute(
        sa.select(dataset_versions)
        .where(dataset_versions.c.dataset_id == dataset_id)
        .order_by(dataset_versions.c.n.desc())
    ).fetchall()
    return _dataset(row, [_version(version) for version in versions])


def rename(connection: sa.Connection, dataset_id: str, name: str, clock: Clock) -> Dataset:
    """Give a dataset another name.

    Raises:
        NotFound: there is none with this id.
        Conflict: the space has a dataset of this name.
    """
    row = _row(connection, dataset_id)
    taken = sa.select(datasets.c.id).where(
        datasets.c.space_id == row.space_id, datasets.c.name == name, datasets.c.id != dataset_id
    )
    if connection.execute(taken).first():
        raise Conflict(f"This space has a dataset named {name!r} already.", "Choose another name.")
    change = datasets.update().where(datasets.c.id == dataset_id)
    connection.execute(change.values(name=name, updated_ns=clock.now_ns()))
    return get(connection, dataset_id)


def delete(connection: sa.Connection, dataset_id: str) -> None:
    """Remove a dataset with its examples, experiments, their verdicts, and tasks.

    Raises:
        NotFound: there is none with this id.
    """
    _row(connection, dataset_id)
    of_it = sa.select(experiments.c.id).where(experiments.c.dataset_id == dataset_id)
    connection.execute(evals.delete().where(evals.c.scope_id.in_(of_it)))
    annotations.forget_scopes(connection, of_it)
    annotations.forget_scopes(connection, [dataset_id])
    connection.execute(datasets.delete().where(datasets.c.id == dataset_id))


def example_page(connection: sa.Connection, dataset_id: str, version_id: str | None, at: PageRequest) -> ExamplePage:
    """Examples of a version, oldest first; of the newest version if `version_id` is None.

    A cursor carries the version of its first page, so a newer version changes nothing in a list that is being read.

    Raises:
        NotFound: no such dataset or version.
        Malformed: the cursor comes from another list.
    """
    _row(connection, dataset_id)
    version = page_version(connection, dataset_id, version_id, at.cursor)
    query = sa.select(examples).where(examples.c.version_id == version.id)
    rows, pagination = by_arrival(connection, query, examples.c.n, at, newest_first=False, place=(version.n,))
    said = annotations.of(connection, dataset_id, "EXAMPLE", [row.id for row in rows])
    return ExamplePage(examples=[_example(row, said.get(row.id, [])) for row in rows], pagination=pagination)


def page_version(connection: sa.Connection, dataset_id: str, version_id: str | None, cursor: str | None) -> sa.Row[Any]:
    """The row of the version that a list of examples reads: that of the cursor, or without one that of `version_id`.

    Raises:
        NotFound: no such version.
        Malformed: the text is not a cursor.
    """
    if cursor is not None and version_id is None:
        number, _ = decode_cursor(cursor, 2)
        c = dataset_versions.c
        version_id = connection.execute(sa.select(c.id).where(c.dataset_id == dataset_id, c.n == number)).scalar()
    return _version_row(connection, dataset_id, version_id)


def delete_examples(
    connection: sa.Connection, dataset_id: str, version_id: str, example_ids: Sequence[str], clock: Clock
) -> DeleteDatasetExamplesResponse:
    """Delete examples from a version in place, with annotations that no other version needs.

    Raises:
        NotFound: no such dataset or version.
    """
    version = _version_row(connection, _row(connection, dataset_id).id, version_id)
    found = examples.delete().where(examples.c.version_id == version.id, examples.c.id.in_(list(example_ids)))
    deleted = set(connection.execute(found.returning(examples.c.id)).scalars())
    # An example keeps its annotations as long as one version of the dataset has it.
    versions = sa.select(dataset_versions.c.id).where(dataset_versions.c.dataset_id == dataset_id)
    kept = sa.select(examples.c.id).where(examples.c.version_id.in_(versions), examples.c.id.in_(list(deleted)))
    gone = deleted - set(connection.execute(kept).scalars())
    annotations.forget(connection, dataset_id, "EXAMPLE", list(gone))
    touch_examples(connection, dataset_id, version.id, clock.now_ns())
    return DeleteDatasetExamplesResponse(
        completed=True,
        deleted_example_ids=[example_id for example_id in example_ids if example_id in deleted],
        not_deleted_example_ids=[example_id for example_id in example_ids if example_id not in deleted],
    )


def newest_version(connection: sa.Connection, dataset_id: str) -> str:
    """The id of the newest version.

    Raises:
        NotFound: no such dataset.
    """
    return version_of(connection, dataset_id, None)


def version_of(connection: sa.Connection, dataset_id: str, version_id: str | None) -> str:
    """The id of a version; of the newest if `version_id` is None.

    Raises:
        NotFound: the dataset has no such version.
    """
    return _version_row(connection, dataset_id, version_id).id


def known_examples(connection: sa.Connection, dataset_id: str, example_ids: Collection[str]) -> set[str]:
    """The ids of these that an example of the dataset has, in any version."""
    versions = sa.select(dataset_versions.c.id).where(dataset_versions.c.dataset_id == dataset_id)
    ids, known = list(example_ids), set[str]()
    for start in range(0, len(ids), _IDS_PER_QUERY):
        some = examples.c.id.in_(ids[start : start + _IDS_PER_QUERY])
        known.update(
            connection.execute(sa.select(examples.c.id).where(examples.c.version_id.in_(versions), some)).scalars()
        )
    return known


def example_columns(
    connection: sa.Connection, version_id: str | None, example_ids: Collection[str]
) -> dict[str, dict[str, Any]]:
    """The columns of some examples, by id: from `version_id`, else from the newest version that has the example."""
    c = examples.c
    query = sa.select(c.id, c.data).where(c.id.in_(example_ids)).order_by(c.version_id == version_id, c.n)
    return {row.id: row.data for row in connection.execute(query)}


def some_examples(connection: sa.Connection, dataset_id: str, example_ids: Sequence[str]) -> list[DatasetExample]:
    """Some examples of the newest version of a dataset, without annotations.

    Raises:
        NotFound: there is no such dataset.
    """
    version_id = newest_version(connection, dataset_id)
    query = sa.select(examples).where(examples.c.version_id == version_id, examples.c.id.in_(example_ids))
    return [_example(row, []) for row in connection.execute(query)]


def _insert_version(connection: sa.Connection, dataset_id: str, name: str, clock: Clock) -> str:
    version_id, now = next_id(connection, "DatasetVersion", clock), clock.now_ns()
    row = {"id": version_id, "dataset_id": dataset_id, "name": name, "created_ns": now, "updated_ns": now}
    connection.execute(dataset_versions.insert().values(row))
    return version_id


def copy_version(connection: sa.Connection, dataset_id: str, version_id: str, name: str, clock: Clock) -> str:
    """Copy a version, and return the new id. Examples keep their ids, because experiment runs refer to them.

    Raises:
        Conflict: the dataset has a version of this name.
    """
    c = dataset_versions.c
    if connection.execute(sa.select(c.id).where(c.dataset_id == dataset_id, c.name == name)).first():
        raise Conflict(f"This dataset has a version named {name!r} already.", "Choose another name for the new one.")
    new_id = _insert_version(connection, dataset_id, name, clock)
    columns = ["id", "created_ns", "version_id", "data", "updated_ns", "checksum"]
    taken = [sa.literal(new_id) if column == "version_id" else examples.c[column] for column in columns]
    source = sa.select(*taken).where(examples.c.version_id == version_id).order_by(examples.c.n)
    connection.execute(examples.insert().from_select(columns, source))
    return new_id


def touch_examples(connection: sa.Connection, dataset_id: str, version_id: str, now: int) -> sa.Row[Any]:
    """Update the times of change after a write of examples, and return the row of the dataset."""
    touch(connection, dataset_versions, [version_id], now)
    touch(connection, datasets, [dataset_id], now)
    return _row(connection, dataset_id)


def refuse_unfit(rows: Sequence[dict[str, Any]]) -> None:
    """Check the columns of new examples.

    Raises:
        Invalid: an example is empty or has a system column.
    """
    for position, row in enumerate(rows, start=1):
        if not row:
            raise Invalid(f"Example {position} is empty.", "Give each example at least one field.")
        if owned := SYSTEM_COLUMNS & row.keys():
            raise Invalid(
                f"Example {position} has the system field(s) {', '.join(sorted(owned))}.",
                "Leave them out or rename them; the server sets its own.",
            )


def _insert_examples(connection: sa.Connection, version_id: str, rows: Sequence[dict[str, Any]], now: int) -> list[str]:
    refuse_unfit(rows)
    new_ids = row_ids(len(rows), now)
    connection.execute(
        examples.insert(),
        [
            {"id": key, "version_id": version_id, "data": row, "created_ns": now, "updated_ns": now}
            for key, row in zip(new_ids, rows, strict=True)
        ],
    )
    return new_ids


def _row(connection: sa.Connection, dataset_id: str) -> sa.Row[Any]:
    return row_of(connection, datasets, dataset_id, "dataset", "/v2/datasets")


def _version_row(connection: sa.Connection, dataset_id: str, version_id: str | None) -> sa.Row[Any]:
    query = sa.select(dataset_versions).where(dataset_versions.c.dataset_id == dataset_id)
    if version_id is not None:
        query = query.where(dataset_versions.c.id == version_id)
    row = connection.execute(query.order_by(dataset_versions.c.n.desc()).limit(1)).first()
    if row is None:
        raise NotFound(f"There is no version {version_id!r} of this dataset.", "GET /v2/datasets/{id} lists them.")
    return row


def _written(dataset: sa.Row[Any], version_id: str, example_ids: list[str]) -> DatasetVersionWithExampleIds:
    return DatasetVersionWithExampleIds(
        id=dataset.id,
        name=dataset.name,
        space_id=dataset.space_id,
        created_at=moment(dataset.created_ns),
        updated_at=moment(dataset.updated_ns),
        dataset_version_id=version_id,
        example_ids=example_ids,
    )


def _dataset(row: sa.Row[Any], versions: list[DatasetVersion] | None) -> Dataset:
    return Dataset(
        id=row.id,
        name=row.name,
        space_id=row.space_id,
        created_at=moment(row.created_ns),
        updated_at=moment(row.updated_ns),
        versions=versions,
    )


def _version(row: sa.Row[Any]) -> DatasetVersion:
    return DatasetVersion(
        id=row.id,
        name=row.name,
        dataset_id=row.dataset_id,
        created_at=moment(row.created_ns),
        updated_at=moment(row.updated_ns),
    )


def _example(row: sa.Row[Any], said: list[Annotation]) -> DatasetExample:
    return DatasetExample.model_validate(
        {
            **row.data,
            "id": row.id,
            "created_at": moment(row.created_ns),
            "updated_at": moment(row.updated_ns),
            "annotations": said,
        }
    )
