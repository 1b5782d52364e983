"""An MCP client that a test speaks through."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from mcp import Client
from mcp_types import CallToolResult, TextContent
from tests import stores
from tests.engines import reached

from assaykit.api.client import Api
from assaykit.backend import connect
from assaykit.server import create_server
from assaykit.settings import Settings


class Caller:
    """Calls tools by name. `progress` holds what the last call reported: (done, total)."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self.client = client
        self.settings = settings
        self.progress: list[tuple[float, float | None]] = []

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        """The result of a call, whatever it is."""
        self.progress = []

        async def noted(progress: float, total: float | None, message: str | None) -> None:
            assert message
            self.progress.append((progress, total))

        return await self.client.call_tool(tool, arguments, progress_callback=noted)

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The data of a call that must succeed."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, text_of(result)
        assert result.structured_content is not None
        return result.structured_content

    async def read(self, tool: str, **arguments: Any) -> str:
        """The text of a call that must succeed."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, text_of(result)
        return text_of(result)

    async def refused(self, tool: str, **arguments: Any) -> dict[str, str]:
        """The `{code, message, next}` of a call that must fail."""
        result = await self.call(tool, **arguments)
        assert result.is_error, f"expected an error, got: {text_of(result)}"
        refusal: dict[str, str] = json.loads(text_of(result))
        assert refusal.keys() == {"code", "message", "next"}
        return refusal


@asynccontextmanager
async def serving(settings: Settings, model: str | None = None) -> AsyncGenerator[Caller]:
    """A caller over a server of its own that sends data too; `model` is the address of a provider whose key it has."""
    if model is not None:
        keys = {"OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_BASE_URL": model}
        settings = replace(settings, environment={**settings.environment, **keys})
    if settings.backend == "local":
        stores.begin(settings.home)
    with reached(replace(settings, structured=True)) as there:
        async with Client(create_server(there)) as client:
            yield Caller(client, there)


@asynccontextmanager
async def connected(settings: Settings) -> AsyncGenerator[Api]:
    """The client that a server would use."""
    with reached(settings) as there:
        async with connect(there) as api:
            yield api


def text_of(result: CallToolResult) -> str:
    """The text of a result."""
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))
