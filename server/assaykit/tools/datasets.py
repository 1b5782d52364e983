"""Toolset datasets: the examples that variants are tried on."""

from collections.abc import Sequence
from typing import Any

import anyio.to_thread

from assaykit.api.batches import batches
from assaykit.api.client import path
from assaykit.errors import AssayError, Invalid
from assaykit.files.folders import Folders
from assaykit.files.reading import read_rows
from assaykit.session import Session
from assaykit.tools.builder import tool
from assaykit.tools.fields import File, Here, Space
from assaykit.tools.replies import Reply, one_line
from assaykit.wire.datasets import (
    SYSTEM_COLUMNS,
    CreateDatasetRequest,
    Dataset,
    DatasetVersionWithExampleIds,
    InsertDatasetExamplesRequest,
)

COLUMNS_SHOWN = 12


@tool("add")
async def create_dataset(
    here: Here,
    name: str,
    file: File | None = None,
    rows: list[dict[str, Any]] | None = None,
    space: Space = None,
) -> Reply:
    """Create a dataset from a file or from rows: one example per row, its columns kept; all of it, or nothing.

    Source: REST v2 `POST /v2/datasets`, `POST /v2/datasets/{id}/examples`.
    Raises: Invalid, Conflict.
    """
    within = await here.space(space)
    if (file is None) == (rows is None):
        raise Invalid("A dataset comes from exactly one of file and rows.", "Pass one of them.")
    examples = rows if file is None else await _from_file(here, file)
    _refuse_unusable(examples or [])
    made = await create(here, name, within.id, examples or [])
    columns = list(dict.fromkeys(column for example in examples or [] for column in example))
    shown = ", ".join(one_line(column, 60) for column in columns[:COLUMNS_SHOWN])
    count = len(examples or [])
    return Reply(
        f"Created dataset {made.name!r} ({made.id}) with {count} example(s); columns: {shown}. "
        f"Next: upload_experiment(dataset={made.name!r}, file=...) for each variant.",
        {
            **here.source(within),
            "dataset": {"id": made.id, "name": made.name},
            "examples": count,
            "columns": columns,
        },
    )


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
