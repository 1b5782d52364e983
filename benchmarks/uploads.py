"""Speed of the tool upload_experiment for a result file, compared with plain readers and bare sqlite3 in the same run.

    python benchmarks/uploads.py --rows 100000

For each format, the tool runs in the process of the engine, on a store with the dataset of the rows. The floor reads
the same file with the plain library and writes its rows with executemany in one transaction, into tables with the same
keys and indexes as ours. Peak memory is that of a process with only one upload. `create_dataset` from the same file is
timed too.
"""

import argparse
import csv
import json
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pyarrow as pa
import pyarrow.parquet as pq
from mcp import Client

from assaykit.server import create_server
from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of

FORMATS = ("csv", "json", "jsonl", "parquet")
TEXT = "the parcel that you asked about is on its way and a refund of the whole price follows within ten days"
SEED = 20261127
LABELS = ("correct", "incorrect")

Row = dict[str, Any]


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    told = await client.call_tool(tool, arguments, read_timeout_seconds=600)
    assert not told.is_error, told.content
    return data_of(told)


def text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(TEXT.split(), k=words))


def results(ids: Sequence[str]) -> list[Row]:
    """A row for each example: an output of about 180 characters, a verdict with its explanation, and a cost."""
    chance = random.Random(SEED)  # noqa: S311  (no secret)
    return [
        {
            "example_id": one,
            "output": text(chance, 35),
            "eval.correctness.label": LABELS[(wrong := chance.randrange(5) == 0)],
            "eval.correctness.score": int(not wrong),
            "eval.correctness.explanation": text(chance, 15),
            "cost": round(chance.random() / 100, 6),
        }
        for one in ids
    ]


def write(folder: Path, rows: Sequence[Row]) -> None:
    """Write the same rows in every format with its plain library."""
    with (folder / "v.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "v.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "v.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / "v.parquet")


def read(path: Path) -> Iterable[Row]:
    """Read the rows with the plain library of the format."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    return _lines(path)


def _lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, file)


class Took(NamedTuple):
    """Wall clock and CPU time of this process, in seconds."""

    wall: float
    cpu: float


@contextmanager
def timed(into: list[Took]) -> Generator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    into.append(Took(time.perf_counter() - wall, time.process_time() - cpu))


def floor(path: Path, store: Path) -> None:
    """Read the file and write its rows with bare sqlite3."""
    with closing(sqlite3.connect(store, isolation_level=None)) as bare:
        bare.execute("PRAGMA journal_mode=WAL")
        bare.execute("PRAGMA synchronous=NORMAL")
        bare.execute(
            "CREATE TABLE runs (n INTEGER PRIMARY KEY, id TEXT UNIQUE, created INTEGER, experiment TEXT,"
            " example TEXT, data TEXT)"
        )
        bare.execute("CREATE INDEX by_experiment ON runs (experiment, n)")
        now = time.time_ns()
        rows = ((str(uuid.uuid4()), now, "experiment", row.pop("example_id"), json.dumps(row)) for row in read(path))
        bare.execute("BEGIN IMMEDIATE")
        bare.executemany("INSERT INTO runs VALUES (NULL, ?, ?, ?, ?, ?)", rows)
        bare.execute("COMMIT")


async def prepare(folder: Path, count: int) -> None:
    """Create a store with a dataset, and the result files."""
    (folder / "q.jsonl").write_text(
        "".join(json.dumps({"question": f"Where is parcel {n}?", "kind": n % 7}) + "\n" for n in range(count)),
        encoding="utf-8",
    )
    async with Client(create_server(Settings(home=folder / "home", folders=(folder,), structured=True))) as client:
        await ask(client, "create_dataset", name="questions", file="q.jsonl")
        await ask(client, "get_dataset", dataset="questions", save_to="ids.jsonl")
    ids = [json.loads(line)["id"] for line in (folder / "ids.jsonl").open(encoding="utf-8")]
    write(folder, results(ids))


async def once(folder: Path, home: Path, kind: str, count: int, took: list[Took], name: str = "v") -> None:
    """Upload the file once by the tool."""
    async with Client(create_server(Settings(home=home, folders=(folder,), structured=True))) as client:
        await ask(client, "list_datasets")
        with timed(took):
            told = await ask(client, "upload_experiment", file=f"v.{kind}", dataset="questions", name=name)
        assert told["runs"] == told["examples_covered"] == count


async def made(folder: Path, home: Path, kind: str, count: int, took: list[Took]) -> None:
    """Create a dataset from the file once by the tool."""
    async with Client(create_server(Settings(home=home, folders=(folder,), structured=True))) as client:
        await ask(client, "list_datasets")
        with timed(took):
            told = await ask(client, "create_dataset", file=f"v.{kind}", name=kind)
        assert told["examples"] == count


def peak_kib() -> int:
    """The peak memory of this process. The figure of getrusage would include the parent's memory before the exec."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def memory(folder: Path, kind: str, count: int) -> float:
    """The peak memory, in MiB, of a separate process with one upload."""
    command = [sys.executable, __file__, "--rows", str(count), "--alone", kind, str(folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024


def measured(folder: Path, kind: str, count: int, times: int) -> str:
    """The report line of a format: medians over `times` turns, and ratios to the floor of the same turns."""
    upload, dataset, least = list[Took](), list[Took](), list[Took]()
    for turn in range(times):
        shutil.copytree(folder / "home", folder / "copy")
        anyio.run(once, folder, folder / "copy", kind, count, upload)
        anyio.run(made, folder, folder / "copy", kind, count, dataset)
        shutil.rmtree(folder / "copy")
        with timed(least):
            floor(folder / f"v.{kind}", folder / f"{kind} {turn}.db")

    def told(took: list[Took]) -> str:
        wall, cpu = (statistics.median(one) for one in zip(*took, strict=True))
        walls, cpus = (
            statistics.median(one / bare for one, bare in zip(*pair, strict=True))
            for pair in zip(zip(*took, strict=True), zip(*least, strict=True), strict=True)
        )
        return f"{wall:.2f} s ({walls:.2f} x), CPU {cpu:.2f} s ({cpus:.2f} x)"

    bare = statistics.median(one.wall for one in least)
    size = (folder / f"v.{kind}").stat().st_size / 2**20
    return (
        f"{kind:8} {size:5.1f} MiB, floor {bare:.2f} s; upload {told(upload)}; create_dataset {told(dataset)};"
        f" peak {memory(folder, kind, count):.0f} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--formats", nargs="*", default=FORMATS, choices=FORMATS)
    parser.add_argument("--alone", nargs=2, metavar=("FORMAT", "FOLDER"), help="one upload; prints peak memory in KiB")
    given = parser.parse_args()
    if given.alone:
        folder = Path(given.alone[1])
        anyio.run(once, folder, folder / "home", given.alone[0], given.rows, [], f"alone {given.alone[0]}")
        print(peak_kib())
        return
    with tempfile.TemporaryDirectory() as place:
        anyio.run(prepare, Path(place), given.rows)
        for kind in given.formats:
            print(measured(Path(place), kind, given.rows, given.times), flush=True)


if __name__ == "__main__":
    main()
