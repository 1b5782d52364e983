"""Queues of items that people label, in the store."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.problems import Malformed
from assaykit.engine.store.definitions import annotation_configs, datasets, experiments, projects, spaces
from assaykit.engine.store.keys import next_id, row_ids, row_of
from assaykit.engine.store.pages import PageRequest, by_arrival, named_like
from assaykit.engine.store.tables import (
    annotation_queue_records,
    annotation_queues,
    dataset_versions,
    examples,
    experiment_runs,
    spans,
)
from assaykit.engine.store.times import moment, nanoseconds
from assaykit.engine.store.traces.annotations import AnnotationLevel
from assaykit.errors import Conflict, NotFound
from assaykit.wire.annotation_queues import (
    RECORDS_PER_QUEUE_REQUEST,
    SESSIONS_PER_QUEUE_REQUEST,
    AnnotationQueue,
    AnnotationQueuePage,
    CreateAnnotationQueueRequest,
    ExampleRecordsInput,
    QueueRecordsInput,
    RunRecordsInput,
    SessionRecordsInput,
    SpanRecordsInput,
    TraceRecordsInput,
)
from assaykit.wire.spans import AnnotatorUser

_SHOWN = 5
_OWN_COLUMNS = {"name", "space_id", "record_sources", "assignment_method"}


class _Items(NamedTuple):
    """Items of one level in one project, dataset or experiment."""

    level: AnnotationLevel
    scope_id: str
    target_ids: Sequence[str]


def create(connection: sa.Connection, wanted: CreateAnnotationQueueRequest, clock: Clock) -> AnnotationQueue:
    """A new queue with its records, in the order of the sources. An item that occurs again is one record.

    Raises:
        NotFound: there is no such space, annotation config, project, dataset, experiment or item.
        Conflict: the space has a queue of this name.
        Malformed: the records are more than one request may have.
    """
    spaces.get(connection, wanted.space_id)
    c = annotation_queues.c
    taken = sa.select(c.id).where(c.space_id == wanted.space_id, c.name == wanted.name)
    if connection.execute(taken).first():
        raise Conflict(
            f"This space has an annotation queue named {wanted.name!r} already.", "Choose another name, or delete it."
        )
    for config_id in wanted.annotation_config_ids:
        annotation_configs.get(connection, config_id)
    items = [_items(connection, source) for source in wanted.record_sources or ()]
    _refuse_many(items)
    now = clock.now_ns()
    row = connection.execute(
        annotation_queues.insert()
        .values(
            id=next_id(connection, "AnnotationQueue", clock),
            space_id=wanted.space_id,
            name=wanted.name,
            config=wanted.model_dump(mode="json", exclude_none=True, exclude=_OWN_COLUMNS),
            created_ns=now,
        )
        .returning(annotation_queues)
    ).one()
    targets = dict.fromkeys((some.level, some.scope_id, target) for some in items for target in some.target_ids)
    if targets:
        records = [
            {"id": key, "created_ns": now, "queue_id": row.id, "level": level, "scope_id": scope, "target_id": target}
            for key, (level, scope, target) in zip(row_ids(len(targets), now), targets, strict=True)
        ]
        connection.execute(annotation_queue_records.insert(), records)
    return _queue(connection, row)


def page(
    connection: sa.Connection, *, space_id: str | None, space_name: str | None, name: str | None, at: PageRequest
) -> AnnotationQueuePage:
    """Queues, newest first."""
    query = sa.select(annotation_queues).where(spaces.within(annotation_queues, space_id, space_name))
    if name:
        query = query.where(named_like(annotation_queues.c.name, name))
    rows, pagination = by_arrival(connection, query, annotation_queues.c.n, at)
    return AnnotationQueuePage(annotation_queues=[_queue(connection, row) for row in rows], pagination=pagination)


def get(connection: sa.Connection, queue_id: str) -> AnnotationQueue:
    """One queue.

    Raises:
        NotFound: there is none with this id.
    """
    return _queue(connection, _row(connection, queue_id))


def delete(connection: sa.Connection, queue_id: str) -> None:
    """Remove a queue with its records. The items and their annotations stay.

    Raises:
        NotFound: there is none with this id.
    """
    _row(connection, queue_id)
    connection.execute(annotation_queues.delete().where(annotation_queues.c.id == queue_id))


def _items(connection: sa.Connection, source: QueueRecordsInput) -> _Items:
    match source:
        case ExampleRecordsInput():
            return _examples(connection, source)
        case RunRecordsInput():
            experiments.get(connection, source.experiment_id)
            c = experiment_runs.c
            query = sa.select(c.id).where(c.experiment_id == source.experiment_id)
            asked = _asked(connection, query, c.id, source.run_ids, "run(s) of the experiment")
            return _Items("RUN", source.experiment_id, asked)
        case SpanRecordsInput():
            return _of_project(connection, source, "SPAN", spans.c.span_id, source.span_ids)
        case TraceRecordsInput():
            return _of_project(connection, source, "TRACE", spans.c.trace_id, source.trace_ids)
        case SessionRecordsInput():
            return _of_project(connection, source, "SESSION", spans.c.session_id, source.session_ids)


def _of_project(
    connection: sa.Connection,
    source: SpanRecordsInput | TraceRecordsInput | SessionRecordsInput,
    level: AnnotationLevel,
    key: sa.ColumnElement[str],
    ids: Sequence[str],
) -> _Items:
    projects.get(connection, source.project_id)
    start, end = nanoseconds(source.start_time) or 0, (nanoseconds(source.end_time) or 0) + 999
    if start > end:
        raise Malformed("start_time lies after end_time.", "Swap them.")
    query = sa.select(key).where(spans.c.project_id == source.project_id, spans.c.start_ns.between(start, end))
    asked = _asked(connection, query, key, ids, f"{level.lower()}(s) of the project in that time")
    return _Items(level, source.project_id, asked)


def _examples(connection: sa.Connection, source: ExampleRecordsInput) -> _Items:
    datasets.get(connection, source.dataset_id)
    version_id = datasets.version_of(connection, source.dataset_id, source.dataset_version_id)
    c = examples.c
    query = sa.select(c.id).where(c.version_id == version_id)
    if source.example_ids is None:
        every = connection.execute(query.order_by(c.n).limit(RECORDS_PER_QUEUE_REQUEST + 1)).scalars().all()
        return _Items("EXAMPLE", source.dataset_id, every)
    if source.dataset_version_id is None:
        versions = sa.select(dataset_versions.c.id).where(dataset_versions.c.dataset_id == source.dataset_id)
        query = sa.select(c.id).where(c.version_id.in_(versions))
    asked = _asked(connection, query, c.id, source.example_ids, "example(s) of the dataset")
    return _Items("EXAMPLE", source.dataset_id, asked)


def _asked(
    connection: sa.Connection, query: sa.Select[str], key: sa.ColumnElement[str], ids: Sequence[str], what: str
) -> Sequence[str]:
    there = set(connection.execute(query.where(key.in_(ids)).distinct()).scalars())
    if missing := [one for one in ids if one not in there]:
        shown = ", ".join(repr(one) for one in missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        raise NotFound(f"{len(missing)} of {len(ids)} are no {what}: {shown}.", "Correct the ids; nothing was written.")
    return ids


def _refuse_many(items: Sequence[_Items]) -> None:
    for most, noun, some in (
        (SESSIONS_PER_QUEUE_REQUEST, "sessions", [one for one in items if one.level == "SESSION"]),
        (RECORDS_PER_QUEUE_REQUEST, "records", items),
    ):
        count = sum(len(one.target_ids) for one in some)
        if count > most:
            raise Malformed(f"The sources have more than {most} {noun}.", f"Name at most {most}.")


def _row(connection: sa.Connection, queue_id: str) -> sa.Row[Any]:
    return row_of(connection, annotation_queues, queue_id, "annotation queue", "/v2/annotation-queues")


def _queue(connection: sa.Connection, row: sa.Row[Any]) -> AnnotationQueue:
    return AnnotationQueue(
        id=row.id,
        name=row.name,
        space_id=row.space_id,
        instructions=row.config.get("instructions"),
        annotation_configs=list(_configs(connection, row.config["annotation_config_ids"])),
        annotators=[AnnotatorUser(email=one) for one in row.config["annotator_emails"]],
        created_at=moment(row.created_ns),
        updated_at=moment(row.created_ns),
        column_allowlist=row.config.get("column_allowlist") or None,
    )


def _configs(connection: sa.Connection, ids: Sequence[str]) -> Iterator[Any]:
    for config_id in ids:
        try:
            yield annotation_configs.get(connection, config_id)
        except NotFound:  # deleted since
            continue
