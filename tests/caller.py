"""An MCP client that a test speaks through."""

import json
from typing import Any

from mcp import Client
from mcp_types import CallToolResult, TextContent


class Caller:
    """Calls tools by name."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The data of a call that must succeed."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, text_of(result)
        assert result.structured_content is not None
        return result.structured_content

    async def read(self, tool: str, **arguments: Any) -> str:
        """The text of a call that must succeed."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, text_of(result)
        return text_of(result)

    async def refused(self, tool: str, **arguments: Any) -> dict[str, str]:
        """The `{code, message, next}` of a call that must fail."""
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error, f"expected an error, got: {text_of(result)}"
        refusal: dict[str, str] = json.loads(text_of(result))
        assert refusal.keys() == {"code", "message", "next"}
        return refusal


def text_of(result: CallToolResult) -> str:
    """The text of a result."""
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))
