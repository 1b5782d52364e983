"""The tools that the package defines. Importing them all takes long, so a server reads the list that is shipped."""

import importlib
import json
import pkgutil
from collections.abc import Sequence
from functools import cache

from mcp.server.mcpserver.tools import Tool

from assaykit import tools
from assaykit.toolkit.builder import Definition, build
from assaykit.toolkit.listed import ListedTool


@cache
def discover() -> Sequence[tuple[str, Definition]]:
    """Every tool with the name of its toolset, in order of module and then of definition.

    A toolset is a module of `assaykit.tools`, or a folder with a module `tools`. Its name is the folder's, unless the
    module gives another as `TOOLSET`.
    """
    every: list[tuple[str, Definition]] = []
    for found in sorted(pkgutil.iter_modules(tools.__path__), key=lambda module: module.name):
        inner = f"{found.name}.tools" if found.ispkg else found.name
        module = importlib.import_module(f"{tools.__name__}.{inner}")
        toolset = getattr(module, "TOOLSET", found.name)
        every += [(toolset, value) for value in vars(module).values() if isinstance(value, Definition)]
    return tuple(every)


def built(module: str, name: str) -> Tool:
    """The tool of this name in a module, ready for calls."""
    of_module = vars(importlib.import_module(module)).values()
    return next(build(one) for one in of_module if isinstance(one, Definition) and one.name == name)


def listing() -> str:
    """The list to ship, as JSON: the fields of `ListedTool` for each tool."""
    every = [
        ListedTool(toolset, one.function.__module__, one.name, one.effects, one.description, build(one).parameters)
        for toolset, one in discover()
    ]
    return json.dumps([one._asdict() for one in every], ensure_ascii=False, indent=1) + "\n"
