"""`assaykit serve` over HTTP, as a process: who gets in, from where, and what a client does there."""

import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitRequestParams, ElicitResult
from tests.caller import Caller
from tests.e2e.listeners import LOOPBACK, Listener, Transport, listening, listening_addresses
from tests.environments import OLDER_MCP, python_with

from assaykit import __version__
from assaykit.settings import Settings

pytestmark = pytest.mark.slow

DEADLINE_S = 120
WAYS: list[tuple[Transport, Literal["legacy", "auto"]]] = [("http", "legacy"), ("http", "auto"), ("sse", "legacy")]
PATHS = ["/mcp", "/mcp/", "/sse", "/messages/", "/messages/?session_id=1", "/", "/anything", "/.well-known/x", "//mcp"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Generator[dict[Transport, Listener]]:
    """One process for each transport, with every tool and the data of replies, that the tests of this module share."""
    homes = [tmp_path_factory.mktemp(name) for name in ("http", "sse")]
    every = ("--toolsets", "all", "--structured")
    with listening(homes[0], "http", *every) as http, listening(homes[1], "sse", *every) as sse:
        yield {"http": http, "sse": sse}


@asynccontextmanager
async def connected(
    at: Listener, transport: Transport, era: Literal["legacy", "auto"], answer: ElicitResult | None = None
) -> AsyncGenerator[Caller]:
    """A client of the SDK that sends the token; `answer` is what the person at it says to every question."""

    async def ask(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        assert answer is not None
        return answer

    with anyio.fail_after(DEADLINE_S):
        async with httpx2.AsyncClient(headers=at.headers, trust_env=False) as http:
            if transport == "http":
                streams = streamable_http_client(at.url, http_client=http)
            else:
                streams = sse_client(at.url, headers=at.headers)
            async with Client(streams, mode=era, elicitation_callback=ask if answer is not None else None) as client:
                yield Caller(client, Settings())


@pytest.mark.parametrize(("transport", "era"), WAYS)
async def test_a_client_of_either_era_lists_and_calls_the_tools(
    listeners: dict[Transport, Listener], transport: Transport, era: Literal["legacy", "auto"]
) -> None:
    async with connected(listeners[transport], transport, era) as ax:
        assert (ax.client.protocol_version < "2026") == (era == "legacy")
        names = {tool.name for tool in (await ax.client.list_tools()).tools}
        assert {"get_status", "delete_task"} <= names
        assert (await ax.ask("get_status"))["version"] == __version__


@pytest.mark.parametrize(("transport", "era"), WAYS)
@pytest.mark.parametrize("yes", [True, False])
async def test_a_person_is_asked_over_the_network_too(
    listeners: dict[Transport, Listener], transport: Transport, era: Literal["legacy", "auto"], *, yes: bool
) -> None:
    answer = ElicitResult(action="accept", content={"yes": True}) if yes else ElicitResult(action="decline")
    async with connected(listeners[transport], transport, era, answer) as ax:
        name = f"{transport} {era} {yes}"
        await ax.ask("create_dataset", name=name, rows=[{"key": "q1"}])
        told = await ax.ask("delete_resource", kind="dataset", name=name)
        assert told["deleted"] is yes
        assert (await ax.call("create_dataset", name=name, rows=[{"key": "q1"}])).is_error is not yes


@pytest.mark.parametrize("transport", ["http", "sse"])
def test_the_address_is_printed_and_the_token_is_in_a_file_of_the_owners(
    listeners: dict[Transport, Listener], transport: Transport
) -> None:
    at = listeners[transport]
    assert at.url.startswith("http://127.0.0.1:")
    assert at.url.endswith("/mcp" if transport == "http" else "/sse")
    assert at.mode_of_token == 0o600
    assert len(at.token) >= 43
    assert at.token not in at.printed


@pytest.mark.parametrize("transport", ["http", "sse"])
@pytest.mark.parametrize("path", PATHS)
def test_every_route_and_method_wants_the_token(
    listeners: dict[Transport, Listener], transport: Transport, path: str
) -> None:
    at = listeners[transport]
    wrong = ["", "Bearer", f"Bearer {at.token}x", f"Bearer {at.token[:-1]}", f"Basic {at.token}", "Bearer ü"]
    with httpx.Client(base_url=at.origin, trust_env=False) as client:
        for method in METHODS:
            answer = client.request(method, path)
            assert (method, answer.status_code) == (method, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        for sent in wrong:
            for method in ("GET", "POST"):
                headers = [(b"Authorization", sent.encode())]
                assert client.request(method, path, headers=headers).status_code == 401
        assert client.get(path, params={"token": at.token, "access_token": at.token}).status_code == 401
        assert client.get(path, headers={"Cookie": f"token={at.token}"}).status_code == 401


@pytest.mark.parametrize("transport", ["http", "sse"])
@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.nip.io", "localhost.evil.example", "evil.example:80", "0.0.0.0", "[::2]", "127.1", ""],  # noqa: S104
)
def test_a_foreign_host_is_refused_even_with_the_token(
    listeners: dict[Transport, Listener], transport: Transport, host: str
) -> None:
    at = listeners[transport]
    for path in ("/mcp", "/sse", "/messages/", "/anything"):
        for method in ("GET", "POST", "OPTIONS"):
            answer = httpx.request(method, at.origin + path, headers={**at.headers, "Host": host}, trust_env=False)
            assert answer.status_code == 421, (method, path)


@pytest.mark.parametrize("transport", ["http", "sse"])
@pytest.mark.parametrize(
    "origin",
    ["null", "https://evil.example", "http://127.0.0.1.nip.io", "http://localhost.evil.example", "file://", "", "x"],
)
def test_a_foreign_page_is_refused_even_with_the_token(
    listeners: dict[Transport, Listener], transport: Transport, origin: str
) -> None:
    at = listeners[transport]
    for path in ("/mcp", "/sse", "/messages/", "/anything"):
        for method in ("GET", "POST", "OPTIONS"):
            answer = httpx.request(method, at.origin + path, headers={**at.headers, "Origin": origin}, trust_env=False)
            assert answer.status_code == 403, (method, path)
            assert "access-control-allow-origin" not in answer.headers


def test_a_page_of_this_machine_gets_in_with_the_token(listeners: dict[Transport, Listener]) -> None:
    at = listeners["http"]
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE}
    accepts = {"Accept": "application/json, text/event-stream"}
    for origin in (at.origin, at.origin.replace("127.0.0.1", "localhost")):
        answer = httpx.post(at.url, json=message, headers={**at.headers, **accepts, "Origin": origin}, trust_env=False)
        assert answer.status_code == 200
        assert '"assaykit"' in answer.text


INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the sockets of a process in /proc")
@pytest.mark.parametrize("transport", ["http", "sse"])
def test_nothing_listens_beyond_loopback(listeners: dict[Transport, Listener], transport: Transport) -> None:
    found = listening_addresses(listeners[transport].process.pid)
    port = int(listeners[transport].origin.rpartition(":")[2])
    assert found == [f"{LOOPBACK}:{port:04X}"]


@pytest.mark.parametrize("transport", ["http", "sse"])
def test_a_signal_ends_it_in_order_and_the_next_one_keeps_the_token(tmp_path: Path, transport: Transport) -> None:
    with listening(tmp_path, transport) as first:
        token = first.token
        assert httpx.get(first.origin, trust_env=False).status_code == 401
        assert first.stop() == 0
    assert (tmp_path / "stderr.txt").read_text(encoding="utf-8") == ""
    with listening(tmp_path, transport) as second:
        assert second.token == token


def test_a_signal_ends_it_while_a_client_listens(tmp_path: Path) -> None:
    with (
        listening(tmp_path, "sse") as at,
        httpx.Client(timeout=DEADLINE_S, trust_env=False) as client,
        client.stream("GET", at.url, headers=at.headers) as stream,
    ):
        assert next(stream.iter_lines()) == "event: endpoint"
        assert at.stop() == 0


async def test_read_only_holds_over_the_network(tmp_path: Path) -> None:
    with listening(tmp_path, "http", "--read-only", "--toolsets", "all") as at:
        async with connected(at, "http", "auto") as ax:
            tools = (await ax.client.list_tools()).tools
            assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools)
            assert "list_prompts" in {tool.name for tool in tools}
            assert (await ax.call("create_dataset", name="x", rows=[{"key": "q1"}])).is_error


OLDER_CLIENT = """
import json, sys
from importlib.metadata import version

import anyio
from langchain_mcp_adapters.client import MultiServerMCPClient

async def tell(transport, url, token):
    headers = {"Authorization": f"Bearer {token}"}
    client = MultiServerMCPClient({"assaykit": {"transport": transport, "url": url, "headers": headers}})
    tools = await client.get_tools()
    status = next(tool for tool in tools if tool.name == "get_status")
    told = await status.ainvoke({})
    return {"mcp": version("mcp"), "tools": [tool.name for tool in tools], "told": str(told)}

print(json.dumps([anyio.run(tell, *way) for way in json.loads(sys.argv[1])]))
"""


@pytest.fixture
def older_python() -> Path:
    """A Python with a client of the older SDK, which cannot share our environment."""
    return python_with(*OLDER_MCP)


def test_a_client_of_the_older_sdk_lists_and_calls_the_tools(
    older_python: Path, listeners: dict[Transport, Listener]
) -> None:
    sse, http = listeners["sse"], listeners["http"]
    ways = [("sse", sse.url, sse.token), ("streamable_http", http.url, http.token)]
    ended = subprocess.run(
        [str(older_python), "-c", OLDER_CLIENT, json.dumps(ways)],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=DEADLINE_S,
    )
    assert ended.returncode == 0, ended.stderr
    found: list[dict[str, Any]] = json.loads(ended.stdout.splitlines()[-1])
    assert len(found) == len(ways)
    for told in found:
        assert told["mcp"].startswith("1.")
        assert {"get_status", "delete_task"} <= set(told["tools"])
        assert f"assaykit {__version__} on the embedded engine" in told["told"]
