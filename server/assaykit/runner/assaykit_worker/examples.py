# pyright: basic
"""One example of a dataset as task functions and evaluators see it."""

from __future__ import annotations

import copy
import json
from typing import Any

INPUTS = ("input", "attributes.input.value")
OUTPUTS = ("expected", "reference", "output", "attributes.output.value")
METADATA = ("metadata", "attributes.metadata")
_SYSTEM = frozenset({"id", "created_at", "updated_at"})


class Example(dict):  # type: ignore[type-arg]  # a row is read by key and by attribute
    """A row of the dataset. Its parts `id`, `input`, `output` and `metadata` can be read by key and by attribute.

    A part without a column is the row itself without its system columns. So `input["question"]` reads the column
    "question" of a dataset that has no column "input".
    """

    def __init__(self, columns: dict[str, Any]) -> None:
        super().__init__(columns)
        rest = {key: value for key, value in columns.items() if key not in _SYSTEM}
        self.id = columns.get("id", "")
        self.input = part(columns, INPUTS, rest)
        self.output = part(columns, OUTPUTS, rest)
        self.metadata = part(columns, METADATA, rest)
        self.has_metadata = part(columns, METADATA) is not None
        self.has_input = part(columns, INPUTS) is not None
        self.has_output = part(columns, OUTPUTS) is not None
        for name in ("input", "output", "metadata"):
            self.setdefault(name, getattr(self, name))

    @property
    def expected(self) -> Any:
        """The same as `output`."""
        return self.output

    @property
    def reference(self) -> Any:
        """The same as `output`."""
        return self.output


def part(columns: dict[str, Any], names: tuple[str, ...], otherwise: Any = None) -> Any:
    """The value of the first of these columns that the row has, else `otherwise`."""
    for name in names:
        if columns.get(name) is not None:
            return columns[name]
    return otherwise


def as_mapping(value: Any, key: str) -> Any:
    """The value as Phoenix passes it, always a mapping: a JSON object is parsed, any other value is put under `key`."""
    if isinstance(value, str):
        try:
            read = json.loads(value)
        except ValueError:
            read = None
        value = read if isinstance(read, dict) else {key: value}
    return value if isinstance(value, dict) else {key: value}


def fresh(value: Any) -> Any:
    """A deep copy, so that a call cannot change the arguments of the next one."""
    return copy.deepcopy(value)
