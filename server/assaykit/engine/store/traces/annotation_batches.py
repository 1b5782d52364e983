"""Batches of annotations. If any part of a batch is invalid, nothing of it is written."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.problems import Malformed
from assaykit.engine.store.definitions import annotation_configs, datasets, experiments, projects
from assaykit.engine.store.tables import dataset_versions, examples, experiment_runs, spans
from assaykit.engine.store.traces import annotations
from assaykit.engine.store.traces.annotations import AnnotationLevel
from assaykit.engine.store.traces.spans import TimeRange
from assaykit.errors import NotFound
from assaykit.wire.annotations import AnnotateRecordInput
from assaykit.wire.evaluators import Granularity

_IDS_PER_QUERY = 500
_SHOWN = 5


def annotate_spans(
    connection: sa.Connection,
    project_id: str,
    granularity: Granularity,
    window: TimeRange,
    records: Sequence[AnnotateRecordInput],
    clock: Clock,
) -> None:
    """Annotate spans, traces or sessions that have a span in the window.

    A record names a trace by the root span, as on AX, or by the trace id.

    Raises:
        NotFound: no such project, or no such span, trace or session in the window.
        Malformed: a target is annotated more than once under one name.
        Invalid: a name has no config, or its config does not allow the value.
    """
    project = projects.get(connection, project_id)
    within = (spans.c.project_id == project_id) & spans.c.start_ns.between(*window)
    match granularity:
        case "SPAN":
            queries = [sa.select(spans.c.span_id, spans.c.span_id).where(within)]
            keys: list[sa.ColumnElement[str]] = [spans.c.span_id]
        case "TRACE":
            roots = sa.select(spans.c.span_id, spans.c.trace_id).where(within, spans.c.parent_id.is_(None))
            queries = [roots, sa.select(spans.c.trace_id, spans.c.trace_id).where(within)]
            keys = [spans.c.span_id, spans.c.trace_id]
        case "SESSION":
            queries = [sa.select(spans.c.session_id, spans.c.session_id).where(within)]
            keys = [spans.c.session_id]
    targets: dict[str, str] = {}
    for query, key in zip(queries, keys, strict=True):
        targets |= _found(connection, query, key, records)
    hint = "Check the ids, or set start_time and end_time to a window with spans of these records."
    _write(connection, project.space_id or "", (project_id, granularity), records, targets, hint, clock)


def annotate_runs(
    connection: sa.Connection, experiment_id: str, records: Sequence[AnnotateRecordInput], clock: Clock
) -> None:
    """Annotate runs of an experiment. An unknown run fails the whole batch; AX ignores it.

    Raises:
        NotFound: no such experiment or run.
        Malformed: a target is annotated more than once under one name.
        Invalid: a name has no config, or its config does not allow the value.
    """
    experiment = experiments.get(connection, experiment_id)
    c = experiment_runs.c
    query = sa.select(c.id, c.id).where(c.experiment_id == experiment_id)
    targets = _found(connection, query, c.id, records)
    hint = "GET /v2/experiments/{id}/runs lists the runs."
    _write(connection, experiment.space_id or "", (experiment_id, "RUN"), records, targets, hint, clock)


def annotate_examples(
    connection: sa.Connection, dataset_id: str, records: Sequence[AnnotateRecordInput], clock: Clock
) -> None:
    """Annotate examples of a dataset, of any version. An unknown example fails the whole batch.

    Raises:
        NotFound: no such dataset or example.
        Malformed: a target is annotated more than once under one name.
        Invalid: a name has no config, or its config does not allow the value.
    """
    dataset = datasets.get(connection, dataset_id)
    versions = sa.select(dataset_versions.c.id).where(dataset_versions.c.dataset_id == dataset_id)
    query = sa.select(examples.c.id, examples.c.id).where(examples.c.version_id.in_(versions))
    targets = _found(connection, query, examples.c.id, records)
    hint = "GET /v2/datasets/{id}/examples lists the examples."
    _write(connection, dataset.space_id or "", (dataset_id, "EXAMPLE"), records, targets, hint, clock)


def _found(
    connection: sa.Connection,
    query: sa.Select[str, str],
    key: sa.ColumnElement[str],
    records: Sequence[AnnotateRecordInput],
) -> dict[str, str]:
    """Map record ids to target ids, for the records that `query` finds by `key`."""
    asked = list({record.record_id for record in records})
    found: dict[str, str] = {}
    for start in range(0, len(asked), _IDS_PER_QUERY):
        some = query.where(key.in_(asked[start : start + _IDS_PER_QUERY])).distinct()
        found |= {row[0]: row[1] for row in connection.execute(some)}
    return found


def _write(
    connection: sa.Connection,
    space_id: str,
    place: tuple[str, AnnotationLevel],
    records: Sequence[AnnotateRecordInput],
    targets: Mapping[str, str],
    hint: str,
    clock: Clock,
) -> None:
    missing = [record.record_id for record in records if record.record_id not in targets]
    if missing:
        shown = ", ".join(repr(each) for each in missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        raise NotFound(f"{len(missing)} of {len(records)} records were not found: {shown}. Nothing was written.", hint)
    configs = annotation_configs.of_space(connection, space_id)
    said: dict[tuple[str, str], dict[str, Any]] = {}
    for record in records:
        for value in record.values:
            target = (targets[record.record_id], value.name)
            if target in said:
                raise Malformed(
                    f"Record {record.record_id!r} is annotated as {value.name!r} more than once.",
                    "Send each record once, and each name once in it.",
                )
            said[target] = annotation_configs.parts(value, configs)
    annotations.put(connection, *place, said, clock.now_ns())
