# pyright: basic
"""Functions of Jupyter notebooks: the imports of a notebook, and the definitions that a function uses.

A notebook is not executed: its cells may train, call models or write. Of its statements run the imports, the functions,
classes and assignments that the wanted name uses, in their order, and those that set the environment: `load_dotenv()`,
`sys.path.append(...)` and `os.environ[...] = ...`. Magics and shell lines are dropped.
"""

from __future__ import annotations

import ast
import json
import linecache
import os
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

SUFFIX = ".ipynb"
_WHOLE_CELL = ("%%time", "%%timeit", "%%capture", "%%prun")
"""Cell magics whose cell is Python."""

_MARKS = ("%", "!", "?")
_SETTINGS = ("sys.path", "os.environ", "load_dotenv", "dotenv.load_dotenv", "nest_asyncio.apply")


class NoNotebook(Exception):
    """The file is no notebook of Python, or one of its cells cannot be read."""


class Statements(NamedTuple):
    """The statements of a notebook, and its text as one module."""

    body: Sequence[ast.stmt]
    text: str


def is_notebook(path: str) -> bool:
    """Whether the name is that of a notebook."""
    return path.lower().endswith(SUFFIX)


def statements(path: str) -> Statements:
    """The statements of all code cells, in their order.

    Raises:
        NoNotebook: the file is no notebook of Python, or a cell is no Python without its magics.
        OSError: the file cannot be read.
    """
    name = os.path.basename(path)
    with open(path, "rb") as file:
        try:
            told = json.loads(file.read())
        except (ValueError, RecursionError):
            raise NoNotebook(f"{name} is no notebook: it is not JSON") from None
    if not isinstance(told, dict) or not isinstance(told.get("cells"), list):
        raise NoNotebook(f"{name} is no notebook of format 4: it has no cells; save it anew in Jupyter")
    about = told.get("metadata") or {}
    language = (about.get("kernelspec") or {}).get("language") or (about.get("language_info") or {}).get("name")
    if language not in (None, "python"):
        raise NoNotebook(f"{name} is a notebook of {language}, and not of Python")
    cells = [_text(one) for one in told["cells"] if isinstance(one, dict) and one.get("cell_type") == "code"]
    parts = []
    for number, cell in enumerate(cells, start=1):
        part = _without_magics(cell)
        try:
            ast.parse(part)
        except (SyntaxError, ValueError) as error:
            raise NoNotebook(f"code cell {number} of {name} is no Python: {error}") from None
        parts.append(part)
    whole = "\n".join(parts) + "\n"
    return Statements(ast.parse(whole).body, whole)


def _text(cell: dict[str, Any]) -> str:
    source = cell.get("source") or ""
    return source if isinstance(source, str) else "".join(map(str, source))


def _without_magics(cell: str) -> str:
    try:
        ast.parse(cell)
    except (SyntaxError, ValueError):
        pass
    else:
        return cell
    lines = cell.split("\n")
    first = next((one for one in lines if one.strip()), "").strip()
    if first.startswith("%%") and not first.startswith(_WHOLE_CELL):
        return ""
    return "\n".join(_without_magic(one) for one in lines)


def _without_magic(line: str) -> str:
    plain = line.strip()
    value = plain.partition("=")[2].strip()
    if plain.startswith(_MARKS) or (plain.endswith("?") and "#" not in plain) or value.startswith(("!", "%")):
        return line[: len(line) - len(line.lstrip())] + "pass"
    return line


def used(found: Sequence[ast.stmt], name: str) -> list[ast.stmt]:
    """The statements that a name needs: all imports, what sets the environment, and its definitions and theirs."""
    places: dict[str, list[int]] = {}
    for place, node in enumerate(found):
        for each in _defined(node):
            places.setdefault(each, []).append(place)
    kept = {place for place, node in enumerate(found) if _has_import(node) or _sets(node)}
    left = [name, *(each for place in kept for each in _read(found[place]))]
    seen: set[str] = set()
    while left:
        one = left.pop()
        if one in seen:
            continue
        seen.add(one)
        for place in places.get(one, ()):
            kept.add(place)
            left += _read(found[place])
    return [found[place] for place in sorted(kept)]


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            yield from (one.id for one in ast.walk(target) if isinstance(one, ast.Name))
    elif isinstance(node, (ast.If, ast.Try, ast.With)) and all(map(_is_definition, _inside(node))):
        for one in _inside(node):
            yield from _defined(one)


def _inside(node: ast.stmt) -> list[ast.stmt]:
    found = [*getattr(node, "body", ()), *getattr(node, "orelse", ()), *getattr(node, "finalbody", ())]
    return found + [one for handler in getattr(node, "handlers", ()) for one in handler.body]


def _is_definition(node: ast.stmt) -> bool:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom)
    return isinstance(node, (*kinds, ast.Pass))


def _has_import(node: ast.stmt) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return True
    is_block = isinstance(node, (ast.If, ast.Try)) and all(map(_is_definition, _inside(node)))
    return is_block and any(isinstance(one, (ast.Import, ast.ImportFrom)) for one in _inside(node))


def _sets(node: ast.stmt) -> bool:
    target: Any = None
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        target = node.targets[0].value
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        target = node.value.func
    return target is not None and ast.unparse(target).startswith(_SETTINGS)


def _read(node: ast.stmt) -> list[str]:
    return [one.id for one in ast.walk(node) if isinstance(one, ast.Name)]


def module(path: str, name: str) -> types.ModuleType:
    """A module of the statements that `name` needs. It is made once for each name.

    Raises:
        NoNotebook: as `statements`. The statements may raise any other exception.
    """
    title = os.path.splitext(os.path.basename(path))[0] + ":" + name
    known = sys.modules.get(title)
    if known is not None and getattr(known, "__file__", None) == path:
        return known
    found = statements(path)
    kept = used(found.body, name)
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    made = types.ModuleType(title)
    made.__file__ = path
    made.left_out = len(found.body) - len(kept)  # type: ignore[attr-defined]
    # A traceback shows the lines of the cells, and not those of the file.
    linecache.cache[path] = (len(found.text), None, found.text.splitlines(keepends=True), path)
    sys.modules[title] = made
    exec(compile(ast.Module(body=kept, type_ignores=[]), path, "exec"), made.__dict__)  # noqa: S102  (the user's own code)
    return made


def functions(path: str) -> list[str]:
    """The names of the functions and classes of a notebook."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [one.name for one in statements(path).body if isinstance(one, kinds) and not one.name.startswith("_")]
