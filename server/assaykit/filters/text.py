"""The writer of filters: tree to text. `parse` reads the text back as the same tree."""

import re
from typing import Final

from assaykit.filters.tree import And, Between, Compare, Contains, In, IsNull, Leaf, Like, Node, Not, Or, Value
from assaykit.foreign import clipped, exactly

MEANT_LIMIT: Final = 80
_BARE: Final = re.compile(r"[^\W\d]\w*(?:-\w+)*(?:\.\w+(?:-\w+)*)*")
_WORDS: Final = frozenset({"AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "CONTAINS", "IS", "NULL", "TRUE", "FALSE"})


def written(node: Node) -> str:
    """The filter as text. Operands of AND, OR and NOT are in parentheses unless they are plain conditions."""
    match node:
        case And(items):
            return " AND ".join(_part(item) for item in items)
        case Or(items):
            return " OR ".join(_part(item) for item in items)
        case Not(IsNull(field)):
            return f"{named(field)} IS NOT NULL"
        case Not(item):
            return f"NOT {_part(item)}"
        case _:
            return f"{named(node.field)} {_operation(node)}"


def _operation(leaf: Leaf) -> str:
    """The operator and literals of a condition."""
    match leaf:
        case Compare(_, operator, value):
            text = f"{operator} {_literal(value)}"
        case In(_, values):
            text = f"IN ({', '.join(_literal(value) for value in values)})"
        case Between(_, low, high):
            text = f"BETWEEN {_literal(low)} AND {_literal(high)}"
        case Contains(_, wanted):
            text = f"CONTAINS {_literal(wanted)}"
        case Like(_, pattern):
            text = f"LIKE {_literal(pattern)}"
        case IsNull():
            text = "IS NULL"
    return text


def conditions(node: Node) -> list[str]:
    """The operands of an AND, each as text; an empty list for any other node."""
    return [written(item) for item in node.items] if isinstance(node, And) else []


def _part(node: Node) -> str:
    return f"({written(node)})" if isinstance(node, (And, Or, Not)) else written(node)


def named(field: str) -> str:
    """The field as a filter names it: in double quotes where it is not one word."""
    if _BARE.fullmatch(field) and field.upper() not in _WORDS:
        return field
    return '"' + field.replace('"', '""') + '"'


def meant(field: str) -> str:
    """The field for a sentence of ours: as a filter names it, or in quotation marks of ours if it is long or odd."""
    text = named(field)
    return text if text == clipped(text, MEANT_LIMIT) else exactly(field, MEANT_LIMIT)


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
