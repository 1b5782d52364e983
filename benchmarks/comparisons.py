"""Cost of the tools that read whole experiments: `compare_experiments` and `get_experiment`, at several sizes.

    PYTHONPATH=. python benchmarks/comparisons.py --rows 250 10000 100000

Two experiments on one dataset have verdicts of five evaluators. The tools run in the process of the engine.
The figures are the CPU time and the wall clock of one call, which comes some seconds after another, the bytes of the
reply, and the peak memory of a process that does nothing else.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from processes import THINKING_S

from assaykit.server import create_server
from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of, text_of

WORDS = ("the", "parcel", "that", "you", "asked", "about", "is", "on", "its", "way")

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "compare": ("compare_experiments", {"experiments": ["old", "new"]}),
    "rows": ("get_experiment", {"experiment": "new", "limit": 20}),
}


def peak_kib() -> int:
    """The peak memory of this process."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def served(folder: Path) -> Client:
    return Client(create_server(Settings(home=folder / "home", folders=(folder,), structured=True)))


async def prepare(folder: Path, count: int) -> None:
    """Create a store with a dataset and two experiments: three rates, a 1-5 score and a continuous score."""
    chance = random.Random(count)  # noqa: S311  (no secret)
    questions = ({"question": f"Where is parcel {n}?"} for n in range(count))
    (folder / "q.jsonl").write_text("".join(json.dumps(one) + "\n" for one in questions), encoding="utf-8")
    async with served(folder) as client:
        await client.call_tool("create_dataset", {"name": "questions", "file": "q.jsonl"}, read_timeout_seconds=600)
        found = {"dataset": "questions", "save_to": "ids.jsonl"}
        await client.call_tool("get_dataset", found, read_timeout_seconds=600)
        ids = [json.loads(line)["id"] for line in (folder / "ids.jsonl").open(encoding="utf-8")]
        for name, rate in (("old", 0.7), ("new", 0.71)):
            with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as out:
                for one in ids:
                    rates = {f"eval.c{n}.score": int(chance.random() < rate) for n in range(3)}
                    scores = {"eval.c3.score": chance.randint(1, 5), "eval.c4.score": chance.random()}
                    latency = {"latency_ms": 100 + 1000 * chance.random()}
                    said = {"example_id": one, "output": " ".join(chance.choices(WORDS, k=12))}
                    out.write(json.dumps({**said, **rates, **scores, **latency}) + "\n")
            given = {"file": f"{name}.jsonl", "dataset": "questions", "name": name}
            told = await client.call_tool("upload_experiment", given, read_timeout_seconds=600)
            assert not told.is_error, told.content


async def once(folder: Path, call: str) -> str:
    tool, arguments = CALLS[call]
    async with served(folder) as client:
        await client.call_tool("list_datasets", {})
        await anyio.sleep(THINKING_S)
        cpu, wall = time.process_time(), time.perf_counter()
        told = await client.call_tool(tool, arguments, read_timeout_seconds=600)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    assert not told.is_error, told.content
    data, told_text = len(json.dumps(data_of(told)).encode()), len(text_of(told).encode())
    peak = peak_kib() >> 10
    return f"CPU {cpu:6.2f} s, wall {wall:6.2f} s, data {data:>9,} B, text {told_text:>6,} B, peak {peak} MiB"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="*", default=[250, 10_000])
    parser.add_argument("--alone", nargs=2, metavar=("FOLDER", "CALL"), help="one call on a prepared store")
    parser.add_argument("--prepare", type=Path, help="only make the store, in this folder")
    given = parser.parse_args()
    if given.alone:
        print(anyio.run(once, Path(given.alone[0]), given.alone[1]))
        return
    if given.prepare:
        anyio.run(prepare, given.prepare, given.rows[0])
        return
    for count in given.rows:
        with tempfile.TemporaryDirectory() as place:
            anyio.run(prepare, Path(place), count)
            for call in CALLS:
                command = [sys.executable, __file__, "--alone", place, call]
                told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
                print(f"{count:>8,} rows, {call:8} {told}", flush=True)


if __name__ == "__main__":
    main()
