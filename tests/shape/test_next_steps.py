"""Every tool that a sentence of ours names exists, so a next step can be taken as it is written."""

import ast
import re
from collections.abc import Iterator

from tests.shape.tree import SERVER, at, called, calls, modules, syntax

from assaykit.discovery import discover
from assaykit.toolkit.builder import build

TOOLS = {definition.name for _, definition in discover()}
VERBS = {name.partition("_")[0] for name in TOOLS}
ARGUMENTS = {name for _, definition in discover() for name in build(definition).parameters["properties"]}
WORD = re.compile(r"(?<![\w.=<])([a-z]+(?:_[a-z]+)+)(?![\w=])")
STEPS = {"NextStep", "written"}
"""The functions that write a call; the tool is their first argument."""

ELSEWHERE = ("engine", "wire", "runner")
"""Their sentences speak of routes and rows, and no model reads them as a next step."""


def sentences() -> Iterator[tuple[str, str]]:
    """Each text in the code that is not a docstring, with its place."""
    for path in modules(SERVER):
        if path.relative_to(SERVER).parts[0] in ELSEWHERE:
            continue
        every = list(ast.walk(syntax(path)))
        docstrings = {id(node.value) for node in every if isinstance(node, ast.Expr)}
        for node in every:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield at(path, node), node.value


def named() -> Iterator[tuple[str, str]]:
    """Each name in a sentence that begins like the name of a tool, with its place."""
    for place, text in sentences():
        for name in WORD.findall(text):
            in_a_sentence = " " in text or f"{name}(" in text or f"`{name}`" in text
            if in_a_sentence and name.partition("_")[0] in VERBS and name not in ARGUMENTS:
                yield place, name


def test_every_tool_that_a_sentence_names_exists() -> None:
    found = list(named())
    assert len(found) > 50
    assert [f"{place}: {name}" for place, name in found if name not in TOOLS] == []


def test_every_call_that_the_code_writes_is_of_a_tool() -> None:
    steps = [
        (at(path, call), call.args[0].value)
        for path, call in calls(SERVER / "tools")
        if called(call) in STEPS and call.args and isinstance(call.args[0], ast.Constant)
    ]
    assert len(steps) > 8
    assert [f"{place}: {name}" for place, name in steps if name not in TOOLS] == []
