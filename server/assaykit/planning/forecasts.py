"""Forecasts of what a continuous task spends in a week, from the rows of the last week."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from assaykit.planning.costs import with_costs
from assaykit.planning.disclosures import Disclosure, disclosed
from assaykit.planning.periods import Period
from assaykit.planning.queries import SpanQuery, WantedEvaluator
from assaykit.planning.units import plan_project
from assaykit.session import Session


class _Basis(NamedTuple):
    """The time whose rows are counted, and how often a week has it."""

    name: str
    length: timedelta
    times_a_week: int


_BASES = (
    _Basis("last week", timedelta(days=7), 1),
    _Basis("the last day", timedelta(days=1), 7),
    _Basis("the last hour", timedelta(hours=1), 7 * 24),
)


async def forecast(here: Session, query: SpanQuery, wanted: Sequence[WantedEvaluator]) -> Disclosure:
    """The disclosure of a week of a continuous task. Labelled rows count too, since new rows have no label.

    If last week has more rows than one plan counts, the last day or hour stands for it.

    Raises:
        Invalid: a filter cannot be read, or the user's price list cannot be read.
    """
    found = Disclosure()
    if not any(one.judge for one in wanted):
        return found
    now = here.now()
    for basis in _BASES:
        week = replace(query, period=Period(now - basis.length, now), override=True, only_counts=True)
        plan = await with_costs(here, await plan_project(here.api, week, wanted), wanted)
        found = (await disclosed(here, plan, wanted, basis=basis.name)).times(basis.times_a_week)
        if not (plan.capped or plan.partly):
            break
    return found
