"""The runs of a backfill. One run takes it all, or several runs take one window each."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from assaykit.planning.periods import Period
from assaykit.planning.spans import TaskPlan


class BackfillPart(NamedTuple):
    """One run of a backfill: its window, and the number of rows that it scores."""

    period: Period
    rows: int


class Parts(NamedTuple):
    """The runs of a backfill, newest first. Spans before `looked_back_to`, if set, are left for another call."""

    parts: Sequence[BackfillPart]
    looked_back_to: datetime | None = None

    @property
    def rows(self) -> int:
        """The rows that all runs score."""
        return sum(part.rows for part in self.parts)


def parts_of(plan: TaskPlan, period: Period) -> Parts:
    """The runs of a planned backfill. It is one run over the whole period if the plan has no parts."""
    counted = plan.counted
    found = [BackfillPart(Period(one.start, one.end), one.rows) for one in counted.parts]
    return Parts(found or [BackfillPart(period, plan.rows)], counted.looked_back_to)
