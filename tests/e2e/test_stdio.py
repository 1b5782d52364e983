"""The server as hosts run it: a process that speaks over its pipes, and ends when it should."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

import anyio
import httpx
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from tests.caller import text_of
from tests.e2e.pipes import SERVER, START_S, Server, serving
from tests.e2e.processes import environment
from tests.scripted_model import ScriptedModel

import assaykit
from assaykit import __version__, sample
from assaykit.engine.engine import Engine

GONE_S = 120
"""What a process may take to end, on a busy machine."""

PRINTING = """
import os, sys

class Talkative:
    # SQLAlchemy is imported by the first call of a tool: while the protocol has stdout.
    def find_spec(self, name, path=None, target=None):
        if name == "sqlalchemy":
            print("a word from print")
            os.write(1, b"a word from below Python\\n")

sys.meta_path.insert(0, Talkative())
"""


@pytest.mark.parametrize("era", ["legacy", "auto"])
async def test_a_client_of_either_era_lists_and_calls_the_tools(tmp_path: Path, era: Literal["legacy", "auto"]) -> None:
    parameters = StdioServerParameters(command=SERVER[0], args=SERVER[1:], env=environment(tmp_path))
    with anyio.fail_after(START_S):
        async with Client(stdio_client(parameters), mode=era) as client:
            tools = (await client.list_tools()).tools
            status = await client.call_tool("get_status", {})
            version = client.protocol_version
    assert (version < "2026") == (era == "legacy")
    assert "get_status" in {tool.name for tool in tools}
    assert not status.is_error
    assert status.structured_content is None
    assert f"assaykit {__version__} on the embedded engine" in text_of(status)


async def test_stdout_carries_only_messages_even_when_a_library_prints(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(PRINTING, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(Path(assaykit.__file__).parents[1])])
    async with serving(tmp_path, PYTHONPATH=path) as server:
        await server.initialize()
        await server.call("get_status")
        await server.hang_up()
        assert await server.ended(within_s=GONE_S) == 0
    assert [json.loads(line)["jsonrpc"] for line in server.lines] == ["2.0"] * 2
    assert "a word from print" in server.stderr()
    assert "a word from below Python" in server.stderr()


async def test_a_line_that_is_no_message_gets_an_error_and_the_next_one_its_answer(tmp_path: Path) -> None:
    lines = {
        b"garbage": (-32700, None),
        b'{"jsonrpc": "2.0", "id": 1,': (-32700, None),
        b"\xff\xfe": (-32700, None),
        b"[" * 10_000: (-32700, None),
        b"[]": (-32600, None),
        b'"text"': (-32600, None),
        b"{}": (-32600, None),
        b'[{"jsonrpc": "2.0", "id": 5, "method": "ping"}]': (-32600, None),
        b'{"jsonrpc": "2.0", "id": 71, "method": 12}': (-32600, 71),
        b'{"id": "x", "method": "ping"}': (-32600, "x"),
        b'{"jsonrpc": "2.0", "id": 72, "method": "ping", "params": [1]}': (-32600, 72),
    }
    async with serving(tmp_path) as server:
        for line in lines:
            await server.send_line(line)
        await server.send_line(b"   ")
        told = [await server.next_message() for _ in lines]
        await server.initialize()
        await server.send_line(b"garbage")
        assert (await server.next_message())["error"]["code"] == -32700
        status = await server.call("get_status")
    assert [(message["error"]["code"], message["id"]) for message in told] == list(lines.values())
    assert all("one" in message["error"]["message"] for message in told)
    assert status["backend"]
    assert "Traceback" not in server.stderr()


async def test_a_server_ends_when_its_host_is_gone(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await server.initialize()
        await server.hang_up()
        assert await server.ended(within_s=GONE_S) == 0
    assert server.stderr() == ""


@pytest.mark.slow
async def test_a_server_ends_when_its_host_is_gone_during_a_wait(tmp_path: Path) -> None:
    with ScriptedModel(lambda _: "good", latency_s=600) as model:
        await send_traces(tmp_path)
        async with serving(tmp_path, OPENAI_API_KEY="sk-scripted-model", OPENAI_BASE_URL=model.url) as server:
            await server.initialize()
            run = await start_run(server)
            waiting = {"name": "wait_for_run", "arguments": {"run": run, "timeout": 600}}
            await server.send("tools/call", **waiting, _meta={"progressToken": 1})
            while (await server.next_message()).get("method") != "notifications/progress":
                pass
            await server.hang_up()
            assert await server.ended(within_s=GONE_S) == 0
    assert "Traceback" not in server.stderr()


async def send_traces(home: Path) -> None:
    """Puts the sample into the store, through the engine's own front door."""
    async with Engine.open(home, key="test", environment={}) as engine:
        transport = httpx.ASGITransport(engine.app)
        headers = {"Authorization": "Bearer test", "Content-Type": "application/json"}
        async with httpx.AsyncClient(transport=transport, base_url="http://engine.local", headers=headers) as client:
            sent = await client.post("/v1/traces", content=sample.otlp_json(time.time_ns()))
            sent.raise_for_status()


async def start_run(server: Server) -> str:
    await server.call("create_judge", name="tone", template="Is it good? {output}", choices={"good": 1, "bad": 0})
    mappings = {"output": "attributes.output.value"}
    started = await server.call(
        "trigger_backfill",
        project=sample.PROJECT,
        evaluators=["tone"],
        query_filter="name = 'write_answer'",
        column_mappings=mappings,
    )
    return started["run"]["id"]


@pytest.mark.slow
async def test_a_signal_ends_the_server(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        await server.initialize()
        await server.call("get_status")
        server.process.send_signal(signal.SIGTERM)
        assert await server.ended(within_s=GONE_S) in {0, -signal.SIGTERM}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"ASSAYKIT_BACKEND": "axe"}, "assaykit: ASSAYKIT_BACKEND is 'axe', which is not a backend."),
        ({"ASSAYKIT_BACKEND": "ax"}, "assaykit: The backend is Arize AX, but there is no key."),
    ],
)
def test_a_wrong_setting_is_one_line_and_no_traceback(tmp_path: Path, variables: dict[str, str], said: str) -> None:
    # The SDK leaves its own streams open when a server cannot start.
    quiet = {"PYTHONWARNINGS": "ignore::ResourceWarning"}
    ended = subprocess.run(
        SERVER,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(tmp_path, **quiet, **variables),
        check=False,
        encoding="utf-8",
        timeout=START_S,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith(said)


def test_on_a_terminal_it_says_how_to_connect(tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    try:
        ended = subprocess.run(
            SERVER,
            stdin=terminal,
            capture_output=True,
            env=environment(tmp_path),
            check=False,
            encoding="utf-8",
            timeout=START_S,
        )
    finally:
        os.close(terminal)
        os.close(controller)
    assert ended.returncode == 0
    command = Path(sys.executable).with_name("assaykit")
    assert f"claude mcp add --scope user assaykit -- {command}\n" in ended.stdout
    assert json.dumps({"mcpServers": {"assaykit": {"command": str(command)}}}) in ended.stdout
    assert ended.stderr == ""
