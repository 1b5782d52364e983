"""S29: the speed of ingest and of filtered lists in a large store."""

import sys
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from statistics import median

import anyio
import httpx
from rows.outcome import Outcome, Terms, few

sys.path.insert(1, str(Path(__file__).parents[1]))

from spans import EVERYTHING, NEWEST, SEARCHES, TIMES, bodies, ingest

from assaykit.engine.engine import Engine

LEAST_PER_S = 5_000
MOST_MS = 300
AT_ONCE = 40
"""Requests that are made before they are sent. Their making is not measured."""


def spans(terms: Terms) -> Mapping[str, Outcome]:
    """Send spans over OTLP, and ask for the newest under each of the usual filters."""
    number = terms.of(20_000, 1_000_000, 10_000)
    return {"S29": anyio.run(_measured, terms.folder / "home", number)}


async def _measured(home: Path, number: int) -> Outcome:
    async with Engine.open(home, key="bench", environment={}) as engine:
        transport, headers = httpx.ASGITransport(engine.app), {"Authorization": "Bearer bench"}
        async with httpx.AsyncClient(transport=transport, base_url="http://e", headers=headers, timeout=600) as http:
            made, seconds = bodies(number), 0.0
            while some := list(islice(made, AT_ONCE)):
                seconds += await ingest(http, some)
            rate = number / seconds
            project = (await http.get("/v2/projects")).json()["projects"][0]["id"]
            taken = {wanted: await _searched(http, project, wanted) for wanted in SEARCHES}
    late = {wanted: ms for wanted, ms in taken.items() if ms > MOST_MS}
    faults = [f"{wanted}: {ms:.0f} ms" for wanted, ms in late.items()]
    if rate < LEAST_PER_S:
        faults.insert(0, f"{rate:.0f} spans/s")
    figures = {
        "spans": number,
        "ingest, spans/s": round(rate),
        "filters": len(taken),
        "slowest list, ms": round(max(taken.values())),
        "median list, ms": round(median(taken.values())),
    }
    return Outcome(figures, few(faults))


async def _searched(http: httpx.AsyncClient, project: str, wanted: str) -> float:
    """The median time of a list in milliseconds."""
    body = {"project_id": project, "filter": wanted, **EVERYTHING}
    taken: list[float] = []
    for _ in range(TIMES):
        began = time.perf_counter()
        (await http.post("/v2/spans", json=body, params={"limit": NEWEST})).raise_for_status()
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken)
