"""Speed of judging rows with a task over spans in the engine, compared with the same calls in a bare loop.

    python benchmarks/judged_rows.py --rows 1000 --latency-ms 50 --concurrency 50

The model is a separate process. Everything else is real: the store, the run, the judge, the transport. `ideal` is
rows x latency / concurrency, or the least time under `--ceiling` if that is longer. `floor` is the time of the same
calls with aiohttp alone, the mean of a loop before the run and one after it. With `--latency-ms 0` there is no ideal.
`--others PYTHON` is an interpreter with `arize-phoenix-evals` and `openai`, in which Phoenix judges the same number of
rows.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import httpx
from processes import forget_peak, peak_mib, script

from assaykit.engine.engine import Engine

SPANS_A_POST = 2000
MODEL = Path(__file__).with_name("model.py")
PROMPT = "Is this answer polite? Answer good or bad.\n\n{output}"
TEXT = "Thank you for asking. " * 40
START_NS = time.time_ns() - 3600 * 10**9
EVERYTHING = {"data_start_time": "2000-01-01T00:00:00Z"}
Json = dict[str, Any]


@contextmanager
def provider(given: argparse.Namespace) -> Iterator[str]:
    """Start a model process; yield its base URL."""
    command = [sys.executable, str(MODEL), str(given.latency_ms / 1000), "--refuse", str(given.refuse)]
    command += ["--ceiling", str(given.ceiling)] if given.ceiling else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def measured() -> tuple[float, float]:
    """Wall clock and CPU time of this process, in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), used.ru_utime + used.ru_stime


async def floor(url: str, rows: int, concurrency: int) -> tuple[float, float]:
    """Make the same number of calls and nothing else; return wall and CPU seconds."""
    body = {"model": "mock", "messages": [{"role": "user", "content": TEXT}], "temperature": 0}
    left = iter(range(rows))

    async def caller(session: aiohttp.ClientSession) -> None:
        for _ in left:
            async with session.post(f"{url}/chat/completions", json=body) as answer:
                json.loads(await answer.read())

    wall, cpu = measured()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, anyio.create_task_group() as group:
        for _ in range(concurrency):
            group.start_soon(caller, session)
    after = measured()
    return after[0] - wall, after[1] - cpu


async def seed(http: httpx.AsyncClient, rows: int, project: str = "bench") -> None:
    """Send `rows` spans to a project."""
    for first in range(0, rows, SPANS_A_POST):
        spans = [span(number, project) for number in range(first + 1, min(rows, first + SPANS_A_POST) + 1)]
        resource_ = {"attributes": [{"key": "openinference.project.name", "value": {"stringValue": project}}]}
        body = {"resourceSpans": [{"resource": resource_, "scopeSpans": [{"spans": spans}]}]}
        (await http.post("/v1/traces", json=body)).raise_for_status()


def span(number: int, project: str) -> Json:
    # Each span has a text of its own, because the engine asks equal questions only once.
    said = f"{project} {number:06} {TEXT}"
    values = {"openinference.span.kind": "LLM", "input.value": f"question {number}", "output.value": said}
    return {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": "answer",
        "startTimeUnixNano": str(START_NS + number * 1000),
        "endTimeUnixNano": str(START_NS + number * 1000 + 10**8),
        "attributes": [{"key": key, "value": {"stringValue": text}} for key, text in values.items()],
    }


async def post(http: httpx.AsyncClient, path: str, body: Json) -> Json:
    answer = await http.post(path, json=body)
    answer.raise_for_status()
    return answer.json()


async def task_over(http: httpx.AsyncClient, project: str = "bench") -> str:
    """Create a task that judges every span of a project; return its id."""
    space = (await http.get("/v2/spaces")).json()["spaces"][0]["id"]
    projects = (await http.get("/v2/projects")).json()["projects"]
    project_id = next(one["id"] for one in projects if one["name"] == project)
    integration = (await http.get("/v2/ai-integrations")).json()["ai_integrations"][0]["id"]
    llm = {
        "ai_integration_id": integration,
        "model_name": "mock",
        "invocation_parameters": {},
        "provider_parameters": {},
    }
    template = {
        "name": "politeness", "template": PROMPT, "include_explanations": False, "use_function_calling": True,
        "classification_choices": {"good": 1, "bad": 0}, "llm_config": llm,
    }  # fmt: skip
    version = {"commit_message": "first", "template_config": template}
    judge_body = {"space_id": space, "name": f"politeness {project}", "type": "TEMPLATE", "version": version}
    judge = await post(http, "/v2/evaluators", judge_body)
    entry = {"evaluator_id": judge["id"], "column_mappings": {"output": "attributes.output.value"}}
    body = {"name": project, "type": "TEMPLATE_EVALUATION", "project_id": project_id, "evaluators": [entry]}
    return (await post(http, "/v2/tasks", body))["id"]


async def ours(url: str, given: argparse.Namespace, home: Path) -> tuple[float, float, Json]:
    """Judge the same rows in a run of a task; return wall and CPU seconds, and the ended run."""
    environment = {"OPENAI_API_KEY": "sk-bench", "OPENAI_BASE_URL": url}
    async with Engine.open(home, key="bench", environment=environment, concurrency=given.concurrency) as engine:
        headers = {"Authorization": "Bearer bench"}
        transport = httpx.ASGITransport(engine.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://engine", headers=headers, timeout=60
        ) as http:
            await seed(http, given.rows)
            task = await task_over(http)
            forget_peak()
            wall, cpu = measured()
            run = await post(http, f"/v2/tasks/{task}/trigger", {**EVERYTHING, "max_spans": given.rows})
            while run["status"] in {"PENDING", "RUNNING"}:
                await anyio.sleep(0.05)
                run = (await http.get(f"/v2/task-runs/{run['id']}")).json()
            after = measured()
            return after[0] - wall, after[1] - cpu, {**run, "peak_mib": peak_mib()}


def beside(url: str, given: argparse.Namespace, ideal: float) -> None:
    """Judge the same number of rows with Phoenix evals and the same model."""
    wall, cpu, labelled = script(given.others, "phoenix_evals.py", url, given.rows, given.concurrency)
    each = 1000 * cpu / given.rows
    speed = f"{given.rows / wall:.0f} rows/s, {ideal / wall:.2f} of ideal"
    print(f"Phoenix evals {wall:.2f} s, {speed}; CPU a row {each:.2f} ms; {labelled:.0f} labelled")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument("--refuse", type=float, default=0.0)
    parser.add_argument("--ceiling", type=float)
    parser.add_argument("--others", type=Path)
    given = parser.parse_args()
    ideal = given.rows * given.latency_ms / 1000 / given.concurrency
    if given.ceiling:
        ideal = max(ideal, (given.rows - given.ceiling / 2) / given.ceiling)
    plain = not (given.refuse or given.ceiling)
    with provider(given) as url, tempfile.TemporaryDirectory() as home:
        before = await floor(url, given.rows, given.concurrency) if plain else (0.0, 0.0)
        wall, cpu, run = await ours(url, given, Path(home) / "home")
        after = await floor(url, given.rows, given.concurrency) if plain else (0.0, 0.0)
        floor_wall, floor_cpu = ((one + other) / 2 for one, other in zip(before, after, strict=True))
        calls = httpx.get(url.removesuffix("/v1")).json()
        if given.others is not None:
            beside(url, given, ideal)
    print(f"{given.rows} rows, {given.latency_ms:g} ms, {given.concurrency} at once")
    print(f"run {run['status']}: {run['num_successes']} scored, {run['num_errors']} errors")
    of_ideal = f"{ideal / wall:.2f} of ideal; " if ideal else ""
    print(f"ideal {ideal:.2f} s; ours {wall:.2f} s, {of_ideal}{given.rows / wall:.0f} rows/s")
    print(f"peak memory of the run {run['peak_mib']} MiB")
    if plain:
        print(f"floor {floor_wall:.2f} s, ours {floor_wall / wall:.2f} of it; "
              f"CPU a row: floor {1000 * floor_cpu / given.rows:.2f} ms, "
              f"ours {1000 * cpu / given.rows:.2f} ms, {cpu / floor_cpu:.2f} x")  # fmt: skip
    else:
        total = calls["taken"] + calls["refused"]
        part = calls["refused"] / total
        print(f"{total} calls, {part:.1%} refused; wall {wall / ideal:.2f} x ideal")


if __name__ == "__main__":
    anyio.run(main)
