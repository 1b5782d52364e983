"""Toolset datasets: the examples that variants are tried on."""

import json
from collections.abc import Sequence
from typing import Any

import anyio.to_thread

from assaykit.api import pages
from assaykit.api.batches import batches
from assaykit.api.client import path
from assaykit.errors import AssayError, Invalid, NotFound
from assaykit.files.folders import Folders
from assaykit.files.reading import read_rows
from assaykit.session import Session
from assaykit.tools.builder import tool
from assaykit.tools.fields import File, Here, Limit, ListLimit, SaveTo, Space
from assaykit.tools.listing import more, next_of, plain, save
from assaykit.tools.replies import Reply, bullets, fenced, one_line
from assaykit.wire.datasets import (
    SYSTEM_COLUMNS,
    CreateDatasetRequest,
    Dataset,
    DatasetExample,
    DatasetPage,
    DatasetVersion,
    DatasetVersionWithExampleIds,
    ExamplePage,
    InsertDatasetExamplesRequest,
)

COLUMNS_SHOWN = 12
ROWS_PER_PAGE = 500
CELL_LIMIT = 400
"""Characters of one cell of an example in the data; its line in the text has fewer."""

VERSIONS_SHOWN = 10


@tool("add")
async def create_dataset(
    here: Here,
    name: str,
    file: File | None = None,
    rows: list[dict[str, Any]] | None = None,
    space: Space = None,
) -> Reply:
    """Create a dataset from a file or from rows: one example per row; all of it, or nothing.

    Source: REST v2 `POST /v2/datasets`, `POST /v2/datasets/{id}/examples`.
    Raises: Invalid, Conflict.
    """
    within = await here.space(space)
    if (file is None) == (rows is None):
        raise Invalid("A dataset comes from exactly one of file and rows.", "Pass one of them.")
    examples = await _given(here, file, rows)
    made = await create(here, name, within.id, examples)
    columns = _columns(examples)
    shown = _shown(columns)
    count = len(examples)
    return Reply(
        f"Created dataset {made.name!r} ({made.id}) with {count} example(s); columns: {shown}. "
        f"Next: run_experiment(dataset={made.name!r}, task='file.py:function'), or upload_experiment for results.",
        {
            **here.source(within),
            "dataset": {"id": made.id, "name": made.name},
            "examples": count,
            "columns": columns,
        },
    )


@tool("read")
async def list_datasets(
    here: Here,
    name: str | None = None,
    limit: ListLimit = 50,
    cursor: str | None = None,
    save_to: SaveTo = None,
    space: Space = None,
) -> Reply:
    """List the datasets of a space, newest first.

    Source: REST v2 `GET /v2/datasets`.
    Raises: Invalid.
    """
    within = await here.space(space)
    query = {"space_id": within.id, "name": name}
    if save_to is not None:
        found = pages.rows(here.api, "/v2/datasets", DatasetPage, query)
        return await save(here, save_to, cursor, found, _flat, "datasets", here.source(within))
    page = await here.api.get("/v2/datasets", DatasetPage, limit=limit, cursor=cursor, **query)
    following = next_of(page)
    names = ", ".join(one_line(one.name) for one in page.datasets)
    text = f"{len(page.datasets)} dataset(s) in space {within.name!r}{more(following)}: {names}"
    if not page.datasets:
        text = f"No dataset in space {within.name!r} fits. `create_dataset` makes one."
    listed = [{"id": one.id, "name": one.name} for one in page.datasets]
    return Reply(text, {**here.source(within), "datasets": listed, "next_cursor": following})


@tool("read")
async def get_dataset(
    here: Here,
    dataset: str | None = None,
    version: str | None = None,
    limit: Limit = 10,
    cursor: str | None = None,
    save_to: SaveTo = None,
    space: Space = None,
) -> Reply:
    """Show a dataset: versions, columns, and examples with their ids; of the newest version unless one is named.

    Source: REST v2 `GET /v2/datasets/{id}`, `GET /v2/datasets/{id}/examples`.
    Raises: NotFound, Ambiguous, Invalid.
    """
    within = await here.space(space)
    named = await here.names.dataset(dataset, within)
    found = await here.api.get(path("v2", "datasets", named.id), Dataset)
    chosen = _version(found, version)
    at = path("v2", "datasets", named.id, "examples")
    query = {"dataset_version_id": None if version is None or chosen is None else chosen.id}
    versions = found.versions or []
    facts: dict[str, Any] = {
        **here.source(within),
        "dataset": {"id": found.id, "name": found.name},
        "version": None if chosen is None else chosen.name or chosen.id,
        "versions": [{"id": one.id, "name": one.name} for one in versions],
    }
    if save_to is not None:
        every = pages.rows(here.api, at, ExamplePage, query, limit=ROWS_PER_PAGE)
        return await save(here, save_to, cursor, every, _row, "examples", facts)
    page = await here.api.get(at, ExamplePage, limit=limit, cursor=cursor, **query)
    following = next_of(page)
    examples = [_row(one) for one in page.examples]
    columns = _columns([one.model_extra or {} for one in page.examples])
    about = [
        f"Versions, newest first: {', '.join(one_line(one.name or one.id, 60) for one in versions[:VERSIONS_SHOWN])}"
        + (f" and {len(versions) - VERSIONS_SHOWN} more" if len(versions) > VERSIONS_SHOWN else ""),
        f"Columns: {_shown(columns)}",
    ]
    text = f"Dataset {found.name!r}: {len(examples)} example(s){more(following)}\n{bullets(about)}"
    if examples:
        text += "\n" + fenced(_line(example) for example in examples)
    clipped = [{key: _clipped(value) for key, value in example.items()} for example in examples]
    return Reply(text, {**facts, "columns": columns, "examples": clipped, "next_cursor": following})


@tool("add", default=False)
async def append_examples(
    here: Here,
    dataset: str | None = None,
    file: File | None = None,
    rows: list[dict[str, Any]] | None = None,
    space: Space = None,
) -> Reply:
    """Append rows to a dataset's newest version.

    Source: REST v2 `POST /v2/datasets/{id}/examples`.
    Raises: Invalid, NotFound, Ambiguous.
    """
    within = await here.space(space)
    if (file is None) == (rows is None):
        raise Invalid("Examples come from exactly one of file and rows.", "Pass one of them.")
    named = await here.names.dataset(dataset, within)
    examples = await _given(here, file, rows)
    at = path("v2", "datasets", named.id, "examples")
    before = await here.api.get(at, ExamplePage, limit=1)
    ids: list[str] = []
    for some in batches(examples):
        try:
            added = await here.api.post(at, DatasetVersionWithExampleIds, InsertDatasetExamplesRequest(examples=some))
        except AssayError as error:
            written = f"{len(ids)} of {len(examples)} examples were appended before this: "
            raise type(error)(written + error.message, error.next) from error
        ids += added.example_ids
    new, there = _columns(examples), _columns([one.model_extra or {} for one in before.examples])
    text = f"Appended {len(ids)} example(s) to {named.name!r}."
    if there and (added_columns := [column for column in new if column not in there]):
        text += f" Warning: its first example has no {_shown(added_columns)}."
    if missing := [column for column in there if column not in new]:
        text += f" Warning: the new ones have no {_shown(missing)}."
    data = {"dataset": {"id": named.id, "name": named.name}, "examples": len(ids), "columns": new}
    return Reply(text, {**here.source(within), **data})


async def create(here: Session, name: str, space_id: str, examples: Sequence[dict[str, Any]]) -> Dataset:
    """A dataset of any size: created with the first rows, then appended to; removed again when that fails.

    Raises:
        Conflict: the space has a dataset of this name.
    """
    first, *rest = batches(examples)
    body = CreateDatasetRequest(name=name, space_id=space_id, examples=first)
    made = await here.api.post("/v2/datasets", Dataset, body)
    here.names.forget()
    at = path("v2", "datasets", made.id)
    try:
        for some in rest:
            more = InsertDatasetExamplesRequest(examples=some)
            await here.api.post(f"{at}/examples", DatasetVersionWithExampleIds, more)
    except AssayError:
        # Half a dataset would be mistaken for the whole one.
        await here.api.delete(at)
        raise
    return made


async def _given(here: Session, file: str | None, rows: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The rows given or those of the file.

    Raises:
        Invalid: there is none, or one cannot be an example.
    """
    examples = await _from_file(here, file) if file is not None else rows or []
    _refuse_unusable(examples)
    return examples


async def _from_file(here: Session, file: str) -> list[dict[str, Any]]:
    folders = Folders(here.settings.folders)
    return await anyio.to_thread.run_sync(_rows, file, folders, abandon_on_cancel=True)


def _rows(file: str, folders: Folders) -> list[dict[str, Any]]:
    return [dict(row.values) for row in read_rows(file, folders)]


def _refuse_unusable(examples: Sequence[dict[str, Any]]) -> None:
    if not examples:
        raise Invalid("There is no row, so there is no example.", "Give at least one row.")
    for position, example in enumerate(examples, start=1):
        if not example:
            raise Invalid(f"Row {position} is empty.", "Give each example at least one column.")
        if owned := sorted(SYSTEM_COLUMNS & example.keys()):
            raise Invalid(
                f"The column(s) {', '.join(owned)} belong to the server.",
                "Rename them, for instance id to key; the server gives ids of its own.",
            )


def _version(dataset: Dataset, wanted: str | None) -> DatasetVersion | None:
    """The version of this name or id; the newest unless one is named.

    Raises:
        NotFound: there is none.
    """
    versions = dataset.versions or []
    if wanted is None:
        return next(iter(versions), None)
    for one in versions:
        if wanted in {one.id, one.name}:
            return one
    known = ", ".join(f"{one_line(one.name or '-', 60)!r} ({one.id})" for one in versions[:VERSIONS_SHOWN])
    raise NotFound(f"Dataset {dataset.name!r} has no version {one_line(wanted, 60)!r}. There are: {known}.", "Use one.")


def _columns(examples: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(column for example in examples for column in example))


def _shown(columns: Sequence[str]) -> str:
    more_of_them = f" and {len(columns) - COLUMNS_SHOWN} more" if len(columns) > COLUMNS_SHOWN else ""
    return ", ".join(one_line(column, 60) for column in columns[:COLUMNS_SHOWN]) + more_of_them


def _flat(dataset: Dataset) -> dict[str, Any]:
    return {key: value for key, value in plain(dataset).items() if key != "versions"}


def _row(example: DatasetExample) -> dict[str, Any]:
    """An example as one row: its id and its own columns."""
    return {"id": example.id, **(example.model_extra or {})}


def _clipped(value: Any) -> Any:
    """A cell as the data holds it: what is long is clipped."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value if len(text) <= CELL_LIMIT else text[: CELL_LIMIT - 1] + "…"


def _line(example: dict[str, Any]) -> str:
    cells = [f"{one_line(column, 40)}: {one_line(value, 100)}" for column, value in example.items() if column != "id"]
    return " | ".join([example["id"], *cells[:COLUMNS_SHOWN]])
