"""CPU of the ingest of spans, in turn with another version of assaykit.

    python benchmarks/ingest.py --before /path/to/older/python

Each version is a process with a store of its own. The two take turns of `SLICE` requests, so that a machine whose
speed drifts is equally fast for both. The figure is the ratio of the CPU times of two turns.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anyio
import httpx
from spans import A_REQUEST, bodies, ingest

from assaykit.engine.engine import Engine

SLICE = 3
"""Requests in a turn, each of `A_REQUEST` spans."""
WARM = 2
"""Requests before the first turn."""


async def turns(rounds: int) -> None:
    """Ingest a slice for each line on standard input, and print the seconds of CPU."""
    sent = list(bodies(A_REQUEST * (WARM + SLICE * rounds)))
    with tempfile.TemporaryDirectory() as folder:
        async with Engine.open(Path(folder) / "home", key="bench", environment={}) as engine:
            transport, headers = httpx.ASGITransport(engine.app), {"Authorization": "Bearer bench"}
            async with httpx.AsyncClient(transport=transport, base_url="http://e", headers=headers) as http:
                await ingest(http, sent[:WARM])
                print("ready", flush=True)
                for first in range(WARM, len(sent), SLICE):
                    sys.stdin.readline()
                    began = time.process_time()
                    await ingest(http, sent[first : first + SLICE])
                    print(time.process_time() - began, flush=True)


def version(python: str, rounds: int) -> "subprocess.Popen[str]":
    command = [python, __file__, "--turns", "--rounds", str(rounds)]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert turn_line(started) == "ready"
    return started


def turn_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def turn(process: "subprocess.Popen[str]") -> float:
    assert process.stdin is not None
    print(file=process.stdin, flush=True)
    return float(turn_line(process))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--before", metavar="PYTHON", help="an interpreter with the older version")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--turns", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.turns:
        anyio.run(turns, given.rounds)
        return
    before, now = version(given.before, given.rounds), version(sys.executable, given.rounds)
    taken: list[tuple[float, float]] = []
    for number in range(given.rounds):
        if number % 2:
            first, second = turn(before), turn(now)
        else:
            second, first = turn(now), turn(before)
        taken.append((first, second))
    ratios = [after / older for older, after in taken]
    low, middle, high = statistics.quantiles(ratios, n=4)
    total = sum(after for _, after in taken) / sum(older for older, _ in taken)
    print(f"{given.rounds} turns of {SLICE * A_REQUEST} spans: CPU {total:.3f} x in all, median of the turns "
          f"{middle:.3f} x, quartiles {low:.3f} and {high:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
