"""S27, S28, S31, S32: cancelled calls, many clients, an hour of work, and the start of a server."""

import os
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

import anyio
from rows.outcome import Outcome, Terms, few
from rows.processes_seen import descriptors, memory_mb
from tests.caller import Caller, serving
from tests.e2e.listeners import listening
from tests.e2e.pipes import serving as piped
from tests.e2e.test_http import connected

from assaykit.settings import Settings

ROWS = 200
READING: Sequence[tuple[str, dict[str, object]]] = (
    ("list_datasets", {}),
    ("list_projects", {}),
    ("get_dataset", {"dataset": "d", "limit": 5}),
    ("list_tasks", {}),
    ("get_status", {}),
)
PER_SECOND = 20
LAST_S = 3_600


def cancels(terms: Terms) -> Mapping[str, Outcome]:
    """Cancel calls that read and calls that write, at random moments."""
    return {"S27": anyio.run(_cancelled, terms)}


async def _cancelled(terms: Terms) -> Outcome:
    chance = random.Random(terms.seed)  # noqa: S311  (no secret: a seed makes the moments repeatable)
    number = terms.of(30, 500)
    files = terms.folder / "files"
    files.mkdir()
    settings = Settings(home=terms.folder / "home", folders=(files,), toolsets=("all",), structured=True)
    rows = [{"q": f"q{row}"} for row in range(ROWS)]
    cancelled = 0
    faults: list[str] = []
    async with serving(settings) as ax:
        await ax.ask("create_dataset", name="d", rows=rows)
        before_tasks, before_open = len(anyio.get_running_tasks()), descriptors(os.getpid())
        for place in range(number):
            with anyio.move_on_after(chance.uniform(0, 0.03)) as scope:
                if place % 2:
                    await ax.call("create_dataset", name=f"made {place}", rows=rows)
                else:
                    await ax.call("get_dataset", dataset="d")
            cancelled += scope.cancelled_caught
        await anyio.sleep(1)
        left = len(anyio.get_running_tasks()) - before_tasks
        opened = descriptors(os.getpid()) - before_open
        made = (await ax.ask("list_datasets", limit=100))["datasets"]
        for one in made:
            found = await ax.ask("get_dataset", dataset=one["name"], save_to=f"{one['name']}.jsonl")
            saved = (files / f"{one['name']}.jsonl").read_text(encoding="utf-8").count("\n")
            faults += [] if saved == ROWS else [f"{one['name']} has {saved} rows: {str(found)[:100]}"]
    if left > 2 or opened > 5:
        faults.append(f"{left} tasks and {opened} descriptors were left")
    figures = {
        "calls": number,
        "cancelled": cancelled,
        "datasets": len(made),
        "tasks left": left,
        "descriptors left": opened,
    }
    return Outcome(figures, few(faults))


def clients(terms: Terms) -> Mapping[str, Outcome]:
    """Many clients of one server over HTTP, each in turn with its calls."""
    return {"S28": anyio.run(_many, terms)}


async def _many(terms: Terms) -> Outcome:
    number, calls = terms.of(4, 50), terms.of(10, 200, 3)
    home = terms.folder / "home"
    home.mkdir()
    took: list[float] = []
    errors: list[str] = []
    with listening(home, "http") as at:
        async with AsyncExitStack() as stack:
            # Each client has a deadline of its own; calls of one client follow each other.
            callers = [await stack.enter_async_context(connected(at, "http", "legacy")) for _ in range(number)]
            await callers[0].told("create_dataset", name="d", rows=[{"q": "x"}])
            async with anyio.create_task_group() as group:
                for caller in callers:
                    group.start_soon(_asking, caller, calls, took, errors)
    took.sort()
    middle, high = statistics.median(took) * 1000, took[int(len(took) * 0.99) - 1] * 1000
    faults = few(errors)
    if middle > 250 or high > 1_500:
        faults.append(f"p50 {middle:.0f} ms, p99 {high:.0f} ms")
    return Outcome({"clients": number, "calls": len(took), "p50, ms": middle, "p99, ms": high}, faults)


async def _asking(ax: Caller, calls: int, took: list[float], errors: list[str]) -> None:
    for place in range(calls):
        tool, given = READING[place % len(READING)]
        began = time.perf_counter()
        if (await ax.call(tool, **given)).is_error:
            errors.append(f"{tool} failed")
        took.append(time.perf_counter() - began)


def soak(terms: Terms) -> Mapping[str, Outcome]:
    """Calls at a steady rate; memory and descriptors at the end against those after the first tenth."""
    return {"S31": anyio.run(_soaked, terms)}


async def _soaked(terms: Terms) -> Outcome:
    lasts_s = terms.of(20, LAST_S)
    home = terms.folder / "home"
    home.mkdir()
    calls = 0
    faults: list[str] = []
    with listening(home, "http") as at:
        pid = at.process.pid
        began = time.monotonic()
        memory, opened = memory_mb(pid), descriptors(pid)
        warm = False
        while (passed := time.monotonic() - began) < lasts_s:
            if not warm and passed > lasts_s / 10:
                memory, opened, warm = memory_mb(pid), descriptors(pid), True
            # The client of the tests has a deadline, so each connection lasts ten seconds.
            async with connected(at, "http", "legacy") as ax:
                if not calls:
                    await ax.told("create_dataset", name="d", rows=[{"q": "x"}])
                for place in range(10 * PER_SECOND):
                    tool, given = READING[place % len(READING)]
                    if place % 20 == 19:
                        tool, given = "append_examples", {"dataset": "d", "rows": [{"q": f"{calls}"}]}
                    if (await ax.call(tool, **given)).is_error:
                        faults.append(f"{tool} failed after {passed:.0f} s")
                    calls += 1
                    await anyio.sleep(max(0.0, began + calls / PER_SECOND - time.monotonic()))
        grown, more = memory_mb(pid) - memory, descriptors(pid) - opened
    if grown > 20 or more > 5:
        faults.append(f"memory grew by {grown:.1f} MB, {more} descriptors more are open")
    figures = {
        "minutes": round(lasts_s / 60, 1),
        "calls": calls,
        "grown, MB": round(grown, 1),
        "descriptors more": more,
    }
    return Outcome(figures, few(faults))


def starts(terms: Terms) -> Mapping[str, Outcome]:
    """The time from the start of a server to the answer of its first request, with warm files."""
    return {"S32": anyio.run(_started, terms)}


async def _started(terms: Terms) -> Outcome:
    number = terms.of(3, 40)
    took: list[float] = []
    home = terms.folder / "home"
    home.mkdir()
    for place in range(number + 1):
        began = time.monotonic()
        async with piped(home) as server:
            await server.initialize()
            if place:
                took.append(time.monotonic() - began)
    took.sort()
    high = took[min(len(took) - 1, int(len(took) * 0.95))]
    figures = {"starts": number, "p50, s": statistics.median(took), "p95, s": high}
    return Outcome(figures, [] if high < 2 else [f"p95 is {high:.1f} s"])
