"""Snapshots of the tool list that hosts receive, so that every change to it is visible in a diff.

    ASSAYKIT_UPDATE=1 pytest tests/test_snapshots.py

rewrites the files. Read the diff before you commit it.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from tests.caller import Caller, serving

from assaykit.settings import Settings

FOLDER = Path(__file__).parent / "snapshots"
UPDATING = "ASSAYKIT_UPDATE"
KEPT = ("name", "description", "inputSchema", "annotations")
BYTES_PER_TOOL = 740
DEFAULT_BYTES = 18_000
ALL_BYTES = 28_000
MOST_TOOLS = 40
"""Some hosts accept no more tools than this, and the list costs tokens in every conversation."""


async def test_every_tool_is_what_its_snapshot_says(ax: Caller) -> None:
    tools = {tool["name"]: {key: tool.get(key) for key in KEPT} for tool in await listed(ax)}
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


async def test_the_list_of_tools_costs_little(ax: Caller, settings: Settings) -> None:
    every = await listed(ax)
    assert len(every) <= MOST_TOOLS
    assert size(every) <= ALL_BYTES
    async with serving(replace(settings, toolsets=())) as plain:
        default = await listed(plain)
    assert len(default) < len(every)
    assert size(default) <= min(DEFAULT_BYTES, BYTES_PER_TOOL * len(default)), size(default)


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
