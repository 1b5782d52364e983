# pyright: basic
"""Loading of functions and evaluators from a user's file, and short texts for errors of the user's code."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from . import notebooks
from .plain import readable

FRAMES_SHOWN = 4
_METHODS = (("async_evaluate", "evaluate"), ("aevaluate_strings", "evaluate_strings"), ("ascore", "score"))
"""The methods of evaluator objects, each with its async form first: those of arize and Phoenix, of langchain, of RAGAS.

An object with `score` and without `ascore` is no evaluator: models of scikit-learn have that method too. The methods of
RAGAS count in an object that cannot be called.
"""
_HERE = os.path.dirname(__file__)
_INSTALLED = tuple({os.path.realpath(one) + os.sep for one in (os.path.dirname(os.__file__), sys.prefix)})


class NotThere(Exception):
    """The file has no such function."""


def module(path: str) -> ModuleType:
    """Import the file at an absolute path as a module, once, with its own folder on the import path.

    A file of a package is imported by its dotted name, with the folder above the package on the import path.
    """
    depth = _depth(path)
    if depth:
        return _of_package(path, depth)
    name = os.path.splitext(os.path.basename(path))[0]
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == path:
        return known
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if os.path.dirname(folder) not in sys.path:
        # `from app.tools import y` of app/agent.py, where app has no __init__.py.
        sys.path.append(os.path.dirname(folder))
    _add_source_folders(folder)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise NotThere(f"{os.path.basename(path)} is no Python file")
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def _add_source_folders(folder: str) -> None:
    """Put the folder `src` above a file, and that of its project, last on the import path."""
    while os.path.dirname(folder) != folder:
        is_project = any(os.path.isfile(os.path.join(folder, one)) for one in ("pyproject.toml", "setup.py"))
        source = os.path.join(folder, "src")
        for one in (folder, source) if is_project else (folder,) if os.path.basename(folder) == "src" else ():
            if os.path.isdir(one) and one not in sys.path:
                sys.path.append(one)
        if is_project:
            return
        folder = os.path.dirname(folder)


def _depth(path: str) -> int:
    """The number of packages around a file: folders with an `__init__.py`, or as many as its relative imports need."""
    found, folder = 0, os.path.dirname(path)
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        found, folder = found + 1, os.path.dirname(folder)
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return found
    return max([found, *(node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))])


def _of_package(path: str, depth: int) -> ModuleType:
    parts = os.path.splitext(path)[0].split(os.sep)
    root, names = os.sep.join(parts[: -depth - 1]) or os.sep, parts[-depth - 1 :]
    if names[-1] == "__init__":
        del names[-1]
    if root not in sys.path:
        sys.path.insert(0, root)
    _add_source_folders(root)
    if os.path.dirname(path) not in sys.path:
        # Last, so that a module of the package is not found under a second name first.
        sys.path.append(os.path.dirname(path))
    found = importlib.import_module(".".join(names))
    if os.path.realpath(getattr(found, "__file__", None) or "") != os.path.realpath(path):
        raise NotThere(f"{'.'.join(names)} is another file: {getattr(found, '__file__', None)}; rename the package")
    return found


class OwnFiles:
    """The files of the user's code that are imported: modules outside the interpreter and its installed packages."""

    def __init__(self) -> None:
        self._modules = 0
        self._told: set[str] = set()

    def new(self) -> list[str]:
        """The files that were imported since the last call."""
        if len(sys.modules) == self._modules:
            return []
        self._modules = len(sys.modules)
        every = [getattr(one, "__file__", None) for one in list(sys.modules.values())]
        found = {os.path.realpath(one) for one in every if isinstance(one, str) and one.endswith(".py")}
        new = sorted(one for one in found - self._told if not _is_installed(one))
        self._told.update(new)
        return new


def packages() -> dict[str, str]:
    """The versions of the installed packages, by name, as their folders tell, and that of Python."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for folder in sys.path:
        try:
            inside = os.listdir(folder)
        except OSError:
            continue
        for one in inside:
            name, _, version = one[: -len(".dist-info")].partition("-")
            if one.endswith(".dist-info") and version:
                found.setdefault(name, version)
    return found


def _is_installed(path: str) -> bool:
    return path.startswith((*_INSTALLED, _HERE)) or "site-packages" in path or "dist-packages" in path


def member(path: str, name: str) -> Any:
    """The function, class or object `name` of the file.

    Raises:
        NotThere: the file has no such name, or its value cannot be called.
    """
    if notebooks.is_notebook(path):
        return _of_notebook(path, name)
    here = module(path)
    found: Any = here
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not None and not callable(found) and not _methods_of(found):
        raise NotThere(
            f"{os.path.basename(path)}:{name} is a {type(found).__name__}, which cannot be called with values;"
            " write a function that calls it and returns its result"
        )
    if found is None:
        there = [
            key for key, value in vars(here).items()
            if callable(value) and not key.startswith("_") and getattr(value, "__module__", None) == here.__name__
        ]  # fmt: skip
        names = ", ".join(there[:8]) or "none"
        raise NotThere(f"{os.path.basename(path)} has no function {name!r}; it has {names}")
    return found


def _of_notebook(path: str, name: str) -> Any:
    try:
        found: Any = notebooks.module(path, name.split(".", maxsplit=1)[0])
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is None or not (callable(found) or hasattr(found, "evaluate")):
            names = ", ".join(notebooks.functions(path)[:8]) or "none"
            raise NotThere(f"{os.path.basename(path)} has no function {name!r}; it has {names}")
    except notebooks.NoNotebook as error:
        raise NotThere(str(error)) from None
    return found


def notes() -> list[str]:
    """Sentences on notebooks of which statements were left out."""
    told = []
    for one in list(sys.modules.values()):
        path, left_out = getattr(one, "__file__", None), vars(one).get("left_out") if one is not None else None
        if isinstance(path, str) and notebooks.is_notebook(path) and left_out:
            told.append(
                f"{os.path.basename(path)} was not executed: imports and the definitions that "
                f"{getattr(one, '__name__', '').rpartition(':')[2]} uses were run, {left_out} other statements were not"
            )
    return told


def evaluator(found: Any, name: str, taken: Sequence[str] = ()) -> tuple[str, Any]:
    """An evaluator's name and the function to call: a function, or a class or object with `evaluate`.

    A function has the name by which the user refers to it. An object has its own name, unless that is in `taken`.

    The first class in the method resolution order with either method decides, since the other method of its base
    classes only calls this one or refuses. If that class has both methods, the async one is used.
    """
    is_class = inspect.isclass(found)
    if is_class:
        found = found()
    methods = _methods_of(found)
    if not methods:
        return name, found
    own = next((vars(kind) for kind in type(found).__mro__ if any(each in vars(kind) for each in methods)), {})
    chosen = next((each for each in methods if each in own), methods[-1])
    called = getattr(found, "name", None) or getattr(found, "_name", None)
    own_name = called if isinstance(called, str) and called else type(found).__name__ if is_class else name
    return str(name if own_name in taken else own_name), getattr(found, chosen)


def _methods_of(found: Any) -> tuple[str, ...]:
    """The pair of methods by which an evaluator object judges; empty if it has none."""
    of_arize, of_langchain, of_ragas = _METHODS
    if any(hasattr(found, one) for one in of_arize):
        return of_arize
    if hasattr(found, of_langchain[0]):
        return of_langchain
    return of_ragas if hasattr(found, of_ragas[0]) and not callable(found) else ()


def shortened(error: BaseException) -> str:
    """The error with the last lines of its traceback that lie in the user's code.

    Of a group of exceptions it is the first inner error, after the name of the group and its number of errors.
    """
    inner = getattr(error, "exceptions", None)
    if isinstance(inner, tuple) and inner and isinstance(inner[0], BaseException):
        return f"{type(error).__name__} of {len(inner)}: {shortened(inner[0])}"
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not _is_ours(one.filename)]
    lines = [f"  {os.path.basename(one.filename)}:{one.lineno} in {one.name}: {one.line}"
             for one in frames[-FRAMES_SHOWN:]]  # fmt: skip
    if isinstance(error, SyntaxError):
        lines.append(
            "  {}:{}: {}".format(os.path.basename(error.filename or "?"), error.lineno, (error.text or "").strip())
        )
    said = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
    return readable("\n".join([said[:2000], *lines]))


def _is_ours(filename: str) -> bool:
    return filename.startswith(("<frozen", _HERE))
