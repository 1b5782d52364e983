"""Files that are broken, hostile or elsewhere, through every tool that reads results or examples of one.

The reason is told in a sentence, with the line where there is one; nothing is written, and memory stays small.
"""

import bz2
import gzip
import importlib
import json
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.forks import PACKAGE, Forks, Program

CALLS: dict[str, dict[str, Any]] = {
    "create_dataset": {"name": "new"},
    "upload_experiment": {"dataset": "questions", "key": "key", "name": "new"},
    "upload_experiment with a new dataset": {"dataset": "new", "key": "key", "new_dataset": ["key"]},
    "append_examples": {"dataset": "questions"},
}
"""What each needs beside the file."""


@pytest.fixture(scope="module")
async def there(kept: Caller) -> Caller:
    """A caller with the dataset that results belong to."""
    await kept.ask("create_dataset", name="questions", rows=[{"key": f"q{n}"} for n in range(5)])
    return kept


async def refused(there: Caller, call: str, file: str) -> dict[str, str]:
    """The refusal; what is there is what was there before."""
    refusal = await there.refused(call.split(maxsplit=1)[0], file=file, **CALLS[call])
    assert [one["name"] for one in (await there.ask("list_datasets"))["datasets"]] == ["questions"]
    assert (await there.ask("list_experiments"))["experiments"] == []
    assert len((await there.ask("get_dataset", limit=500))["examples"]) == 5
    return refusal


GOOD = [{"key": f"q{n % 5}", "output": "größer"} for n in range(3000)]
CSV = "key,output\n" + "".join(f"{row['key']},{row['output']}\n" for row in GOOD)
JSONL = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in GOOD)
JSON = "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in GOOD) + "\n]"


def struck(text: str, line: int, byte: bytes) -> bytes:
    """The text with the `ß` of that line as these bytes."""
    lines = text.encode().split(b"\n")
    assert lines[line - 1].count("ß".encode()) == 1
    lines[line - 1] = lines[line - 1].replace("ß".encode(), byte)
    return b"\n".join(lines)


BOMB = gzip.compress(bytes(500_000)) * 100
"""50 MB, in parts: every worker that reads this file compresses it."""

LATIN = "is not UTF-8: byte 0xdf at position"
BROKEN: dict[str, tuple[str, bytes, str]] = {
    "latin-1 in CSV": ("a.csv", struck(CSV, 2500, b"\xdf"), f"Line 2500 of 'a.csv' {LATIN} 8 of the line."),
    "latin-1 in JSON lines": ("a.jsonl", struck(JSONL, 2500, b"\xdf"), f"Line 2500 of 'a.jsonl' {LATIN} 30"),
    "latin-1 in JSON": ("a.json", struck(JSON, 2500, b"\xdf"), f"Line 2500 of 'a.json' {LATIN} 30"),
    "UTF-16 with half a character": ("a.csv", CSV.encode("utf-16") + b"x", "Line 3002 of 'a.csv' is not UTF-16."),
    "UTF-16 without a mark, cut off": ("a.csv", CSV.encode("utf-16-le")[:-1], "Line 3001 of 'a.csv' is not UTF-16."),
    "Windows-1252": ("a.csv", "key,output\nq1,caf\xe9\n".encode("cp1252"), "Line 2 of 'a.csv' is not UTF-8: byte 0xe9"),
    "a cell of 10 MB": (
        "a.csv",
        CSV.encode() + b"q1," + b"x" * 10_000_000 + b"\n",
        "The record from line 3002 of 'a.csv' is not CSV: a cell has more than 1,048,576 characters.",
    ),
    "line ends of an old Mac": (
        "a.csv",
        b"key,output\rq1,x\r",
        "The record from line 1 of 'a.csv' is not CSV: a line ends with a carriage return alone.",
    ),
    "a name twice": ("a.csv", b"key,output,key\nq1,x,q1\n", "The header of 'a.csv' has 'key' more than once."),
    "a column without a name": ("a.csv", b",key,output\n0,q1,x\n", "Column 1 of 'a.csv' has no name."),
    "an infinity": ("a.json", b'[{"key": "q1", "output": -Infinity}]', "Line 1 of 'a.json' is not JSON"),
    "a number of many digits": (
        "a.jsonl",
        b'{"key": "q1", "output": ' + b"9" * 5000 + b"}",
        "Line 1 of 'a.jsonl' is not JSON: a number with too many digits.",
    ),
    "JSON lines by the name of JSON": ("a.json", JSONL.encode(), "Line 2 of 'a.json' is not JSON:"),
    "JSON by the name of JSON lines": ("a.jsonl", JSON.encode(), "Line 1 of 'a.jsonl' is not JSON:"),
    "an object": (
        "a.json",
        b'{"key": "q1", "output": "x"}',
        "Line 1 of 'a.json' is not JSON: the object",
    ),
    "no text at all": ("a.csv", b"", "'a.csv' is empty."),
    "a bzip2 file": ("a.jsonl", bz2.compress(JSONL.encode()), "'a.jsonl' is compressed;"),
    "a row with a cell too many": (
        "a.csv",
        CSV.encode() + b"q1,x,y\n",
        "Line 3002 of 'a.csv' has 3 cells, but the header has 2.",
    ),
    "a quote that is never closed": (
        "a.csv",
        struck(CSV, 2500, b'",\n"').replace(b'",\n"', b'\nq1,"'),
        "The record from line 2501 of 'a.csv' is not CSV:",
    ),
    "a row that is cut off": (
        "a.jsonl",
        JSONL.encode()[:-5],
        "Line 3000 of 'a.jsonl' is not JSON: Unterminated string",
    ),
    "a key twice": (
        "a.json",
        struck(JSON, 2500, b'", "key": "'),
        "Line 2500 of 'a.json' is not JSON: the key 'key' occurs twice in one object.",
    ),
    "no number": ("a.json", struck(JSON, 2500, b'", "n": NaN, "m": "'), "Line 2500 of 'a.json' is not JSON"),
    "a gzip bomb": ("a.csv.gz", BOMB, "'a.csv.gz' is compressed;"),
    "a gzip bomb by another name": ("a.csv", BOMB, "'a.csv' is compressed;"),
    "a workbook by another name": ("a.json", b"PK\x03\x04" + bytes(100), "'a.json' is compressed;"),
    "a Parquet file that is none": ("a.parquet", b"PAR1" + bytes(100), "'a.parquet' cannot be read as Parquet"),
    "one endless line": ("a.jsonl", b'{"key": "q1", "output": "' + b"x" * 17_000_000, "Line 1 of 'a.jsonl' is longer"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_file_is_told_where_and_why_and_nothing_is_written(
    there: Caller, call: str, broken: str
) -> None:
    name, content, said = BROKEN[broken]
    (there.settings.folders[0] / name).write_bytes(content)
    refusal = await refused(there, call, name)
    assert refusal["code"] == "invalid"
    assert refusal["message"].startswith(said), refusal
    assert refusal["next"]


@pytest.mark.parametrize(("name", "text", "advice"), [("a.json", JSONL, ".jsonl"), ("a.jsonl", JSON, ".json")])
async def test_json_and_json_lines_that_are_mixed_up_are_told_by_which_name_they_go(
    there: Caller, name: str, text: str, advice: str
) -> None:
    (there.settings.folders[0] / name).write_text(text, encoding="utf-8")
    assert (await refused(there, "create_dataset", name))["next"].endswith(f" ends in {advice}.")


@pytest.fixture(scope="module")
def outside(there: Caller, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good file where none may be read."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "v.csv").write_text("key,output\nq1,secret\n", encoding="utf-8")
    inside = there.settings.folders[0]
    (inside / "link.csv").symlink_to(folder / "v.csv")
    (inside / "linked").symlink_to(folder)
    (inside / ".hidden.csv").write_text("key,output\nq1,secret\n", encoding="utf-8")
    os.mkfifo(inside / "pipe.csv")
    return folder


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("file", "said", "following"),
    [
        ("{outside}/v.txt", "lies outside the allowed folders:", "or add its folder to ASSAYKIT_FILES"),
        ("{outside}/v.csv.gz", "lies outside the allowed folders:", "or add its folder to ASSAYKIT_FILES"),
        ("linked/v.txt", "is a link, or leads through one.", "copy it into the folder"),
        ("{outside}/v.csv", "lies outside the allowed folders:", "or add its folder to ASSAYKIT_FILES"),
        ("link.csv", "is a link, or leads through one.", "copy it into the folder"),
        ("linked/v.csv", "is a link, or leads through one.", "copy it into the folder"),
        ("{inside}/../v.csv", "leads upwards with '..'.", "without '..'"),
        (".hidden.csv", "is a hidden name or a name for secrets.", "Use a plain name."),
        ("pipe.csv", "is not a regular file.", "Copy its content into a plain file."),
    ],
)
async def test_a_file_that_may_not_be_read_is_refused_with_the_next_step(
    there: Caller, outside: Path, call: str, file: str, said: str, following: str
) -> None:
    name = file.format(outside=outside, inside=there.settings.folders[0])
    refusal = await refused(there, call, name)
    assert said in refusal["message"]
    assert following in refusal["next"]
    assert "secret" not in json.dumps(refusal).replace("name for secrets", "")


def repeated(arrow: Any) -> dict[str, Any]:
    """6 kB that stand for 9 GB: one long text, ninety thousand times."""
    texts = arrow.DictionaryArray.from_arrays(arrow.array([0] * 90_000, arrow.int32()), arrow.array(["x" * 100_000]))
    return {"key": ["q1"] * 90_000, "output": texts}


def one_value(arrow: Any) -> dict[str, Any]:
    """A few kilobytes that stand for one text of 200 MB."""
    return {"key": arrow.array(["q1"]), "output": arrow.array(["x" * 200_000_000])}


def one_list(arrow: Any) -> dict[str, Any]:
    """A kilobyte that stands for thirty million numbers in one row."""
    zeros = arrow.repeat(arrow.scalar(0, arrow.int8()), 30_000_000)
    return {"key": ["q1"], "output": arrow.ListArray.from_arrays(arrow.array([0, len(zeros)], arrow.int32()), zeros)}


def many_groups(arrow: Any) -> dict[str, Any]:
    """Row groups of one row, each of which is small enough, and of which a batch would take all."""
    return {"key": arrow.array(["q1"] * 40), "output": arrow.array(["x" * 10_000_000] * 40)}


def repeated_text(arrow: Any) -> Any:
    """One text of 2 MB in each of 300 rows."""
    words = arrow.array(["x" * 2_000_000])
    return arrow.DictionaryArray.from_arrays(arrow.array([0] * 300, arrow.int32()), words)


def long_words(arrow: Any) -> dict[str, Any]:
    """Half a kilobyte that stands for 600 MB, most of them in one batch, and does not say that it is a dictionary."""
    return {"key": ["q1"] * 300, "output": repeated_text(arrow)}


def long_words_in_lists(arrow: Any) -> dict[str, Any]:
    """The same, in lists."""
    lists = arrow.ListArray.from_arrays(arrow.array(range(301), arrow.int32()), repeated_text(arrow))
    return {"key": ["q1"] * 300, "output": lists}


def long_beginnings(arrow: Any) -> dict[str, Any]:
    """A text of 1 MB in every row, written as what differs from the one before: 600 MB in all."""
    return {"key": arrow.array(["q1"] * 600), "output": arrow.array(["x" * 1_000_000] * 600, arrow.large_string())}


WORDS = {"store_schema": False, "dictionary_pagesize_limit": 2**30}
BOMBS: list[tuple[Callable[[Any], dict[str, Any]], dict[str, Any]]] = [
    (repeated, {}),
    (one_value, {"use_dictionary": False}),
    (one_list, {}),
    (many_groups, {"use_dictionary": False, "row_group_size": 1}),
    (long_words, WORDS),
    (long_words_in_lists, WORDS),
    (long_beginnings, {"use_dictionary": False, "column_encoding": {"output": "DELTA_BYTE_ARRAY"}}),
]
"""What makes them, and how they are written."""

ALONE = Program("""
import json, sys
from pathlib import Path
import anyio
from mcp import Client
from assaykit.server import create_server
from assaykit.settings import Settings

async def main(home, folder, tool, given):
    settings = Settings(home=Path(home), folders=(Path(folder),), structured=True)
    async with Client(create_server(settings)) as client:
        await client.call_tool("create_dataset", {"name": "questions", "rows": [{"key": "q1"}]})
        told = await client.call_tool(tool, json.loads(given), read_timeout_seconds=600)
        listed = await client.call_tool("list_datasets", {})
        experiments = await client.call_tool("list_experiments", {})
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    there = len(listed.structured_content["datasets"]) + len(experiments.structured_content["experiments"])
    print(json.dumps({"said": told.content[0].text, "peak": int(peak) // 1024, "there": there}))

anyio.run(main, *sys.argv[1:])
""")
"""Calls a tool in a process of its own, and tells its peak of memory in MiB."""


@pytest.fixture(scope="module")
def forks() -> Generator[Forks]:
    """An interpreter that has imported the server, for the processes of the bombs."""
    with Forks(*PACKAGE, "pyarrow.parquet", variables=os.environ) as forks:
        yield forks


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.skipif(sys.platform != "linux", reason="a process's peak memory is read from /proc")
@pytest.mark.parametrize(
    ("call", "bomb", "written"),
    [
        *(("create_dataset", *bomb) for bomb in BOMBS),
        # Both read alike; what an upload adds is the sending of what was read.
        *(("upload_experiment", *bomb) for bomb in BOMBS[:4]),
    ],
)
def test_a_parquet_bomb_is_refused_within_little_memory(
    forks: Forks, tmp_path: Path, call: str, bomb: Callable[[Any], dict[str, Any]], written: dict[str, Any]
) -> None:
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    place = tmp_path / "bomb.parquet"
    parquet.write_table(arrow.table(bomb(arrow)), place, compression="zstd", **written)
    assert place.stat().st_size < 100_000
    given = json.dumps({"file": "bomb.parquet", **CALLS[call]})
    arguments = [str(tmp_path / "home"), str(tmp_path), call, given]
    ran = forks.run(Path(sys.executable), ALONE, arguments, variables=os.environ, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr[-2000:]
    told = json.loads(ran.stdout)
    assert json.loads(told["said"])["message"] == (
        "'bomb.parquet' unpacks to more than 512 MiB, or to more than 64 MiB within 256 rows."
    )
    assert told["there"] == 1
    # An empty server has 110 MiB, and a batch may have 64.
    assert told["peak"] < 400
