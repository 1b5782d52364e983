"""Cost of one judge call on the wire with httpx and with the judge's transport; aiohttp alone is the floor.

python benchmarks/transports.py --calls 1000 --latency-ms 50 --concurrency 50
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import aiohttp
import anyio
import httpx
from judged_rows import MODEL, TEXT, measured

from assaykit.judge.providers.aiohttp_transport import AiohttpTransport

Ask = Callable[[], Awaitable[object]]
BODY = json.dumps({"model": "mock", "messages": [{"role": "user", "content": TEXT}], "temperature": 0}).encode()
HEADERS = {"content-type": "application/json"}


async def timed(name: str, ask: Ask, given: argparse.Namespace) -> None:
    """Print the wall clock and the CPU time of all calls."""
    left = iter(range(given.calls))

    async def caller() -> None:
        for _ in left:
            await ask()

    before = measured()
    async with anyio.create_task_group() as group:
        for _ in range(given.concurrency):
            group.start_soon(caller)
    wall, cpu = (after - began for after, began in zip(measured(), before, strict=True))
    print(f"{name:8} {wall:6.2f} s   {1000 * cpu / given.calls:5.2f} ms of CPU a call")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--concurrency", type=int, default=50)
    given = parser.parse_args()
    command = [sys.executable, str(MODEL), str(given.latency_ms / 1000)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = f"{process.stdout.readline().strip()}/chat/completions"
        print(f"{given.calls} calls, {given.concurrency} at once, ideal "
              f"{given.calls * given.latency_ms / 1000 / given.concurrency:.2f} s")  # fmt: skip
        try:
            await compare(url, given)
        finally:
            process.terminate()


async def compare(url: str, given: argparse.Namespace) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as bare:

        async def floor() -> bytes:
            async with bare.post(url, data=BODY, headers=HEADERS) as answer:
                return await answer.read()

        await timed("aiohttp", floor, given)
    async with aclosing(AiohttpTransport()) as ours:
        await timed("ours", lambda: ours.post(url, HEADERS, BODY), given)
    limits = httpx.Limits(max_connections=given.concurrency, max_keepalive_connections=given.concurrency)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=30) as theirs:
        await timed("httpx", lambda: theirs.post(url, content=BODY, headers=HEADERS), given)


if __name__ == "__main__":
    anyio.run(main)
