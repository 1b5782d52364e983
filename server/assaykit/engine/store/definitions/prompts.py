"""Prompts, their immutable versions and their labels in the store."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from assaykit.engine.clock import Clock
from assaykit.engine.store.definitions import spaces
from assaykit.engine.store.keys import next_id, row_of
from assaykit.engine.store.pages import PageRequest, by_arrival, by_change, named_like
from assaykit.engine.store.tables import prompt_labels, prompt_versions, prompts
from assaykit.engine.store.times import moment
from assaykit.errors import Conflict, Invalid, NotFound
from assaykit.wire.prompts import (
    CreatePromptRequest,
    CreatePromptVersionRequest,
    Prompt,
    PromptPage,
    PromptVersion,
    PromptVersionPage,
    PromptWithVersion,
)

LABEL_LENGTH = 255
"""Most characters of a label."""


def create(connection: sa.Connection, wanted: CreatePromptRequest, clock: Clock) -> PromptWithVersion:
    """A new prompt with its first version.

    Raises:
        NotFound: no such space.
        Conflict: the space has a prompt of this name.
    """
    spaces.get(connection, wanted.space_id)
    taken = sa.select(prompts.c.id).where(prompts.c.space_id == wanted.space_id, prompts.c.name == wanted.name)
    if connection.execute(taken).first():
        raise Conflict(
            f"This space has a prompt named {wanted.name!r} already.", "Add a version to it, or choose another name."
        )
    now = clock.now_ns()
    row = connection.execute(
        prompts.insert()
        .values(
            id=next_id(connection, "Prompt", clock),
            space_id=wanted.space_id,
            name=wanted.name,
            description=wanted.description,
            created_ns=now,
            updated_ns=now,
        )
        .returning(prompts)
    ).one()
    return _with_version(row, _insert_version(connection, row.id, wanted.version, clock))


def add_version(
    connection: sa.Connection, prompt_id: str, wanted: CreatePromptVersionRequest, clock: Clock
) -> PromptVersion:
    """Add a version, which becomes the newest.

    Raises:
        NotFound: no such prompt.
    """
    _row(connection, prompt_id)
    version = _insert_version(connection, prompt_id, wanted, clock)
    connection.execute(prompts.update().where(prompts.c.id == prompt_id).values(updated_ns=clock.now_ns()))
    return version


def page(
    connection: sa.Connection, *, space_id: str | None, space_name: str | None, name: str | None, at: PageRequest
) -> PromptPage:
    """Prompts, last updated first."""
    query = sa.select(prompts).where(spaces.within(prompts, space_id, space_name))
    if name:
        query = query.where(named_like(prompts.c.name, name))
    rows, pagination = by_change(connection, query, prompts, at)
    return PromptPage(prompts=[_prompt(row) for row in rows], pagination=pagination)


def get(
    connection: sa.Connection, prompt_id: str, *, version_id: str | None = None, label: str | None = None
) -> PromptWithVersion:
    """One prompt with the version of this id or label, or with its newest version.

    Raises:
        NotFound: no such prompt, or no such version or label of it.
    """
    row = _row(connection, prompt_id)
    if label is not None:
        return _with_version(row, labelled(connection, prompt_id, label))
    query = sa.select(prompt_versions).where(prompt_versions.c.prompt_id == prompt_id)
    if version_id is not None:
        query = query.where(prompt_versions.c.id == version_id)
    found = connection.execute(query.order_by(prompt_versions.c.n.desc()).limit(1)).first()
    if found is None:
        raise NotFound(
            f"Prompt {row.name!r} has no version with the id {version_id!r}.",
            "GET /v2/prompts/{id}/versions lists them.",
        )
    return _with_version(row, _versions(connection, [found])[0])


def labelled(connection: sa.Connection, prompt_id: str, label: str) -> PromptVersion:
    """The version that a label points at.

    Raises:
        NotFound: no such prompt, or no such label of it. The message lists the prompt's labels.
    """
    name = _row(connection, prompt_id).name
    every = sa.select(prompt_labels.c.label, prompt_labels.c.version_id).where(prompt_labels.c.prompt_id == prompt_id)
    found = {row.label: row.version_id for row in connection.execute(every.order_by(prompt_labels.c.label))}
    if label not in found:
        there = ", ".join(repr(each) for each in found) or "none"
        raise NotFound(f"Prompt {name!r} has no label {label!r}; it has {there}.", "Labels are case-sensitive.")
    return version(connection, found[label])


def update(connection: sa.Connection, prompt_id: str, description: str | None, clock: Clock) -> Prompt:
    """Change the description, or remove it with None.

    Raises:
        NotFound: no such prompt.
    """
    _row(connection, prompt_id)
    change = prompts.update().where(prompts.c.id == prompt_id)
    values = {"description": description, "updated_ns": clock.now_ns()}
    return _prompt(connection.execute(change.values(values).returning(prompts)).one())


def delete(connection: sa.Connection, prompt_id: str) -> None:
    """Remove a prompt with its versions and labels.

    Raises:
        NotFound: no such prompt.
    """
    _row(connection, prompt_id)
    connection.execute(prompts.delete().where(prompts.c.id == prompt_id))


def version_page(connection: sa.Connection, prompt_id: str, at: PageRequest) -> PromptVersionPage:
    """The versions of a prompt, newest first.

    Raises:
        NotFound: no such prompt.
    """
    _row(connection, prompt_id)
    query = sa.select(prompt_versions).where(prompt_versions.c.prompt_id == prompt_id)
    rows, pagination = by_arrival(connection, query, prompt_versions.c.n, at)
    return PromptVersionPage(prompt_versions=_versions(connection, rows), pagination=pagination)


def version(connection: sa.Connection, version_id: str) -> PromptVersion:
    """One version of any prompt.

    Raises:
        NotFound: no such version.
    """
    return _versions(connection, [_version_row(connection, version_id)])[0]


def set_labels(connection: sa.Connection, version_id: str, labels: Sequence[str]) -> PromptVersion:
    """Set the labels of a version, and remove them from the prompt's other versions.

    Raises:
        NotFound: no such version.
        Invalid: a label is blank, too long, or has a slash, which its URL cannot contain.
    """
    row = _version_row(connection, version_id)
    for label in labels:
        if not label.strip() or len(label) > LABEL_LENGTH or "/" in label:
            raise Invalid(
                f"{label[:40]!r} cannot be a label.", f"A label has 1 to {LABEL_LENGTH} characters and no slash."
            )
    connection.execute(prompt_labels.delete().where(prompt_labels.c.version_id == version_id))
    rows = [{"prompt_id": row.prompt_id, "label": label, "version_id": version_id} for label in dict.fromkeys(labels)]
    if rows:
        statement = insert(prompt_labels)
        moved = {"version_id": statement.excluded.version_id}
        keys = list(prompt_labels.primary_key)
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=moved), rows)
    return _versions(connection, [row])[0]


def remove_label(connection: sa.Connection, version_id: str, label: str) -> None:
    """Remove one label from a version.

    Raises:
        NotFound: no such version, or it does not have this label.
    """
    _version_row(connection, version_id)
    here = (prompt_labels.c.version_id == version_id) & (prompt_labels.c.label == label)
    if connection.execute(prompt_labels.delete().where(here)).rowcount == 0:
        raise NotFound(f"This version does not have the label {label!r}.", "Labels are case-sensitive.")


def _row(connection: sa.Connection, prompt_id: str) -> sa.Row[Any]:
    return row_of(connection, prompts, prompt_id, "prompt", "/v2/prompts")


def _version_row(connection: sa.Connection, version_id: str) -> sa.Row[Any]:
    return row_of(connection, prompt_versions, version_id, "prompt version", "/v2/prompts/{id}/versions")


def _insert_version(
    connection: sa.Connection, prompt_id: str, wanted: CreatePromptVersionRequest, clock: Clock
) -> PromptVersion:
    config = wanted.model_dump(mode="json", exclude_none=True, exclude={"commit_message"})
    row = connection.execute(
        prompt_versions.insert()
        .values(
            id=next_id(connection, "PromptVersion", clock),
            prompt_id=prompt_id,
            commit_hash=hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:40],
            commit_message=wanted.commit_message,
            config=config,
            created_ns=clock.now_ns(),
        )
        .returning(prompt_versions)
    ).one()
    return _versions(connection, [row])[0]


def _versions(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[PromptVersion]:
    labels: dict[str, list[str]] = defaultdict(list)
    query = sa.select(prompt_labels).where(prompt_labels.c.version_id.in_([row.id for row in rows]))
    for label in connection.execute(query.order_by(prompt_labels.c.label)):
        labels[label.version_id].append(label.label)
    return [_version(row, labels.get(row.id, [])) for row in rows]


def _version(row: sa.Row[Any], labels: list[str]) -> PromptVersion:
    return PromptVersion.model_validate(
        {
            **row.config,
            "id": row.id,
            "prompt_id": row.prompt_id,
            "commit_hash": row.commit_hash,
            "commit_message": row.commit_message,
            "created_at": moment(row.created_ns),
            "labels": labels,
        },
        extra="ignore",  # older versions of assaykit stored fields that this one refuses
    )


def _prompt(row: sa.Row[Any]) -> Prompt:
    return Prompt(
        id=row.id,
        name=row.name,
        description=row.description,
        space_id=row.space_id,
        created_at=moment(row.created_ns),
        updated_at=moment(row.updated_ns),
    )


def _with_version(row: sa.Row[Any], found: PromptVersion) -> PromptWithVersion:
    return PromptWithVersion(**dict(_prompt(row)), version=found)
