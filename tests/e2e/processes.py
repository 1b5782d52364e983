"""The two programs a user starts, as processes of their own: the engine that takes spans, and the MCP server."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from tests.caller import Caller
from tests.children import child

from assaykit.settings import Settings

KEY = "key-of-the-engine"

_FOREIGN = ("ARIZE_", "ASSAYKIT_", "OTEL_", "OPENAI_", "ANTHROPIC_")
_STOP_S = 120


def environment(home: Path, **more: str) -> dict[str, str]:
    """The caller's environment without what would lead elsewhere, with the store at `home`.

    Warnings are shown: on stderr a process tells what it leaves open.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**kept, "ASSAYKIT_HOME": str(home), "ASSAYKIT_ENGINE_KEY": KEY, "PYTHONWARNINGS": "default", **more}


def ending_with_parent(*command: str) -> list[str]:
    """The command, killed when the thread that starts it has ended: an interrupted test stops no process.

    Only Linux does so, and only the main thread lives as long as the tests.
    """
    setpriv = shutil.which("setpriv")
    return [*command] if setpriv is None else [setpriv, "--pdeathsig", "KILL", *command]


@contextmanager
def engine(variables: Mapping[str, str], log: Path, *, says: str = "") -> Generator[str]:
    """An `assaykit engine` process; its address. It must end when asked, and stderr holds `says` and no word more."""
    command = ending_with_parent(sys.executable, "-m", "assaykit", "engine", "--port", "0")
    with (
        log.open("w", encoding="utf-8") as errors,
        child(command, env=dict(variables), stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first.startswith("assaykit engine on http://127.0.0.1:"), log.read_text(encoding="utf-8")
            yield first.split()[-1]
        finally:
            process.terminate()
            process.wait(_STOP_S)
    assert process.returncode == 0
    assert log.read_text(encoding="utf-8") == says


@asynccontextmanager
async def mcp_server(variables: Mapping[str, str], log: Path) -> AsyncGenerator[Caller]:
    """An `assaykit` process over stdio and a client of it. It too must end without a word on stderr."""
    arguments = ["-m", "assaykit", "--structured"]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(variables))
    with log.open("w", encoding="utf-8") as errors:
        async with Client(stdio_client(server, errors)) as client:
            yield Caller(client, Settings.from_environment(variables))
    _assert_empty(log)


def _assert_empty(log: Path) -> None:
    assert log.read_text(encoding="utf-8") == ""
