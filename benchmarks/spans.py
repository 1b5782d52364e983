"""Speed of ingest and search of spans over the engine's routes, compared with bare sqlite3 in the same run.

    python benchmarks/spans.py --spans 100000

Ingest is OTLP protobuf, 500 spans per request; its floor decodes the same bytes and writes the rows with sqlite3. A
search asks for the newest 50 spans under a filter; its floor is handwritten SQL on the same file. `--others PYTHON` is
an interpreter with `arize-phoenix`; the first 20,000 spans are then sent over HTTP to a Phoenix server and to
`assaykit engine`.
"""

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from processes import KEY, address, engine, phoenix

from assaykit.engine.engine import STORE, Engine

A_REQUEST = 500
NEWEST = 50
TIMES = 5
SENT_TO_OTHERS = 20_000
PATIENCE_S = 3600
START_NS = time.time_ns() - 3600 * 10**9
EVERYTHING = {"start_time": "2000-01-01T00:00:00Z"}
KINDS = ("LLM", "CHAIN", "TOOL", "RETRIEVER")

SEARCHES = {
    "span_kind = 'LLM'": "kind = 'LLM'",
    "status_code = 'ERROR'": "status_code = 'ERROR'",
    "span_kind = 'LLM' AND latency_ms < 5000": "kind = 'LLM' AND (end_ns - start_ns) / 1e6 < 5000",
    "attributes.llm.model_name = 'm-a'": """json_extract(attributes, '$."llm.model_name"') = 'm-a'""",
    "metadata.tier = 'pro'": """json_extract(attributes, '$."metadata.tier"') = 'pro'""",
    "attributes.output.value CONTAINS 'refund'": (
        """instr(json_extract(attributes, '$."output.value"'), 'refund') > 0"""
    ),
    "attributes.user.id = 'rare'": """json_extract(attributes, '$."user.id"') = 'rare'""",
}
"""Typical filters, each with its handwritten SQL. The last filter matches only the oldest span."""


def attributes(number: int) -> dict[str, str]:
    return {
        "openinference.span.kind": KINDS[number % 4],
        "input.value": f"Question {number}: where is my parcel?",
        "output.value": f"Answer {number}: {'a refund is due' if number % 10 == 0 else 'it is on its way'}. " * 5,
        "llm.model_name": "m-a" if number % 3 == 0 else "m-b",
        "metadata": json.dumps({"tier": "pro" if number % 7 == 0 else "free"}),
        **({"user.id": "rare"} if number == 0 else {}),
    }


def bodies(number: int) -> Iterator[bytes]:
    """The request bodies of an exporter."""
    for first in range(0, number, A_REQUEST):
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add()
        spans.resource.attributes.append(text("openinference.project.name", "bench"))
        scope = spans.scope_spans.add()
        for place in range(first, min(number, first + A_REQUEST)):
            scope.spans.append(span(place))
        yield request.SerializeToString()


def text(key: str, value: str) -> KeyValue:
    found = KeyValue(key=key)
    found.value.string_value = value
    return found


def span(number: int) -> Span:
    start = START_NS + number * 1000
    made = Span(
        trace_id=(number // 4 + 1).to_bytes(16, "big"),
        span_id=(number + 1).to_bytes(8, "big"),
        name="answer",
        start_time_unix_nano=start,
        end_time_unix_nano=start + (number % 100) * 10**8,
        attributes=[text(key, value) for key, value in attributes(number).items()],
    )
    made.status.code = Status.STATUS_CODE_ERROR if number % 20 == 0 else Status.STATUS_CODE_OK
    return made


def floor(sent: Sequence[bytes], file: Path) -> float:
    """Seconds to decode the requests and write their spans with bare sqlite3, one transaction per request."""
    began = time.perf_counter()
    with closing(sqlite3.connect(file, isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("PRAGMA synchronous=NORMAL")
        store.execute(
            "CREATE TABLE spans (n INTEGER PRIMARY KEY, project, trace_id, span_id, name, start, stop, code, data)"
        )
        store.execute("CREATE UNIQUE INDEX by_id ON spans (project, span_id)")
        store.execute("CREATE INDEX by_time ON spans (project, start)")
        for body in sent:
            request = ExportTraceServiceRequest.FromString(body)
            rows = [
                (
                    "bench", one.trace_id.hex(), one.span_id.hex(), one.name, one.start_time_unix_nano,
                    one.end_time_unix_nano, one.status.code,
                    json.dumps({each.key: each.value.string_value for each in one.attributes}),
                )
                for one in request.resource_spans[0].scope_spans[0].spans
            ]  # fmt: skip
            store.execute("BEGIN IMMEDIATE")
            store.executemany("INSERT INTO spans VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            store.execute("COMMIT")
    return time.perf_counter() - began


async def ingest(http: httpx.AsyncClient, sent: Sequence[bytes]) -> float:
    began = time.perf_counter()
    for body in sent:
        (
            await http.post("/v1/traces", content=body, headers={"content-type": "application/x-protobuf"})
        ).raise_for_status()
    return time.perf_counter() - began


def middle(ask: Callable[[], object]) -> float:
    """The median time of `TIMES` calls, in milliseconds."""
    taken: list[float] = []
    for _ in range(TIMES):
        began = time.perf_counter()
        ask()
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


async def searched(http: httpx.AsyncClient, project: str, file: Path) -> None:
    sql = "SELECT * FROM spans WHERE project_id = ? AND {} ORDER BY start_ns DESC, n DESC LIMIT ?"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
        for wanted, where in SEARCHES.items():
            body = {"project_id": project, "filter": wanted, **EVERYTHING}
            taken: list[float] = []
            found: Any = None
            for _ in range(TIMES):
                began = time.perf_counter()
                found = (await http.post("/v2/spans", json=body, params={"limit": NEWEST})).raise_for_status().json()
                taken.append(1000 * (time.perf_counter() - began))
            least = middle(lambda where=where: store.execute(sql.format(where), (project, NEWEST)).fetchall())
            ours = statistics.median(taken)
            figures = f"ours {ours:8.1f} ms  SQL {least:8.1f} ms  {ours / least:6.2f} x"
            print(f"{wanted:45} {len(found['spans']):3} spans  {figures}")


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--others", type=Path)
    given = parser.parse_args()
    number: int = given.spans
    sent = list(bodies(number))
    with tempfile.TemporaryDirectory() as folder:
        bare = floor(sent, Path(folder) / "bare.db")
        home = Path(folder) / "home"
        async with Engine.open(home, key="bench", environment={}) as engine:
            transport, headers = httpx.ASGITransport(engine.app), {"Authorization": "Bearer bench"}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://e", headers=headers, timeout=600
            ) as http:
                ours = await ingest(http, sent)
                rate = number / ours
                print(f"{number} spans in: ours {ours:.1f} s ({rate:.0f}/s), floor {bare:.1f} s, {ours / bare:.2f} x")
                project = (await http.get("/v2/projects")).json()["projects"][0]["id"]
                await searched(http, project, home / STORE)
    if given.others is not None:
        few = min(number, SENT_TO_OTHERS)
        beside(given.others, sent[: few // A_REQUEST], few)


def beside(python: Path, sent: Sequence[bytes], number: int) -> None:
    """Send the same requests over HTTP to our engine and to Phoenix, and wait until all spans are stored."""
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder) / "home") as doors:
        took = posted(address(doors), sent)
        print(f"{number} spans over HTTP: assaykit engine {took:.1f} s ({number / took:.0f}/s)")
    with tempfile.TemporaryDirectory() as folder, phoenix(python, Path(folder)) as at:
        began = time.perf_counter()
        answered = posted(at, sent)
        # Phoenix answers before it stores the spans.
        while (stored := stored_by_phoenix(at)) < number:
            assert time.perf_counter() - began < PATIENCE_S, f"{stored} of {number} stored"
            time.sleep(0.1)
        took = time.perf_counter() - began
        print(
            f"{number} spans over HTTP: Phoenix {took:.1f} s ({number / took:.0f}/s), answered after {answered:.1f} s"
        )


def posted(at: str, sent: Sequence[bytes]) -> float:
    """Seconds for all requests, one after the other. A request answered with 429 or 503 is sent again."""
    headers = {"content-type": "application/x-protobuf", "authorization": f"Bearer {KEY}"}
    began = time.perf_counter()
    with httpx.Client(base_url=at, headers=headers, timeout=600) as http:
        for body in sent:
            while (answer := http.post("/v1/traces", content=body)).status_code in {429, 503}:
                time.sleep(0.2)
            answer.raise_for_status()
    return time.perf_counter() - began


def stored_by_phoenix(at: str) -> int:
    query = "{ projects { edges { node { name recordCount } } } }"
    found = httpx.post(f"{at}/graphql", json={"query": query}, timeout=600).json()["data"]["projects"]["edges"]
    return sum(one["node"]["recordCount"] for one in found if one["node"]["name"] == "bench")


if __name__ == "__main__":
    anyio.run(main)
