"""Uploads of any size to the engine. The engine keeps the parts of several requests, and the last one writes them."""

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any, NamedTuple, TypeVar

import anyio
import anyio.to_thread

from assaykit.api.client import Api, path
from assaykit.wire.experiments import ExperimentRunInput
from assaykit.wire.local import Uploaded, UploadRequest

GIVE_UP_S = 5.0

PartT = TypeVar("PartT")


class Body(NamedTuple):
    """The rows of one request."""

    examples: Sequence[dict[str, Any]]
    runs: Sequence[ExperimentRunInput]
    is_last: bool


async def ahead(parts: Generator[PartT]) -> AsyncGenerator[tuple[PartT, bool]]:
    """The parts, generated in a thread, each with a flag for the last one."""
    with closing(parts):
        part = await anyio.to_thread.run_sync(next, parts, None)
        while part is not None:
            following = await anyio.to_thread.run_sync(next, parts, None)
            yield part, following is None
            part = following


async def staged(api: Api, asked: Mapping[str, Any], bodies: AsyncGenerator[Body]) -> Uploaded:
    """Send the bodies as one upload. If a request fails, the engine is told to drop all parts.

    `asked` holds the other fields of an `UploadRequest`.

    Raises:
        AssayError: as the client maps the status.
    """
    upload_id: str | None = None
    told = Uploaded()
    try:
        async with aclosing(bodies):
            async for examples, runs, is_last in bodies:
                body = UploadRequest(
                    **asked, examples=list(examples), runs=list(runs), more=not is_last, upload_id=upload_id
                )
                told = await api.post("/x/uploads", Uploaded, body)
                upload_id = told.upload_id
    except BaseException:
        if upload_id is not None:
            with anyio.move_on_after(GIVE_UP_S, shield=True):
                await api.delete(path("x", "uploads", upload_id))
        raise
    return told
