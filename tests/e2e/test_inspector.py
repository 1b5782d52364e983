"""A client that is not ours and not in Python: the MCP Inspector, over stdio."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.e2e.pipes import SERVER
from tests.e2e.processes import environment

import assaykit
from assaykit import __version__

# On an older Node, npm quietly takes an older version than asked for, unless the version is exact.
pytestmark = pytest.mark.slow

INSPECTOR = "@modelcontextprotocol/inspector@0.15.0"
DEADLINE_S = 300
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENOTCACHED")


def inspect(folder: Path, *arguments: str) -> dict[str, Any]:
    """What the Inspector prints for one request."""
    npx = shutil.which("npx")
    if npx is None:
        assert "CI" not in os.environ, "CI needs Node.js"
        pytest.skip("npx is not installed; it comes with Node.js")
    package = Path(assaykit.__file__).parents[1]
    given = ["-e", f"ASSAYKIT_HOME={folder}", "-e", f"PYTHONPATH={package}", "-e", "ASSAYKIT_TOOLSETS=all"]
    given += ["-e", "ASSAYKIT_STRUCTURED=1"]
    ended = subprocess.run(
        [npx, "--yes", INSPECTOR, "--cli", *given, *command(), *arguments],
        # npx finds its cache and its settings as its user has them.
        env=environment(folder, npm_config_update_notifier="false"),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=DEADLINE_S,
    )
    # A machine without a network may leave these tests out; CI may not.
    offline = "CI" not in os.environ and any(code in ended.stderr for code in OFFLINE)
    if ended.returncode != 0 and offline:
        pytest.skip("the Inspector could not be fetched: there is no network")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def command() -> list[str]:
    """`assaykit` where it is installed, as hosts are told to start it; else the module."""
    script = Path(sys.executable).parent / "assaykit"
    return [str(script)] if script.exists() else SERVER


async def test_the_inspector_lists_the_tools(tmp_path: Path, ax: Caller) -> None:
    listed = inspect(tmp_path, "--method", "tools/list")["tools"]
    ours = (await ax.client.list_tools()).tools
    assert [tool["name"] for tool in listed] == [tool.name for tool in ours]
    assert [tool["inputSchema"] for tool in listed] == [tool.input_schema for tool in ours]


def test_the_inspector_calls_a_tool(tmp_path: Path) -> None:
    result = inspect(tmp_path, "--method", "tools/call", "--tool-name", "get_status")
    assert not result.get("isError")
    assert result["structuredContent"]["version"] == __version__
    assert f"assaykit {__version__} on the embedded engine" in result["content"][0]["text"]
