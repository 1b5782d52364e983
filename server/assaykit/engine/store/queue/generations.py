"""Runs of RUN_EXPERIMENT tasks in the store: their trigger, experiment, results and follow-up evaluations."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.definitions import datasets, experiments, searches, tasks
from assaykit.engine.store.pages import PageRequest
from assaykit.engine.store.queue import runs
from assaykit.engine.store.queue.leases import Lease, is_held
from assaykit.engine.store.queue.runs import UNLIMITED, Item, ItemOutcome, Limits
from assaykit.engine.store.tables import examples, task_runs
from assaykit.engine.store.traces import spans
from assaykit.engine.validation import run_configurations
from assaykit.errors import AssayError, Invalid, quote
from assaykit.wire.experiments import Experiment
from assaykit.wire.run_configurations import RUN_CONFIGURATION, TemplateEvaluationConfig
from assaykit.wire.runs import RunStatus, TaskRun, TriggerEvaluationRequest, TriggerRunExperimentRequest
from assaykit.wire.tasks import Task

_ROWS_PER_READ = 500
_IDS_SHOWN = 3


class Provision(NamedTuple):
    """The items of a run and the experiment for its results. `reason` is set if there are no items.

    `column` is the evaluation column of a template's verdicts. `tracing` is metadata for every span; None means that no
    spans are recorded.
    """

    config: run_configurations.Runnable
    items: Sequence[Item]
    experiment: Experiment | None = None
    column: str = run_configurations.COLUMN
    tracing: dict[str, Any] | None = None
    reason: str | None = None


class ExampleOutcome(NamedTuple):
    """The outcome of one example, the columns of its experiment run if it gets one, and its span if traced."""

    outcome: ItemOutcome
    columns: dict[str, Any] | None
    span: dict[str, Any] | None = None


class ExampleChoice(NamedTuple):
    """The examples that a new run covers, in order, with its configuration and the column of its verdicts."""

    config: run_configurations.Runnable
    dataset_id: str
    version_id: str
    example_ids: Sequence[str]
    column: str


def check(connection: sa.Connection, task_id: str, wanted: TriggerRunExperimentRequest) -> None:
    """Check a trigger. The filter may read every example, so this needs no more than a read transaction.

    Raises:
        NotFound: no such task, dataset version or evaluation task.
        Invalid: the filter cannot be read, an example is not in the version, or an evaluation task does not fit.
    """
    dataset_id = tasks.get(connection, task_id).dataset_id or ""
    version_id = datasets.version_of(connection, dataset_id, wanted.dataset_version_id)
    if wanted.query_filter is not None:
        searches.search_examples(connection, dataset_id, version_id, wanted.query_filter, PageRequest(1))
    _refuse_unknown(connection, version_id, wanted.example_ids or ())
    for follower in wanted.evaluation_task_ids or ():
        _refuse_unfit(tasks.get(connection, follower), dataset_id)


def trigger(
    connection: sa.Connection,
    task_id: str,
    wanted: TriggerRunExperimentRequest,
    owner: str,
    clock: Clock,
    limits: Limits = UNLIMITED,
) -> TaskRun:
    """A new run in PENDING for a checked request, owned by this engine. `start` creates its experiment.

    Raises:
        NotFound: no such task.
        Conflict: the dataset has an experiment of this name.
    """
    task = tasks.get(connection, task_id)
    experiments.refuse_taken(connection, wanted.experiment_name, dataset_id=task.dataset_id or "")
    return runs.add(connection, task_id, wanted, owner, clock, clock.now_ns(), limits=limits)


def makes_experiment(connection: sa.Connection, run_id: str) -> bool:
    """Whether the run belongs to a RUN_EXPERIMENT task."""
    return runs.task_of(connection, run_id).type == "RUN_EXPERIMENT"


def choose(connection: sa.Connection, run_id: str) -> ExampleChoice | None:
    """Choose the examples of a run that has not started; None if it has. A read transaction is enough.

    Raises:
        Invalid: the configuration names a prompt, a judge or a model that no longer exists.
    """
    if runs.left(connection, run_id) is not None:
        return None
    task, wanted = runs.task_of(connection, run_id), _request(connection, run_id)
    config = run_configurations.check(connection, RUN_CONFIGURATION.validate_python(task.run_configuration))
    dataset_id = task.dataset_id or ""
    version_id = datasets.version_of(connection, dataset_id, wanted.dataset_version_id)
    column = run_configurations.COLUMN
    if isinstance(config, TemplateEvaluationConfig):
        column = run_configurations.column_of(connection, config)
    found = list(_chosen(connection, dataset_id, version_id, wanted))
    return ExampleChoice(config, dataset_id, version_id, found, column)


def start(connection: sa.Connection, lease: Lease, chosen: ExampleChoice | None, clock: Clock) -> Provision | None:
    """Start a PENDING run, with an experiment and an item for each example; resume a run that has started.

    Returns None if the run was cancelled or the lease is lost.

    Raises:
        Conflict: an experiment of this name was created after the trigger.
    """
    run_id = lease.run_id
    wanted = _request(connection, run_id)
    if (begun := runs.left(connection, run_id)) is not None:
        return _resumed(connection, run_id, wanted, *begun)
    if chosen is None:
        return None
    config, column = chosen.config, chosen.column
    items = [Item(position, example_id, "") for position, example_id in enumerate(chosen.example_ids)]
    reason = None if items else "No data to run on: no example is chosen. Widen query_filter."
    plan = {"config": config.model_dump(mode="json", exclude_none=True), "column": column, "reason": reason}
    if not runs.start(connection, lease, items, plan, clock):
        return None
    if not items:
        return Provision(config, items, reason=reason)
    experiment = experiments.provision(connection, chosen.dataset_id, chosen.version_id, wanted.experiment_name, clock)
    connection.execute(task_runs.update().where(task_runs.c.id == run_id).values(experiment_id=experiment.id))
    if wanted.tracing_metadata is not None:
        experiments.traced(connection, experiment, clock)
    return Provision(config, items, experiment, column, wanted.tracing_metadata)


def _resumed(
    connection: sa.Connection,
    run_id: str,
    wanted: TriggerRunExperimentRequest,
    plan: Mapping[str, Any],
    items: Sequence[Item],
) -> Provision:
    """The remaining items of a run that another engine began, with the configuration that it began with."""
    config = run_configurations.runnable(RUN_CONFIGURATION.validate_python(plan["config"]))
    experiment_id = runs.get(connection, run_id).experiment_id
    if experiment_id is None:
        return Provision(config, items, reason=plan["reason"])
    if (lost := lost_experiment(connection, run_id)) is not None:
        return Provision(config, items, reason=lost)
    experiment = experiments.get(connection, experiment_id)
    return Provision(config, items, experiment, plan["column"], wanted.tracing_metadata)


def rows(connection: sa.Connection, version_id: str | None, items: Sequence[Item]) -> dict[str, dict[str, Any]]:
    """The examples of some items in a dataset version, by id.

    A row has the example's id and its columns, which are also at `dataset.<column>`.
    """
    found = datasets.example_columns(connection, version_id, {item.target_id for item in items})
    return {
        key: {"id": key, **{f"dataset.{column}": value for column, value in columns.items()}, **columns}
        for key, columns in found.items()
    }


def record(
    connection: sa.Connection, lease: Lease, provision: Provision, made: Sequence[ExampleOutcome], clock: Clock
) -> bool:
    """Store outcomes, runs and spans. If the project is deleted, the runs are stored without spans.

    Returns False and stores nothing if the run has ended, the lease is lost or the experiment is deleted.
    """
    experiment = provision.experiment
    if experiment is None or experiments.deleted(connection, [experiment.id]):
        return False
    if not runs.record(connection, lease, [one.outcome for one in made], clock.now_ns()):
        return False
    columns = {one.outcome.item.target_id: one.columns for one in made if one.columns is not None}
    project_id = experiments.get(connection, experiment.id).experiment_traces_project_id
    if project_id is not None:
        sent = [one.span for one in made if one.span is not None]
        spans.add(connection, project_id, sent, clock.now_ns())
    else:
        columns = {key: _untraced(row) for key, row in columns.items()}
    experiments.add_rows(connection, experiment.id, columns, clock)
    return True


def lost_experiment(connection: sa.Connection, run_id: str) -> str | None:
    """The reason of a run whose experiment was deleted meanwhile; None if it has none or is there."""
    experiment_id = runs.get(connection, run_id).experiment_id
    if experiment_id is None or not experiments.deleted(connection, [experiment_id]):
        return None
    name = _request(connection, run_id).experiment_name
    return f"Experiment {quote(name, 60)!r} was deleted while the run made it, and its answers with it."


def _untraced(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if not name.startswith("result.trace.")}


def finish(
    connection: sa.Connection, lease: Lease, status: RunStatus, reason: str | None, clock: Clock
) -> tuple[TaskRun, list[TaskRun]]:
    """End a run of any task. If it completed an experiment, trigger its evaluation tasks in the same transaction.

    Returns the run, and the PENDING runs of those tasks. Nothing changes if the run has ended or the lease is lost.
    """
    started: list[TaskRun] = []
    faults: list[str] = []
    experiment_id = runs.get(connection, lease.run_id).experiment_id
    if status == "COMPLETED" and experiment_id is not None and is_held(connection, lease):
        on_it = TriggerEvaluationRequest(experiment_ids=[experiment_id])
        for task_id in dict.fromkeys(_request(connection, lease.run_id).evaluation_task_ids or ()):
            try:
                started.append(runs.trigger(connection, task_id, on_it, lease.owner, clock))
            except AssayError as error:
                faults.append(f"Evaluation task {task_id} was not started: {error.message}")
    return runs.finish(connection, lease, status, " ".join(faults) or reason, clock), started


def _request(connection: sa.Connection, run_id: str) -> TriggerRunExperimentRequest:
    query = sa.select(task_runs.c.request).where(task_runs.c.id == run_id)
    return TriggerRunExperimentRequest.model_validate(connection.execute(query).scalar_one())


def _chosen(
    connection: sa.Connection, dataset_id: str, version_id: str, wanted: TriggerRunExperimentRequest
) -> Iterator[str]:
    """Yield the ids of the examples that a run covers, in the order of the dataset."""
    named = None if wanted.example_ids is None else set(wanted.example_ids)
    left = wanted.max_examples
    at = PageRequest(_ROWS_PER_READ)
    while True:
        page = searches.search_examples(connection, dataset_id, version_id, wanted.query_filter, at)
        for example in page.examples:
            if left == 0:
                return
            if named is None or example.id in named:
                left = None if left is None else left - 1
                yield example.id
        if not page.pagination.has_more:
            return
        at = at._replace(cursor=page.pagination.next_cursor)


def _refuse_unknown(connection: sa.Connection, version_id: str, example_ids: Sequence[str]) -> None:
    query = sa.select(examples.c.id).where(examples.c.version_id == version_id, examples.c.id.in_(example_ids))
    known = set(connection.execute(query).scalars()) if example_ids else set[str]()
    if unknown := [example_id for example_id in example_ids if example_id not in known]:
        more = f" and {len(unknown) - _IDS_SHOWN} more" if len(unknown) > _IDS_SHOWN else ""
        shown = ", ".join(repr(one) for one in unknown[:_IDS_SHOWN])
        raise Invalid(
            f"The dataset version has no example {shown}{more}.", "GET /v2/datasets/{id}/examples lists them."
        )


def _refuse_unfit(task: Task, dataset_id: str) -> None:
    if task.type == "RUN_EXPERIMENT" or task.dataset_id != dataset_id:
        what = (
            "runs experiments itself" if task.type == "RUN_EXPERIMENT" else "does not score this dataset's experiments"
        )
        raise Invalid(
            f"Task {task.name!r} {what}, so it cannot score the new one.",
            "Give evaluation_task_ids of evaluation tasks on the same dataset.",
        )
