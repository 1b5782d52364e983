"""Tasks in the store."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from assaykit.engine.clock import Clock
from assaykit.engine.problems import Malformed
from assaykit.engine.store import checksums
from assaykit.engine.store.checksums import SUMMED
from assaykit.engine.store.definitions import datasets, evaluators, experiments, projects, spaces
from assaykit.engine.store.keys import next_id, row_of
from assaykit.engine.store.pages import PageRequest, by_arrival, named_like
from assaykit.engine.store.tables import evaluators as evaluator_table
from assaykit.engine.store.tables import schedules, tasks
from assaykit.engine.store.times import moment
from assaykit.engine.store.traces import spans
from assaykit.engine.validation import granularity, run_configurations
from assaykit.errors import Invalid, NotFound
from assaykit.filters.fields import row_tree, span_tree
from assaykit.wire.evaluators import EvaluatorWithVersion, Granularity, TemplateConfig
from assaykit.wire.tasks import (
    CreateTaskRequest,
    Task,
    TaskEvaluator,
    TaskEvaluatorInput,
    TaskPage,
    UpdateTaskRequest,
)
from assaykit.wire.validation import describe


def create(connection: sa.Connection, wanted: CreateTaskRequest, clock: Clock) -> Task:
    """A new task.

    Raises:
        NotFound: the project, dataset, an experiment or an evaluator does not exist.
        Invalid: the space has a task of this name; the contract has no 409 here.
        Invalid: a filter cannot be read, or an evaluator does not fit the task.
    """
    space_id = _space_of_target(connection, wanted)
    if _named(connection, space_id, wanted.name):
        raise Invalid(f"This space has a task named {wanted.name!r} already.", "Use it, or choose another name.")
    _check_filters(wanted)
    _check_evaluators(connection, wanted)
    now = clock.now_ns()
    row = connection.execute(
        tasks.insert()
        .values(
            id=next_id(connection, "OnlineTask", clock),
            space_id=space_id,
            name=wanted.name,
            type=wanted.type,
            project_id=wanted.project_id,
            dataset_id=wanted.dataset_id,
            experiment_ids=wanted.experiment_ids,
            sampling_rate=wanted.sampling_rate,
            is_continuous=bool(wanted.is_continuous),
            query_filter=wanted.query_filter,
            query_filters=_lettered(wanted),
            evaluators=[entry.model_dump(mode="json", exclude_none=True) for entry in wanted.evaluators or ()],
            run_configuration=_configuration(connection, wanted),
            created_ns=now,
            updated_ns=now,
        )
        .returning(tasks)
    ).one()
    checksums.seal(connection, tasks, row.id, SUMMED["tasks"])
    if row.is_continuous:
        _follow(connection, row.id, now)
    return _tasks(connection, [row])[0]


def page(
    connection: sa.Connection,
    *,
    space_id: str | None,
    space_name: str | None,
    name: str | None,
    exactly: dict[str, str],
    at: PageRequest,
) -> TaskPage:
    """Tasks, newest first; `exactly` holds column values such as `project_id`."""
    query = sa.select(tasks).where(spaces.within(tasks, space_id, space_name))
    for column, value in exactly.items():
        query = query.where(tasks.c[column] == value)
    if name:
        query = query.where(named_like(tasks.c.name, name))
    rows, pagination = by_arrival(connection, query, tasks.c.n, at)
    return TaskPage(tasks=_tasks(connection, rows), pagination=pagination)


def get(connection: sa.Connection, task_id: str) -> Task:
    """One task.

    Raises:
        NotFound: there is none with this id.
    """
    return _tasks(connection, [row_of(connection, tasks, task_id, "task", "/v2/tasks")])[0]


def update(
    connection: sa.Connection,
    task_id: str,
    wanted: UpdateTaskRequest,
    clock: Clock,
    check: Callable[[CreateTaskRequest], None],
) -> Task:
    """Change the given fields. `check` gets the changed task before anything is written.

    Raises:
        NotFound: no such task, or an evaluator does not exist.
        Malformed: a field does not belong to a task of this kind.
        Invalid: the space has a task of this name; the contract has no 409 here.
        Invalid: a filter cannot be read, or an evaluator does not fit the task.
    """
    now = get(connection, task_id)
    after = changed(now, wanted)
    check(after)
    row = connection.execute(sa.select(tasks.c.space_id).where(tasks.c.id == task_id)).one()
    if after.name != now.name and _named(connection, row.space_id, after.name):
        raise Invalid(f"This space has a task named {after.name!r} already.", "Choose another name.")
    _check_filters(after)
    _check_evaluators(connection, after)
    moment_ns = clock.now_ns()
    values = {
        "name": after.name,
        "sampling_rate": after.sampling_rate,
        "is_continuous": bool(after.is_continuous),
        "query_filter": after.query_filter,
        "query_filters": _lettered(after),
        "evaluators": [entry.model_dump(mode="json", exclude_none=True) for entry in after.evaluators or ()],
        "run_configuration": _configuration(connection, after),
        "updated_ns": moment_ns,
    }
    connection.execute(tasks.update().where(tasks.c.id == task_id).values(values))
    checksums.seal(connection, tasks, task_id, SUMMED["tasks"])
    if not after.is_continuous:
        connection.execute(schedules.delete().where(schedules.c.task_id == task_id))
    elif not now.is_continuous:
        _follow(connection, task_id, moment_ns)
    else:
        # The change may have removed the cause of failed runs, or that of the end at the limit of cost.
        again = {"due_ns": moment_ns, "owed_due_ns": moment_ns, "at_limit": False}
        connection.execute(schedules.update().where(schedules.c.task_id == task_id).values(again))
    return get(connection, task_id)


def changed(task: Task, wanted: UpdateTaskRequest) -> CreateTaskRequest:
    """The changed task, checked by the rules for a new one.

    Raises:
        Malformed: a field does not belong to a task of this kind, or breaks a rule for a new task.
    """
    given = wanted.model_dump(mode="json", exclude_unset=True)
    foreign = {"run_configuration"} if task.type != "RUN_EXPERIMENT" else given.keys() - {"name", "run_configuration"}
    if unfit := sorted(foreign & given.keys()):
        raise Malformed(f"{', '.join(unfit)} does not belong to a {task.type} task.", "Leave it out.")
    present = task.model_dump(
        mode="json",
        exclude_none=True,
        include=set(CreateTaskRequest.model_fields),
        exclude={"evaluators": {"__all__": {"evaluator_name"}}},
    )
    try:
        return CreateTaskRequest.model_validate(present | given)
    except ValidationError as error:
        raise Malformed(
            describe(error, UpdateTaskRequest.model_fields), "Correct the body and send it again."
        ) from error


def delete(connection: sa.Connection, task_id: str) -> None:
    """Remove a task with its runs; verdicts stay.

    Raises:
        NotFound: there is none with this id.
    """
    get(connection, task_id)
    connection.execute(tasks.delete().where(tasks.c.id == task_id))


def _configuration(connection: sa.Connection, wanted: CreateTaskRequest) -> Any:
    """The checked run configuration of a RUN_EXPERIMENT task; null for any other."""
    if wanted.run_configuration is None:
        return sa.null()
    run_configurations.check(connection, wanted.run_configuration)
    return wanted.run_configuration.model_dump(mode="json", exclude_none=True)


def _lettered(wanted: CreateTaskRequest) -> Any:
    return sa.null() if wanted.query_filters is None else wanted.query_filters.model_dump(exclude_none=True)


def _follow(connection: sa.Connection, task_id: str, now_ns: int) -> None:
    """Create a schedule for the task, from the end of the ingest sequence on."""
    connection.execute(
        schedules.insert().values(task_id=task_id, cursor_n=spans.last(connection), failures=0, due_ns=now_ns)
    )


def _space_of_target(connection: sa.Connection, wanted: CreateTaskRequest) -> str:
    if wanted.project_id is not None:
        return projects.get(connection, wanted.project_id).space_id or ""
    dataset = datasets.get(connection, wanted.dataset_id or "")
    for experiment_id in wanted.experiment_ids or ():
        experiment = experiments.get(connection, experiment_id)
        if experiment.dataset_id != dataset.id:
            raise Invalid(f"Experiment {experiment.name!r} belongs to another dataset than {dataset.name!r}.")
    return dataset.space_id or ""


def _named(connection: sa.Connection, space_id: str, name: str) -> bool:
    same = sa.select(tasks.c.id).where(tasks.c.space_id == space_id, tasks.c.name == name)
    return connection.execute(same).first() is not None


def _filter_check(wanted: CreateTaskRequest) -> Callable[[str], object]:
    return span_tree if wanted.project_id is not None else row_tree


def _check_filters(wanted: CreateTaskRequest) -> None:
    check = _filter_check(wanted)
    for text in (wanted.query_filter, *(entry.query_filter for entry in wanted.evaluators or ())):
        if text is not None:
            check(text)


def level(connection: sa.Connection, task: Task) -> Granularity:
    """The current granularity of a task's evaluators. SPAN if none is available; a run then reports the reason."""
    for entry in task.evaluators or ():
        try:
            found = evaluators.get(connection, entry.evaluator_id, entry.evaluator_version_id)
        except NotFound:
            continue
        if found.version.config is not None:
            return found.version.config.data_granularity or "SPAN"
    return "SPAN"


def _check_evaluators(connection: sa.Connection, wanted: CreateTaskRequest) -> None:
    expected = "TEMPLATE" if wanted.type == "TEMPLATE_EVALUATION" else "CODE"
    columns: Counter[str] = Counter()
    judged: dict[str, Granularity] = {}
    for entry in wanted.evaluators or ():
        found = _evaluator(connection, entry)
        if found.type != expected:
            raise Invalid(
                f"Evaluator {found.name!r} is of type {found.type}, which a {wanted.type} task does not run.",
                "Put LLM judges and code evaluators into separate tasks.",
            )
        config = found.version.config
        if config is None:
            continue
        columns[config.name] += 1
        judged[found.name] = config.data_granularity or "SPAN"
        if not isinstance(config, TemplateConfig) and config.query_filter is not None:
            _filter_check(wanted)(config.query_filter)
    granularity.check(wanted, judged)
    ids = Counter(entry.evaluator_id for entry in wanted.evaluators or ())
    if twice := [name for name, times in (*ids.items(), *columns.items()) if times > 1]:
        raise Invalid(
            f"More than one entry of evaluators has the id or writes the column {twice[0]!r}.",
            "Name each evaluator once, or rename the column of one.",
        )


def _evaluator(connection: sa.Connection, entry: TaskEvaluatorInput) -> EvaluatorWithVersion:
    found = evaluators.get(connection, entry.evaluator_id)
    if entry.evaluator_version_id is None:
        return found
    try:
        return evaluators.get(connection, entry.evaluator_id, entry.evaluator_version_id)
    except NotFound as error:
        raise Invalid(error.message, "Leave evaluator_version_id out to run the newest version.") from error


def _tasks(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[Task]:
    used = {entry["evaluator_id"] for row in rows for entry in row.evaluators}
    names = {found.id: found.name for found in connection.execute(_NAMES, {"used": sorted(used)})} if used else {}
    return [_task(row, names) for row in rows]


_NAMES = sa.select(evaluator_table.c.id, evaluator_table.c.name).where(
    evaluator_table.c.id.in_(sa.bindparam("used", expanding=True))
)
"""Built once: that takes longer than to execute it."""


def _task(row: sa.Row[Any], names: Mapping[str, str]) -> Task:
    entries = [TaskEvaluatorInput.model_validate(entry) for entry in row.evaluators]
    return Task(
        id=row.id,
        name=row.name,
        type=row.type,
        project_id=row.project_id,
        dataset_id=row.dataset_id,
        experiment_ids=row.experiment_ids,
        sampling_rate=row.sampling_rate,
        is_continuous=row.is_continuous,
        query_filter=row.query_filter,
        query_filters=row.query_filters,
        evaluators=[
            TaskEvaluator(**entry.model_dump(), evaluator_name=names.get(entry.evaluator_id)) for entry in entries
        ]
        or None,
        run_configuration=row.run_configuration,
        last_run_at=moment(row.last_run_ns),
        created_at=moment(row.created_ns),
        updated_at=moment(row.updated_ns),
    )
