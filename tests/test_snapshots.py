"""Snapshots of the tool list that hosts receive, so that every change to it is visible in a diff.

    ASSAYKIT_UPDATE=1 pytest tests/test_snapshots.py

rewrites the files, and the list that the package ships for its servers. Read the diff before you commit it. `notStrict`
lists the parts of a schema that keep it from the strict form of OpenAI's clients.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator
from tests.caller import Caller
from tests.environments import TOKENIZER, node_modules_with
from tests.strict_schemas import obstacles, strict

from assaykit import toolsets
from assaykit.discovery import built, discover, listing
from assaykit.toolkit.builder import build

FOLDER = Path(__file__).parent / "snapshots"
UPDATING = "ASSAYKIT_UPDATE"
KEPT = ("name", "title", "description", "inputSchema", "annotations")
MOST_TOOLS = 45
"""Some hosts accept no more tools than this, and the list costs tokens in every conversation."""

MOST_BYTES = 25_000
MOST_TOKENS = 6_000
COUNTED = 38
FURTHER = {
    "calibrate_judge", "check_release", "edit_examples", "label_queue", "plan_experiment", "preview_backfill",
    "render_judge",
}  # fmt: skip
"""The calibration, the decision on a release, edits, the queue of labels, the plan of a size and the free looks."""

TOKENS_OF_ANOTHER = 180
BYTES_OF_ANOTHER = 700
"""The budgets are for 38 tools. Each further tool may add so much."""

COUNTING = """
const {encode} = require("gpt-tokenizer/encoding/o200k_base");
const tools = JSON.parse(require("fs").readFileSync(0, "utf8"));
const tokens = (part) => encode(JSON.stringify(part)).length;
console.log(JSON.stringify([tokens(tools), ...tools.map(tokens)]));
"""


def test_the_shipped_list_is_what_the_code_defines() -> None:
    """A server reads the list instead of the code. So this test alone keeps the two equal."""
    if os.environ.get(UPDATING) == "1":
        toolsets.LISTING.write_text(listing(), encoding="utf-8")
        toolsets.listed.cache_clear()
    assert toolsets.LISTING.read_text(encoding="utf-8") == listing(), f"{UPDATING}=1 pytest {Path(__file__).name}"


def test_a_tool_of_the_list_is_the_tool_that_its_definition_makes() -> None:
    for entry, (toolset, definition) in zip(toolsets.listed(), discover(), strict=True):
        shown, made = toolsets.late_tool(entry), built(entry.module, entry.name)
        assert made is build(definition)
        assert entry.toolset == toolset
        for field in ("name", "title", "description", "parameters", "annotations", "output_schema", "icons", "meta"):
            assert getattr(shown, field) == getattr(made, field), (entry.name, field)


async def test_every_tool_is_what_its_snapshot_says(ax: Caller) -> None:
    tools = {
        tool["name"]: {key: tool.get(key) for key in KEPT} | {"notStrict": list(obstacles(tool["inputSchema"]))}
        for tool in await listed(ax)
    }
    if os.environ.get(UPDATING) == "1":
        write(tools)
    kept = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")}
    assert sorted(kept) == sorted(tools), f"a tool came or went: {UPDATING}=1 pytest {Path(__file__).name}"
    for name, tool in tools.items():
        assert text(kept[name]) == text(tool), f"{name} changed: {UPDATING}=1 pytest {Path(__file__).name}"


def write(tools: dict[str, dict[str, Any]]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, tool in tools.items():
        (FOLDER / f"{name}.json").write_text(text(tool), encoding="utf-8")


def text(tool: dict[str, Any]) -> str:
    """A tool as JSON. The order of its arguments is kept, because models read them from the top."""
    return json.dumps(tool, ensure_ascii=False, indent=2) + "\n"


async def test_the_list_of_tools_costs_little(ax: Caller) -> None:
    every = await listed(ax)
    assert len(every) <= MOST_TOOLS
    assert size(every) <= MOST_BYTES + BYTES_OF_ANOTHER * (len(every) - COUNTED), size(every)
    assert size(first := counted(every)) <= MOST_BYTES, size(first)


@pytest.mark.slow
async def test_the_list_of_tools_takes_few_tokens(ax: Caller) -> None:
    every = await listed(ax)
    total, *each = tokens_of(every)
    assert (of_first := tokens_of(counted(every))[0]) <= MOST_TOKENS, of_first
    assert total <= MOST_TOKENS + TOKENS_OF_ANOTHER * (len(every) - COUNTED), total
    assert sum(each) / len(each) <= TOKENS_OF_ANOTHER


def counted(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The 38 tools that the budgets are for."""
    first = [tool for tool in tools if tool["name"] not in FURTHER]
    assert len(first) == COUNTED, "a new tool belongs to FURTHER"
    return first


def tokens_of(tools: list[dict[str, Any]]) -> list[int]:
    """The tokens of the list in o200k_base, then those of each tool."""
    counted = subprocess.run(
        ["node", "-e", COUNTING],  # noqa: S607  (node is where npm is)
        input=json.dumps(tools, ensure_ascii=False),
        cwd=node_modules_with(*TOKENIZER).parent,
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=300,
    )
    return json.loads(counted.stdout)


async def test_every_schema_has_a_strict_form_or_its_snapshot_says_why_not(ax: Caller) -> None:
    converted = 0
    for tool in await listed(ax):
        schema = tool["inputSchema"]
        if json.loads((FOLDER / f"{tool['name']}.json").read_text(encoding="utf-8"))["notStrict"]:
            continue
        form = strict(schema)
        assert list(obstacles(form)) == []
        assert form["additionalProperties"] is False
        assert form["required"] == list(schema["properties"])
        assert not {"default"} & set(keywords(form)), tool["name"]
        Draft202012Validator.check_schema(form)
        converted += 1
    assert converted > 20


def size(tools: list[dict[str, Any]]) -> int:
    """Bytes of the list as compact JSON."""
    return len(json.dumps(tools, ensure_ascii=False, separators=(",", ":")).encode())


async def test_every_schema_is_flat_and_in_one_piece(ax: Caller) -> None:
    """Some hosts drop schemas with references, or with alternatives at the top level."""
    for tool in await listed(ax):
        schema = tool["inputSchema"]
        assert schema["type"] == "object", tool["name"]
        assert not {"anyOf", "oneOf", "allOf"} & schema.keys(), tool["name"]
        assert not {"$ref", "$defs", "title"} & set(keywords(schema)), tool["name"]


def keywords(schema: object) -> Iterator[str]:
    """The keywords of a schema. Names of arguments, such as "title", are not keywords."""
    if isinstance(schema, list):
        for part in cast("list[object]", schema):
            yield from keywords(part)
    elif isinstance(schema, dict):
        for key, part in cast("dict[str, Any]", schema).items():
            yield key
            named = part.values() if key in {"properties", "$defs"} else [part]
            for below in named:
                yield from keywords(below)


async def listed(ax: Caller) -> list[dict[str, Any]]:
    """`result.tools` in its wire format."""
    result = await ax.client.list_tools()
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in result.tools]
