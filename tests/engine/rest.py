"""The routes of a fresh engine as bodies and statuses: what the door has no step of its own for."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.engine import door
from tests.engine.door import NOW, SECOND, Body, Door, HandClock, judge_version, problem_of, span_id


class Rest:
    """A door, its clock and its one space."""

    def __init__(self, door: Door, clock: HandClock, space: str) -> None:
        self.door = door
        self.clock = clock
        self.space = space

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200, **query: Any) -> Body:
        """The body of an answer that must have this status; {} where there is none."""
        response = await self.door.http.request(method, path, json=body, params=query or None)
        assert response.status_code == status, response.text
        return response.json() if response.content else {}

    async def get(self, path: str, **query: Any) -> Body:
        return await self.ask("GET", path, **query)

    async def create(self, path: str, body: Body) -> Body:
        return await self.ask("POST", path, body, 201)

    async def refused(self, status: int, method: str, path: str, body: Any = None, **query: Any) -> str:
        """The detail of an answer that must be a problem of this status."""
        return problem_of(status, await self.door.http.request(method, path, json=body, params=query or None))

    async def experiment(self, dataset: str, *runs: Body, name: str = "first") -> tuple[str, list[str]]:
        """An experiment's id and the ids of its runs."""
        body = {"name": name, "dataset_id": dataset, "experiment_runs": list(runs)}
        made = await self.create("/v2/experiments", body)
        return made["id"], made["run_ids"]

    async def judge(self, integration: str, name: str = "tone") -> str:
        """An LLM judge on an integration, which does not explain itself."""
        version = judge_version(integration, include_explanations=False)
        body = {"space_id": self.space, "name": name, "type": "TEMPLATE", "version": version}
        return (await self.create("/v2/evaluators", body))["id"]

    async def config(self, kind: str, name: str, **fields: Any) -> str:
        """An annotation config."""
        body = {"space_id": self.space, "annotation_config_type": kind, "name": name} | fields
        return (await self.create("/v2/annotation-configs", body))["id"]


@asynccontextmanager
async def opened(home: Path, environment: Mapping[str, str] | None = None) -> AsyncGenerator[Rest]:
    """The routes of an engine whose clock stands at `NOW`, until the block ends."""
    clock = HandClock()
    async with door.opened(home, environment, clock) as found:
        yield Rest(found, clock, await found.space())


def span(
    number: int, *, trace: int | None = None, parent: int | None = None, ago_ns: int = SECOND, **attributes: str
) -> Body:
    """Span `number`, in a trace of its own unless one is given; it started `ago_ns` before the clock's time."""
    told = door.span(number, "", start_ns=NOW - ago_ns, **attributes)
    told["traceId"] = trace_id(number if trace is None else trace)
    return told if parent is None else told | {"parentSpanId": span_id(parent)}


def trace_id(number: int) -> str:
    return f"{number + 1:032x}"


def at(ns: int) -> str:
    """A time of the wire."""
    return datetime.fromtimestamp(ns / SECOND, UTC).isoformat()
