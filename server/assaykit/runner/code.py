"""A short digest of a function's code, by which two versions of an evaluator can be told apart."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

from assaykit.runner.assaykit_worker.notebooks import NoNotebook, is_notebook, statements

DIGITS = 12
"""Hex digits of a digest."""


def code_of(file: Path, name: str) -> str | None:
    """The digest of a function and of the names of its file that it uses, or of the file if it has no such name.

    Comments, layout and other functions of the file do not count, and neither do imported modules. None if the file
    cannot be read.
    """
    try:
        text = _text(file)
        defined = _defined(ast.parse(text))
    except (NoNotebook, OSError, SyntaxError, ValueError, RecursionError):
        return None
    first = name.split(".", maxsplit=1)[0]
    used = _used(first, defined)
    told = "\n".join(f"{one}={ast.dump(node)}" for one in sorted(used) for node in defined[one])
    return hashlib.sha256(told.encode() if used else text).hexdigest()[:DIGITS]


def _text(file: Path) -> bytes:
    return statements(str(file)).text.encode() if is_notebook(str(file)) else file.read_bytes()


def _defined(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """The statements at the top of a file by each name that they define."""
    found: dict[str, list[ast.stmt]] = {}
    for node in tree.body:
        for name in _names(node):
            found.setdefault(name, []).append(node)
    return found


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from (one.asname or one.name.split(".")[0] for one in node.names)
        return
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            yield one.id


def _used(name: str, defined: dict[str, list[ast.stmt]]) -> set[str]:
    """The name and those that its definition uses, and so on."""
    used: set[str] = set()
    left = [name]
    while left:
        one = left.pop()
        if one in used or one not in defined:
            continue
        used.add(one)
        left += [each.id for node in defined[one] for each in ast.walk(node) if isinstance(each, ast.Name)]
    return used
