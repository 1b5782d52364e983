"""The keys that a run or a task needs, and those of them that this process does not have.

Several processes share the store, and each has the keys of its own environment. A process takes work only if it can do
some of it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import sqlalchemy as sa

from assaykit.engine import credentials
from assaykit.engine.store.definitions import evaluators, integrations, tasks
from assaykit.engine.store.queue import runs
from assaykit.engine.validation import run_configurations
from assaykit.errors import AssayError
from assaykit.judge.providers.registry import PROVIDERS
from assaykit.wire.evaluators import TemplateConfig
from assaykit.wire.run_configurations import RUN_CONFIGURATION
from assaykit.wire.tasks import Task

Environment = Mapping[str, str]


class Needs(NamedTuple):
    """What a process needs for the work that is left.

    `lacking` has the evaluators with work that this process has no key for, each with the name of the key. In a run
    that creates an experiment, the name of the evaluator is empty. `is_able` means that the process can do some of the
    work. `asks` means that some of the work asks a model.
    """

    lacking: Mapping[str, str]
    is_able: bool
    asks: bool

    @property
    def waits_for(self) -> str | None:
        """The names of the missing keys, if the process can do nothing without them."""
        return None if self.is_able else ", ".join(sorted(set(self.lacking.values())))


def of_run(connection: sa.Connection, run_id: str, environment: Environment) -> Needs:
    """The needs of the rows that a run has left."""
    found = runs.work_left(connection, run_id)
    task = runs.task_of(connection, run_id)
    if found is None:
        return of_task(connection, task, environment)
    plan, evaluator_ids = found
    if not plan:
        return Needs({}, is_able=True, asks=False)  # no process can go on with it, and any can end it
    if task.type == "RUN_EXPERIMENT":
        return _of_experiment(connection, plan["config"], environment)
    return _of_evaluators(connection, Task.model_validate(plan["task"]), environment, evaluator_ids)


def of_task(connection: sa.Connection, task: Task, environment: Environment) -> Needs:
    """The needs of a new run of a task."""
    if task.type == "RUN_EXPERIMENT":
        return _of_experiment(connection, task.run_configuration, environment)
    return _of_evaluators(connection, task, environment, [entry.evaluator_id for entry in task.evaluators or ()])


def of_task_id(connection: sa.Connection, task_id: str, environment: Environment) -> Needs:
    """The needs of a new run of the task with this id.

    Raises:
        NotFound: there is no such task.
    """
    return of_task(connection, tasks.get(connection, task_id), environment)


def _of_evaluators(
    connection: sa.Connection, task: Task, environment: Environment, evaluator_ids: Iterable[str]
) -> Needs:
    versions = {entry.evaluator_id: entry.evaluator_version_id for entry in task.evaluators or ()}
    lacking: dict[str, str] = {}
    number = asks = 0
    for evaluator_id in evaluator_ids:
        number += 1
        try:
            config = evaluators.get(connection, evaluator_id, versions.get(evaluator_id)).version.config
            if not isinstance(config, TemplateConfig):
                continue
            asks += 1
            missing = _missing_key(connection, config.llm_config.ai_integration_id, environment)
        except AssayError:
            continue  # only a run reports the fault
        if missing is not None:
            lacking[evaluator_id] = missing
    return Needs(lacking, len(lacking) < number or not number, asks > 0)


def _of_experiment(connection: sa.Connection, written: object, environment: Environment) -> Needs:
    try:
        config = run_configurations.check(connection, RUN_CONFIGURATION.validate_python(written))
        missing = _missing_key(connection, config.ai_integration_id, environment)
    except (AssayError, ValueError):
        missing = None  # only a run reports the fault
    return Needs({} if missing is None else {"": missing}, missing is None, asks=True)


def _missing_key(connection: sa.Connection, integration_id: str, environment: Environment) -> str | None:
    """The name of the integration's key if this process does not have it. An integration without a key needs none."""
    access = integrations.access(connection, integration_id)
    has_key = access.secret_ref is None or credentials.has_key(access.secret_ref, environment)
    if has_key or PROVIDERS[access.provider].api is None:
        return None
    return credentials.described(access.secret_ref)
