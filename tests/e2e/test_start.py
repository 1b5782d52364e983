"""The cost of a start, in modules: a server that lists its tools imports the SDK and little else."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from tests.e2e.pipes import SERVER, START_S, serving
from tests.e2e.processes import environment

HEAVY = {
    "aiohttp",
    "alembic",
    "genai_prices",
    "grpc",
    "httpx",
    "numpy",
    "opentelemetry.proto",
    "pandas",
    "pyarrow",
    "pydantic_monty",
    "regex",
    "rich",
    "sqlalchemy",
    "statistics",
    "structlog",
}
"""What the tools, the engine and the judges import, and a start does not."""

OURS = {
    "assaykit",
    "assaykit.errors",
    "assaykit.files",
    "assaykit.foreign",
    "assaykit.garbage",
    "assaykit.importing",
    "assaykit.judge",
    "assaykit.judge.cut_text",
    "assaykit.judge.fences",
    "assaykit.logs",
    "assaykit.opening",
    "assaykit.redaction",
    "assaykit.server",
    "assaykit.settings",
    "assaykit.stdio",
    "assaykit.toolkit",
    "assaykit.toolkit.effects",
    "assaykit.toolkit.hidden",
    "assaykit.toolkit.listed",
    "assaykit.toolkit.replies",
    "assaykit.tools",
    "assaykit.toolsets",
}
"""All that a start imports of the package, beside `assaykit.files.*` and the command line."""

CALLED = {"assaykit.tools.admin", "assaykit.toolkit.builder", "assaykit.session", "assaykit.engine.engine", "httpx"}
"""Some of what the first call of `get_status` imports."""

IN_MEMORY = """
import json, sys
from pathlib import Path

# The SDK imports rich wherever it happens to be installed, as it is here by a linter. We go without.
sys.modules["rich"] = None

import anyio
from mcp import Client
from assaykit.server import create_server
from assaykit.settings import Settings

READY = {"assaykit.judge.providers.aiohttp_transport", "genai_prices"}

async def main():
    key = {"OPENAI_API_KEY": "sk-test-0123456789"}
    async with Client(create_server(Settings(home=Path(sys.argv[1]), environment=key))) as client:
        count = len((await client.list_tools()).tools)
        listed = [name for name, module in sys.modules.items() if module]
        assert not Path(sys.argv[1]).exists(), "the store was opened"
        assert not (await client.call_tool("get_status", {})).is_error
        called = [*sys.modules]
        judge = {"name": "tone", "template": "Is this rude? {output}", "choices": {"rude": 0, "polite": 1}}
        assert not (await client.call_tool("create_judge", judge)).is_error
        with anyio.fail_after(60):
            while not READY <= set(sys.modules):
                await anyio.sleep(0.02)
        print(json.dumps({"tools": count, "listed": listed, "called": called}))

anyio.run(main)
"""


def test_each_step_imports_what_the_next_one_needs(tmp_path: Path) -> None:
    """The list imports little, the first call imports the engine, and a new judge imports the client for its model."""
    told = subprocess.run(
        [sys.executable, "-c", IN_MEMORY, str(tmp_path / "store")],
        env=environment(tmp_path),
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=300,
    )
    found = json.loads(told.stdout)
    assert found["tools"] > 0
    assert "mcp.server.mcpserver" in found["listed"]
    assert early(found["listed"]) == set()
    assert set(found["called"]) >= CALLED
    assert {"aiohttp", "genai_prices"} & set(found["called"]) == set()


async def test_listing_the_tools_over_stdio_imports_little(tmp_path: Path) -> None:
    timed = [SERVER[0], "-X", "importtime", *SERVER[1:]]
    async with serving(tmp_path, timed) as server:
        await server.initialize()
        assert (await server.ask("tools/list"))["tools"]
        await server.hang_up()
        assert await server.ended(within_s=START_S) == 0
    imported = {line.rpartition("|")[2].strip() for line in server.stderr().splitlines() if "import time:" in line}
    assert "mcp.server.mcpserver" in imported
    assert early(imported) - {"rich"} == set()


def early(imported: Iterable[str]) -> set[str]:
    """The modules among these that a start has no use for."""
    ours = {name for name in imported if name.split(".")[0] == "assaykit"}
    allowed = {
        name for name in ours if name.startswith(("assaykit.files.", "assaykit.cli")) or name.endswith("__main__")
    }
    return (HEAVY & set(imported)) | (ours - OURS - allowed)


def test_nothing_we_depend_on_is_imported_for_nothing() -> None:
    """With rich installed, the SDK imports it at every start."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [one for one in project["dependencies"] if one.startswith("rich")] == []
