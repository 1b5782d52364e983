"""The tools that a server shows: the default set, more on request, fewer on a read-only server."""

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from assaykit import tools
from assaykit.errors import Invalid
from assaykit.settings import Settings
from assaykit.toolkit.builder import Definition

ALL = "all"


class ShownTools(NamedTuple):
    """The tools of a server, and the remarks of its instructions about hidden tools."""

    definitions: Sequence[Definition]
    remarks: Sequence[str]


def discover() -> Iterator[tuple[str, Definition]]:
    """Every tool with the name of its toolset, in order of module and then of definition.

    A toolset is a module of `assaykit.tools`, or a folder with a module `tools`. Its name is the folder's, unless the
    module gives another as `TOOLSET`.
    """
    for found in sorted(pkgutil.iter_modules(tools.__path__), key=lambda module: module.name):
        inner = f"{found.name}.tools" if found.ispkg else found.name
        module = importlib.import_module(f"{tools.__name__}.{inner}")
        toolset = getattr(module, "TOOLSET", found.name)
        for value in vars(module).values():
            if isinstance(value, Definition):
                yield toolset, value


def selected(settings: Settings) -> ShownTools:
    """The default set, and the toolsets and tools that the settings name. Read-only leaves out every tool that writes.

    Raises:
        Invalid: the settings name an unknown toolset or tool.
    """
    every = [*discover()]
    toolsets = list(dict.fromkeys(toolset for toolset, _ in every))
    _refuse_unknown("toolset", settings.toolsets, [*toolsets, ALL])
    _refuse_unknown("tool", settings.tools, [definition.name for _, definition in every])
    shown: list[Definition] = []
    hidden: list[str] = []
    for toolset, definition in every:
        if settings.read_only and definition.effect != "read":
            continue
        if definition.default or definition.name in settings.tools or {toolset, ALL} & set(settings.toolsets):
            shown.append(definition)
        else:
            hidden.append(definition.name)
    remarks: list[str] = []
    if settings.read_only:
        remarks.append("This server is read-only: the tools that write are left out.")
    if hidden:
        remarks.append(f"Not shown: {', '.join(hidden)}. The user can start the server with --toolsets all.")
    return ShownTools(shown, remarks)


def _refuse_unknown(what: str, wanted: Iterable[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            following = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
            raise Invalid(f"There is no {what} {name!r}.", following)
