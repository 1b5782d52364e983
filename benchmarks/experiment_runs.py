"""Speed of the tool run_experiment over a dataset, compared with the ideal of rows x latency / concurrency.

    python benchmarks/experiment_runs.py --rows 500 --latency-ms 50 --concurrency 10

The function sleeps; it exists as a plain and as an async function. Everything else is real: the store, the worker
processes, the journal, the upload. `--python PYTHON --imports openai` runs the function in an interpreter with that
package and imports the package, as real tasks do. `--others PYTHON` is an interpreter with `arize` and
`arize-phoenix`, whose own runners then run the same function: `arize` against our engine, Phoenix against its server.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from processes import THINKING_S, engine, forget_peak, peak_mib, phoenix, script

from assaykit.server import create_server
from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of

TASK = """
import asyncio, time
{imports}

def plain(input):
    time.sleep({seconds})
    return input

async def asynchronous(input):
    await asyncio.sleep({seconds})
    return input

def same(output, input):
    return output == input
"""


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    told = await client.call_tool(tool, arguments, read_timeout_seconds=600)
    assert not told.is_error, told.content
    return data_of(told)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--concurrency", type=int, default=10)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--imports")
    parser.add_argument("--others", type=Path)
    given = parser.parse_args()
    ideal = given.rows * given.latency_ms / 1000 / given.concurrency
    print(f"{given.rows} rows, {given.latency_ms:g} ms, {given.concurrency} at once: ideal {ideal:.2f} s")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        imports = f"import {given.imports}" if given.imports else ""
        task = TASK.format(seconds=given.latency_ms / 1000, imports=imports)
        (folder / "task.py").write_text(task, encoding="utf-8")
        with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(f'{{"input": "question {number}"}}\n' for number in range(given.rows))
        settings = Settings(home=folder / "home", folders=(folder,), structured=True)
        async with Client(create_server(settings)) as client:
            await ask(client, "create_dataset", name="bench", file="rows.jsonl")
            await anyio.sleep(THINKING_S)
            for kind in ("plain", "asynchronous"):
                forget_peak()
                before, began = peak_mib(), time.perf_counter()
                told = await ask(
                    client, "run_experiment", task=f"task.py:{kind}", dataset="bench", evaluators=["task.py:same"],
                    concurrency=given.concurrency, python=given.python and str(given.python),
                )  # fmt: skip
                took = time.perf_counter() - began
                assert (told["rows"], told["failed"]) == (given.rows, 0)
                print(f"{kind:13} {took:.2f} s, {ideal / took:.2f} of ideal, all told; "
                      f"peak memory {peak_mib()} MiB, {before} before")  # fmt: skip
    if given.others is not None:
        beside(given, ideal)


def beside(given: argparse.Namespace, ideal: float) -> None:
    """Run the same function with the runners of other products."""
    what = (given.rows, given.latency_ms / 1000, given.concurrency)
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder) / "home") as doors:
        for kind in ("plain", "async"):
            own = {**doors, "ARIZE_DIRECTORY": folder}
            told("arize", kind, ideal, script(given.others, "arize_experiments.py", *what, kind, **own))
    with tempfile.TemporaryDirectory() as folder, phoenix(given.others, Path(folder)) as at:
        for kind in ("plain", "async"):
            told("Phoenix", kind, ideal, script(given.others, "phoenix_experiments.py", at, *what, kind))


def told(whose: str, kind: str, ideal: float, figures: list[float]) -> None:
    took, rows = figures
    print(f"{whose} {kind}: {rows:.0f} rows, {took:.2f} s, {ideal / took:.2f} of ideal")


if __name__ == "__main__":
    anyio.run(main)
