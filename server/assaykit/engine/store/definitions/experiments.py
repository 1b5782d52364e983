"""Experiments and their runs in the store."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.change_times import keep_up, touch
from assaykit.engine.store.definitions import datasets, projects, run_columns, spaces
from assaykit.engine.store.keys import next_id, row_ids, row_of
from assaykit.engine.store.pages import PageRequest, by_arrival, named_like
from assaykit.engine.store.tables import (
    dataset_versions,
    evals,
    evaluator_versions,
    examples,
    experiment_runs,
    experiments,
)
from assaykit.engine.store.times import moment
from assaykit.engine.store.traces import annotations
from assaykit.engine.store.traces.verdicts import flat_columns
from assaykit.errors import Conflict, Invalid
from assaykit.judge.columns import seen_by_runs
from assaykit.wire.experiments import (
    CreateExperimentRequest,
    Experiment,
    ExperimentPage,
    ExperimentRun,
    ExperimentRunInput,
    ExperimentRunPage,
    ExperimentWithRunIds,
)
from assaykit.wire.projects import Project
from assaykit.wire.run_columns import RunOutput

_ROWS_AT_A_TIME = 500
_TRACES_OF = "experiment_traces_for_dataset_"
"""Prefix of the name of a project with the spans of experiments. Source: AX."""


def create(
    connection: sa.Connection, wanted: CreateExperimentRequest, clock: Clock, version_id: str | None = None
) -> ExperimentWithRunIds:
    """A new experiment with its first runs, on the newest version of the dataset unless one is named.

    Raises:
        NotFound: no such dataset or space.
        Conflict: the dataset has an experiment of this name.
        Invalid: a run of a dataset's experiment has no `example_id`.
    """
    if wanted.dataset_id is not None:
        row = _provision(connection, wanted.dataset_id, version_id, wanted.name, clock)
    else:
        space_id = spaces.get(connection, wanted.space_id or "").id
        refuse_taken(connection, wanted.name, space_id=space_id)
        row = _insert(connection, {"space_id": space_id, "name": wanted.name}, clock)
    run_ids = _insert_runs(connection, row, wanted.experiment_runs, clock.now_ns())
    return ExperimentWithRunIds(**dict(_experiment(row)), run_ids=run_ids)


def provision(
    connection: sa.Connection, dataset_id: str, version_id: str | None, name: str, clock: Clock
) -> Experiment:
    """A new experiment without runs, on the newest version of the dataset unless one is named.

    Raises:
        NotFound: no such dataset or version.
        Conflict: the dataset has an experiment of this name.
    """
    return _experiment(_provision(connection, dataset_id, version_id, name, clock))


def _provision(
    connection: sa.Connection, dataset_id: str, version_id: str | None, name: str, clock: Clock
) -> sa.Row[Any]:
    dataset = datasets.get(connection, dataset_id)
    refuse_taken(connection, name, dataset_id=dataset_id)
    version = datasets.version_of(connection, dataset_id, version_id)
    of_dataset = {"space_id": dataset.space_id or "", "dataset_id": dataset_id, "dataset_version_id": version}
    return _insert(connection, {**of_dataset, "name": name}, clock)


def _insert(connection: sa.Connection, values: Mapping[str, str], clock: Clock) -> sa.Row[Any]:
    now = clock.now_ns()
    made = {"id": next_id(connection, "Experiment", clock), "created_ns": now, "updated_ns": now}
    return connection.execute(experiments.insert().values(**values, **made).returning(experiments)).one()


def traced(connection: sa.Connection, experiment: Experiment, clock: Clock) -> Project:
    """Set and return the project for the spans of an experiment. All experiments of a dataset share it."""
    dataset_id = experiment.dataset_id or ""
    space_id = datasets.get(connection, dataset_id).space_id or ""
    project = projects.find_or_create(connection, space_id, f"{_TRACES_OF}{dataset_id}", clock)
    change = experiments.update().where(experiments.c.id == experiment.id)
    connection.execute(change.values(traces_project_id=project.id))
    return project


def add_rows(connection: sa.Connection, experiment_id: str, rows: Mapping[str, dict[str, Any]], clock: Clock) -> None:
    """Add runs that the engine made, as `{example id: columns}`."""
    now = clock.now_ns()
    made = [
        {"id": run_id, "experiment_id": experiment_id, "example_id": key, "data": data, "created_ns": now}
        for run_id, (key, data) in zip(row_ids(len(rows), now), rows.items(), strict=True)
    ]
    if made:
        connection.execute(experiment_runs.insert(), made)
        run_columns.keep(connection, experiment_id)
        keep_up(connection, [experiment_id], now)


def append(
    connection: sa.Connection, experiment_id: str, runs: Sequence[ExperimentRunInput], clock: Clock
) -> ExperimentWithRunIds:
    """Add runs to an experiment.

    Raises:
        NotFound: no such experiment.
        Invalid: a run of a dataset's experiment has no `example_id`.
    """
    _row(connection, experiment_id)
    touch(connection, experiments, [experiment_id], clock.now_ns())
    row = _row(connection, experiment_id)
    run_ids = _insert_runs(connection, row, runs, clock.now_ns())
    return ExperimentWithRunIds(**dict(_experiment(row)), run_ids=run_ids)


def refuse_taken(
    connection: sa.Connection, name: str, *, dataset_id: str | None = None, space_id: str | None = None
) -> None:
    """Check that no experiment of the dataset, or of the space if there is no dataset, has this name.

    Raises:
        Conflict: there is an experiment of this name.
    """
    same = (experiments.c.name == name) & (experiments.c.dataset_id == dataset_id)
    if dataset_id is None:
        same &= experiments.c.space_id == space_id
    if connection.execute(sa.select(experiments.c.id).where(same)).first():
        raise Conflict(
            f"There is an experiment named {name!r} already.",
            "Choose another name, or add runs to the existing one.",
        )


def page(
    connection: sa.Connection, *, dataset_id: str | None, space_id: str | None, name: str | None, at: PageRequest
) -> ExperimentPage:
    """Experiments, newest first."""
    query = sa.select(experiments).where(spaces.within(experiments, space_id, None))
    if dataset_id:
        query = query.where(experiments.c.dataset_id == dataset_id)
    if name:
        query = query.where(named_like(experiments.c.name, name))
    rows, pagination = by_arrival(connection, query, experiments.c.n, at)
    return ExperimentPage(experiments=[_experiment(row) for row in rows], pagination=pagination)


def get(connection: sa.Connection, experiment_id: str) -> Experiment:
    """One experiment.

    Raises:
        NotFound: there is none with this id.
    """
    return _experiment(_row(connection, experiment_id))


def judged_by(connection: sa.Connection, experiment_id: str) -> dict[str, list[str]]:
    """The evaluator versions behind the verdicts of an experiment, by column: the hashes of their content.

    Raises:
        NotFound: there is no such experiment.
    """
    _row(connection, experiment_id)
    made_by = evals.c.metadata["evaluator_version_id"].as_string()
    query = sa.select(evals.c.name, sa.func.coalesce(evaluator_versions.c.commit_hash, made_by))
    query = query.outerjoin(evaluator_versions, evaluator_versions.c.id == made_by)
    query = query.where(evals.c.scope_id == experiment_id, evals.c.level == "RUN", made_by.is_not(None)).distinct()
    found: dict[str, list[str]] = {}
    for name, version in connection.execute(query):
        found.setdefault(name, []).append(version)
    return {name: sorted(versions) for name, versions in found.items()}


def deleted(connection: sa.Connection, experiment_ids: Sequence[str]) -> list[str]:
    """The ids of these that no experiment has any more, in order."""
    query = sa.select(experiments.c.id).where(experiments.c.id.in_(experiment_ids))
    there = set(connection.execute(query).scalars())
    return [experiment_id for experiment_id in experiment_ids if experiment_id not in there]


def delete(connection: sa.Connection, experiment_id: str) -> None:
    """Remove an experiment with its runs and verdicts.

    Raises:
        NotFound: there is none with this id.
    """
    _row(connection, experiment_id)
    connection.execute(evals.delete().where(evals.c.scope_id == experiment_id))
    annotations.forget_scopes(connection, [experiment_id])
    connection.execute(experiments.delete().where(experiments.c.id == experiment_id))


def run_page(connection: sa.Connection, experiment_id: str, at: PageRequest) -> ExperimentRunPage:
    """Runs in the order they were added, with uploaded and computed verdicts as flat columns, and annotations.

    Raises:
        NotFound: no such experiment.
    """
    _row(connection, experiment_id)
    query = sa.select(experiment_runs).where(experiment_runs.c.experiment_id == experiment_id)
    rows, pagination = by_arrival(connection, query, experiment_runs.c.n, at, newest_first=False)
    return ExperimentRunPage.model_validate(
        {"experiment_runs": _whole(connection, experiment_id, rows), "pagination": pagination}
    )


def runs_at(connection: sa.Connection, experiment_id: str, ns: Sequence[int]) -> list[dict[str, Any]]:
    """The runs with these numbers, in the order given, as `run_page` has them."""
    rows = {row.n: row for row in connection.execute(sa.select(experiment_runs).where(experiment_runs.c.n.in_(ns)))}
    found = _whole(connection, experiment_id, [rows[n] for n in ns])
    return [ExperimentRun.model_validate(one).model_dump(mode="json") for one in found]


def unknown_examples(connection: sa.Connection, experiment_id: str, most: int) -> tuple[int, list[str]]:
    """The number of runs that named an example which the dataset did not have, and the first of their examples' ids.

    Raises:
        NotFound: there is no such experiment.
    """
    experiment = _row(connection, experiment_id)
    if not experiment.unknown_runs:
        return 0, []
    c = experiment_runs.c
    versions = sa.select(dataset_versions.c.id).where(dataset_versions.c.dataset_id == experiment.dataset_id)
    there = sa.exists().where(examples.c.id == c.example_id, examples.c.version_id.in_(versions))
    query = sa.select(c.example_id).where(c.experiment_id == experiment_id, ~there).order_by(c.n)
    ids = list(dict.fromkeys(connection.execute(query).scalars()))
    return experiment.unknown_runs, ids[:most]


def outputs(connection: sa.Connection, experiment_id: str, ns: Sequence[int]) -> list[RunOutput]:
    """The outputs of the experiment's runs with these numbers, in no order."""
    found: list[RunOutput] = []
    c = experiment_runs.c
    for start in range(0, len(ns), _ROWS_AT_A_TIME):
        some = c.n.in_(ns[start : start + _ROWS_AT_A_TIME])
        query = sa.select(c.n, c.data).where(c.experiment_id == experiment_id, some)
        rows = connection.execute(query)
        found += [RunOutput(n=row.n, output=row.data.get("output"), error=row.data.get("error")) for row in rows]
    return found


def _whole(connection: sa.Connection, experiment_id: str, rows: Sequence[sa.Row[Any]]) -> list[dict[str, Any]]:
    verdicts = flat_columns(connection, experiment_id, "RUN", [row.id for row in rows])
    said = annotations.of(connection, experiment_id, "RUN", [row.id for row in rows])
    return [{**_columns(row, verdicts.get(row.id, {})), "annotations": said.get(row.id, [])} for row in rows]


def full_rows(connection: sa.Connection, experiment_id: str) -> Iterator[dict[str, Any]]:
    """Yield every run of an experiment in order of arrival, as in `rows_of`, with at most 500 in memory."""
    at = PageRequest(_ROWS_AT_A_TIME)
    while True:
        query = sa.select(experiment_runs).where(experiment_runs.c.experiment_id == experiment_id)
        rows, pagination = by_arrival(connection, query, experiment_runs.c.n, at, newest_first=False)
        yield from _full(connection, experiment_id, rows)
        if not pagination.has_more:
            return
        at = at._replace(cursor=pagination.next_cursor)


def rows_of(connection: sa.Connection, experiment_id: str, run_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Some runs of an experiment, each with its verdicts and the columns of its example.

    A column of the run hides the example's column of the same name, which is also at `dataset.<column>`. There alone
    are the example's columns `eval.*` and `annotation.*`, because they are no verdicts on the run.
    """
    query = sa.select(experiment_runs).where(experiment_runs.c.id.in_(run_ids))
    return _full(connection, experiment_id, connection.execute(query).fetchall())


def _full(connection: sa.Connection, experiment_id: str, rows: Sequence[sa.Row[Any]]) -> list[dict[str, Any]]:
    verdicts = flat_columns(connection, experiment_id, "RUN", [row.id for row in rows])
    said = annotations.of(connection, experiment_id, "RUN", [row.id for row in rows])
    version = sa.select(experiments.c.dataset_version_id).where(experiments.c.id == experiment_id)
    asked = {row.example_id for row in rows if row.example_id is not None}
    asked_of = datasets.example_columns(connection, connection.execute(version).scalar(), asked)
    full: list[dict[str, Any]] = []
    for row in rows:
        example = asked_of.get(row.example_id, {})
        columns = {f"dataset.{column}": value for column, value in example.items()}
        noted = annotations.columns(said.get(row.id, ()))
        full.append(seen_by_runs(example) | columns | _columns(row, verdicts.get(row.id, {})) | noted)
    return full


def _insert_runs(
    connection: sa.Connection, experiment: sa.Row[Any], runs: Sequence[ExperimentRunInput], now: int
) -> list[str]:
    if experiment.dataset_id is not None:
        named = {run.example_id for run in runs if run.example_id}
        without = [position for position, run in enumerate(runs, start=1) if not run.example_id]
        if without:
            raise Invalid(
                f"{len(without)} run(s) have no example_id, the first is run {without[0]}.",
                "Each run of a dataset's experiment names the example it belongs to.",
            )
        # As on AX, a run may name an example that the dataset does not have.
        if unknown := named - datasets.known_examples(connection, experiment.dataset_id, named):
            number = sum(run.example_id in unknown for run in runs)
            c = experiments.c
            more = experiments.update().where(c.id == experiment.id).values(unknown_runs=c.unknown_runs + number)
            connection.execute(more)
    for position, run in enumerate(runs, start=1):
        if "annotations" in (run.model_extra or {}):
            raise Invalid(
                f"Run {position} has the system field annotations.",
                "Leave it out or rename it; POST /v2/experiments/{id}/runs/annotate writes annotations.",
            )
    run_ids = row_ids(len(runs), now)
    connection.execute(
        experiment_runs.insert(),
        [
            {
                "id": key,
                "experiment_id": experiment.id,
                "example_id": run.example_id,
                "data": run.model_dump(mode="json", exclude={"example_id"}),
                "created_ns": now,
            }
            for key, run in zip(run_ids, runs, strict=True)
        ],
    )
    run_columns.keep(connection, experiment.id)
    return run_ids


def _row(connection: sa.Connection, experiment_id: str) -> sa.Row[Any]:
    return row_of(connection, experiments, experiment_id, "experiment", "/v2/experiments")


def _experiment(row: sa.Row[Any]) -> Experiment:
    return Experiment(
        id=row.id,
        name=row.name,
        space_id=row.space_id,
        dataset_id=row.dataset_id,
        dataset_version_id=row.dataset_version_id,
        experiment_traces_project_id=row.traces_project_id,
        created_at=moment(row.created_ns),
        updated_at=moment(row.updated_ns),
    )


def _columns(row: sa.Row[Any], verdicts: dict[str, Any]) -> dict[str, Any]:
    """A run's columns, with its computed verdicts."""
    return {**run_columns.replaced(row.data, verdicts), "id": row.id, "example_id": row.example_id}
