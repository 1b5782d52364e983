"""Search for an evaluator's variable that has no value in any row, with similar columns that have one."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from assaykit.column_paths import ATTRIBUTES, Row
from assaykit.judge.columns import columns, text_at
from assaykit.judge.score import EvaluatorConfig, has, variables
from assaykit.judge.units import Reading

NEAR_COLUMNS = 3
_ALIKE = 0.4
"""The least similarity, from 0 to 1, of two names that count as near."""

_OPPOSITES = {"input", "output"}
"""Names of similar spelling and opposite meaning, which are never offered for each other."""


class Unread(NamedTuple):
    """A variable without a value, its mapped column, and columns that have a value and a similar name."""

    variable: str
    column: str
    near: list[str]


def unread(config: EvaluatorConfig, mappings: Mapping[str, str], rows: Sequence[Row]) -> Unread | None:
    """Return the first variable without a value in any row; None if each variable has a value in some row."""
    for variable in variables(config):
        column = mappings.get(variable, variable)
        if rows and not any(has(config, text_at(row, column)) for row in rows):
            return Unread(variable, column, near(column, rows))
    return None


def unread_units(readings: Mapping[str, Reading], values: Sequence[Mapping[str, str | None]]) -> Unread | None:
    """Return the first variable without a value in any trace or session.

    `readings` has the source of each variable, `values` the texts of the variables for each trace or session.
    """
    for variable, reading in readings.items():
        if values and not any((texts.get(variable) or "").strip() for texts in values):
            return Unread(variable, reading.path, [])
    return None


def near(column: str, rows: Sequence[Row]) -> list[str]:
    """Return up to three columns that have a value in the rows and a name similar to `column`, most similar first."""
    alike = sorted(((-_likeness(column, other), other) for other in columns(rows)), key=lambda pair: pair[0])
    return [other for found, other in alike[:NEAR_COLUMNS] if -found >= _ALIKE]


def _likeness(column: str, other: str) -> float:
    """The similarity, 0 to 1, of the whole names or of their most similar parts between dots.

    By its parts, `reply.text` is similar to `attributes.text`. The prefix `attributes.` and the part `value` do not
    count, because most columns of a span have them.
    """
    one, another = (name.lower().removeprefix(ATTRIBUTES) for name in (column, other))
    mine, theirs = (set(name.split(".")) - {"value"} for name in (one, another))
    if (mine ^ theirs) >= _OPPOSITES:
        return 0.0
    whole = SequenceMatcher(None, one, another).ratio()
    parts = max((SequenceMatcher(None, my, their).ratio() for my in mine for their in theirs), default=0.0)
    return max(whole, parts)
