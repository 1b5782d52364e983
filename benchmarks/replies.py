"""Bytes and tokens (o200k_base) of the most used replies, as text for models and as data for programs.

PYTHONPATH=server:. python benchmarks/replies.py
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from tests.environments import TOKENIZER, node_modules_with
from tests.traces import rest, send, span

from assaykit import sample
from assaykit.toolkit.replies import data_of, text_of

WIDE = "wide"
"""A project, a dataset and experiments of 500 rows each, with long text."""

COLUMNS = {"helpful": {"label": "human_label", "score": "human_score"}, "cites_policy": {"label": "cites_policy"}}
COUNT = """
const { encode } = require(process.argv[1] + "/gpt-tokenizer/cjs/encoding/o200k_base.js");
const texts = JSON.parse(require("fs").readFileSync(0, "utf-8"));
console.log(JSON.stringify(texts.map((text) => encode(text, { allowedSpecial: "all" }).length)));
"""


Call = Callable[..., Awaitable[dict[str, Any]]]
OF_500 = " of 500 rows"


class Told(NamedTuple):
    """A reply: its name in the table, the text, and the data as JSON."""

    name: str
    text: str
    data: str


def tokens(texts: Sequence[str]) -> list[int]:
    """The number of tokens of each text."""
    node = shutil.which("node")
    assert node is not None
    command = [node, "-e", COUNT, str(node_modules_with(*TOKENIZER))]
    counted = subprocess.run(command, input=json.dumps(texts), capture_output=True, check=True, encoding="utf-8")
    return json.loads(counted.stdout)


@asynccontextmanager
async def served(home: Path, files: Path) -> AsyncGenerator[Client]:
    """A client of a server process that sends data too."""
    environment = {"ASSAYKIT_HOME": str(home), "ASSAYKIT_FILES": str(files), "PYTHONPATH": ":".join(sys.path)}
    options = ["-m", "assaykit", "--structured", "--toolsets", "all"]
    process = StdioServerParameters(command=sys.executable, args=options, env=environment)
    async with Client(stdio_client(process)) as client:
        yield client


async def fill(home: Path, files: Path) -> None:
    """Send the sample and 500 long spans, and write the files of both datasets."""
    json_body = {"Content-Type": "application/json"}
    async with rest(home) as http:
        (await http.post("/v1/traces", content=sample.otlp_json(time.time_ns()), headers=json_body)).raise_for_status()
    said, asked = sample.questions()[0]["expected"] * 9, sample.questions()[0]["question"] * 9
    await send(home, [span(f"s{n}", said, asked=asked, minutes_ago=n) for n in range(500)], project=WIDE)
    shutil.copy(sample.variant_path("a").parent / "questions.csv", files)
    shutil.copy(sample.variant_path("a"), files / "variant-a.csv")
    shutil.copy(sample.variant_path("b"), files / "variant-b.csv")
    shutil.copy(sample.variant_path("a"), files / "variant-c.csv")
    rows = [{"key": f"q{n}", **{f"column {m}": said for m in range(8)}} for n in range(500)]
    (files / f"{WIDE}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for name in ("one", "two", "three"):
        scores = [
            {"key": f"q{n}", "output": said, "eval.help.score": zlib.crc32(f"{name} {n}".encode()) % 2}
            for n in range(500)
        ]
        (files / f"{name}.jsonl").write_text("\n".join(map(json.dumps, scores)), encoding="utf-8")


class Notes:
    """Calls tools and notes each reply."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.found: list[Told] = []

    async def call(self, tool: str, note: str | None = "", **arguments: Any) -> dict[str, Any]:
        """The data of a reply that must succeed. A reply without a note, which is None, is not noted."""
        told = await self.client.call_tool(tool, arguments, read_timeout_seconds=120)
        text = text_of(told)
        assert not told.is_error, text
        data = data_of(told)
        if note is not None:
            plain = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
            self.found.append(Told(f"{tool}{note}", text, plain))
        return data


async def judge(call: Call) -> None:
    """Find spans, make a judge and score the spans."""
    project = {"project": sample.PROJECT}
    await call("get_status")
    await call("list_projects")
    spans = await call("search_spans", **project)
    await call("search_spans", OF_500, project=WIDE, limit=500)
    await call("get_trace", trace=spans["spans"][0]["span_id"], **project)
    await call("list_judges")
    await call("create_judge", name="cites", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d+\]")
    mapping = {"output": "attributes.output.value"}
    await call("preview_judge", judge="cites", column_mappings=mapping, **project)
    task = {"evaluators": ["cites"], "column_mappings": mapping}
    await call("create_task", name="policy", **task, **project)
    await call("get_task", task="policy")
    run = (await call("trigger_backfill", task="policy", wait=60))["run"]["id"]
    await call("get_run", run=run)
    await call("get_run", ", rows", run=run, rows=True)


async def compare(call: Call) -> None:
    """Upload variants and compare them: on the sample, and on 500 rows."""
    await call("create_dataset", name="questions", file="questions.csv")
    await call("get_dataset", dataset="questions")
    for name in ("variant-a", "variant-b", "variant-c"):
        asked = {"dataset": "questions", "key": "key", "output": "answer", "evaluators": COLUMNS}
        await call("upload_experiment", "" if name == "variant-a" else None, file=f"{name}.csv", **asked)
    await call("list_experiments")
    await call("get_experiment", experiment="variant-a")
    three = {"experiments": ["variant-a", "variant-b", "variant-c"], "positive": {"cites_policy": "yes"}}
    await call("compare_experiments", " of three", **three)
    await call("create_dataset", None, name=WIDE, file=f"{WIDE}.jsonl")
    for name in ("one", "two", "three"):
        await call("upload_experiment", None, file=f"{name}.jsonl", dataset=WIDE, key="key")
    await call("get_dataset", OF_500, dataset=WIDE, limit=500)
    await call("get_experiment", OF_500, experiment="one", limit=500)
    await call("compare_experiments", " of three, 500 rows", experiments=["one", "two", "three"])
    every = {"experiments": ["one", "two", "three"], "detail": "full"}
    await call("compare_experiments", " of three, 500 rows, detail=full", **every)


async def main() -> None:
    """Print a table of the replies."""
    with tempfile.TemporaryDirectory() as folder:
        home, files = Path(folder) / "home", Path(folder) / "files"
        files.mkdir()
        await fill(home, files)
        async with served(home, files) as client:
            notes = Notes(client)
            await judge(notes.call)
            await compare(notes.call)
    found = notes.found
    counted = tokens([one.text for one in found] + [one.data for one in found])
    print("| Reply | Text, bytes | Text, tokens | Data, bytes | Data, tokens |\n|---|---|---|---|---|")
    for one, of_text, of_data in zip(found, counted, counted[len(found) :], strict=False):
        print(f"| {one.name} | {len(one.text.encode()):,} | {of_text:,} | {len(one.data.encode()):,} | {of_data:,} |")


if __name__ == "__main__":
    anyio.run(main)
