"""Two engine processes on one data folder. Each judges the rows of one project, while spans come in through the first.

    python benchmarks/two_processes.py --rows 3000 --latency-ms 50 --concurrency 25

Both processes run `assaykit engine` and ask the same model process. The floor is one process alone with the rows of one
project. The comparison shows the cost of the second process, and whether a busy file causes lost or refused work.
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import anyio
import httpx
from judged_rows import EVERYTHING, Json, post, provider, seed, task_over
from processes import KEY, address, engine

SPANS_MEANWHILE = 20_000


def client(doors: dict[str, str]) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.AsyncClient(base_url=address(doors), headers=headers, timeout=600)


async def judged(http: httpx.AsyncClient, task: str, rows: int) -> Json:
    """Run a task to its end; return the run with its `seconds`."""
    began = time.perf_counter()
    run = await post(http, f"/v2/tasks/{task}/trigger", {**EVERYTHING, "max_spans": rows})
    while run["status"] in {"PENDING", "RUNNING"}:
        await anyio.sleep(0.05)
        run = (await http.get(f"/v2/task-runs/{run['id']}")).raise_for_status().json()
    return {**run, "seconds": time.perf_counter() - began}


async def both(first: httpx.AsyncClient, second: httpx.AsyncClient, rows: int) -> None:
    for project in ("alone", "one", "two"):
        await seed(first, rows, project)
    tasks = {project: await task_over(first, project) for project in ("alone", "one", "two")}
    alone = await judged(first, tasks["alone"], rows)
    ended: list[Json] = []

    async def run(http: httpx.AsyncClient, task: str) -> None:
        ended.append(await judged(http, task, rows))

    began = time.perf_counter()
    async with anyio.create_task_group() as group:
        group.start_soon(run, first, tasks["one"])
        group.start_soon(run, second, tasks["two"])
        await seed(first, SPANS_MEANWHILE, "meanwhile")
        sent = time.perf_counter() - began
    took = max(run["seconds"] for run in ended)
    told = ", ".join(f"{run['num_successes']} scored, {run['num_errors']} errors" for run in [alone, *ended])
    print(f"alone {alone['seconds']:.2f} s; two at once {took:.2f} s, {took / alone['seconds']:.2f} x; {told}")
    print(f"{SPANS_MEANWHILE} spans came in meanwhile in {sent:.2f} s, every request answered with 200")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--concurrency", type=int, default=25)
    parser.set_defaults(refuse=0.0, ceiling=None)
    given = parser.parse_args()
    ideal = given.rows * given.latency_ms / 1000 / given.concurrency
    print(f"{given.rows} rows each, {given.latency_ms:g} ms, {given.concurrency} at once each: ideal {ideal:.2f} s")
    with provider(given) as url, tempfile.TemporaryDirectory() as folder:
        own = {"OPENAI_API_KEY": "sk-bench", "OPENAI_BASE_URL": url, "ASSAYKIT_CONCURRENCY": str(given.concurrency)}
        start = partial(engine, Path(folder) / "home", **own)
        with start() as doors, start() as others:
            async with client(doors) as first, client(others) as second:
                await both(first, second, given.rows)


if __name__ == "__main__":
    anyio.run(main)
