"""Edits and deletes of examples, in the newest version of a dataset or in a copy of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json

from assaykit.api.batches import batches
from assaykit.api.client import path
from assaykit.api.experiments import examples_of
from assaykit.errors import AssayError, Invalid, NotFound
from assaykit.experiments.kept_columns import KEYS
from assaykit.foreign import exactly
from assaykit.matching import text_of
from assaykit.names import Named
from assaykit.session import Session
from assaykit.spelling import value_key
from assaykit.wire.datasets import (
    ROWS_PER_REQUEST,
    SYSTEM_COLUMNS,
    Dataset,
    DatasetVersionWithExampleIds,
    DeleteDatasetExamplesRequest,
    DeleteDatasetExamplesResponse,
    UpdateDatasetExampleInput,
    UpdateDatasetExamplesRequest,
)

NAMED = ("id", "example_id", *KEYS)
"""The columns of a row that may name its example, in the order in which they are tried."""

SHOWN = 5


class Edit(NamedTuple):
    """New values by example id, the ids to delete, and the number of rows that change nothing."""

    changes: Mapping[str, Mapping[str, Any]]
    deleted: Sequence[str]
    equal: int
    kept: tuple[str, Mapping[str, Any]] | None
    """An example that stays, with its columns; None if there is none."""


class EditedVersion(NamedTuple):
    """The version that was written: its id and, if it is new, its name."""

    id: str | None
    name: str | None


async def edit_of(
    here: Session, dataset: Named, rows: Iterable[tuple[str, Mapping[str, Any]]], gone: Sequence[str]
) -> Edit:
    """The changes that rows, each with its place for sentences, and the ids or keys in `gone` make to a dataset.

    Raises:
        NotFound: a row or one of `gone` names no example.
        Invalid: a row names no example or two, an example is named twice, or a row has a column of the server.
    """
    there, named = await _examples(here, dataset.id)
    unknown: list[str] = []

    def found(name: Any) -> str | None:
        text = text_of(name)
        example_id = text if text in there else named.get(value_key(text), "")
        if example_id is None:
            raise Invalid(f"Several examples of {exactly(dataset.name)} have the key {exactly(text, 60)}.", "Use ids.")
        if not example_id:
            unknown.append(text)
        return example_id or None

    changes: dict[str, Mapping[str, Any]] = {}
    equal = 0
    for place, row in rows:
        column, example_id = _named_by(row, place, there, found)
        if example_id is None:
            continue
        if example_id in changes:
            raise Invalid(
                f"{place} names the example {exactly(example_id)}, as an earlier row does.", "Keep one of them."
            )
        new = {name: value for name, value in row.items() if name != column}
        if owned := sorted(SYSTEM_COLUMNS & new.keys()):
            raise Invalid(f"{place} has {', '.join(map(exactly, owned))}, which the server owns.", "Leave it out.")
        before = there[example_id]
        changes[example_id] = {name: value for name, value in new.items() if not _is_same(before.get(name), value)}
        equal += not changes[example_id]
    deleted = list(dict.fromkeys(one for name in gone if (one := found(name)) is not None))
    if unknown:
        listed = ", ".join(exactly(one, 60) for one in unknown[:SHOWN]) + (", ..." if len(unknown) > SHOWN else "")
        raise NotFound(
            f"Dataset {exactly(dataset.name)} has no example {listed}; nothing was written.",
            "Name examples by the ids or keys that get_dataset shows.",
        )
    if both := next((one for one in deleted if one in changes), None):
        raise Invalid(f"The example {exactly(both)} is edited and deleted.", "Leave out one of the two.")
    gone_ids = set(deleted)
    kept = next(((key, columns) for key, columns in there.items() if key not in gone_ids and columns), None)
    return Edit({key: one for key, one in changes.items() if one}, deleted, equal, kept)


def _is_same(before: Any, after: Any) -> bool:
    """Whether two values are one JSON text: 1 and true differ."""
    return before == after and to_json(before) == to_json(after)


def _named_by(
    row: Mapping[str, Any],
    place: str,
    there: Mapping[str, Any],
    found: Callable[[Any], str | None],
) -> tuple[str, str | None]:
    """The column of a row that names its example, and the example's id; None if no example has it."""
    columns = [one for one in NAMED if row.get(one) is not None]
    if not columns:
        raise Invalid(f"{place} names no example.", "Give each row the id or the key of its example.")
    # A key beside the id of an example is a column to be changed.
    column = next((one for one in columns if text_of(row[one]) in there), columns[0])
    return column, found(row[column])


async def _examples(here: Session, dataset_id: str) -> tuple[dict[str, Mapping[str, Any]], dict[str, str | None]]:
    """The columns of each example by its id, and the ids by key; None for a key of several examples."""
    there: dict[str, Mapping[str, Any]] = {}
    named: dict[str, str | None] = {}
    async for example in examples_of(here.api, dataset_id):
        columns = example.model_extra or {}
        there[example.id] = columns
        for key in {value_key(text_of(columns[one])) for one in KEYS if columns.get(one) is not None}:
            named[key] = None if key in named else example.id
    return there, named


async def begin_version(here: Session, dataset: Named, kept: tuple[str, Mapping[str, Any]]) -> EditedVersion:
    """Copy the newest version of a dataset under a new name. `kept` is an example that is written as it is.

    Raises:
        AssayError: as the client maps the status.
    """
    name = await _free_name(here, dataset.id)
    example_id, columns = kept
    column, value = next(iter(columns.items()))
    same = UpdateDatasetExampleInput.model_validate({"id": example_id, column: value})
    made = await _patch(here, dataset.id, UpdateDatasetExamplesRequest(examples=[same], new_version=name))
    return EditedVersion(made.dataset_version_id, name)


async def write(here: Session, dataset: Named, edit: Edit, *, new_version: bool) -> EditedVersion:
    """Write the edit.

    Raises:
        Invalid: a new version would be without an example.
        AssayError: as the client maps the status; the message says how much was written.
    """
    version = EditedVersion(None, None)
    if new_version:
        if edit.kept is None:
            raise Invalid("The new version would have no example.", "Keep one, or delete them without new_version.")
        version = await begin_version(here, dataset, edit.kept)
    written = 0
    try:
        rows = ({"id": key, **columns} for key, columns in edit.changes.items())
        for part in batches(rows):
            examples = [UpdateDatasetExampleInput.model_validate(one) for one in part]
            made = await _patch(here, dataset.id, UpdateDatasetExamplesRequest(examples=examples))
            version = version._replace(id=made.dataset_version_id)
            written += len(part)
        if edit.deleted:
            newest = version.id or await _newest(here, dataset.id)
            version = version._replace(id=newest)
            at = path("v2", "datasets", dataset.id, "examples")
            for start in range(0, len(edit.deleted), ROWS_PER_REQUEST):
                ids = list(edit.deleted[start : start + ROWS_PER_REQUEST])
                body = DeleteDatasetExamplesRequest(dataset_version_id=newest, example_ids=ids)
                await here.api.delete_some(at, DeleteDatasetExamplesResponse, body)
                written += len(ids)
    except AssayError as error:
        into = "" if version.name is None else f" into the new version {exactly(version.name)}"
        before = f"{written} change(s) were written{into} before this: " if written or into else ""
        raise type(error)(before + error.message, error.next) from error
    return version


async def _patch(here: Session, dataset_id: str, body: UpdateDatasetExamplesRequest) -> DatasetVersionWithExampleIds:
    return await here.api.patch(path("v2", "datasets", dataset_id, "examples"), DatasetVersionWithExampleIds, body)


async def _newest(here: Session, dataset_id: str) -> str:
    versions = (await here.api.get(path("v2", "datasets", dataset_id), Dataset)).versions or []
    return versions[0].id


async def _free_name(here: Session, dataset_id: str) -> str:
    """The name for a new version: v2 after v1, and so on."""
    versions = (await here.api.get(path("v2", "datasets", dataset_id), Dataset)).versions or []
    taken = {one.name for one in versions}
    number = len(versions) + 1
    while f"v{number}" in taken:
        number += 1
    return f"v{number}"
