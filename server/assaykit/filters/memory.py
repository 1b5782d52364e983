"""Deciding a filter on a value in hand, with no database. The rules are those of `values`."""

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
    """True when the filter is true of the thing `lookup` reads.

    `lookup` gets a field of the tree and answers a JSON value: None when missing, `start_time` and `end_time`
    as integers, in nanoseconds since 1970.
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
    """The two as things of one sort; None when they do not meet."""
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
    """`text` is folded."""
    if isinstance(value, str):
        return text in folded(value)
    if isinstance(value, Mapping):
        return any(_contains(each, text) for each in cast("Mapping[str, object]", value).values())
    if isinstance(value, list):
        return any(_contains(each, text) for each in cast("list[object]", value))
    return None


@lru_cache(maxsize=256)
def _shape(pattern: str) -> re.Pattern[str]:
    """A LIKE pattern as an expression over folded text.

    Each piece between two `%` takes its first place and never gives it back (an atomic group). That loses no
    match, and keeps the work within text times pattern where plain `.*` would grow with every further `%`.
    """
    first, *rest = (re.escape(piece).replace("_", ".") for piece in folded(pattern).split("%"))
    if rest:
        *middle, last = rest
        first += "".join(f"(?>.*?{piece})" for piece in middle) + f".*{last}"
    return re.compile(first, re.DOTALL)


def _present(value: object) -> object:
    """The value; None also for not-a-number, which a database keeps as null."""
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
