"""Sentences about the columns of a user's rows: a list of columns, and the error for an unknown one."""

import difflib
from collections.abc import Sequence

from assaykit.errors import Invalid
from assaykit.toolkit.replies import quoted

SHOWN = 12


def listed(columns: Sequence[str]) -> str:
    """The first 12 columns, and the number of the others."""
    more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
    return ", ".join(quoted(column, 60) for column in columns[:SHOWN]) + more


def sheets_told(others: Sequence[str]) -> str:
    """The sheets of a workbook that were not read, in words, with a space before; empty without any."""
    return f" The first sheet is read, and not {listed(others)}: file='book.xlsx#Name' reads one." if others else ""


def near_paths(column: str, there: Sequence[str]) -> list[str]:
    """The path that ends in this name, or else the nearest one; empty without any."""
    ends = [path for path in there if path.endswith(f".{column}")]
    return ends[:1] or difflib.get_close_matches(column, there, n=1)


def no_column(column: str, there: Sequence[str]) -> Invalid:
    """The error that no row has this column. It lists the existing columns and suggests the nearest one."""
    near = near_paths(column, there)
    return Invalid(
        f"No row has a column {quoted(column, 60)}; there are {listed(there)}.",
        f"Did you mean {quoted(near[0], 60)}?" if near else "Name one of these.",
    )
