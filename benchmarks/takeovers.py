"""Seconds until a run goes on after the process that executes it was killed.

    python benchmarks/takeovers.py --kills 10

Two processes of `assaykit engine` share a data folder, and one of them executes a run. It is killed, and the time is
taken until the other one has stored new verdicts. Then a third process joins, the second one is killed, and so on. With
`--suspend` each process is stopped instead: the kernel frees no lock then, and the run changes hands after 30 s.
"""

import argparse
import signal
import statistics
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import anyio
import httpx
from judged_rows import EVERYTHING, post, provider, seed, task_over
from processes import engine_process
from two_processes import client

ROWS = 5_000
LATENCY_MS = 200
CONCURRENCY = 5
LOOK_S = 0.02


async def stored(http: httpx.AsyncClient, run: str) -> int:
    found = (await http.get(f"/v2/task-runs/{run}")).raise_for_status().json()
    assert found["status"] in {"PENDING", "RUNNING"}, found
    return int(found["num_successes"])


async def rises(http: httpx.AsyncClient, run: str, above: int) -> float:
    """Seconds until more verdicts than so many are stored."""
    began = time.perf_counter()
    while await stored(http, run) <= above:
        await anyio.sleep(LOOK_S)
    return time.perf_counter() - began


async def takeovers(given: argparse.Namespace, url: str, home: Path) -> list[float]:
    own = {"OPENAI_API_KEY": "sk-bench", "OPENAI_BASE_URL": url, "ASSAYKIT_CONCURRENCY": str(CONCURRENCY)}
    start = partial(engine_process, home, **own)
    taken: list[float] = []
    with ExitStack() as all_processes:
        process, doors = all_processes.enter_context(start())
        async with client(doors) as http:
            await seed(http, ROWS, "bench")
            body = {**EVERYTHING, "max_spans": ROWS}
            run = (await post(http, f"/v2/tasks/{await task_over(http, 'bench')}/trigger", body))["id"]
            await rises(http, run, 0)
        for _ in range(given.kills):
            following, doors = all_processes.enter_context(start())
            async with client(doors) as http:
                await rises(http, run, await stored(http, run) + CONCURRENCY)
                process.send_signal(signal.SIGSTOP if given.suspend else signal.SIGKILL)
                # A write that was under way may still end, so a whole round of calls must be new.
                taken.append(await rises(http, run, await stored(http, run) + CONCURRENCY))
                if given.suspend:
                    process.send_signal(signal.SIGCONT)
                    process.kill()
            process = following
        process.kill()
    return taken


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--suspend", action="store_true")
    parser.set_defaults(rows=ROWS, latency_ms=LATENCY_MS, concurrency=CONCURRENCY, refuse=0.0, ceiling=None)
    given = parser.parse_args()
    with provider(given) as url, tempfile.TemporaryDirectory() as folder:
        taken = await takeovers(given, url, Path(folder) / "home")
    what = "suspended" if given.suspend else "killed"
    print(f"{len(taken)} processes {what}: the run went on after {statistics.median(taken):.1f} s in the median, "
          f"{max(taken):.1f} s at most; one round of calls takes {LATENCY_MS / 1000:g} s")  # fmt: skip


if __name__ == "__main__":
    anyio.run(main)
