"""What a start costs: nothing heavy is imported before a tool is called."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.e2e.pipes import SERVER, START_S, serving
from tests.e2e.processes import environment

HEAVY = {
    "aiohttp",
    "alembic",
    "grpc",
    "numpy",
    "opentelemetry.proto",
    "pandas",
    "pyarrow",
    "pydantic_monty",
    "regex",
    "rich",
    "sqlalchemy",
    "assaykit.engine",
}

IN_MEMORY = """
import json, sys
from pathlib import Path

# httpx and structlog import rich wherever it happens to be installed, as it is here by a linter. We go without.
sys.modules["rich"] = None

import anyio
from mcp import Client
from assaykit.server import create_server
from assaykit.settings import Settings

async def main():
    async with Client(create_server(Settings(home=Path(sys.argv[1])))) as client:
        return len((await client.list_tools()).tools)

count = anyio.run(main)
print(json.dumps({"tools": count, "modules": [name for name, module in sys.modules.items() if module]}))
"""


def test_listing_the_tools_in_memory_imports_nothing_heavy(tmp_path: Path) -> None:
    home = tmp_path / "store"
    told = subprocess.run(
        [sys.executable, "-c", IN_MEMORY, str(home)],
        env=environment(tmp_path),
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=300,
    )
    found = json.loads(told.stdout)
    assert found["tools"] > 0
    assert "mcp.server.mcpserver" in found["modules"]
    assert HEAVY & set(found["modules"]) == set()
    assert not home.exists(), "the store was opened"


async def test_listing_the_tools_over_stdio_imports_nothing_heavy(tmp_path: Path) -> None:
    timed = [SERVER[0], "-X", "importtime", *SERVER[1:]]
    async with serving(tmp_path, timed) as server:
        await server.initialize()
        assert (await server.ask("tools/list"))["tools"]
        await server.hang_up()
        assert await server.ended(within_s=START_S) == 0
    imported = {line.rpartition("|")[2].strip() for line in server.stderr().splitlines() if "import time:" in line}
    assert "mcp.server.mcpserver" in imported
    assert (HEAVY - {"rich"}) & imported == set()


def test_nothing_we_depend_on_is_imported_for_nothing() -> None:
    """With rich installed, httpx and structlog import it at every start."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [one for one in project["dependencies"] if one.startswith("rich")] == []
