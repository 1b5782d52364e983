"""The tools that a server shows: all of them, fewer on request or on a read-only server."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mcp.server.mcpserver.tools import Tool

from assaykit import tools
from assaykit.errors import AssayError, Invalid, Unsupported
from assaykit.importing import imported
from assaykit.settings import Settings
from assaykit.toolkit.hidden import is_hidden
from assaykit.toolkit.listed import ListedTool, late
from assaykit.toolkit.replies import one_line

ALL = "all"
LISTING = Path(tools.__file__).with_name("listing.json")
"""The list of all tools that the package ships."""


class ShownTools(NamedTuple):
    """The tools of a server, and the remarks of its instructions about hidden tools.

    `not_shown` has, for each hidden tool, the change of the server's start that shows it.
    """

    tools: Sequence[ListedTool]
    not_shown: Mapping[str, str]
    remarks: Sequence[str]


@cache
def listed() -> Sequence[ListedTool]:
    """Every tool, in order of toolset and then of definition, from the list that `discovery.listing` makes."""
    every: list[dict[str, Any]] = json.loads(LISTING.read_text(encoding="utf-8"))
    return tuple(ListedTool(effects=tuple(one.pop("effects")), **one) for one in every)


def late_tool(tool: ListedTool) -> Tool:
    """The SDK's tool for an entry of the list. Its module is imported at its first call."""

    async def load() -> Tool:
        discovery = await imported("assaykit.discovery")
        await imported(tool.module)
        return discovery.built(tool.module, tool.name)

    return late(tool, load)


def selected(settings: Settings) -> ShownTools:
    """Every tool, or those of the toolsets and the tools that the settings name. Read-only leaves out what writes.

    Raises:
        Invalid: the settings name an unknown toolset or tool.
    """
    every = listed()
    toolsets = list(dict.fromkeys(tool.toolset for tool in every))
    _refuse_unknown("toolset", settings.toolsets, [*toolsets, ALL])
    _refuse_unknown("tool", settings.tools, [tool.name for tool in every])
    shown: list[ListedTool] = []
    not_shown: dict[str, str] = {}
    partly: dict[str, None] = {}
    for tool in every:
        if change := _change(settings, tool):
            not_shown[tool.name] = change
            if not _barred(settings, tool):
                partly[tool.toolset] = None
        else:
            shown.append(tool)
    remarks: list[str] = []
    if settings.read_only:
        remarks.append("This server is read-only: the tools that write, run code or spend are left out.")
    if partly:
        remarks.append(f"Tools of {', '.join(partly)} are not shown: the user chose others with --toolsets or --tools.")
    return ShownTools(shown, not_shown, remarks)


def _barred(settings: Settings, tool: ListedTool) -> bool:
    return settings.read_only and tool.effects != ("read",)


def _change(settings: Settings, tool: ListedTool) -> str | None:
    """The change of the start that shows a hidden tool; None if the settings show it."""
    narrowed = bool(settings.toolsets or settings.tools)
    named = tool.name in settings.tools or bool({tool.toolset, ALL} & set(settings.toolsets))
    added = f"with --toolsets {','.join([*settings.toolsets, tool.toolset])}" if narrowed and not named else None
    if not _barred(settings, tool):
        return added
    return f"without --read-only and {added}" if added else "without --read-only"


def absent(name: str, shown: ShownTools) -> AssayError:
    """The error for a call of a tool that the server does not show, or that does not exist."""
    if name in shown.not_shown:
        message, _, remedy = is_hidden([name], shown.not_shown[name]).partition(": ")
        return Unsupported(f"{message}.", f"{remedy[0].upper()}{remedy[1:]}")
    return _unknown("tool", name, [tool.name for tool in shown.tools])


def _refuse_unknown(what: str, wanted: Iterable[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            raise _unknown(what, name, known)


def _unknown(what: str, name: str, known: Sequence[str]) -> Invalid:
    near = difflib.get_close_matches(name, known, n=1)
    following = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
    return Invalid(f"There is no {what} {one_line(name, 60)!r}.", following)
