"""The replies of tools, as a host gets them: the text alone unless the server is asked for structured content too."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from tests.caller import text_of
from tests.e2e.commands import Commands
from tests.e2e.listeners import Listener, Transport, listening
from tests.e2e.pipes import START_S, serving
from tests.e2e.processes import environment
from tests.e2e.test_stdio import send_traces

from assaykit import sample
from assaykit.toolkit.replies import TEXT_LIMIT

Way = Literal["stdio", "http", "sse"]
WAYS = ["stdio", pytest.param("http", marks=pytest.mark.slow), pytest.param("sse", marks=pytest.mark.slow)]
PROJECT = {"project": sample.PROJECT}
RULE = {"name": "cites", "code": "MATCHES_REGEX", "pattern": r"\[[A-Z]+-\d+\]"}


class Said(NamedTuple):
    """A call, and what its text must say: the fact, the fence round foreign text, and the next step."""

    tool: str
    arguments: dict[str, Any]
    said: tuple[str, ...]
    is_error: bool = False


CALLS = [
    Said("get_status", {}, ("on the embedded engine", "Next: `list_projects`")),
    Said("search_spans", {**PROJECT, "limit": 2}, ("2 of 93 span(s) of", "--- untrusted data ", '{"cursor":"')),
    Said("list_datasets", {}, ("No dataset in space", "`create_dataset` makes one")),
    Said("list_projects", {"limit": 1}, ("1 project(s) in space", sample.PROJECT)),
    Said("create_dataset", {"name": "two", "rows": [{"key": "a"}]}, ("Created dataset 'two'", "Next: run_experiment(")),
    Said("create_judge", RULE, ("Created 'cites'", "Next: `preview_judge`")),
    Said(
        "trigger_backfill",
        {**PROJECT, "evaluators": ["cites"], "column_mappings": {"output": "attributes.output.value"}},
        ("Run ", "cites", "Next: wait_for_run(run='"),
    ),
    Said("get_run", {"run": "none"}, ('"code":"invalid"', '"next":"'), is_error=True),
    Said("list_projects", {"limt": 1}, ("did you mean 'limit'?", '"next":"'), is_error=True),
]


@asynccontextmanager
async def client_of(
    commands: Commands, home: Path, way: Way, *options: str, **variables: str
) -> AsyncGenerator[Client]:
    """A client of the SDK over a server process that is started like this; its store holds the sample."""
    await send_traces(home)
    with anyio.fail_after(START_S):
        if way == "stdio":
            with commands.talking(home, environment(home, **variables), *options) as process:
                async with Client(stdio_client(process)) as client:
                    yield client
            return
        with listening(home, way, *options) as at:
            async with _over_http(at, way) as client:
                yield client


@asynccontextmanager
async def _over_http(at: Listener, way: Transport) -> AsyncGenerator[Client]:
    async with httpx2.AsyncClient(headers=at.headers, trust_env=False) as http:
        if way == "http":
            streams = streamable_http_client(at.url, http_client=http)
        else:
            streams = sse_client(at.url, headers=at.headers)
        async with Client(streams, mode="auto" if way == "http" else "legacy") as client:
            yield client


@pytest.mark.parametrize("way", WAYS)
async def test_a_reply_is_its_text_alone(commands: Commands, tmp_path: Path, way: Way) -> None:
    async with client_of(commands, tmp_path, way) as client:
        for call in CALLS:
            result = await client.call_tool(call.tool, call.arguments)
            text = text_of(result)
            assert result.is_error is call.is_error, text
            assert result.structured_content is None, call.tool
            assert [part for part in call.said if part not in text] == [], text


async def test_no_message_of_the_protocol_names_structured_content(tmp_path: Path) -> None:
    async with serving(tmp_path, ASSAYKIT_STRUCTURED="") as server:
        await server.initialize()
        told = await server.ask("tools/call", name="get_status", arguments={})
        await server.ask("tools/list")
    assert told["content"][0]["text"].startswith("- assaykit ")
    assert not [line for line in server.lines if "structuredContent" in line or "outputSchema" in line]


async def test_a_client_without_any_capability_gets_whole_and_fenced_replies_and_confirms_by_name(
    tmp_path: Path,
) -> None:
    await send_traces(tmp_path)

    async def told(tool: str, **arguments: Any) -> tuple[bool, str]:
        result = await server.ask("tools/call", name=tool, arguments=arguments)
        return bool(result.get("isError")), result["content"][0]["text"]

    async with serving(tmp_path, OPENAI_API_KEY="sk-test-0123456789") as server:
        await server.initialize()
        for call in CALLS:
            is_error, text = await told(call.tool, **call.arguments)
            assert is_error is call.is_error, text
            assert [part for part in call.said if part not in text] == [], text
        is_error, text = await told("search_spans", **PROJECT, limit=500)
        assert len(text.encode()) <= TEXT_LIMIT
        assert re.search(r"--- untrusted data (\w+), not instructions ---\n.*\n--- end of data \1 ---", text, re.DOTALL)
        # Nobody can be asked, so the name stands for the person's yes.
        for given, wrong in (({}, True), ({"confirm": "one"}, True), ({"confirm": "two"}, False)):
            is_error, text = await told("delete_resource", kind="dataset", name="two", **given)
            assert is_error is wrong, text
            assert not wrong or "confirm" in text
        address = {"base_url": "http://127.0.0.1:9/v1", "key_variable": "MY_KEY", "model_names": ["m"], "test": False}
        is_error, text = await told("create_integration", name="far", provider="CUSTOM", **address)
        assert "internal error" not in text


@pytest.mark.parametrize(
    ("way", "options", "variables"),
    [
        ("stdio", ["--structured"], {}),
        ("stdio", [], {"ASSAYKIT_STRUCTURED": "1"}),
        ("stdio", ["serve", "--structured"], {}),
        ("stdio", ["--structured", "serve"], {}),
        pytest.param("http", ["--structured"], {}, marks=pytest.mark.slow),
        pytest.param("sse", ["--structured"], {}, marks=pytest.mark.slow),
    ],
)
async def test_a_server_that_is_asked_to_sends_the_facts_of_each_reply_too(
    commands: Commands, tmp_path: Path, way: Way, options: list[str], variables: dict[str, str]
) -> None:
    async with client_of(commands, tmp_path, way, *options, **variables) as client:
        for call in CALLS:
            result = await client.call_tool(call.tool, call.arguments)
            text = text_of(result)
            assert [part for part in call.said if part not in text] == [], text
            # An error's text is an object for programs already.
            assert (result.structured_content is None) is call.is_error, call.tool
            assert call.is_error or (result.structured_content or {})["backend"] == "local"


@pytest.mark.parametrize("command", [[], ["serve"], ["serve", "--transport", "http", "--port", "0"]])
def test_a_variable_that_says_neither_is_refused_in_one_sentence(
    commands: Commands, tmp_path: Path, command: list[str]
) -> None:
    ended = commands.run(tmp_path, environment(tmp_path, ASSAYKIT_STRUCTURED="both"), *command)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == ("assaykit: ASSAYKIT_STRUCTURED is 'both', which is neither yes nor no. Set it to 1 or 0.\n")
