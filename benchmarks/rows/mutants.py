"""S35: mutants of the guards. Each has one small fault; the tests of its module must fail."""

import ast
import copy
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import anyio  # noqa: F401  (a fork need not import it)
import httpx  # noqa: F401
import hypothesis
import pytest
import starlette.responses  # noqa: F401
from rows.outcome import Outcome, Terms, few

ROOT = Path(__file__).parents[2]
LONGEST_S = 120
LEAST = 0.9
REWRITTEN = "ignore::pytest.PytestAssertRewriteWarning"


class Guarded(NamedTuple):
    """A module, the tests that look at it, and the functions that are guards; all of them if none is named."""

    module: str
    tests: Sequence[str]
    functions: Sequence[str] = ()


GUARDS = (
    Guarded("assaykit.foreign", ["tests/test_foreign.py"]),
    Guarded("assaykit.guard", ["tests/test_guard.py"]),
    Guarded("assaykit.redaction", ["tests/test_redaction.py"]),
    Guarded("assaykit.engine.access", ["tests/engine/test_access.py"]),
    Guarded("assaykit.files.folders", ["tests/files/test_folders.py", "tests/files/test_writing.py"]),
    Guarded("assaykit.files.opening", ["tests/files/test_opening.py", "tests/files/test_writing.py"]),
    Guarded(
        "assaykit.files.csv_files", ["tests/files/test_writing.py"], ["_cell", "_in_quotes", "unguarded", "_is_guarded"]
    ),
)


class Mutant(NamedTuple):
    """A module with one fault."""

    guarded: Guarded
    line: int
    fault: str
    code: CodeType


def killed(terms: Terms) -> Mapping[str, Outcome]:
    """Run the tests over each mutant, or over some that chance chooses."""
    # A mutant is not dead because a test of it is slow.
    hypothesis.settings.register_profile("unhurried", deadline=None)
    hypothesis.settings.load_profile("unhurried")
    every = [mutant for guarded in GUARDS for mutant in mutants(guarded)]
    chance = Random(terms.seed)  # noqa: S311  (no secret)
    tried = every if terms.size == "long" else chance.sample(every, terms.of(20, len(every)))
    for guarded in {one.guarded.module: one.guarded for one in tried}.values():
        if survives(guarded, None, only_first=bool(terms.breach)):
            continue
        raise RuntimeError(f"the tests of {guarded.module} fail without a mutant")
    alive = [one for one in tried if survives(one.guarded, one.code, only_first=bool(terms.breach))]
    share = 1 - len(alive) / len(tried)
    told = [f"{one.guarded.module}:{one.line}: {one.fault} survives" for one in alive]
    figures = {"mutants": len(tried), "modules": len(GUARDS), "killed": len(tried) - len(alive), "share": share}
    return {"S35": Outcome(figures, few([f"{share:.0%} killed", *told], 12) if share < LEAST else [])}


def mutants(guarded: Guarded) -> Iterator[Mutant]:
    """Every mutant of a module."""
    path = ROOT.joinpath("server", *guarded.module.split(".")).with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for number, node in enumerate(_nodes(tree, guarded.functions)):
        for fault, change in _faults(node):
            broken = copy.deepcopy(tree)
            change(list(_nodes(broken, guarded.functions))[number])
            code = compile(ast.fix_missing_locations(broken), str(path), "exec")
            yield Mutant(guarded, getattr(node, "lineno", 0), fault, code)


def _nodes(tree: ast.Module, functions: Sequence[str]) -> Iterator[ast.AST]:
    """The nodes of all functions, in order."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (not functions or node.name in functions):
            for statement in node.body:
                yield from ast.walk(statement)


SWAPPED: Mapping[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
}

Change = Callable[[Any], None]


def _faults(node: ast.AST) -> Iterator[tuple[str, Change]]:
    match node:
        case ast.Compare(ops=[first, *_]) if type(first) in SWAPPED:
            yield f"{type(first).__name__} is {SWAPPED[type(first)].__name__}", _swap_first
        case ast.BoolOp() | ast.BinOp() if type(node.op) in SWAPPED:
            yield f"{type(node.op).__name__} is {SWAPPED[type(node.op)].__name__}", _swap
        case ast.If() | ast.IfExp() | ast.While():
            yield "a condition is negated", _negate
        case ast.Return(value=ast.Constant(value=None)):
            pass
        case ast.Return(value=ast.expr()):
            yield "a result is None", _return_nothing
        case ast.Raise():
            yield "an error is not raised", _pass
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield "a call is left out", _pass
        case ast.Constant(value=bool() | int()):
            yield f"{node.value} is another value", _other_value
        case _:
            pass


def _swap_first(node: ast.Compare) -> None:
    node.ops[0] = SWAPPED[type(node.ops[0])]()  # type: ignore[assignment]


def _swap(node: Any) -> None:
    node.op = SWAPPED[type(node.op)]()


def _negate(node: Any) -> None:
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _return_nothing(node: ast.Return) -> None:
    node.value = ast.Constant(None)


def _pass(node: Any) -> None:
    # The node becomes a statement that does nothing.
    node.__class__ = ast.Expr
    node.value = ast.Constant(None)


def _other_value(node: ast.Constant) -> None:
    node.value = (not node.value) if isinstance(node.value, bool) else int(str(node.value)) + 1


def survives(guarded: Guarded, code: CodeType | None, *, only_first: bool) -> bool:
    """Whether the tests of a module pass over a mutant, in a process of their own."""
    child = os.fork()
    if not child:
        _test(guarded, code, only_first=only_first)
    ends = time.monotonic() + LONGEST_S
    while time.monotonic() < ends:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _test(guarded: Guarded, code: CodeType | None, *, only_first: bool) -> None:
    status = 1
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        for name in [name for name in sys.modules if name.split(".")[0] in {"assaykit", "tests"}]:
            del sys.modules[name]
        if code is not None:
            sys.meta_path.insert(0, _Broken(guarded.module, code))
        os.chdir(ROOT)
        plugins = [_First()] if only_first else []
        words = ["--noconftest", "-n0", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-W", REWRITTEN]
        status = int(pytest.main([*guarded.tests, *words], plugins=plugins))
    finally:
        os._exit(status)


class _First:
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        first = {item.path: item for item in reversed(items)}
        items[:] = first.values()


class _Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads a module from the code of a mutant."""

    def __init__(self, module: str, code: CodeType) -> None:
        self._module = module
        self._code = code

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:  # noqa: ARG002  (the form of a finder)
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._module else None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = self._code.co_filename
        exec(self._code, module.__dict__)  # noqa: S102  (a mutant of our own code)
