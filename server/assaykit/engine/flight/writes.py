"""The writes of Flight, each within one transaction: the first fault refuses all rows."""

from collections.abc import Iterator

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.flight import columns, messages
from assaykit.engine.flight.frames import ArrowRow
from assaykit.engine.flight.messages import Message
from assaykit.engine.flight.tickets import (
    CreateDataset,
    CreateExperimentEntry,
    FlightRequest,
    PostExperimentData,
    WriteAnnotations,
    WriteEvaluations,
    WriteMetadata,
)
from assaykit.engine.store.definitions import bulk, experiments
from assaykit.engine.store.traces import span_updates


def act(connection: sa.Connection, asked: CreateExperimentEntry, clock: Clock) -> Message:
    """Create an experiment without runs, and return its id and the name of the project for its spans.

    Raises:
        NotFound: no such dataset.
        Conflict: the dataset has an experiment of this name with runs.
    """
    experiment = bulk.begin_experiment(connection, asked.dataset_id, asked.experiment_name, clock)
    project = experiments.traced(connection, experiment, clock)
    return messages.ExperimentEntry(
        experiment_id=experiment.id, dataset_id=asked.dataset_id, trace_model_name=project.name
    )


def put(connection: sa.Connection, asked: FlightRequest, parts: Iterator[list[ArrowRow]], clock: Clock) -> Message:
    """Write the rows, and return the reply message of the request.

    Raises:
        NotFound: no such space, dataset, experiment or project.
        Conflict: a name or an id is taken.
        Invalid: the rows do not fit the request.
    """
    match asked:
        case CreateDataset():
            made = bulk.create_dataset(connection, asked.space_id, asked.dataset_name, parts, clock)
            return messages.DatasetMade(dataset_id=made)
        case PostExperimentData():
            filled = bulk.fill_experiment(connection, asked.dataset_id, asked.experiment_name, parts, clock)
            return messages.ExperimentEntry(experiment_id=filled, dataset_id=asked.dataset_id)
        case WriteEvaluations():
            return evaluate(connection, asked.space_id, asked.external_model_id, parts, clock)
        case WriteAnnotations():
            return _annotate(connection, asked, parts, clock)
        case WriteMetadata():
            return _patch(connection, asked, parts)
        case _:
            raise TypeError(type(asked))


def evaluate(
    connection: sa.Connection, space_id: str, project_name: str, parts: Iterator[list[ArrowRow]], clock: Clock
) -> Message:
    """Write verdicts on spans of a project.

    In the reply, `records_updated` counts rows, and `unmatched_ids` are span ids that the project does not have.

    Raises:
        NotFound: no such space or project.
        Invalid: a column or a value does not belong to a verdict.
    """
    project = span_updates.project_named(connection, space_id, project_name)
    reply = messages.SpansUpdated()
    for rows in parts:
        said = columns.verdicts(rows)
        _tally(reply, rows, said, span_updates.put_verdicts(connection, project.id, said, clock))
    return reply


def _annotate(
    connection: sa.Connection, asked: WriteAnnotations, parts: Iterator[list[ArrowRow]], clock: Clock
) -> Message:
    project = span_updates.project_named(connection, asked.space_id, asked.external_model_id)
    reply = messages.SpansUpdated()
    for rows in parts:
        said = columns.annotations(rows)
        _tally(reply, rows, said, span_updates.put_annotations(connection, project, said, clock))
    return reply


def _tally(reply: Message, rows: list[ArrowRow], said: list[span_updates.Said], known: set[str]) -> None:
    about = {one.key for one in said}
    reply.records_updated += sum(row[columns.SPAN_ID] in about & known for row in rows)
    reply.unmatched_ids.extend(sorted(about - known))


def _patch(connection: sa.Connection, asked: WriteMetadata, parts: Iterator[list[ArrowRow]]) -> Message:
    project = span_updates.project_named(connection, asked.space_id, asked.external_model_id)
    reply = messages.MetadataUpdated()
    for rows in parts:
        patches = columns.patches(rows)
        known = span_updates.patch_metadata(connection, project.id, patches.good)
        missing = dict.fromkeys(patches.good.keys() - known, "No span of the project has this id.")
        failed = patches.bad | missing
        reply.spans_processed += len(rows)
        reply.spans_updated += sum(row[columns.SPAN_ID] not in failed for row in rows)
        reply.spans_failed += sum(row[columns.SPAN_ID] in failed for row in rows)
        for span_id, why in sorted(failed.items()):
            reply.errors.add(span_id=span_id, error_message=why)
    return reply
