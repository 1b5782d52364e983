"""The REST contract of a fresh engine, spoken over its own transport."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from assaykit.engine import Engine
from assaykit.engine.clock import Clock

NOW: Final = 1_795_000_000_000_000_000
"""What the clock says, in nanoseconds since 1970."""
SECOND: Final = 1_000_000_000
DAY: Final = 86_400 * SECOND

Body = dict[str, Any]


class StillClock(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def now_ns(self) -> int:
        return self.now


class Rest:
    """An engine and a client of its routes."""

    def __init__(self, engine: Engine, http: httpx.AsyncClient, clock: StillClock, space: str) -> None:
        self.engine = engine
        self.http = http
        self.clock = clock
        self.space = space

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200, **query: Any) -> Body:
        """The body of an answer that must have this status; {} where there is none."""
        response = await self.http.request(method, path, json=body, params=query or None)
        assert response.status_code == status, response.text
        return response.json() if response.content else {}

    async def get(self, path: str, **query: Any) -> Body:
        return await self.ask("GET", path, **query)

    async def create(self, path: str, body: Body) -> Body:
        return await self.ask("POST", path, body, 201)

    async def refused(self, status: int, method: str, path: str, body: Any = None, **query: Any) -> str:
        """The detail of an answer that must be a problem of this status."""
        response = await self.http.request(method, path, json=body, params=query or None)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/problem+json"
        return response.json()["detail"]

    async def send(self, *spans: Body, project: str = "shop") -> str:
        """Send spans as a tracer does. Returns the project's id."""
        resource = {"attributes": [{"key": "openinference.project.name", "value": {"stringValue": project}}]}
        told = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}
        await self.ask("POST", "/v1/traces", told)
        return (await self.get("/v2/projects", name=project))["projects"][0]["id"]

    async def spans(self, project: str, **body: Any) -> list[Body]:
        return (await self.ask("POST", "/v2/spans", {"project_id": project, **body}))["spans"]

    async def dataset(self, *examples: Body, name: str = "questions") -> tuple[str, list[str]]:
        """A dataset's id and the ids of its examples."""
        dataset = await self.create("/v2/datasets", {"name": name, "space_id": self.space, "examples": list(examples)})
        found = await self.get(f"/v2/datasets/{dataset['id']}/examples", limit=500)
        return dataset["id"], [example["id"] for example in found["examples"]]

    async def experiment(self, dataset: str, *runs: Body, name: str = "first") -> tuple[str, list[str]]:
        """An experiment's id and the ids of its runs."""
        made = await self.create(
            "/v2/experiments", {"name": name, "dataset_id": dataset, "experiment_runs": list(runs)}
        )
        return made["id"], made["run_ids"]

    async def judge(self, integration: str, name: str = "tone") -> str:
        """An LLM judge on an integration."""
        version = judge_version(integration)
        body = {"space_id": self.space, "name": name, "type": "TEMPLATE", "version": version}
        return (await self.create("/v2/evaluators", body))["id"]

    async def code_evaluator(self, name: str = "refund") -> str:
        keywords = {"name": "keywords", "type": "STRING_ARRAY", "default_value": ["refund"]}
        code = {
            "type": "MANAGED",
            "name": name,
            "managed_evaluator": "CONTAINS_ANY_KEYWORD",
            "variables": ["output"],
            "static_params": [keywords],
        }
        version = {"commit_message": "m", "code_config": code}
        body = {"space_id": self.space, "name": name, "type": "CODE", "version": version}
        return (await self.create("/v2/evaluators", body))["id"]


@asynccontextmanager
async def opened(home: Path, environment: Mapping[str, str] | None = None) -> AsyncGenerator[Rest]:
    """An engine on a folder, until the block ends."""
    clock = StillClock()
    async with Engine.open(home, key="k", environment=environment or {}, clock=clock) as engine:
        transport = httpx.ASGITransport(engine.app, raise_app_exceptions=False)
        headers = {"authorization": "Bearer k"}
        async with httpx.AsyncClient(transport=transport, base_url="http://engine", headers=headers) as http:
            space = (await http.get("/v2/spaces")).json()["spaces"][0]["id"]
            yield Rest(engine, http, clock, space)


def judge_version(integration: str) -> Body:
    llm: Body = {
        "ai_integration_id": integration,
        "model_name": "judge-1",
        "invocation_parameters": {},
        "provider_parameters": {},
    }
    template = {
        "name": "tone",
        "template": "Is this polite? {output}",
        "include_explanations": False,
        "use_function_calling": True,
        "classification_choices": {"good": 1, "bad": 0},
        "llm_config": llm,
    }
    return {"commit_message": "m", "template_config": template}


def span(
    number: int, *, trace: int | None = None, parent: int | None = None, ago_ns: int = SECOND, **attributes: str
) -> Body:
    """Span `number`, in a trace of its own unless one is given; it started `ago_ns` before the clock's time."""
    start = NOW - ago_ns
    told: Body = {
        "traceId": trace_id(number if trace is None else trace),
        "spanId": span_id(number),
        "name": f"call {number}",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + SECOND),
        "attributes": [
            {"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in attributes.items()
        ],
    }
    return told if parent is None else told | {"parentSpanId": span_id(parent)}


def span_id(number: int) -> str:
    return f"{number + 1:016x}"


def trace_id(number: int) -> str:
    return f"{number + 1:032x}"


def at(ns: int) -> str:
    """A time of the wire."""
    return datetime.fromtimestamp(ns / SECOND, UTC).isoformat()
