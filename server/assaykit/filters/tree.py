"""Filters as trees. `parse` creates the trees, `memory` and the store evaluate them.

A field is a dotted path. A negated operator becomes `Not` around the plain one, and `= null` becomes `IsNull`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Value: TypeAlias = str | int | float | bool
"""A literal. Integers fit signed 64 bits (`parse` reads larger ones as floats); floats are finite."""

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class And:
    """The conjunction of at least two conditions."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """The disjunction of at least two conditions."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The negation of a condition; an unknown result stays unknown."""

    item: "Node"


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison of a field with one literal."""

    field: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class In:
    """A field equal to one of at least one literal."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """A field from `low` to `high`, both included."""

    field: str
    low: str | float
    high: str | float


@dataclass(frozen=True, slots=True)
class Contains:
    """A field with `text` somewhere in it."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Like:
    """A field that matches `pattern`: `%` is any text, `_` is any one character, and neither can be escaped."""

    field: str
    pattern: str


@dataclass(frozen=True, slots=True)
class IsNull:
    """A field that is absent, or null."""

    field: str


Leaf: TypeAlias = Compare | In | Between | Contains | Like | IsNull
Node: TypeAlias = And | Or | Not | Leaf


def fields(node: Node) -> Iterator[str]:
    """The field of each condition, in order."""
    match node:
        case And(items) | Or(items):
            for item in items:
                yield from fields(item)
        case Not(item):
            yield from fields(item)
        case _:
            yield node.field
