"""An MCP client for tests."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from mcp import Client
from mcp_types import CallToolResult
from tests import stores
from tests.engines import reached

from assaykit.api.client import Api
from assaykit.backend import connect
from assaykit.server import create_server
from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of, text_of

PLAYED: set[str] = set()
"""The tools that were called in the test under way, and the codes of its refusals."""

_LISTED: dict[tuple[Any, ...], dict[str, Any]] = {}
"""For each selection of tools: the output schema of each tool, as the first client of this process lists them."""


class Caller:
    """Calls tools by name. `progress` has the progress reports of the last call: (done, total)."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self.client = client
        self.settings = settings
        self.progress: list[tuple[float, float | None]] = []

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        """Return the result of a call, whether it succeeds or fails."""
        self.progress = []
        PLAYED.add(tool)

        async def noted(progress: float, total: float | None, message: str | None) -> None:
            assert message
            self.progress.append((progress, total))

        return await self.client.call_tool(tool, arguments, progress_callback=noted)

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Make a call that must succeed; return its data."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, text_of(result)
        return data_of(result)

    async def read(self, tool: str, **arguments: Any) -> str:
        """Make a call that must succeed; return its text without the last line of JSON."""
        return parts_of(await self.told(tool, **arguments))[0]

    async def facts(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Make a call that must succeed; return the last line of its text: ids, the cursor, and the next call."""
        return parts_of(await self.told(tool, **arguments))[1]

    async def told(self, tool: str, **arguments: Any) -> str:
        """Make a call that must succeed; return its whole text."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, text_of(result)
        return text_of(result)

    async def refused(self, tool: str, **arguments: Any) -> dict[str, str]:
        """Make a call that must fail; return its `{code, message, next}`."""
        result = await self.call(tool, **arguments)
        assert result.is_error, f"expected an error, got: {text_of(result)}"
        refusal: dict[str, str] = json.loads(text_of(result))
        assert refusal.keys() == {"code", "message", "next"}
        PLAYED.add(refusal["code"])
        return refusal


@asynccontextmanager
async def serving(settings: Settings, model: str | None = None) -> AsyncGenerator[Caller]:
    """Start a server that also sends structured data; yield a caller for it.

    `model` is the base URL of a model provider; the server gets a key for it.
    """
    if model is not None:
        keys = {"OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_BASE_URL": model}
        settings = replace(settings, environment={**settings.environment, **keys})
    if settings.backend == "local":
        stores.begin(settings.home)
    with reached(replace(settings, structured=True)) as there:
        async with session(there) as caller:
            yield caller


@asynccontextmanager
async def session(settings: Settings) -> AsyncGenerator[Caller]:
    """Start a server over the backend that the settings name; yield a caller for it."""
    async with Client(create_server(settings)) as client:
        # A client lists the tools before it checks its first result: a third of the cost of a short test.
        selection = (settings.toolsets, settings.tools, settings.read_only)
        vars(client.session)["_tool_output_schemas"] = _LISTED.setdefault(selection, {})
        yield Caller(client, settings)


@asynccontextmanager
async def connected(settings: Settings) -> AsyncGenerator[Api]:
    """Yield the backend client that a server with these settings would use."""
    with reached(settings) as there:
        async with connect(there) as api:
            yield api


def parts_of(text: str) -> tuple[str, dict[str, Any]]:
    """A reply's sentences and rows, and its last line if that is JSON."""
    above, _, last = text.rpartition("\n")
    return (above, json.loads(last)) if last.startswith("{") else (text, {})
