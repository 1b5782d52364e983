"""The records of an annotation queue, each with the columns of its item, its annotations and its verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from assaykit.engine.store.definitions import annotation_queues, datasets, experiments
from assaykit.engine.store.pages import PageRequest, by_arrival
from assaykit.engine.store.tables import annotation_queue_records, spans
from assaykit.engine.store.traces import annotations, verdicts
from assaykit.engine.store.traces.annotations import AnnotationLevel
from assaykit.engine.store.traces.spans import by_ids
from assaykit.judge.columns import span_row
from assaykit.wire.annotation_queues import AnnotationQueueRecord, AnnotationQueueRecordPage
from assaykit.wire.spans import Evaluation, Span

_SOURCES: Mapping[AnnotationLevel, str] = {"EXAMPLE": "DATASET", "RUN": "EXPERIMENT"}
_SAID = ("eval.", "trace_eval.", "session_eval.", "annotation.")
"""The beginnings of the columns of verdicts and annotations. These columns are no data of an item."""

_EXAMPLES = "dataset."
"""The beginning of the columns of a run's example."""


def page(connection: sa.Connection, queue_id: str, at: PageRequest) -> AnnotationQueueRecordPage:
    """Records in the order of the queue.

    Raises:
        NotFound: there is no such queue.
        Malformed: the cursor comes from another list.
    """
    queue = annotation_queues.get(connection, queue_id)
    query = sa.select(annotation_queue_records).where(annotation_queue_records.c.queue_id == queue_id)
    rows, pagination = by_arrival(connection, query, annotation_queue_records.c.n, at, newest_first=False)
    groups: dict[tuple[AnnotationLevel, str], list[str]] = {}
    for row in rows:
        groups.setdefault((row.level, row.scope_id), []).append(row.target_id)
    items = {
        (level, scope, target): item
        for (level, scope), targets in groups.items()
        for target, item in _items(connection, level, scope, targets).items()
    }
    allowed = None if queue.column_allowlist is None else set(queue.column_allowlist)
    records: list[AnnotationQueueRecord] = []
    for row in rows:
        item = dict(items.get((row.level, row.scope_id, row.target_id), {}))
        if "data" in item and allowed is not None:
            item["data"] = {column: value for column, value in item["data"].items() if column in allowed}
        records.append(AnnotationQueueRecord.model_validate({**item, **_told(row)}))
    return AnnotationQueueRecordPage(records=records, pagination=pagination)


def _told(row: sa.Row[Any]) -> dict[str, Any]:
    of_spans = row.level not in _SOURCES
    return {
        "id": row.id,
        "annotation_queue_id": row.queue_id,
        "source_type": _SOURCES.get(row.level, "SPANS"),
        "granularity": row.level if of_spans else None,
    }


def _items(
    connection: sa.Connection, level: AnnotationLevel, scope_id: str, targets: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The fields of the records of some items, by target. A deleted item is absent."""
    if level not in _SOURCES:
        return _of_spans(connection, level, scope_id, targets)
    said = annotations.of(connection, scope_id, level, targets)
    if level == "RUN":
        rows = {row["id"]: row for row in experiments.rows_of(connection, scope_id, targets)}
        return {
            target: {"data": _of_run(row), "evaluations": _verdicts(row), "annotations": said.get(target, [])}
            for target, row in rows.items()
        }
    columns = datasets.example_columns(connection, None, targets)
    return {
        target: {"data": {"id": target, **_unsaid(row)}, "annotations": said.get(target, [])}
        for target, row in columns.items()
    }


def _of_run(row: Mapping[str, Any]) -> dict[str, Any]:
    """A run's columns and those of its example, each once."""
    own = {key: value for key, value in row.items() if not key.startswith(_EXAMPLES)}
    others = {
        key: value
        for key, value in row.items()
        if key.startswith(_EXAMPLES) and row.get(key[len(_EXAMPLES) :]) != value
    }
    return _unsaid(own | others)


def _verdicts(row: Mapping[str, Any]) -> list[Evaluation]:
    """The verdicts in a run's columns, uploaded ones included."""
    found: dict[str, dict[str, Any]] = {}
    for key, value in row.items():
        name, _, field = key.removeprefix("eval.").rpartition(".")
        if key.startswith("eval.") and field in verdicts.VERDICT_FIELDS:
            found.setdefault(name, {})[field] = value
    return [Evaluation(name=name, **parts) for name, parts in sorted(found.items())]


def _of_spans(
    connection: sa.Connection, level: AnnotationLevel, project_id: str, targets: Sequence[str]
) -> dict[str, dict[str, Any]]:
    shown = {target: target for target in targets}
    if level != "SPAN":
        shown = {target: one for target in targets if (one := _first_root(connection, level, project_id, target))}
    found = by_ids(connection, project_id, list(shown.values()))
    sessions = {one.attributes.get("session.id") for one in found.values()} - {None}
    of_sessions = annotations.of(connection, project_id, "SESSION", sorted(map(str, sessions)))
    return {
        target: _of_span(span, of_sessions.get(str(span.attributes.get("session.id")), []))
        for target, span_id in shown.items()
        if (span := found.get(span_id)) is not None
    }


def _of_span(span: Span, of_session: Sequence[Any]) -> dict[str, Any]:
    return {
        "data": _unsaid(span_row(span)),
        "annotations": span.annotations,
        "trace_annotations": span.trace_annotations,
        "session_annotations": of_session,
        "evaluations": span.evaluations,
    }


def _first_root(connection: sa.Connection, level: AnnotationLevel, project_id: str, target: str) -> str | None:
    """The span that stands for a trace or session: the first root, else the first span."""
    key = spans.c.trace_id if level == "TRACE" else spans.c.session_id
    query = sa.select(spans.c.span_id).where(spans.c.project_id == project_id, key == target)
    query = query.order_by(spans.c.start_ns).limit(1)
    root = connection.execute(query.where(spans.c.parent_id.is_(None))).scalar()
    return root if root is not None else connection.execute(query).scalar()


def _unsaid(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in columns.items() if not key.startswith(_SAID) and value is not None}
