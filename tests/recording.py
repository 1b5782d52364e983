"""The calls of the tools over HTTP, written down: the bytes that left the client, and the answer that it read."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import httpx

from assaykit.api import answers, client

_WANTED: set[str] = set()
"""The base URLs whose calls are written down."""


@contextmanager
def wanted(address: str) -> Generator[None]:
    """Write the calls to the base URL down until the block ends, if a recording is under way."""
    _WANTED.add(address)
    try:
        yield
    finally:
        _WANTED.discard(address)


@contextmanager
def recording(at: Path) -> Generator[None]:
    """Write each answered call to a wanted address to the file `at`, as a line of JSON, until the block ends."""
    whole = answers.whole
    with at.open("a", encoding="utf-8") as file:

        async def noted(response: httpx.Response) -> httpx.Response:
            answer = await whole(response)
            url = answer.request.url
            # The other routes are no part of the contract.
            if f"{url.scheme}://{url.netloc.decode()}" in _WANTED and url.path.startswith("/v2/"):
                file.write(json.dumps(_line(answer)) + "\n")
            return answer

        with mock.patch.object(client, "whole", noted):
            yield


def _line(answer: httpx.Response) -> dict[str, Any]:
    path, _, query = answer.request.url.raw_path.decode("ascii").partition("?")
    return {
        "method": answer.request.method,
        "path": path,
        "query": query,
        "request": answer.request.content.decode(),
        "status": answer.status_code,
        "reply": answer.text,
    }
