"""Tools that coding assistants run, and tools that they refuse, without a person at the terminal."""

from pathlib import Path

import pytest
from tests.caller import Caller, serving
from tests.hosts.prepared import Prepared
from tests.hosts.programs import run
from tests.hosts.questions import of_tools
from tests.hosts.servers import server
from tests.hosts.stand_ins import Call
from tests.traces import PROJECT

from assaykit.settings import Settings

pytestmark = pytest.mark.slow

READING = ("get_status", "list_projects", "search_spans", "get_trace", "wait_for_run", "compare_experiments")
REFUSED = (Call("delete_resource", {"kind": "project", "name": PROJECT, "confirm": PROJECT}),)
"""Calls that Codex refuses by default. A call that spends, runs code or sends a key belongs here too."""


async def test_codex_runs_what_reads_and_refuses_what_destroys(there: Prepared, tmp_path: Path) -> None:
    reads = [one for one in of_tools(there) if one.call.tool in READING]
    told = run(
        "codex", tmp_path, [*(one.call for one in reads), *REFUSED], {"assaykit": server(there)}, approving=False
    )
    for one in reads:
        assert one.said[0] in told.received(one.call)
    for call in REFUSED:
        assert "requires approval" in told.received(call), call
    async with serving(Settings(home=there.home)) as ax:
        assert PROJECT in await names(ax, "projects")


async def test_claude_code_runs_nothing_without_allowed_tools(there: Prepared, tmp_path: Path) -> None:
    calls = [*(one.call for one in of_tools(there)), *REFUSED]
    told = run("claude", tmp_path, calls, {"assaykit": server(there)}, approving=False)
    for call in calls:
        assert "haven't granted it" in told.received(call), call
    async with serving(Settings(home=there.home)) as ax:
        assert PROJECT in await names(ax, "projects")
        assert await names(ax, "datasets") == {"rows"}
        assert await names(ax, "judges") == {"cites", "tone"}


async def names(ax: Caller, plural: str) -> set[str]:
    """The names of all things of a kind."""
    return {one["name"] for one in (await ax.ask(f"list_{plural}"))[plural]}
