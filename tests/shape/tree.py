"""The tree as these checks see it: its files, and its Python as syntax."""

import ast
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
    """Every file that is in the tree or would be with the next commit."""
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
def syntax(path: Path) -> ast.Module:
    """A module as syntax."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def nodes(below: Path = ROOT) -> Iterator[tuple[Path, ast.AST]]:
    """Every node of syntax below a folder, with its file."""
    for path in modules(below):
        for node in ast.walk(syntax(path)):
            yield path, node


def calls(below: Path = ROOT) -> Iterator[tuple[Path, ast.Call]]:
    """Every call below a folder, with its file."""
    for path, node in nodes(below):
        if isinstance(node, ast.Call):
            yield path, node


def called(call: ast.Call) -> str:
    """The last name of what is called: `read_text` in `path.read_text()`."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def at(path: Path, node: ast.AST | None = None) -> str:
    """Where it is, as an editor opens it."""
    line = getattr(node, "lineno", None)
    where = str(path.relative_to(ROOT))
    return where if line is None else f"{where}:{line}"
