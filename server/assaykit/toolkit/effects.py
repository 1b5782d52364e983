"""Effects of a tool on the world, and the hints that hosts get of them.

A host decides by the hints whether it asks its user before a call, so they follow from the effects alone.
"""

from typing import Literal

from mcp_types import ToolAnnotations

Effect = Literal["read", "add", "change", "delete", "run", "spend", "send"]
"""`run` runs a user's code. `spend` calls a model: it costs money and gives rows to a provider. `send` sends a key."""

COLUMNS: dict[Effect, str] = {
    "read": "reads",
    "add": "adds",
    "change": "changes",
    "delete": "deletes",
    "run": "runs code",
    "spend": "spends",
    "send": "sends a key",
}
"""The heads of the table of effects in docs/settings.md."""

_DESTRUCTIVE: set[Effect] = {"delete", "run"}
_OPEN_WORLD: set[Effect] = {"run", "spend", "send"}
_IDEMPOTENT: set[Effect] = {"read", "change", "delete"}


def hints_of(effects: tuple[Effect, ...]) -> ToolAnnotations:
    """The hints of a tool. A hint that equals the protocol's default is None and costs no bytes in the list.

    The defaults are: not read-only, destructive, not idempotent, open-world. For a tool that only reads, the protocol
    gives the hints "destructive" and "idempotent" no meaning, so both are left out.

    Source: `mcp_types.ToolAnnotations` of mcp 2.3.0.
    """
    of = set(effects)
    reads = of == {"read"}
    return ToolAnnotations(
        read_only_hint=True if reads else None,
        destructive_hint=None if reads or of & _DESTRUCTIVE else False,
        idempotent_hint=True if not reads and of <= _IDEMPOTENT else None,
        open_world_hint=None if of & _OPEN_WORLD else False,
    )


def title_of(name: str) -> str:
    """The title of a tool for people, from its name."""
    return name.replace("_", " ").capitalize()
