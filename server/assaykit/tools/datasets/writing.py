"""Writing of examples: into a new dataset, all of them or none, or to the end of an existing one."""

from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

from assaykit.api.batches import batches
from assaykit.api.client import path
from assaykit.api.staging import Body, ahead, staged
from assaykit.errors import AssayError
from assaykit.session import Session
from assaykit.toolkit.taking_back import take_back
from assaykit.wire.datasets import (
    CreateDatasetRequest,
    Dataset,
    DatasetVersionWithExampleIds,
    InsertDatasetExamplesRequest,
)
from assaykit.wire.local import NewDataset


class WrittenDataset(NamedTuple):
    """The dataset's id, how many examples were written, and their columns in order of appearance."""

    id: str
    examples: int
    columns: list[str]


class _Parts:
    """The rows in parts of a size that a backend takes. It counts the rows and columns that have passed."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self._rows = rows
        self._columns: dict[str, None] = {}
        self._count = 0

    def __iter__(self) -> Generator[list[dict[str, Any]]]:
        for part in batches(self._rows):
            self._count += len(part)
            for row in part:
                self._columns.update(dict.fromkeys(row))
            yield part

    def made(self, dataset_id: str) -> WrittenDataset:
        """The dataset with the rows that have passed."""
        return WrittenDataset(dataset_id, self._count, list(self._columns))


async def create(here: Session, name: str, space_id: str, rows: Iterable[dict[str, Any]]) -> WrittenDataset:
    """Create a dataset of any size. The rows are read in a thread. If a part fails on AX, the dataset is deleted.

    Raises:
        Conflict: the space has a dataset of this name.
    """
    parts = _Parts(rows)
    if await here.api.has_engine_routes():
        dataset_id = await _at_once(here, {"new_dataset": NewDataset(name=name, space_id=space_id)}, parts)
    else:
        dataset_id = await _in_steps(here, name, space_id, parts)
    here.names.forget()
    return parts.made(dataset_id)


async def append(here: Session, dataset_id: str, rows: Iterable[dict[str, Any]]) -> WrittenDataset:
    """Append any number of examples to a dataset's newest version. The rows are read in a thread.

    Raises:
        AssayError: as the client maps the status. On AX the message says how many examples were appended before.
    """
    parts = _Parts(rows)
    if await here.api.has_engine_routes():
        await _at_once(here, {"dataset_id": dataset_id}, parts)
        return parts.made(dataset_id)
    written = 0
    async with aclosing(ahead(iter(parts))) as found:
        async for part, _ in found:
            try:
                await _insert(here, dataset_id, part)
            except AssayError as error:
                before = f"{written} example(s) were appended before this: "
                raise type(error)(before + error.message, error.next) from error
            written += len(part)
    return parts.made(dataset_id)


async def _at_once(here: Session, asked: Mapping[str, Any], parts: _Parts) -> str:
    async def bodies() -> AsyncGenerator[Body]:
        async with aclosing(ahead(iter(parts))) as found:
            async for part, is_last in found:
                yield Body(part, [], is_last)

    told = await staged(here.api, asked, bodies())
    return told.dataset_id or ""


async def _in_steps(here: Session, name: str, space_id: str, parts: _Parts) -> str:
    dataset_id = ""
    try:
        async with aclosing(ahead(iter(parts))) as found:
            async for part, _ in found:
                if not dataset_id:
                    body = CreateDatasetRequest(name=name, space_id=space_id, examples=part)
                    dataset_id = (await here.api.post("/v2/datasets", Dataset, body)).id
                else:
                    await _insert(here, dataset_id, part)
    except BaseException as error:
        # A part of a dataset would be mistaken for the whole one.
        if dataset_id:
            await take_back(here, "datasets", dataset_id, name, error)
        raise
    return dataset_id


async def _insert(here: Session, dataset_id: str, part: list[dict[str, Any]]) -> None:
    at = path("v2", "datasets", dataset_id, "examples")
    await here.api.post(at, DatasetVersionWithExampleIds, InsertDatasetExamplesRequest(examples=part))
