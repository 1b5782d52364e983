"""Rules for every tool: a name of verb and noun, a title, the hints of its effects, and a test that calls it.

    ASSAYKIT_UPDATE=1 pytest tests/shape/test_tools.py

rewrites the table of effects in docs/settings.md.
"""

import ast
import os
import re
from collections.abc import Iterator

from mcp_types import Tool, ToolAnnotations
from tests.caller import Caller
from tests.shape.tree import ROOT, SERVER, TESTS, called, calls

from assaykit.discovery import discover
from assaykit.errors import AssayError
from assaykit.toolkit.effects import COLUMNS, Effect

NAME = re.compile(r"annotate|[a-z]+(?:_[a-z]+)+")
"""The verb `annotate` stands alone, because its object differs from call to call."""

NAME_LENGTH = 40
MOST_TOOLS = 45
ASKING = {name for name in vars(Caller) if not name.startswith("_")}


async def test_every_tool_is_named_verb_noun(ax: Caller) -> None:
    names = [tool.name for tool in await tools(ax)]
    assert 0 < len(names) <= MOST_TOOLS
    assert [name for name in names if not NAME.fullmatch(name) or len(name) > NAME_LENGTH] == []


EFFECTS = {definition.name: set(definition.effects) for _, definition in discover()}


def having(effect: Effect) -> set[str]:
    """The tools with this effect."""
    return {name for name, effects in EFFECTS.items() if effect in effects}


def test_the_tools_that_run_spend_and_send_are_these() -> None:
    assert having("run") == {"run_experiment", "retry_experiment"}
    judging = {"preview_judge", "trigger_backfill", "trigger_run", "create_task", "update_task", "create_integration"}
    assert having("spend") == judging | having("run")
    assert having("send") == {"create_integration"}
    assert having("delete") == {"delete_task", "delete_resource", "edit_examples"}


async def test_every_tool_has_a_title_and_the_hints_of_its_effects(ax: Caller) -> None:
    for tool in await tools(ax):
        assert tool.title == tool.name.replace("_", " ").capitalize()
        assert tool.annotations is not None, tool.name
        assert effective(tool.annotations) == wanted(EFFECTS[tool.name]), tool.name
        # A hint that equals the protocol's default only costs bytes.
        sent = tool.annotations.model_dump(by_alias=True, exclude_none=True)
        assert all(sent.get(name) != default for name, default in DEFAULTS.items()), tool.name


DEFAULTS = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}


def effective(hints: ToolAnnotations) -> dict[str, bool]:
    """The hints with the protocol's defaults. For a tool that only reads, two of them have no meaning."""
    every = DEFAULTS | hints.model_dump(by_alias=True, exclude_none=True)
    return {name: value for name, value in every.items() if name in MEANT or not every["readOnlyHint"]}


MEANT = {"readOnlyHint", "openWorldHint"}


def wanted(effects: set[Effect]) -> dict[str, bool]:
    """The hints that the effects ask for."""
    beyond = bool(effects & {"run", "spend", "send"})
    if effects == {"read"}:
        return {"readOnlyHint": True, "openWorldHint": False}
    return {
        "readOnlyHint": False,
        "destructiveHint": bool(effects & {"delete", "run"}),
        "idempotentHint": not beyond and "add" not in effects,
        "openWorldHint": beyond,
    }


def table() -> Iterator[str]:
    """The table of effects, from the decorators of the tools."""
    yield f"| Tool | {' | '.join(COLUMNS.values())} | Hints |"
    yield "|---" * (len(COLUMNS) + 2) + "|"
    for name, effects in EFFECTS.items():
        marks = ["x" if effect in effects else " " for effect in COLUMNS]
        hints = wanted(effects)
        read_only = "read-only" if hints["readOnlyHint"] else ""
        destructive = "destructive" if hints.get("destructiveHint") else ""
        repeatable = "idempotent" if hints.get("idempotentHint") else ""
        world = "open-world" if hints["openWorldHint"] else "closed-world"
        told = ", ".join(word for word in (read_only, destructive, repeatable, world) if word)
        yield f"| `{name}` | {' | '.join(marks)} | {told} |"


def test_the_page_on_settings_has_the_table_of_effects() -> None:
    page = ROOT / "docs" / "settings.md"
    text = page.read_text(encoding="utf-8")
    before, head, after = text.partition("| Tool |")
    rest = after.partition("\n\n")[2]
    written = f"{before}{chr(10).join(table())}\n\n{rest}"
    if os.environ.get("ASSAYKIT_UPDATE") == "1":
        page.write_text(written, encoding="utf-8")
    assert head
    assert page.read_text(encoding="utf-8") == written, (
        "the table of effects is out of date: ASSAYKIT_UPDATE=1 pytest tests/shape/test_tools.py"
    )


async def test_every_tool_is_called_by_a_test(ax: Caller) -> None:
    tested = {
        call.args[0].value
        for _, call in calls(TESTS / "tools")
        if called(call) in ASKING and call.args and isinstance(call.args[0], ast.Constant)
    }
    assert [tool.name for tool in await tools(ax) if tool.name not in tested] == []


async def test_every_tool_and_every_error_is_met_over_http(ax: Caller) -> None:
    """Of the tests of the tools, `pytest -m over_http --backend ax` plays enough to meet each."""
    met = {
        name.value
        for _, call in calls(TESTS)
        if called(call) == "over_http"
        for name in call.args
        if isinstance(name, ast.Constant)
    }
    assert met == {tool.name for tool in await tools(ax)} | {kind.code for kind in AssayError.__subclasses__()}


async def tools(ax: Caller) -> list[Tool]:
    return (await ax.client.list_tools()).tools


def test_the_readme_lists_every_tool_under_its_toolset() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = text.partition("| Toolset |")[2].partition("\n\n")[0].splitlines()[2:]
    listed = {(row.split("|")[1].strip(), name) for row in rows for name in re.findall(r"`([a-z_]+)`", row)}
    assert listed == {(toolset, definition.name) for toolset, definition in discover()}


def test_the_page_on_settings_lists_every_variable_that_is_ours() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    source = (SERVER / "settings.py").read_text(encoding="utf-8")
    assert [name for name in set(re.findall(r'"(ASSAYKIT_[A-Z_]+)"', source)) if f"`{name}`" not in text] == []
