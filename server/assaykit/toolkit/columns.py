"""Columns of rows that are anybody's: how they are listed, and what is said of one that no row has."""

import difflib
from collections.abc import Sequence

from assaykit.errors import Invalid
from assaykit.toolkit.replies import one_line

SHOWN = 12


def listed(columns: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
    return ", ".join(one_line(column, 60) for column in columns[:SHOWN]) + more


def no_column(column: str, there: Sequence[str]) -> Invalid:
    """That no row has this column, with those that are there."""
    near = difflib.get_close_matches(column, there, n=1)
    return Invalid(
        f"No row has a column {one_line(column, 60)!r}; there are {listed(there)}.",
        f"Did you mean {one_line(near[0], 60)!r}?" if near else "Name one of these.",
    )
