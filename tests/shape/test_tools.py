"""Rules for every tool: a name of verb and noun, all four hints, and a test that calls it."""

import ast
import re

from mcp_types import Tool
from tests.caller import Caller
from tests.shape.tree import ROOT, SERVER, TESTS, called, calls

from assaykit.errors import AssayError
from assaykit.toolsets import discover

NAME = re.compile(r"annotate|[a-z]+(?:_[a-z]+)+")
"""The verb `annotate` stands alone, because its object differs from call to call."""

NAME_LENGTH = 40
MOST_TOOLS = 40
ASKING = {name for name in vars(Caller) if not name.startswith("_")}


async def test_every_tool_is_named_verb_noun(ax: Caller) -> None:
    names = [tool.name for tool in await tools(ax)]
    assert 0 < len(names) <= MOST_TOOLS
    assert [name for name in names if not NAME.fullmatch(name) or len(name) > NAME_LENGTH] == []


async def test_every_tool_states_all_four_hints(ax: Caller) -> None:
    for tool in await tools(ax):
        hints = tool.annotations
        assert hints is not None, tool.name
        stated = [hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint]
        assert all(isinstance(hint, bool) for hint in stated), tool.name
        assert not (hints.read_only_hint and hints.destructive_hint), tool.name


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


def test_the_readme_lists_every_tool_and_which_are_there_from_the_start() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("| Toolset |")[2].partition("\n\n")[0]
    listed = {name: bold == "**" for bold, name in re.findall(r"(\*\*|)`([a-z_]+)`", table)}
    assert listed == {one.function.__name__: one.default for _, one in discover()}


def test_the_page_on_settings_lists_every_variable_that_is_ours() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    source = (SERVER / "settings.py").read_text(encoding="utf-8")
    assert [name for name in set(re.findall(r'"(ASSAYKIT_[A-Z_]+)"', source)) if f"`{name}`" not in text] == []
