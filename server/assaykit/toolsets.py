"""The tools that a server shows: all of them, fewer on request or on a read-only server."""

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from assaykit import tools
from assaykit.errors import AssayError, Invalid, Unsupported
from assaykit.settings import Settings
from assaykit.toolkit.builder import Definition
from assaykit.toolkit.hidden import is_hidden
from assaykit.toolkit.replies import one_line

ALL = "all"


class ShownTools(NamedTuple):
    """The tools of a server, and the remarks of its instructions about hidden tools.

    `not_shown` has, for each hidden tool, the change of the server's start that shows it.
    """

    definitions: Sequence[Definition]
    not_shown: Mapping[str, str]
    remarks: Sequence[str]


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


def selected(settings: Settings) -> ShownTools:
    """Every tool, or those of the toolsets and the tools that the settings name. Read-only leaves out what writes.

    Raises:
        Invalid: the settings name an unknown toolset or tool.
    """
    every = discover()
    toolsets = list(dict.fromkeys(toolset for toolset, _ in every))
    _refuse_unknown("toolset", settings.toolsets, [*toolsets, ALL])
    _refuse_unknown("tool", settings.tools, [definition.name for _, definition in every])
    shown: list[Definition] = []
    not_shown: dict[str, str] = {}
    partly: dict[str, None] = {}
    for toolset, definition in every:
        if change := _change(settings, toolset, definition):
            not_shown[definition.name] = change
            if not _barred(settings, definition):
                partly[toolset] = None
        else:
            shown.append(definition)
    remarks: list[str] = []
    if settings.read_only:
        remarks.append("This server is read-only: the tools that write, run code or spend are left out.")
    if partly:
        remarks.append(f"Tools of {', '.join(partly)} are not shown: the user chose others with --toolsets or --tools.")
    return ShownTools(shown, not_shown, remarks)


def _barred(settings: Settings, definition: Definition) -> bool:
    return settings.read_only and definition.effects != ("read",)


def _change(settings: Settings, toolset: str, definition: Definition) -> str | None:
    """The change of the start that shows a hidden tool; None if the settings show it."""
    narrowed = bool(settings.toolsets or settings.tools)
    named = definition.name in settings.tools or bool({toolset, ALL} & set(settings.toolsets))
    added = f"with --toolsets {','.join([*settings.toolsets, toolset])}" if narrowed and not named else None
    if not _barred(settings, definition):
        return added
    return f"without --read-only and {added}" if added else "without --read-only"


def absent(name: str, shown: ShownTools) -> AssayError:
    """The error for a call of a tool that the server does not show, or that does not exist."""
    if name in shown.not_shown:
        message, _, remedy = is_hidden([name], shown.not_shown[name]).partition(": ")
        return Unsupported(f"{message}.", f"{remedy[0].upper()}{remedy[1:]}")
    return _unknown("tool", name, [definition.name for definition in shown.definitions])


def _refuse_unknown(what: str, wanted: Iterable[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            raise _unknown(what, name, known)


def _unknown(what: str, name: str, known: Sequence[str]) -> Invalid:
    near = difflib.get_close_matches(name, known, n=1)
    following = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
    return Invalid(f"There is no {what} {one_line(name, 60)!r}.", following)
