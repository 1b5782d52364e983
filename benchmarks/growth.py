"""Growth of the tools' costs with the store: each operation on stores of several sizes, and the ratio of the ends.

    PYTHONPATH=. python benchmarks/growth.py --spans 10000 100000 1000000 --kept FOLDER
    PYTHONPATH=. python benchmarks/growth.py --spans 2000 20000 --only get_trace

A store has one project with 4 spans a trace and 16 spans a session, and a trace of 1,000 spans in a project of its own.
One evaluator has labelled every span, another none. The tools run in the process of the engine, one process per store.
The figures are the least CPU time of several calls, the growth of the process's peak memory in them, and the bytes of
the reply's text. Handwritten SQL on the same file is the floor of a filter that no index serves.
`--kept` keeps the stores in a folder, and uses those that it has.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import httpx
from comparisons import served
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spans import A_REQUEST, span, text

from assaykit.engine.engine import STORE, Engine
from assaykit.engine.store.checksums import of_verdict
from assaykit.logs import configure
from assaykit.toolkit.replies import text_of

DEEP = 1_000
"""Spans of the one large trace."""

TRIES, LONG_S = 3, 4.0
"""Calls of an operation, and the seconds after which it is not called again."""

TRACE, SPAN = f"{100:032x}", f"{402:016x}"
ONE = f"context.span_id = '{SPAN}'"
FILTER = {"project": "bench", "window": "everything"}
PLAN = {"project": "bench", "window": "everything", "evaluators": ["cites"]}


class Operation(NamedTuple):
    """A call of a tool; `floor` is handwritten SQL for the rows of the project `?`, if no index serves the call."""

    name: str
    tool: str
    arguments: dict[str, Any]
    floor: str | None = None


_ROWS = "SELECT * FROM spans WHERE project_id = ? AND {} ORDER BY start_ns DESC, n DESC LIMIT 20"
OPERATIONS = (
    Operation("list_projects", "list_projects", {}),
    Operation("get_status", "get_status", {}),
    Operation("list_tasks", "list_tasks", {}),
    Operation("get_task", "get_task", {"task": "watch"}),
    Operation("list_runs", "list_runs", {"task": "polite on bench"}),
    Operation("search_spans, newest", "search_spans", FILTER),
    Operation("search_spans, by kind", "search_spans", {**FILTER, "filter": "span_kind = 'LLM'"}),
    Operation("search_spans, one session", "search_spans", {**FILTER, "filter": "attributes.session.id = 's77'"}),
    Operation("search_spans, by verdict", "search_spans", {**FILTER, "filter": "eval.polite.label = 'not parseable'"}),
    Operation(
        "search_spans, one in a hundred", "search_spans",
        {**FILTER, "filter": "attributes.input.value CONTAINS '77: where'"},
        _ROWS.format("""instr(json_extract(attributes, '$."input.value"'), '77: where') > 0"""),
    ),
    Operation(
        "search_spans, the oldest only", "search_spans", {**FILTER, "filter": "attributes.user.id = 'rare'"},
        _ROWS.format("""json_extract(attributes, '$."user.id"') = 'rare'"""),
    ),
    Operation("get_trace, by trace id", "get_trace", {"project": "bench", "trace": TRACE}),
    Operation("get_trace, by span id", "get_trace", {"project": "bench", "trace": SPAN}),
    Operation("get_trace, 1,000 spans", "get_trace", {"project": "deep", "trace": f"{9 << 100:032x}"}),
    Operation(
        "annotate, one span", "annotate",
        {"name": "seen", "targets": [SPAN], "label": "yes", "choices": {"yes": 1, "no": 0}, "project": "bench"},
    ),
    Operation(
        "label_queue, the next items", "label_queue",
        {"queue": "rare", "label": "seen", "project": "bench", "filter": "attributes.user.id = 'rare'"},
    ),
    Operation("plan, every span labelled", "preview_backfill", {**PLAN, "evaluators": ["polite"]}),
    Operation("plan, no span labelled", "preview_backfill", PLAN),
    Operation("plan with a filter", "preview_backfill", {**PLAN, "query_filter": "metadata.tier = 'pro'"}),
    Operation("plan of 1,000 spans", "preview_backfill", {**PLAN, "project": "deep"}),
    Operation("preview_judge, three rows", "preview_judge", {"judge": "cites", "project": "bench", "rows": 3}),
    Operation(
        "trigger_backfill, 1,000 spans", "trigger_backfill",
        {**PLAN, "project": "deep", "override_evaluations": True, "wait": 60},
    ),
)  # fmt: skip


def placed(number: int, total: int) -> Span:
    """A span of `bench`: the fourth part of a trace, and the sixteenth of a session, in the last six days."""
    made = span(number)
    length = made.end_time_unix_nano - made.start_time_unix_nano
    made.start_time_unix_nano = time.time_ns() - 6 * 86_400 * 10**9 + number * (6 * 86_390 * 10**9 // total)
    made.end_time_unix_nano = made.start_time_unix_nano + length
    made.attributes.append(text("session.id", f"s{number // 16}"))
    if number % 4:
        made.parent_span_id = (number // 4 * 4 + 1).to_bytes(8, "big")
    return made


def deep(number: int, total: int) -> Span:
    """A span of the one large trace; each has three children, until there are `total`."""
    made = placed(number + 1, total)
    made.trace_id = (9 << 100).to_bytes(16, "big")
    made.span_id = (number + 5 * 10**9).to_bytes(8, "big")
    made.parent_span_id = ((number - 1) // 3 + 5 * 10**9).to_bytes(8, "big") if number else b""
    return made


def bodies(count: int) -> Iterator[bytes]:
    for project, total, make in (("bench", count, placed), ("deep", DEEP, deep)):
        for first in range(0, total, A_REQUEST):
            request = ExportTraceServiceRequest()
            found = request.resource_spans.add()
            found.resource.attributes.append(text("openinference.project.name", project))
            found.scope_spans.add().spans.extend(make(n, total) for n in range(first, min(total, first + A_REQUEST)))
            yield request.SerializeToString()


async def prepare(folder: Path, count: int) -> None:
    """Make a store of so many spans, two evaluators and a task; give every span a label of `polite`."""
    async with (
        Engine.open(folder / "home", key="bench", environment={}) as engine,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(engine.app), base_url="http://e", timeout=600,
            headers={"Authorization": "Bearer bench", "content-type": "application/x-protobuf"},
        ) as http,
    ):  # fmt: skip
        for body in bodies(count):
            (await http.post("/v1/traces", content=body)).raise_for_status()
    async with served(folder) as client:
        for call, arguments in (
            ("create_judge", {"name": "cites", "code": "MATCHES_REGEX", "pattern": "refund", "variables": ["output"]}),
            ("create_judge", {"name": "polite", "code": "JSON_PARSEABLE", "variables": ["output"]}),
            ("trigger_backfill", {**PLAN, "evaluators": ["polite"], "query_filter": ONE, "wait": 60}),
            ("create_task", {"name": "watch", "project": "bench", "evaluators": ["cites"]}),
        ):
            told = await client.call_tool(call, arguments, read_timeout_seconds=600)
            assert not told.is_error, told.content
    label_everything(folder / "home" / STORE)


def label_everything(file: Path) -> None:
    """Copy the one verdict of `polite` to every span of its project."""
    with closing(sqlite3.connect(file)) as store:
        store.row_factory = sqlite3.Row
        known = dict(store.execute("SELECT * FROM evals WHERE name = 'polite' AND level = 'SPAN'").fetchone())
        targets = store.execute("SELECT span_id FROM spans WHERE project_id = ?", (known["scope_id"],)).fetchall()
        columns = list(known)
        made_by = json.loads(known["made_by"])
        rows: Iterator[dict[str, Any]] = ({**known, "target_id": one[0]} for one in targets)
        store.executemany(
            f"INSERT OR REPLACE INTO evals ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",  # noqa: S608
            (
                [{**row, "checksum": of_verdict({**row, "metadata": made_by})}[column] for column in columns]
                for row in rows
            ),
        )
        store.commit()


def peak_kib(key: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith(key)).split()[1])


def floor(file: Path, sql: str) -> float:
    """The least CPU milliseconds of a handwritten query over the project's rows."""
    taken: list[float] = []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
        project = store.execute("SELECT id FROM projects WHERE name = 'bench'").fetchone()
        for _ in range(TRIES):
            began = time.process_time()
            store.execute(sql, project).fetchall()
            taken.append(1000 * (time.process_time() - began))
    return min(taken)


async def measure(folder: Path, only: str) -> None:
    """Print one line of JSON for each operation: CPU and wall in milliseconds, MiB of memory, bytes, and the floor."""
    async with served(folder) as client:
        await client.call_tool("list_datasets", {})
        for one in OPERATIONS:
            if only not in one.name:
                continue
            taken: list[tuple[float, float]] = []
            Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
            before = peak_kib("VmRSS")
            told = None
            while len(taken) < TRIES and sum(wall for _, wall in taken) < LONG_S:
                cpu, wall = time.process_time(), time.perf_counter()
                told = await client.call_tool(one.tool, one.arguments, read_timeout_seconds=600)
                taken.append((time.process_time() - cpu, time.perf_counter() - wall))
            assert told is not None
            assert not told.is_error, (one.name, told.content)
            least, wall = min(taken)
            figures = {
                "name": one.name,
                "cpu_ms": 1000 * least,
                "wall_ms": 1000 * wall,
                "mib": (peak_kib("VmHWM") - before) / 1024,
                "bytes": len(text_of(told).encode()),
                "floor_ms": floor(folder / "home" / STORE, one.floor) if one.floor else None,
            }
            print(json.dumps(figures), flush=True)


def store_of(folder: Path, count: int) -> Path:
    """The folder of a store, which is made unless it exists."""
    place = folder / str(count)
    if not (place / "made").exists():
        place.mkdir()
        anyio.run(prepare, place, count)
        (place / "made").touch()
    return place


def measured(place: Path, only: str) -> dict[str, dict[str, Any]]:
    """The figures of a store, by the operation's name."""
    command = [sys.executable, __file__, "--alone", str(place), "--only", only]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {found["name"]: found for found in map(json.loads, told.splitlines())}


def table(found: dict[int, dict[str, dict[str, Any]]]) -> Iterator[str]:
    """A table in Markdown: CPU at each size, its growth, and the memory, bytes and floor of the largest size."""
    sizes = sorted(found)
    heads = [f"{size:,} spans, ms" for size in sizes]
    yield f"| Operation | {' | '.join(heads)} | Growth | Memory, MiB | Text, B | x SQL |"
    yield "|---" * (len(sizes) + 5) + "|"
    for name, last in found[sizes[-1]].items():
        cpu = [found[size][name]["cpu_ms"] for size in sizes]
        least = "" if last["floor_ms"] is None else f"{last['cpu_ms'] / last['floor_ms']:.2f}"
        figures = [f"{one:.1f}" for one in cpu] + [
            f"{cpu[-1] / cpu[0]:.2f}",
            f"{last['mib']:.0f}",
            f"{last['bytes']:,}",
        ]
        yield f"| {name} | {' | '.join(figures)} | {least} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--only", default="", help="the operations whose name has these words")
    parser.add_argument("--kept", type=Path, help="a folder for the stores")
    parser.add_argument("--prepare", action="store_true", help="only make the stores, in the folder")
    parser.add_argument("--alone", type=Path, help="only the figures of one store")
    given = parser.parse_args()
    configure()
    if given.alone:
        anyio.run(measure, given.alone, given.only)
        return
    with tempfile.TemporaryDirectory() as place:
        folder: Path = given.kept or Path(place)
        folder.mkdir(exist_ok=True)
        places = {count: store_of(folder, count) for count in given.spans}
        if given.prepare:
            return
        found = {count: measured(place, given.only) for count, place in places.items()}
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
