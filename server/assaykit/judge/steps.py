"""The tree of a trace or session as JSON: what an application did, in order, for a judge of agents.

Each step is `{name, kind, input, output, error, steps}` without empty fields; a span whose parent is not there is on
top. If the whole tree has more than `MOST_BYTES`, long values lose their middles and the newest steps beyond
`MOST_STEPS` are left out, and the list ends in `{"shortened": true}`.
"""

import json
from collections.abc import Sequence
from typing import Any

from assaykit.judge.columns import Row, as_text, resolve
from assaykit.judge.fences import VALUE_LIMIT, cut

MOST_BYTES = VALUE_LIMIT
MOST_STEPS = 200
SHORTENED = '{"shortened":true}]'
"""The end of a shortened tree. A text within a step cannot end so, because its quotation marks are escaped."""

_KEPT = 20_000
"""Most bytes of one value that are kept while spans are read."""
_SHORTEST = 60
_FRAME = 120
"""About the bytes of a step without its values."""


class Steps:
    """The steps of one unit. The caller adds the rows of its spans, oldest first within a trace."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, str | None, dict[str, str]]] = []
        self._left_out = 0
        self._is_long = False

    def add(self, row: Row) -> None:
        """Add a span's row."""
        if len(self._steps) == MOST_STEPS:
            self._left_out += 1
            return
        told = {
            "name": row.get("name"),
            "kind": row.get("span_kind"),
            "input": as_text(resolve(row, "input")),
            "output": as_text(resolve(row, "output")),
            "error": _error(row),
        }
        kept = {key: cut(str(value), _KEPT) for key, value in told.items() if value}
        self._is_long |= any(value and kept[key] != str(value) for key, value in told.items())
        self._steps.append((row["context.span_id"], row.get("parent_id"), kept))

    def joined(self) -> str | None:
        """The tree as JSON; None without a span."""
        if not self._steps:
            return None
        text = self._written(None)
        if self._is_long or self._left_out or len(text.encode("utf-8", "replace")) > MOST_BYTES:
            values = max(1, sum(key in told for _, _, told in self._steps for key in ("input", "output", "error")))
            room = (MOST_BYTES - _FRAME * len(self._steps)) // values
            while len((text := self._written(max(room, _SHORTEST))).encode("utf-8", "replace")) > MOST_BYTES:
                if room <= _SHORTEST:
                    break
                room = room * 3 // 4
        return text

    def _written(self, room: int | None) -> str:
        nodes = {span_id: _node(told, room) for span_id, _, told in self._steps}
        tops: list[dict[str, Any]] = []
        for span_id, parent_id, _ in self._steps:
            if parent_id in nodes and not _is_above(self._steps, span_id, parent_id):
                nodes[parent_id].setdefault("steps", []).append(nodes[span_id])
            else:
                tops.append(nodes[span_id])
        if room is not None:
            tops += [{"left_out": self._left_out}] if self._left_out else []
            tops.append({"shortened": True})
        return json.dumps(tops, ensure_ascii=False, separators=(",", ":"))


def _is_above(steps: Sequence[tuple[str, str | None, Any]], span_id: str, parent_id: str | None) -> bool:
    """Whether a span is above its own parent, in a circle of parents."""
    parents = {one: above for one, above, _ in steps}
    seen: set[str | None] = set()
    while parent_id is not None and parent_id not in seen:
        if parent_id == span_id:
            return True
        seen.add(parent_id)
        parent_id = parents.get(parent_id)
    return False


def _node(told: dict[str, str], room: int | None) -> dict[str, Any]:
    if room is None:
        return dict(told)
    return {key: value if key in ("name", "kind") else _shorter(value, room) for key, value in told.items()}


def _shorter(value: str, room: int) -> str:
    if len(value) <= room:
        return value
    half = max(1, room // 2 - 10)
    return f"{value[:half]} [... {len(value) - 2 * half} characters ...] {value[-half:]}"


def _error(row: Row) -> str | None:
    """The message of a span that failed; ERROR if it has none."""
    if row.get("status_code") != "ERROR":
        return None
    return as_text(row.get("status_message")) or as_text(row.get("exception.message")) or "ERROR"
