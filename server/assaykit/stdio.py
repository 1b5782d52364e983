"""MCP over stdio, with a JSON-RPC error for each line that is no message: the SDK reads on without an answer.

Source: JSON-RPC 2.0, section 5.1: -32700 for text that is not JSON, -32600 for JSON that is no request, id null where
the request's own id cannot be read.
"""

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import anyio
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError

_NOT_JSON = "This line is not JSON. Send each message as one line of JSON."
_NO_MESSAGE = "This line is JSON but no message. Send one JSON-RPC 2.0 request, notification or response in each line."


async def serve(server: Server[Any]) -> None:
    """Serve one client over stdin and stdout until stdin ends."""
    async with stdio_server() as (arriving, leaving):
        checked = _Messages(arriving, leaving)
        await server.run(checked, leaving, server.create_initialization_options())


class _Messages:
    """The messages among the lines of stdin. Answers the other lines itself."""

    def __init__(self, arriving: Any, leaving: Any) -> None:
        self._arriving = arriving
        self._leaving = leaving

    @property
    def last_context(self) -> Any:
        """The context variables of the sender of the last message; the SDK looks for them here."""
        return self._arriving.last_context

    async def receive(self) -> SessionMessage | Exception:
        """The next message.

        Raises:
            anyio.EndOfStream: stdin has ended.
        """
        while True:
            item = await self._arriving.receive()
            if not isinstance(item, ValidationError):
                return item
            if (answer := _answer(item)) is not None:
                await self._leaving.send(SessionMessage(answer))

    async def aclose(self) -> None:
        """Close the stream of lines."""
        await self._arriving.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()


def _answer(refused: ValidationError) -> JSONRPCError | None:
    """The error for a line that is no message; None for a blank line."""
    faults = refused.errors(include_url=False, include_context=False)
    if faults[0]["type"] != "json_invalid":
        return _error(INVALID_REQUEST, _NO_MESSAGE, _id_in(fault["input"] for fault in faults))
    return _error(PARSE_ERROR, _NOT_JSON, None) if str(faults[0]["input"]).strip() else None


def _id_in(inputs: Iterable[Any]) -> str | int | None:
    """The id of a broken request. Some of the faults that pydantic found have the whole line as their input."""
    for line in inputs:
        if isinstance(line, dict) and {"id", "jsonrpc", "method"} & line.keys():
            found: object = line.get("id")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            return found if isinstance(found, str | int) and not isinstance(found, bool) else None
    return None


def _error(code: int, message: str, id_: str | int | None) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=id_, error=ErrorData(code=code, message=message))
