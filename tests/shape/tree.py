"""The working tree for the shape tests: its files, and the syntax trees of its Python modules."""

import ast
import gc
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "server" / "assaykit"
TESTS = ROOT / "tests"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def files() -> tuple[Path, ...]:
    """Every tracked file, and every untracked file that Git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607  (git is where it is)
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def modules(below: Path = ROOT) -> list[Path]:
    """The Python files below a folder."""
    found = [path for path in files() if path.suffix == ".py" and path.is_relative_to(below)]
    assert found, f"there is no module below {below}"
    return found


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    """The nodes of a module's syntax tree, the module first.

    All modules have a million of them, which stay to the end. Garbage collections pass over them.
    """
    gc.disable()
    try:
        walked = tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))))
        gc.freeze()
    finally:
        gc.enable()
    return walked


def syntax(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    module = _nodes(path)[0]
    assert isinstance(module, ast.Module)
    return module


def nodes(below: Path = ROOT) -> Iterator[tuple[Path, ast.AST]]:
    """Every syntax node below a folder, with its file."""
    for path in modules(below):
        for node in _nodes(path):
            yield path, node


def calls(below: Path = ROOT) -> Iterator[tuple[Path, ast.Call]]:
    """Every call below a folder, with its file."""
    for path, node in nodes(below):
        if isinstance(node, ast.Call):
            yield path, node


def called(call: ast.Call) -> str:
    """The last name of the called expression: `read_text` in `path.read_text()`."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def at(path: Path, node: ast.AST | None = None) -> str:
    """The place of a file or node as `path:line`, which editors can open."""
    line = getattr(node, "lineno", None)
    where = str(path.relative_to(ROOT))
    return where if line is None else f"{where}:{line}"
