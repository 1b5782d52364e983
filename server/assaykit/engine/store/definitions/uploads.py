"""Uploads of any size, written in one transaction: examples, and runs of a new experiment on them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from pydantic_core import from_json, to_json

from assaykit.engine.clock import Clock
from assaykit.engine.store import checksums
from assaykit.engine.store.definitions import datasets, experiments, run_columns
from assaykit.engine.store.keys import row_ids
from assaykit.engine.store.tables import experiment_runs
from assaykit.errors import Invalid
from assaykit.matching import Matching, is_refused
from assaykit.wire.experiments import ExperimentRunInput
from assaykit.wire.local import Matches, Uploaded, UploadRequest

_APART_NS = 1000
"""Nanoseconds between the ids of two parts. They make the order of ids as text the order of arrival."""

_RUN = (
    "INSERT INTO experiment_runs (id, created_ns, experiment_id, example_id, data, checksum) VALUES (?, ?, ?, ?, ?, ?)"
)
_EXAMPLE = "INSERT INTO examples (id, created_ns, version_id, data, updated_ns, checksum) VALUES (?, ?, ?, ?, ?, ?)"
"""SQL text for the driver: with 100,000 rows, SQLAlchemy's work for a row costs as much as the write."""


class BodyRows(NamedTuple):
    """The rows of one body, as JSON texts that the store keeps. A run is a pair of its example's name and its data."""

    examples: Sequence[str]
    runs: Sequence[tuple[str | None, str]]


class Refused(Exception):
    """The rows do not fit the dataset; `matches` says how."""

    def __init__(self, matches: Matches) -> None:
        super().__init__()
        self.matches = matches


def part_of(wanted: UploadRequest) -> BodyRows:
    """Check the rows of a body and convert them to JSON texts.

    Raises:
        Invalid: an example is empty or has a system column, or a run has annotations.
    """
    datasets.refuse_unfit(wanted.examples)
    return BodyRows([to_json(one).decode() for one in wanted.examples], [_run(one) for one in wanted.runs])


def packed(part: BodyRows) -> bytes:
    """A part as a line of JSON."""
    return to_json(part)


def unpacked(line: bytes) -> BodyRows:
    """The part that `packed` wrote as this line."""
    return BodyRows(*from_json(line))


def write(connection: sa.Connection, wanted: UploadRequest, parts: Iterable[BodyRows], clock: Clock) -> Uploaded:
    """Write the dataset, version and experiment of an upload's last body, with the rows of all parts.

    Raises:
        NotFound: no such dataset or space.
        Conflict: the name of the dataset, version or experiment is taken.
        Invalid: there is neither an example nor a run.
        Refused: the runs do not fit the dataset's examples.
    """
    now = clock.now_ns()
    dataset_id, version_id = _place(connection, wanted, clock)
    experiment = None
    if wanted.experiment is not None:
        experiment = experiments.provision(connection, dataset_id, version_id, wanted.experiment, clock)
    matching = Matching(wanted.key)
    if experiment is not None and wanted.new_dataset is None:
        _add(matching, _there(connection, version_id, with_data=matching.key is not None))
    added = runs = 0
    for number, part in enumerate(parts):
        ids = row_ids(len(part.examples), now + number * _APART_NS)
        rows = [
            (key, now, version_id, data, now, checksums.of((key, now, data, now)))
            for key, data in zip(ids, part.examples, strict=True)
        ]
        if rows:
            connection.exec_driver_sql(_EXAMPLE, rows)
            _add(matching, zip(ids, part.examples, strict=True))
            added += len(rows)
        if experiment is not None and part.runs:
            runs += _write_runs(connection, experiment.id, _matched(matching, part, ids), now + number * _APART_NS)
    matches = matching.found()
    if experiment is not None and is_refused(
        matches, skip_unmatched=wanted.skip_unmatched, repetitions=wanted.repetitions
    ):
        raise Refused(matches)
    if not added and not runs:
        raise Invalid("The upload has no example and no run.", "Send at least one row.")
    if added and wanted.new_dataset is None:
        datasets.touch_examples(connection, dataset_id, version_id, now)
    return Uploaded(
        is_written=True,
        dataset_id=dataset_id,
        dataset_version_id=version_id,
        experiment_id=None if experiment is None else experiment.id,
        examples=added,
        runs=runs,
        matches=matches,
    )


def _run(run: ExperimentRunInput) -> tuple[str | None, str]:
    if "annotations" in (run.model_extra or {}):
        raise Invalid("A run has the system field annotations.", "Leave it out or rename it.")
    return run.example_id, run.model_dump_json(exclude={"example_id"})


def _place(connection: sa.Connection, wanted: UploadRequest, clock: Clock) -> tuple[str, str]:
    """The ids of the dataset and the version to write to; each is created if the request asks for a new one."""
    if wanted.new_dataset is not None:
        return datasets.begin(connection, wanted.new_dataset.space_id, wanted.new_dataset.name, clock)
    dataset_id = datasets.get(connection, wanted.dataset_id or "").id
    version_id = datasets.newest_version(connection, dataset_id)
    if wanted.new_version is not None:
        version_id = datasets.copy_version(connection, dataset_id, version_id, wanted.new_version, clock)
    return dataset_id, version_id


def _there(connection: sa.Connection, version_id: str, *, with_data: bool) -> Sequence[sa.Row[Any]]:
    """The examples of a version, as pairs of id and JSON text; the text is empty without data."""
    data = "data" if with_data else "''"
    query = f"SELECT id, {data} FROM examples WHERE version_id = ? ORDER BY n"  # noqa: S608  (one of two texts)
    return connection.exec_driver_sql(query, (version_id,)).fetchall()


def _add(matching: Matching, examples: Iterable[Sequence[str]]) -> None:
    for example_id, data in examples:
        matching.add(example_id, None if matching.key is None else from_json(data))


def _matched(matching: Matching, part: BodyRows, ids: Sequence[str]) -> list[tuple[str, str]]:
    """The runs of a part that match an example, with its id; `ids` are the ids of the part's own examples."""
    places = [*ids, *[None] * (len(part.runs) - len(ids))]
    found = ((matching.id_of(name, at), data) for (name, data), at in zip(part.runs, places, strict=False))
    return [(example_id, data) for example_id, data in found if example_id is not None]


def _write_runs(connection: sa.Connection, experiment_id: str, runs: Sequence[tuple[str, str]], now: int) -> int:
    ids = row_ids(len(runs), now)
    rows = [
        (*row, checksums.of(row))
        for row in ((key, now, experiment_id, example, data) for key, (example, data) in zip(ids, runs, strict=True))
    ]
    if rows:
        connection.exec_driver_sql(_RUN, rows)
        # A transaction writes alone, so its rows have consecutive numbers.
        last = connection.execute(sa.select(sa.func.max(experiment_runs.c.n))).scalar_one()
        numbered = [(n, *run) for n, run in zip(range(last - len(rows) + 1, last + 1), runs, strict=True)]
        for start in range(0, len(numbered), run_columns.ROWS_PER_PART):
            run_columns.keep_part(connection, experiment_id, numbered[start : start + run_columns.ROWS_PER_PART])
    return len(rows)
