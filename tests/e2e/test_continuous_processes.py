"""A continuous task across processes: whichever has the store open runs it, one after the other."""

import json
from pathlib import Path

import anyio
import httpx
import pytest
from tests.caller import Caller
from tests.e2e.processes import KEY, engine, environment, mcp_server
from tests.traces import Span, span

pytestmark = pytest.mark.slow

SCORED_WITHIN_S = 120
"""Several times the period, on a busy machine; a deadline, not a wait."""


def export(address: str, *spans: Span) -> None:
    body = {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    httpx.post(f"{address}/v1/traces", content=json.dumps(body), headers=headers).raise_for_status()


async def until_scored(ax: Caller, number: int) -> None:
    with anyio.fail_after(SCORED_WITHIN_S):
        while True:
            found = await ax.ask("search_spans", filter="eval.cites.label IS NOT NULL")
            if len(found["spans"]) == number:
                return
            await anyio.sleep(0.2)


async def test_a_server_goes_on_where_the_engine_that_ran_the_task_has_ended(tmp_path: Path) -> None:
    variables = environment(tmp_path / "home")
    async with mcp_server(variables, tmp_path / "server.log") as ax:
        with engine(variables, tmp_path / "engine.log") as address:
            export(address, span("before", "x"))
            await ax.ask("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d\]")
            made = await ax.ask("create_task", name="watch", evaluators=["cites"], is_continuous=True)
            assert made["schedule"]["worker"] == "another"
            export(address, span("first", "See [RET-1]."))
            await until_scored(ax, 1)
            export(address, span("second", "See [RET-2]."))
        await until_scored(ax, 2)
        found = await ax.ask("get_task")
        assert (found["schedule"]["worker"], found["schedule"]["failures"]) == ("this", 0)
        assert sum(run["num_successes"] for run in found["last_runs"]) == 2
