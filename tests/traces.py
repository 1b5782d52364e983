"""Spans for tests, sent like a user's spans: OTLP over the engine's route."""

import hashlib
import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from tests import stores

from assaykit.engine.engine import Engine

PROJECT = "bot"
KEY = "test"
_STATUS = {"UNSET": 0, "OK": 1, "ERROR": 2}

Span = Mapping[str, Any]


def span(
    name: str,
    output: str | None = None,
    *,
    asked: str | None = "hello",
    status: str = "OK",
    minutes_ago: float = 5.0,
    ms: int = 100,
    kind: str = "LLM",
    **attributes: Any,
) -> Span:
    """One OTLP/JSON span; its ids come from its name. `asked` and `output` are its input and output values."""
    start = time.time_ns() - int(minutes_ago * 60e9)
    values = {"openinference.span.kind": kind, "input.value": asked, "output.value": output, **attributes}
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {
        "traceId": digest[:32],
        "spanId": id_of(name),
        "name": name,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + ms * 1_000_000),
        "attributes": [
            {"key": key.replace("__", "."), "value": _value(value)}
            for key, value in values.items()
            if value is not None
        ],
        "status": {"code": _STATUS[status]},
    }


def id_of(name: str) -> str:
    """The id of the span of that name."""
    return hashlib.sha256(name.encode()).hexdigest()[-16:]


@asynccontextmanager
async def rest(home: Path) -> AsyncGenerator[httpx.AsyncClient]:
    """Open a second engine on the folder, like another process; yield a client of its routes."""
    stores.begin(home)
    async with Engine.open(home, key=KEY, environment={}) as engine:
        transport = httpx.ASGITransport(engine.app)
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://engine", headers=headers) as client:
            yield client


async def send(home: Path, spans: Sequence[Span], project: str = PROJECT) -> None:
    """Store the spans."""
    resource = {"attributes": [{"key": "openinference.project.name", "value": {"stringValue": project}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}
    async with rest(home) as client:
        answer = await client.post("/v1/traces", content=json.dumps(body), headers={"Content-Type": "application/json"})
    answer.raise_for_status()
    assert answer.json() == {}, answer.text


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value if isinstance(value, str) else json.dumps(value)}
