"""Runs the example calls of a skill and says what does not hold.

An example is a fenced block in the language `tool`: the tool's name and its arguments as JSON on the first line, then
any number of lines that say what its data holds, or give a name to a part of it:

    search_spans {"project": "support-bot", "limit": 5}
    expect $.spans[0].kind == "LLM"
    $.spans[0].span_id -> SPAN

A later argument that is `"{{SPAN}}"` is replaced by that part.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from jsonschema import Draft202012Validator
from mcp import Client
from tests.caller import text_of

from assaykit.toolkit.replies import data_of

BLOCK = re.compile(r"^```tool *\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"([a-z_]+) (\{.*\})")
EXPECT = re.compile(r"expect (\$\S*) == (.+)")
BIND = re.compile(r"(\$\S*) -> ([A-Z]+)")
STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
NOTHING = "nothing there"
QUOTED = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")


@dataclass(frozen=True)
class Example:
    """One call: `expects` are paths with values, `binds` paths with names. `line` is that of the call."""

    line: int
    tool: str
    arguments: dict[str, Any]
    expects: tuple[tuple[str, Any], ...]
    binds: tuple[tuple[str, str], ...]


def examples(text: str) -> list[Example]:
    """The examples of a skill, in order.

    Raises:
        ValueError: a block cannot be read.
    """
    return [_example(text[: found.start(1)].count("\n") + 1, found[1]) for found in BLOCK.finditer(text)]


def prose(text: str) -> str:
    """The text without its examples."""
    return BLOCK.sub("", text)


async def faults(text: str, client: Client) -> list[str]:
    """What does not hold in a skill, one sentence each; the examples are run up to the first that fails."""
    schemas = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
    found = unknown_names(text, schemas)
    bound: dict[str, Any] = {}
    for example in examples(text):
        at = f"line {example.line}, {example.tool}"
        if example.tool not in schemas:
            return [*found, f"{at}: there is no such tool"]
        arguments = _filled(example.arguments, bound)
        check = Draft202012Validator(closed(schemas[example.tool]))
        if refused := [str(error.message) for error in cast("Any", check).iter_errors(arguments)]:
            return [*found, *(f"{at}: {one}" for one in refused)]
        result = await client.call_tool(example.tool, arguments)
        if result.is_error:
            return [*found, f"{at}: {text_of(result)}"]
        data = data_of(result)
        found += [f"{at}: {one}" for one in _unmet(example, data)]
        bound |= {name: _part(data, path) for path, name in example.binds}
    return found


def unknown_names(text: str, schemas: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names in code style in the prose that are neither a tool, nor an argument, nor a field an example expects."""
    arguments = {name for schema in schemas.values() for name in schema.get("properties", {})}
    fields = {part for example in examples(text) for path, _ in example.expects for part, _ in STEP.findall(path)}
    known = schemas.keys() | arguments | fields
    return [
        f"the prose names {name}, which does not exist" for name in QUOTED.findall(prose(text)) if name not in known
    ]


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with every object closed that lists its properties: the published ones are open to be short."""
    kept = {key: _closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **kept} if "properties" in schema else kept


def _closed(node: object) -> object:
    if isinstance(node, list):
        return [_closed(part) for part in cast("list[object]", node)]
    return closed(cast("dict[str, Any]", node)) if isinstance(node, dict) else node


def _example(line: int, body: str) -> Example:
    first, *rest = body.strip().splitlines()
    call = CALL.fullmatch(first)
    if call is None:
        raise ValueError(f"line {line}: {first!r} is no call")
    expects: list[tuple[str, Any]] = []
    binds: list[tuple[str, str]] = []
    for told in rest:
        if expect := EXPECT.fullmatch(told):
            expects.append((expect[1], json.loads(expect[2])))
        elif bind := BIND.fullmatch(told):
            binds.append((bind[1], bind[2]))
        else:
            raise ValueError(f"line {line}: {told!r} is neither an expectation nor a name")
    return Example(line, call[1], json.loads(call[2]), tuple(expects), tuple(binds))


def _filled(arguments: Mapping[str, Any], bound: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with `{{NAME}}` replaced; a name that stands for nothing stays, and the call is refused."""
    by_mark = {f"{{{{{name}}}}}": value for name, value in bound.items()}
    return {key: by_mark.get(value, value) if isinstance(value, str) else value for key, value in arguments.items()}


def _unmet(example: Example, data: Mapping[str, Any]) -> list[str]:
    unmet: list[str] = []
    for path, wanted in example.expects:
        got = _part(data, path)
        # In Python true equals 1; here it must not.
        if got != wanted or isinstance(got, bool) != isinstance(wanted, bool):
            unmet.append(f"{path} is {got!r}, not {wanted!r}")
    return unmet


def _part(data: object, path: str) -> object:
    """What stands at a path such as `$.spans[0].kind`; `NOTHING` when nothing does."""
    try:
        for name, position in STEP.findall(path):
            data = cast("Any", data)[name or int(position)]
    except (LookupError, TypeError):
        return NOTHING
    return data
