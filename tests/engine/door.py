"""The engine's HTTP door as the tests of its nouns use it."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import httpx
from tests import stores

from assaykit.engine.clock import Clock
from assaykit.engine.engine import Engine

KEY: Final = "k"
SECOND: Final = 1_000_000_000
DAY: Final = 24 * 3600 * SECOND
NOW: Final = 1_767_225_600 * SECOND
"""2026-01-01T00:00:00Z, when the hand-set clock starts."""

PAUSE_S: Final = 0.02
"""Between two looks at an engine of this process, which else would do little but answer them."""

Body = dict[str, Any]


class HandClock(Clock):
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def now_ns(self) -> int:
        return self.now


class Door:
    """A client of one engine, with the few steps that most tests begin with."""

    def __init__(self, engine: Engine, http: httpx.AsyncClient) -> None:
        self.engine = engine
        self.http = http

    async def get(self, path: str, **query: Any) -> Body:
        return _good(await self.http.get(path, params=query))

    async def post(self, path: str, body: Body | None = None, **query: Any) -> Body:
        return _good(await self.http.post(path, json=body or {}, params=query))

    async def delete(self, path: str) -> None:
        response = await self.http.delete(path)
        assert (response.status_code, response.content) == (204, b""), response.text

    async def refused(self, status: int, method: str, path: str, **how: Any) -> str:
        """The detail of an answer that must be a problem of this status."""
        return problem_of(status, await self.http.request(method, path, **how))

    async def all_of(self, path: str, noun: str, limit: int, **query: Any) -> list[Body]:
        """Every row of a list, page by page."""

        async def page(cursor: Body) -> Body:
            return await self.get(path, limit=limit, **query, **cursor)

        return await all_pages(page, noun, limit)

    async def space(self) -> str:
        return (await self.get("/v2/spaces"))["spaces"][0]["id"]

    async def send(self, *spans: Body, project: str = "shop") -> str:
        """Send spans as an exporter does. Returns the project's id."""
        resource = {"attributes": [attribute("service.name", project)]}
        await self.post("/v1/traces", {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]})
        found = (await self.get("/v2/projects", name=project))["projects"]
        return found[0]["id"]

    async def spans(self, project: str, **body: Any) -> list[Body]:
        return (await self.post("/v2/spans", {"project_id": project, **body}, limit=500))["spans"]

    async def evaluator(self, name: str = "refunds", **config: Any) -> str:
        """A code evaluator that looks for the word refund in the output."""
        return (await self.post("/v2/evaluators", await self.evaluator_body(name, **config)))["id"]

    async def evaluator_body(self, name: str = "refunds", **config: Any) -> Body:
        return {"space_id": await self.space(), "name": name, "type": "CODE", "version": version(name, **config)}

    async def judge(self, name: str = "tone", **config: Any) -> str:
        """An LLM judge on the one integration there is."""
        integration = (await self.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
        version = judge_version(integration, name, **config)
        body = {"space_id": await self.space(), "name": name, "type": "TEMPLATE", "version": version}
        return (await self.post("/v2/evaluators", body))["id"]

    async def task(self, evaluator: str, name: str = "nightly", **fields: Any) -> str:
        return (await self.post("/v2/tasks", task_body(evaluator, name, **fields)))["id"]

    async def trigger(self, task: str, **request: Any) -> Body:
        return await self.post(f"/v2/tasks/{task}/trigger", request)

    async def run(self, task: str, **request: Any) -> Body:
        """A run of the task, when it has ended."""
        run = await self.trigger(task, **request)
        return await self.until(run["id"], "COMPLETED", "FAILED", "CANCELLED")

    async def until(self, run: str, *statuses: str) -> Body:
        """The run as soon as its status is one of these."""
        with anyio.fail_after(60):
            while True:
                found = await self.get(f"/v2/task-runs/{run}")
                if found["status"] in statuses:
                    return found
                await anyio.sleep(PAUSE_S)

    async def dataset(self, examples: Sequence[Body], name: str = "questions") -> tuple[str, list[str]]:
        """A dataset's id, and the ids of its examples."""
        body = {"space_id": await self.space(), "name": name, "examples": list(examples)}
        dataset = (await self.post("/v2/datasets", body))["id"]
        found = (await self.get(f"/v2/datasets/{dataset}/examples", limit=500))["examples"]
        return dataset, [example["id"] for example in found]

    async def experiment(self, dataset: str, runs: Sequence[Body], name: str = "first") -> str:
        body = {"name": name, "dataset_id": dataset, "experiment_runs": list(runs)}
        return (await self.post("/v2/experiments", body))["id"]

    async def runs_of(self, experiment: str) -> list[Body]:
        return (await self.get(f"/v2/experiments/{experiment}/runs", limit=500))["experiment_runs"]


@asynccontextmanager
async def opened(
    home: Path,
    environment: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    period_s: float | None = None,
    silent_s: float | None = None,
) -> AsyncGenerator[Door]:
    """The door of an engine on the folder `home`, until the block ends."""
    stores.begin(home)
    how: dict[str, Any] = {"clock": clock, "period_s": period_s, "silent_s": silent_s}
    async with Engine.open(home, key=KEY, environment=environment or {}, **how) as engine:
        transport = httpx.ASGITransport(engine.app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://engine", headers=headers) as http:
            yield Door(engine, http)


async def all_pages(page: Callable[[Body], Awaitable[Body]], noun: str, limit: int) -> list[Body]:
    """The rows of every page; `page` takes the query that carries the cursor."""
    rows: list[Body] = []
    cursors: list[Body] = [{}]
    while True:
        found = await page(cursors[-1])
        rows += found[noun]
        if not found["pagination"]["has_more"]:
            assert len(found[noun]) <= limit
            assert found["pagination"].get("next_cursor") is None
            return rows
        assert len(found[noun]) == limit
        cursor = {"cursor": found["pagination"]["next_cursor"]}
        assert cursor not in cursors, "a page leads back to itself"
        cursors.append(cursor)


def problem_of(status: int, response: httpx.Response) -> str:
    """The detail of a response that must be a whole problem body of this status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body.keys() - {"next"} == {"title", "status", "type", "detail", "instance"}
    assert (body["status"], body["type"]) == (status, "about:blank")
    assert body["instance"] == response.request.url.path
    assert body["title"]
    assert body["detail"]
    return body["detail"]


def _good(response: httpx.Response) -> Body:
    assert response.is_success, response.text
    return response.json()


def attribute(key: str, value: str) -> Body:
    return {"key": key, "value": {"stringValue": value}}


def span(number: int, output: str | None = None, *, start_ns: int | None = None, **attributes: str) -> Body:
    """Span `number`, which started that many seconds before the hand-set clock's time."""
    start = NOW - number * SECOND if start_ns is None else start_ns
    said = f"a refund of {number}" if output is None else output
    values = {"input.value": f"question {number}", "output.value": said} | {
        key.replace("__", "."): value for key, value in attributes.items()
    }
    return {
        "traceId": f"{number + 1:032x}",
        "spanId": span_id(number),
        "name": f"call {number}",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + SECOND),
        "attributes": [attribute(key, value) for key, value in values.items() if value],
    }


def span_id(number: int) -> str:
    return f"{number + 1:016x}"


def version(name: str = "refunds", **config: Any) -> Body:
    """A version of a code evaluator that looks for the word refund in the output."""
    keywords = {"name": "keywords", "type": "STRING_ARRAY", "default_value": ["refund"]}
    code = {
        "type": "MANAGED",
        "name": name,
        "managed_evaluator": "CONTAINS_ANY_KEYWORD",
        "variables": ["output"],
        "static_params": [keywords],
    }
    return {"commit_message": "m", "code_config": code | config}


def judge_version(integration: str, name: str = "tone", **config: Any) -> Body:
    """A version of an LLM judge with the choices good and bad."""
    llm: Body = {
        "ai_integration_id": integration,
        "model_name": "judge-1",
        "invocation_parameters": {},
        "provider_parameters": {},
    }
    template: Body = {
        "name": name,
        "template": "Is this good? {output}",
        "include_explanations": True,
        "use_function_calling": True,
        "classification_choices": {"good": 1, "bad": 0},
        "llm_config": llm,
    }
    return {"commit_message": "m", "template_config": template | config}


def task_body(evaluator: str | None, name: str = "nightly", **fields: Any) -> Body:
    """A task of one evaluator; `dataset_id` or `project_id` is the caller's."""
    evaluators = [None if evaluator is None else {"evaluator_id": evaluator}]
    return {"name": name, "type": "CODE_EVALUATION", "evaluators": evaluators} | fields


def counts(run: Body) -> tuple[int, int, int]:
    """Successes, errors and skipped rows of a run."""
    return run["num_successes"], run["num_errors"], run["num_skipped"]
