"""Evaluators and their immutable versions in the store."""

import hashlib
import json
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store import checksums
from assaykit.engine.store.checksums import SUMMED
from assaykit.engine.store.definitions import integrations, spaces
from assaykit.engine.store.keys import next_id, row_of
from assaykit.engine.store.pages import PageRequest, by_arrival, by_change, named_like
from assaykit.engine.store.tables import evaluator_versions, evaluators, tasks
from assaykit.engine.store.times import moment
from assaykit.errors import Conflict, Invalid, NotFound, Unsupported
from assaykit.judge.providers import provider_parameters
from assaykit.wire.evaluators import (
    CreateCodeVersionRequest,
    CreateEvaluatorRequest,
    CreateTemplateVersionRequest,
    CreateVersionRequest,
    DeleteEvaluatorVersionsResponse,
    Evaluator,
    EvaluatorPage,
    EvaluatorVersion,
    EvaluatorVersionPage,
    EvaluatorWithVersion,
    UpdateEvaluatorRequest,
)

_LIST = "GET /v2/evaluators lists them."


def create(connection: sa.Connection, wanted: CreateEvaluatorRequest, clock: Clock) -> EvaluatorWithVersion:
    """A new evaluator with its first version.

    Raises:
        NotFound: no such space or integration.
        Invalid: `type` and the config do not agree.
        Conflict: the space has an evaluator of this name.
    """
    spaces.get(connection, wanted.space_id)
    if _type(wanted.version) != wanted.type:
        raise Invalid(
            f"type is {wanted.type} but the version holds a {_type(wanted.version).lower()} config.",
            "Send the config that belongs to the type.",
        )
    taken = sa.select(evaluators.c.id).where(evaluators.c.space_id == wanted.space_id, evaluators.c.name == wanted.name)
    if connection.execute(taken).first():
        raise Conflict(
            f"This space has an evaluator named {wanted.name!r} already.",
            "Add a version to it, or choose another name.",
        )
    row = connection.execute(
        evaluators.insert()
        .values(
            id=next_id(connection, "Evaluator", clock),
            space_id=wanted.space_id,
            name=wanted.name,
            description=wanted.description,
            type=wanted.type,
            created_ns=clock.now_ns(),
            updated_ns=clock.now_ns(),
        )
        .returning(evaluators)
    ).one()
    version = _insert_version(connection, row.id, wanted.version, clock)
    return _with_version(row, version)


def add_version(
    connection: sa.Connection, evaluator_id: str, wanted: CreateVersionRequest, clock: Clock
) -> EvaluatorVersion:
    """Add a version, which becomes the newest.

    Raises:
        NotFound: no such evaluator or integration.
        Invalid: the config is of another type than the evaluator.
    """
    row = _row(connection, evaluator_id)
    if _type(wanted) != row.type:
        raise Invalid(f"This is a {row.type.lower()} evaluator; the config sent is of another type.")
    version = _insert_version(connection, evaluator_id, wanted, clock)
    connection.execute(evaluators.update().where(evaluators.c.id == evaluator_id).values(updated_ns=clock.now_ns()))
    return version


def page(
    connection: sa.Connection, *, space_id: str | None, space_name: str | None, name: str | None, at: PageRequest
) -> EvaluatorPage:
    """Evaluators, last updated first."""
    query = sa.select(evaluators).where(spaces.within(evaluators, space_id, space_name))
    if name:
        query = query.where(named_like(evaluators.c.name, name))
    rows, pagination = by_change(connection, query, evaluators, at)
    return EvaluatorPage(evaluators=[_evaluator(row) for row in rows], pagination=pagination)


def get(connection: sa.Connection, evaluator_id: str, version_id: str | None = None) -> EvaluatorWithVersion:
    """One evaluator with the version asked for, or its newest.

    Raises:
        NotFound: no such evaluator, or no such version of it.
    """
    row = _row(connection, evaluator_id)
    query = sa.select(evaluator_versions).where(evaluator_versions.c.evaluator_id == evaluator_id)
    if version_id is not None:
        query = query.where(evaluator_versions.c.id == version_id)
    version = connection.execute(query.order_by(evaluator_versions.c.n.desc()).limit(1)).first()
    if version is None:
        raise NotFound(f"Evaluator {row.name!r} has no version with the id {version_id!r}.")
    return _with_version(row, _version(version))


def update(connection: sa.Connection, evaluator_id: str, wanted: UpdateEvaluatorRequest, clock: Clock) -> Evaluator:
    """Change the name or the description, whichever is given.

    Raises:
        NotFound: there is none with this id.
        Conflict: the space has an evaluator of this name.
    """
    row = _row(connection, evaluator_id)
    taken = sa.select(evaluators.c.id).where(
        evaluators.c.space_id == row.space_id, evaluators.c.name == wanted.name, evaluators.c.id != evaluator_id
    )
    if wanted.name is not None and connection.execute(taken).first():
        raise Conflict(f"This space has an evaluator named {wanted.name!r} already.", "Choose another name.")
    change = evaluators.update().where(evaluators.c.id == evaluator_id)
    values = {**wanted.model_dump(exclude_unset=True), "updated_ns": clock.now_ns()}
    return _evaluator(connection.execute(change.values(values).returning(evaluators)).one())


def version_page(connection: sa.Connection, evaluator_id: str, at: PageRequest) -> EvaluatorVersionPage:
    """The versions of an evaluator, newest first.

    Raises:
        NotFound: no such evaluator.
    """
    _row(connection, evaluator_id)
    query = sa.select(evaluator_versions).where(evaluator_versions.c.evaluator_id == evaluator_id)
    rows, pagination = by_arrival(connection, query, evaluator_versions.c.n, at)
    return EvaluatorVersionPage(evaluator_versions=[_version(row) for row in rows], pagination=pagination)


def version(connection: sa.Connection, version_id: str) -> EvaluatorVersion:
    """One version of any evaluator.

    Raises:
        NotFound: there is none with this id.
    """
    return _version(
        row_of(connection, evaluator_versions, version_id, "evaluator version", "/v2/evaluators/{id}/versions")
    )


def numbers(connection: sa.Connection, version_ids: Collection[str]) -> dict[str, int]:
    """The numbers of those of the versions that exist, by id."""
    c = evaluator_versions.c
    return {row.id: row.number for row in connection.execute(sa.select(c.id, c.number).where(c.id.in_(version_ids)))}


def delete(connection: sa.Connection, evaluator_id: str) -> None:
    """Remove an evaluator with all versions.

    Raises:
        NotFound: there is none with this id.
        Conflict: tasks use it. The message lists the tasks.
    """
    row = _row(connection, evaluator_id)
    if using := _tasks_using(connection, evaluator_id):
        raise Conflict(f"Evaluator {row.name!r} is used by the task(s) {using}.", "Delete the tasks first.")
    connection.execute(evaluators.delete().where(evaluators.c.id == evaluator_id))


def delete_versions(
    connection: sa.Connection, evaluator_id: str, version_ids: Sequence[str], clock: Clock
) -> DeleteEvaluatorVersionsResponse:
    """Remove versions. A task that was pinned to one of them runs the newest version instead.

    Raises:
        NotFound: no such evaluator.
        Conflict: no version would be left. The message lists the tasks that use the evaluator.
    """
    row = _row(connection, evaluator_id)
    c = evaluator_versions.c
    there = set(connection.execute(sa.select(c.id).where(c.evaluator_id == evaluator_id)).scalars())
    asked = list(dict.fromkeys(version_ids))
    doomed = [version_id for version_id in asked if version_id in there]
    if len(doomed) == len(there):
        using = _tasks_using(connection, evaluator_id)
        raise Conflict(
            f"Evaluator {row.name!r} would lose its last version"
            + (f", and is used by the task(s) {using}." if using else "."),
            "Keep one version, or delete the evaluator" + (" after its tasks." if using else "."),
        )
    if doomed:
        connection.execute(evaluator_versions.delete().where(c.id.in_(doomed)))
        _unpin(connection, doomed, clock)
        change = evaluators.update().where(evaluators.c.id == evaluator_id)
        connection.execute(change.values(updated_ns=clock.now_ns()))
    return DeleteEvaluatorVersionsResponse(
        completed=True,
        deleted_version_ids=doomed,
        not_deleted_version_ids=[version_id for version_id in asked if version_id not in there],
    )


def _tasks_using(connection: sa.Connection, evaluator_id: str) -> str:
    """The names of the tasks that have this evaluator, quoted; empty when there are none."""
    every = connection.execute(sa.select(tasks.c.name, tasks.c.evaluators).order_by(tasks.c.n))
    using = [name for name, entries in every if any(entry["evaluator_id"] == evaluator_id for entry in entries)]
    return ", ".join(repr(name) for name in using)


def _unpin(connection: sa.Connection, version_ids: Collection[str], clock: Clock) -> None:
    for task_id, entries in connection.execute(sa.select(tasks.c.id, tasks.c.evaluators)).fetchall():
        pinned = [entry for entry in entries if entry.get("evaluator_version_id") in version_ids]
        for entry in pinned:
            del entry["evaluator_version_id"]
        if pinned:
            change = tasks.update().where(tasks.c.id == task_id)
            connection.execute(change.values(evaluators=entries, updated_ns=clock.now_ns()))
            checksums.seal(connection, tasks, task_id, SUMMED["tasks"])


def _row(connection: sa.Connection, evaluator_id: str) -> sa.Row[Any]:
    return row_of(connection, evaluators, evaluator_id, "evaluator", "/v2/evaluators")


def _type(wanted: CreateVersionRequest) -> str:
    if isinstance(wanted, CreateTemplateVersionRequest):
        return "TEMPLATE"
    return "CODE" if isinstance(wanted, CreateCodeVersionRequest) else "REMOTE"


def _insert_version(
    connection: sa.Connection, evaluator_id: str, wanted: CreateVersionRequest, clock: Clock
) -> EvaluatorVersion:
    if isinstance(wanted, CreateTemplateVersionRequest):
        config = wanted.template_config
        access = integrations.access(connection, config.llm_config.ai_integration_id)
        provider_parameters.check(access.provider, config.llm_config.provider_parameters)
    elif isinstance(wanted, CreateCodeVersionRequest):
        config = wanted.code_config
    else:
        raise Unsupported(
            "The embedded engine does not run remote evaluators.",
            "Use an LLM judge or a managed code evaluator; on AX, create it there.",
        )
    body = config.model_dump(mode="json", exclude_none=True)
    numbered = evaluators.update().where(evaluators.c.id == evaluator_id)
    numbered = numbered.values(last_number=evaluators.c.last_number + 1).returning(evaluators.c.last_number)
    row = connection.execute(
        evaluator_versions.insert()
        .values(
            number=connection.execute(numbered).scalar_one(),
            id=next_id(connection, "EvaluatorVersion", clock),
            evaluator_id=evaluator_id,
            commit_hash=hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:40],
            commit_message=wanted.commit_message,
            type=_type(wanted),
            config=body,
            created_ns=clock.now_ns(),
        )
        .returning(evaluator_versions)
    ).one()
    return _version(row)


def _version(row: sa.Row[Any]) -> EvaluatorVersion:
    return EvaluatorVersion.model_validate(
        {
            "id": row.id,
            "evaluator_id": row.evaluator_id,
            "commit_hash": row.commit_hash,
            "commit_message": row.commit_message,
            "created_at": moment(row.created_ns),
            "type": row.type,
            f"{row.type.lower()}_config": row.config,
        },
        extra="ignore",  # older versions of assaykit stored fields that this one refuses
    )


def _evaluator(row: sa.Row[Any]) -> Evaluator:
    return Evaluator(
        id=row.id,
        name=row.name,
        description=row.description,
        type=row.type,
        space_id=row.space_id,
        created_at=moment(row.created_ns),
        updated_at=moment(row.updated_ns),
    )


def _with_version(row: sa.Row[Any], version: EvaluatorVersion) -> EvaluatorWithVersion:
    return EvaluatorWithVersion(**dict(_evaluator(row)), version=version)
