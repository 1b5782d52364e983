"""S12: random calls of every tool, over stdio and over HTTP."""

import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from rows.arguments import arguments
from rows.outcome import Outcome, Terms, few
from tests.e2e.listeners import listening
from tests.e2e.pipes import SERVER
from tests.e2e.processes import environment
from tests.e2e.test_http import connected
from tests.engine.rest import opened, span

import assaykit
from assaykit.toolkit.replies import text_of

HANG_S = 5.0
GIVE_UP_S = 120
PER_CONNECTION = 250
"""Calls over one HTTP connection; the client of the tests has a deadline."""

INVALID_PARAMS = -32602
TELLING = ("Traceback (most recent", 'File "', "site-packages", str(Path(assaykit.__file__).parent))
"""What no result may hold."""


def calls(terms: Terms) -> Mapping[str, Outcome]:
    """Half of the calls go over each transport."""
    return {"S12": anyio.run(_called, terms)}


async def _called(terms: Terms) -> Outcome:
    number = terms.of(60, 5_000, 40)
    chance = random.Random(terms.seed)  # noqa: S311  (no secret: a seed makes the calls repeatable)
    counted: Counter[str] = Counter()
    faults: list[str] = []
    slowest = 0.0
    for transport in ("stdio", "http"):
        home = terms.folder / transport
        home.mkdir()
        await _something(home)
        log = home / "stderr.txt"
        if transport == "stdio":
            variables = environment(home, ASSAYKIT_FILES=str(home / "files"))
            server = StdioServerParameters(command=SERVER[0], args=[*SERVER[1:], "--toolsets", "all"], env=variables)
            with log.open("w", encoding="utf-8") as errors:
                async with Client(stdio_client(server, errors)) as client:
                    slowest = max(slowest, await _asked(client, number, chance, counted, faults))
        else:
            with listening(home, "http", "--toolsets", "all") as at:
                for begun in range(0, number, PER_CONNECTION):
                    some = min(PER_CONNECTION, number - begun)
                    async with connected(at, "http", "legacy") as ax:
                        slowest = max(slowest, await _asked(ax.client, some, chance, counted, faults))
        if "Traceback" in log.read_text(encoding="utf-8"):
            faults.append(f"the server over {transport} wrote a traceback to its log")
    figures = {"calls": counted.total(), "answered": counted["answered"], "refused": counted["refused"]}
    return Outcome({**figures, "slowest, s": slowest, "faults": len(faults)}, few(faults))


async def _asked(client: Client, number: int, chance: random.Random, counted: Counter[str], faults: list[str]) -> float:
    """Make calls; the seconds of the slowest."""
    tools = (await client.list_tools()).tools
    slowest = 0.0
    for place in range(number):
        tool = chance.choice(tools)
        given = arguments(tool.input_schema, chance)
        began = time.monotonic()
        fault = None
        try:
            with anyio.fail_after(GIVE_UP_S):
                result = await client.call_tool(tool.name, given)
            counted["refused" if result.is_error else "answered"] += 1
            fault = _fault(text_of(result), failed=bool(result.is_error))
        except MCPError as error:
            counted["refused"] += 1
            fault = None if error.error.code == INVALID_PARAMS else f"protocol error {error.error.code}"
        except TimeoutError:
            counted["hung"] += 1
            fault = "no answer"
        took = time.monotonic() - began
        slowest = max(slowest, took)
        fault = fault or (f"an answer after {took:.1f} s" if took > HANG_S else None)
        if fault:
            faults.append(f"{tool.name}({json.dumps(given)[:200]}): {fault}")
        if place % 100 == 99:
            assert (await client.list_tools()).tools
    return slowest


def _fault(text: str, *, failed: bool) -> str | None:
    told = next((word for word in TELLING if word in text), None)
    if told is not None:
        return f"the reply holds {told!r}"
    if not failed:
        return None
    try:
        refusal: Any = json.loads(text)
    except ValueError:
        return f"a refusal that is no JSON: {text[:100]}"
    if refusal.keys() != {"code", "message", "next"}:
        return f"a refusal with {sorted(refusal)}"
    return "an internal error" if refusal["code"] == "error" else None


async def _something(home: Path) -> None:
    """The things that some of the arguments name."""
    (home / "files").mkdir()
    async with opened(home) as rest:
        project = await rest.door.send(*(span(number) for number in range(20)), project="p")
        dataset, examples = await rest.door.dataset([{"question": f"q{number}"} for number in range(20)], "d")
        await rest.door.experiment(dataset, [{"example_id": one, "output": "x"} for one in examples], "e1")
        await rest.door.task(await rest.door.evaluator("judge"), "task", project_id=project)
