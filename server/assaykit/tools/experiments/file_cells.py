"""The cells of a result file that stand for verdicts and amounts, opened row by row, with the notes for the reply."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.files.columns import SHAPES_KEPT
from assaykit.files.rows import FileRow
from assaykit.foreign import as_word
from assaykit.tools.experiments.usage_cells import UsageColumn, amounts_in, is_object, told_of, usage_columns
from assaykit.tools.experiments.verdict_cells import VerdictColumns, opened_cells, verdict_columns

COLUMNS_SHOWN = 20
_INFINITE = float("inf")


class _Plan(NamedTuple):
    """The columns of rows with the same columns that have a meaning."""

    verdicts: VerdictColumns
    usage: Sequence[UsageColumn]
    plain: Sequence[str]
    """The columns with amounts, if a comparison reads each without help and no two have the same amount."""

    marks: dict[UsageColumn, None]
    """The columns with amounts that are not noted as read yet."""


class _Unread:
    """The cells of one column that could not be used, and the line of the first."""

    def __init__(self, line: int) -> None:
        self.count = 0
        self.line = line

    def told(self, column: str, lacks: str) -> str:
        """The cells in words, with a space before."""
        cells = "1 cell" if self.count == 1 else f"{self.count} cells"
        return f" {cells} of {as_word(column)}, the first in line {self.line}, without {lacks}: kept unread."


class FileCells:
    """Opens the cells of each row of `file`; afterwards `told` has the columns that were read, and the unread cells.

    The columns `others` have a meaning already. `units` has the milliseconds of columns of durations without a unit.
    """

    def __init__(self, file: str, others: Sequence[str], units: Mapping[str, float]) -> None:
        self._file = file
        self._others = others
        self._units = units
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._opened: dict[str, None] = {}
        self._used: dict[UsageColumn, None] = {}
        self._no_verdict: dict[str, _Unread] = {}
        self._no_amount: dict[str, _Unread] = {}

    def opened(self, row: FileRow) -> FileRow:
        """The row with its verdicts and amounts in columns of their own.

        Raises:
            Invalid: two columns hold different verdicts of one evaluator.
        """
        plan = self._plan(row)
        if not plan.verdicts and (not plan.usage or self._are_plain(plan, row.values)):
            return row
        values = row.values
        if plan.verdicts:
            there = [*plan.verdicts.cells, *(one[0] for one in plan.verdicts.below)]
            values, unread = opened_cells(values, plan.verdicts, row.line, self._file)
            self._opened.update(
                dict.fromkeys(one for one in there if one not in unread and row.values[one] is not None)
            )
            _count(self._no_verdict, unread, row.line)
        if plan.usage:
            more, used, no_amount = amounts_in(values, plan.usage, self._units)
            self._used.update(dict.fromkeys(used))
            _count(self._no_amount, [one.column for one in no_amount], row.line)
            values = {**values, **more} if more else values
        return row._replace(values=values)

    def _are_plain(self, plan: _Plan, values: Mapping[str, Any]) -> bool:
        """Whether a comparison reads the amounts of a row as they are. Most rows are such rows."""
        for column in plan.plain:
            cell = values[column]
            if type(cell) is str:
                # The digits of a plain number need no further look.
                if not cell.replace(".", "", 1).isdecimal() or not cell.isascii():
                    return False
            elif not ((type(cell) is float or type(cell) is int) and 0 <= cell < _INFINITE):
                return False
        if plan.plain:
            self._used.update(plan.marks)
            plan.marks.clear()
        return bool(plan.plain)

    def _plan(self, row: FileRow) -> _Plan:
        columns = tuple(row.values)
        plan = self._plans.get(columns)
        if plan is None:
            usage = usage_columns(row.values, self._others)
            is_plain = all(one.is_read for one in usage) and len({one.amount for one in usage}) == len(usage)
            plain = [one.column for one in usage] if is_plain else []
            plan = _Plan(verdict_columns(columns, self._others), usage, plain, dict.fromkeys(usage))
            # The keys of an object differ between rows of the same columns.
            if len(self._plans) < SHAPES_KEPT and not any(map(is_object, columns)):
                self._plans[columns] = plan
        return plan

    @property
    def used(self) -> set[str]:
        """The columns that were read."""
        return {*self._opened, *(one.column for one in self._used)}

    def told(self) -> str:
        """The columns that were read, and the cells that were not, in words."""
        named = ", ".join(as_word(column) for column in list(self._opened)[:COLUMNS_SHOWN])
        text = f" Verdicts are read from {named}." if named else ""
        text += told_of(self._used, self._units)
        text += "".join(one.told(column, "a verdict") for column, one in self._no_verdict.items())
        return text + "".join(one.told(column, "an amount") for column, one in self._no_amount.items())


def _count(found: dict[str, _Unread], columns: Iterable[str], line: int) -> None:
    for column in columns:
        found.setdefault(column, _Unread(line)).count += 1
