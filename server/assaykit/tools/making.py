"""A dataset is written: all of its examples, or nothing."""

from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import aclosing
from typing import Any, NamedTuple

import anyio

from assaykit.api.batches import batches
from assaykit.api.client import path
from assaykit.api.staging import GIVE_UP_S, Body, ahead, staged
from assaykit.session import Session
from assaykit.wire.datasets import (
    CreateDatasetRequest,
    Dataset,
    DatasetVersionWithExampleIds,
    InsertDatasetExamplesRequest,
)
from assaykit.wire.local import NewDataset


class Made(NamedTuple):
    """The dataset's id, how many examples it has, and their columns in order of appearance."""

    id: str
    examples: int
    columns: list[str]


async def create(here: Session, name: str, space_id: str, rows: Iterable[dict[str, Any]]) -> Made:
    """A dataset of any size; the rows are read in a thread. On AX it is removed again when a part of it fails.

    Raises:
        Conflict: the space has a dataset of this name.
    """
    columns: dict[str, None] = {}
    count = 0

    def counted() -> Generator[dict[str, Any]]:
        nonlocal count
        for row in rows:
            count += 1
            columns.update(dict.fromkeys(row))
            yield row

    def parts() -> Generator[list[dict[str, Any]]]:
        yield from batches(counted())

    write = _at_once if await here.api.has_engine_routes() else _in_steps
    dataset_id = await write(here, name, space_id, parts())
    here.names.forget()
    return Made(dataset_id, count, list(columns))


async def _at_once(here: Session, name: str, space_id: str, parts: Generator[list[dict[str, Any]]]) -> str:
    async def bodies() -> AsyncGenerator[Body]:
        async with aclosing(ahead(parts)) as found:
            async for part, is_last in found:
                yield Body(part, [], is_last)

    told = await staged(here.api, {"new_dataset": NewDataset(name=name, space_id=space_id)}, bodies())
    return told.dataset_id or ""


async def _in_steps(here: Session, name: str, space_id: str, parts: Generator[list[dict[str, Any]]]) -> str:
    dataset_id = ""
    try:
        async with aclosing(ahead(parts)) as found:
            async for part, _ in found:
                if not dataset_id:
                    body = CreateDatasetRequest(name=name, space_id=space_id, examples=part)
                    dataset_id = (await here.api.post("/v2/datasets", Dataset, body)).id
                else:
                    at = path("v2", "datasets", dataset_id, "examples")
                    more = InsertDatasetExamplesRequest(examples=part)
                    await here.api.post(at, DatasetVersionWithExampleIds, more)
    except BaseException:
        # Half a dataset would be mistaken for the whole one.
        if dataset_id:
            with anyio.move_on_after(GIVE_UP_S, shield=True):
                await here.api.delete(path("v2", "datasets", dataset_id))
        raise
    return dataset_id
