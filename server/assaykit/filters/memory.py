"""Evaluation of a filter on a value in memory, without a database, by the rules of `values`."""

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

from assaykit.filters.tree import And, Between, Compare, Contains, In, IsNull, Like, Node, Not, Or, Value
from assaykit.filters.values import decimal, folded, number

Lookup: TypeAlias = Callable[[str], object]

_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matches(node: Node, lookup: Lookup) -> bool:
    """Whether the filter is true of the object that `lookup` reads.

    `lookup` maps a field of the tree to a JSON value, or to None if the field is missing. It returns `start_time` and
    `end_time` as integers, in nanoseconds since 1970.
    """
    return _verdict(node, lookup) is True


def _verdict(node: Node, lookup: Lookup) -> bool | None:
    match node:
        case And(items):
            return _all(_verdict(item, lookup) for item in items)
        case Or(items):
            return _some(_verdict(item, lookup) for item in items)
        case Not(item):
            return _opposite(_verdict(item, lookup))
        case IsNull(field):
            return _present(lookup(field)) is None
        case _:
            value = _present(lookup(node.field))
            return None if value is None else _leaf(node, value)


def _leaf(node: Compare | In | Between | Contains | Like, value: object) -> bool | None:
    match node:
        case Compare(_, sign, literal):
            return _compared(value, sign, literal)
        case In(_, literals):
            known = [answer for each in literals if (answer := _compared(value, "=", each)) is not None]
            return any(known) if known else None
        case Between(_, low, high):
            return _all([_compared(value, ">=", low), _compared(value, "<=", high)])
        case Contains(_, text):
            return _contains(value, folded(text))
        case Like(_, pattern):
            return bool(_shape(pattern).fullmatch(folded(value))) if isinstance(value, str) else None


def _compared(value: object, sign: str, literal: Value) -> bool | None:
    pair = _pair(value, literal)
    return None if pair is None else _ORDER[sign](*pair)


def _pair(value: object, literal: Value) -> tuple[object, object] | None:
    """The value and the literal as values of one type; None if they are not comparable."""
    pair: tuple[object, object] | None = None
    if isinstance(value, bool) or isinstance(literal, bool):
        pair = (value, literal) if isinstance(value, bool) and isinstance(literal, bool) else None
    elif isinstance(value, str) and isinstance(literal, str):
        pair = (value, literal)
    elif isinstance(value, str):
        pair = (decimal(value), literal)
    elif isinstance(value, int | float):
        pair = (number(value), decimal(literal) if isinstance(literal, str) else literal)
    return None if pair is None or None in pair else pair


def _contains(value: object, text: str) -> bool | None:
    """Whether the value contains `text`, which is folded; None if the value is neither text, a list nor an object."""
    if isinstance(value, str):
        return text in folded(value)
    if isinstance(value, Mapping):
        return any(_contains(each, text) for each in cast("Mapping[str, object]", value).values())
    if isinstance(value, list):
        return any(_contains(each, text) for each in cast("list[object]", value))
    return None


@lru_cache(maxsize=256)
def _shape(pattern: str) -> re.Pattern[str]:
    """A LIKE pattern as a regular expression over folded text.

    Each piece between two `%` is an atomic group: it takes its first match and never backtracks. This loses no match
    and bounds the time by text length times pattern length; plain `.*` would take longer with each further `%`.
    """
    first, *rest = (re.escape(piece).replace("_", ".") for piece in folded(pattern).split("%"))
    if rest:
        *middle, last = rest
        first += "".join(f"(?>.*?{piece})" for piece in middle) + f".*{last}"
    return re.compile(first, re.DOTALL)


def _present(value: object) -> object:
    """The value, with None for NaN, which the database stores as null."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _all(answers: Iterable[bool | None]) -> bool | None:
    return _opposite(_some(_opposite(answer) for answer in answers))


def _some(answers: Iterable[bool | None]) -> bool | None:
    unknown = False
    for answer in answers:
        if answer:
            return True
        unknown = unknown or answer is None
    return None if unknown else False


def _opposite(answer: bool | None) -> bool | None:
    return None if answer is None else not answer
