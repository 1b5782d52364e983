"""The Python of the users' documents as files of tasks: verbatim, without the client that runs them there.

A snippet ends in a call such as `client.experiments.run(task=..., evaluators=[...])`. What that call says is what the
tool is asked for; the rest, less what only that client is needed for, is the user's file.
"""

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from tests.conformance.pages import SOURCES

_BLOCK = re.compile(r"^ *```python\b[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_RUNS = ("run", "run_experiment", "async_run_experiment")
_RENAMED = {"experiment_name": "name"}
_TOP_LEVEL_AWAIT = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class Snippet(NamedTuple):
    """The user's file, and the arguments of the tool; functions are named as `task.py:answer`."""

    file: str
    arguments: dict[str, Any]


def fenced(document: str) -> list[str]:
    """The Python blocks of a document. Skips where the documents are not there."""
    return [textwrap.dedent(block) for block in _BLOCK.findall(_text(document))]


def between(document: str, heading: str, following: str) -> str:
    """What stands between two headings of a document without fences."""
    text = _text(document)
    begin = text.index(f"\n{heading}\n", text.index("\nUsage Examples\n")) + len(heading) + 2
    return text[begin : text.index(f"\n{following}\n", begin)]


def _text(document: str) -> str:
    source = SOURCES / document
    if not source.exists():
        pytest.skip(f"{document} is not beside the repository")
    return source.read_text(encoding="utf-8")


def snippet(blocks: Sequence[str], name: str = "task.py") -> Snippet:
    """The blocks, one after the other, as one file; the last call that runs an experiment is what is asked for."""
    kept: list[str] = []
    arguments: dict[str, Any] = {}
    for block in blocks:
        tree = compile(block, name, "exec", _TOP_LEVEL_AWAIT)
        assert isinstance(tree, ast.Module)
        for statement in _users(tree.body):
            lines = block.split("\n")
            first = min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", []))])
            kept += lines[first - 1 : statement.end_lineno]
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and _name(call.func) in _RUNS:
                arguments = _arguments(call, name)
    return Snippet("\n".join(kept) + "\n", arguments)


def _users(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that have nothing to do with the client, which is what makes the run there."""
    of_client = {"client", "run_experiment", "async_run_experiment"}
    for statement in body:
        names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("phoenix.client"):
            continue
        if names & of_client:
            if isinstance(statement, ast.Assign):
                of_client |= {
                    node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)
                }
            continue
        yield statement


def _arguments(call: ast.Call, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for keyword in call.keywords:
        match keyword:
            case ast.keyword(arg="dataset" | None):
                continue
            case ast.keyword(arg="task", value=ast.Name(id=function)):
                found["task"] = f"{name}:{function}"
            case ast.keyword(arg="evaluators", value=ast.List(elts=judges)):
                found["evaluators"] = [f"{name}:{_name(one)}" for one in judges]
            case ast.keyword(arg=key, value=value):
                assert key is not None
                found[_RENAMED.get(key, key)] = ast.literal_eval(value)
    return found


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
