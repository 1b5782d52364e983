"""Tools made for the test, inside a real server."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer
from pydantic import Field
from tests.caller import Caller, connected

from assaykit.errors import NotFound
from assaykit.session import Session, session
from assaykit.settings import Settings
from assaykit.toolkit.builder import build, tool
from assaykit.toolkit.parameters import Here
from assaykit.toolkit.replies import TEXT_LIMIT, Reply


@tool("read")
async def breaks(here: Here, what: str = "all") -> Reply:
    """Break.

    Raises: nothing that anybody should see.
    """
    raise RuntimeError(f"{what} of {here.settings.home}")


@tool("delete")
async def finds_nothing(here: Here, title: Annotated[str | None, Field(description="Of a book")] = None) -> Reply:
    """Look for a thing
    over two lines.

    Source: nowhere.
    """
    raise NotFound(f"No thing is named {title!r}.", here.settings.toolsets[0])


@tool("add")
async def says(here: Here, times: int) -> Reply:
    """Say a word."""
    return Reply("word " * times, here.source())


@pytest.fixture
async def own(settings: Settings) -> AsyncGenerator[Caller]:
    """A caller over a server with these three tools."""

    @asynccontextmanager
    async def lifespan(_server: MCPServer[Session]) -> AsyncGenerator[Session]:
        async with connected(settings) as api:
            yield session(api, settings)

    server = MCPServer("own", tools=[build(one) for one in (breaks, finds_nothing, says)], lifespan=lifespan)
    async with Client(server) as client:
        yield Caller(client, settings)


async def test_a_crash_is_told_as_one_and_its_words_stay_in_the_log(own: Caller) -> None:
    assert await own.refused("breaks") == {
        "code": "error",
        "message": "The tool failed on an internal error.",
        "next": "The server's log has the cause; please report it.",
    }


async def test_an_error_of_ours_is_told_in_its_own_words(own: Caller) -> None:
    assert await own.refused("finds_nothing", title="x") == {
        "code": "not_found",
        "message": "No thing is named 'x'.",
        "next": "all",
    }


async def test_a_long_message_keeps_both_its_ends(own: Caller) -> None:
    message = (await own.refused("finds_nothing", title="x" * 10_000))["message"]
    assert message.startswith("No thing is named 'xxx")
    assert message.endswith("xxx'.")
    assert len(message) < 4_000


async def test_a_long_text_is_cut_and_says_so(own: Caller) -> None:
    text = await own.read("says", times=10_000)
    assert TEXT_LIMIT - 500 < len(text.encode()) <= TEXT_LIMIT
    assert text.endswith("…\n[cut]")
    assert await own.read("says", times=2) == "word word "


async def test_a_description_ends_where_the_notes_for_maintainers_begin(own: Caller) -> None:
    told = {tool.name: tool for tool in (await own.client.list_tools()).tools}
    assert told["breaks"].description == "Break."
    assert told["finds_nothing"].description == "Look for a thing over two lines."


async def test_a_schema_holds_no_session_no_title_and_no_null(own: Caller) -> None:
    told = {tool.name: tool.input_schema for tool in (await own.client.list_tools()).tools}
    assert told["finds_nothing"] == {
        "type": "object",
        "properties": {"title": {"type": "string", "description": "Of a book"}},
    }
    assert told["says"] == {"type": "object", "properties": {"times": {"type": "integer"}}, "required": ["times"]}


async def test_the_hints_follow_from_what_a_tool_does(own: Caller) -> None:
    hints = {tool.name: tool.annotations for tool in (await own.client.list_tools()).tools}
    stated = {
        name: (one.read_only_hint, one.destructive_hint, one.idempotent_hint, one.open_world_hint)
        for name, one in hints.items()
        if one is not None
    }
    assert stated == {
        # The protocol's defaults, in this order: False, True, False, True. None stands for them.
        "breaks": (True, None, None, False),
        "finds_nothing": (None, None, True, False),
        "says": (None, False, None, False),
    }
