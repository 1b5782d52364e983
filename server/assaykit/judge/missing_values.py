"""Which variable of an evaluator no row has a value for, and which columns the rows have instead."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from assaykit.judge.columns import ATTRIBUTES, Row, as_text, columns, resolve
from assaykit.judge.score import EvaluatorConfig, variables
from assaykit.judge.units import Reading

NEAR_COLUMNS = 3
_ALIKE = 0.4
"""How alike two names are at least that are called near, from 0 to 1."""

_OPPOSITES = {"input", "output"}
"""Names that are alike and mean two things: what was asked is never what was answered."""


class Unread(NamedTuple):
    """A variable, the column that it is read from, and columns with a value that have a name like it."""

    variable: str
    column: str
    near: list[str]


def unread(config: EvaluatorConfig, mappings: Mapping[str, str], rows: Sequence[Row]) -> Unread | None:
    """The first variable that has a value on none of the rows; None when each has one somewhere."""
    for variable in variables(config):
        column = mappings.get(variable, variable)
        if rows and all(as_text(resolve(row, column)) is None for row in rows):
            return Unread(variable, column, near(column, rows))
    return None


def unread_units(readings: Mapping[str, Reading], values: Sequence[Mapping[str, str | None]]) -> Unread | None:
    """The same of traces or sessions, given what each variable reads and what it has read of each."""
    for variable, reading in readings.items():
        if values and all(texts.get(variable) is None for texts in values):
            return Unread(variable, reading.path, [])
    return None


def near(column: str, rows: Sequence[Row]) -> list[str]:
    """Up to three columns that hold something on the rows, the likest name first."""
    alike = sorted(((-_likeness(column, other), other) for other in columns(rows)), key=lambda pair: pair[0])
    return [other for found, other in alike[:NEAR_COLUMNS] if -found >= _ALIKE]


def _likeness(column: str, other: str) -> float:
    """Of the whole names, or of their parts where the dots are: `reply.text` is like `attributes.text`.

    What nearly every column of a span has in its name says nothing.
    """
    one, another = (name.lower().removeprefix(ATTRIBUTES) for name in (column, other))
    mine, theirs = (set(name.split(".")) - {"value"} for name in (one, another))
    if (mine ^ theirs) >= _OPPOSITES:
        return 0.0
    whole = SequenceMatcher(None, one, another).ratio()
    parts = max((SequenceMatcher(None, my, their).ratio() for my in mine for their in theirs), default=0.0)
    return max(whole, parts)
