"""Tools as hosts list them, before any module of a tool is imported.

The modules of all tools, with the wire models and the statistics behind them, take half as long to import as the SDK.
A host that starts a server wants the list, and often calls nothing.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp_types import CallToolResult, InputRequiredResult
from pydantic import PrivateAttr

from assaykit.toolkit.effects import Effect, hints_of, title_of


class ListedTool(NamedTuple):
    """A tool in the shipped list. `module` is the full name of the module that defines it."""

    toolset: str
    module: str
    name: str
    effects: tuple[Effect, ...]
    description: str
    parameters: dict[str, Any]


def late(listed: ListedTool, load: Callable[[], Awaitable[Tool]]) -> Tool:
    """The SDK's tool for an entry of the list. `load` makes the tool that runs the calls; the first call awaits it."""
    made = _LateTool(
        fn=_never,
        name=listed.name,
        title=title_of(listed.name),
        description=listed.description,
        parameters=listed.parameters,
        fn_metadata=_UNREAD,
        is_async=True,
        context_kwarg=None,
        annotations=hints_of(listed.effects),
    )
    made.loads_with(load)
    return made


def _never() -> None:
    """The function of a tool that is not loaded yet. Nothing calls it."""


_UNREAD = FuncMetadata(arg_model=ArgModelBase)


class _LateTool(Tool):
    _load: Callable[[], Awaitable[Tool]] = PrivateAttr()
    _loaded: Tool | None = PrivateAttr(default=None)

    def loads_with(self, load: Callable[[], Awaitable[Tool]]) -> None:
        self._load = load

    async def run(
        self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False
    ) -> CallToolResult | InputRequiredResult:
        if self._loaded is None:
            self._loaded = await self._load()
        return await self._loaded.run(arguments, context, convert_result)
