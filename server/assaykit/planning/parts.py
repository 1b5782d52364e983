"""Backfills that exceed the limit of one run, split into parts. No unit falls into the windows of two parts."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import NamedTuple

from assaykit.api.client import Api
from assaykit.api.pages import rows
from assaykit.planning.periods import Period
from assaykit.planning.spans import ROWS_PER_PAGE, SpanQuery, WantedEvaluator, both, own_filter
from assaykit.planning.units import granularity_of
from assaykit.wire.spans import ListSpansRequest, Span, SpanPage

MOST_SPANS = 400_000
"""Spans that are read to find the parts. Older spans are left for another call, and the reply says so."""

_TICK = timedelta(microseconds=1)
"""The contract's windows include both ends, and its times are in microseconds."""


class DatedSpan(NamedTuple):
    """A span: its start time, the unit that it belongs to, and whether that unit still has to be scored."""

    at: datetime
    unit: str
    is_left: bool


class BackfillPart(NamedTuple):
    """One run of a backfill: its window, and the number of units to score."""

    period: Period
    units: int


class Parts(NamedTuple):
    """The parts, newest first. `matching` counts all units found. Spans before `looked_back_to`, if set, are unread."""

    parts: Sequence[BackfillPart]
    matching: int
    looked_back_to: datetime | None = None

    @property
    def left(self) -> int:
        """Units that still have to be scored."""
        return sum(part.units for part in self.parts)


class _Block(NamedTuple):
    """Spans that no window may separate: they start at one moment, or belong to units that overlap in time."""

    start: datetime
    units: int


async def in_parts(api: Api, query: SpanQuery, wanted: Sequence[WantedEvaluator]) -> Parts:
    """The parts of a backfill over a query, each with at most `max_spans` units if possible.

    Raises:
        Invalid: the evaluators judge units of different kinds, or a filter cannot be read.
    """
    found: list[DatedSpan] = []
    looked_back_to = None
    async with aclosing(_rows(api, query, wanted)) as every:
        async for row in every:
            if len(found) == MOST_SPANS:
                looked_back_to = found[-1].at
                break
            found.append(row)
    matching = len({row.unit for row in found})
    period = query.period if looked_back_to is None else Period(looked_back_to, query.period.end)
    return Parts(split(found, period, query.max_spans), matching, looked_back_to)


def split(found: Sequence[DatedSpan], period: Period, most: int) -> list[BackfillPart]:
    """Split a period into windows. The spans are sorted from newest to oldest.

    A part has at most `most` units to score, or the units of one block if that block alone has more. Windows without
    units to score are left out.
    """
    parts: list[BackfillPart] = []
    end, count, start = period.end, 0, period.end
    for block in _blocks(found):
        if count and count + block.units > most:
            parts.append(BackfillPart(Period(start, end), count))
            end, count = start - _TICK, 0
        count, start = count + block.units, block.start
    if count:
        parts.append(BackfillPart(Period(period.start, end), count))
    return parts


def _blocks(found: Sequence[DatedSpan]) -> Iterator[_Block]:
    to_come = Counter(row.unit for row in found)
    seen: set[str] = set()
    open_units, units = 0, 0
    for place, row in enumerate(found):
        if row.unit not in seen:
            seen.add(row.unit)
            open_units += 1
            units += row.is_left
        to_come[row.unit] -= 1
        open_units -= to_come[row.unit] == 0
        following = found[place + 1] if place + 1 < len(found) else None
        if open_units == 0 and (following is None or following.at < row.at):
            yield _Block(row.at, units)
            units = 0


async def _rows(api: Api, query: SpanQuery, wanted: Sequence[WantedEvaluator]) -> AsyncGenerator[DatedSpan]:
    level = granularity_of(wanted)
    prefix = "" if level == "SPAN" else f"{level.lower()}_"
    verdicts = {f"{prefix}eval.{one.config.name}" if prefix else one.config.name for one in wanted}
    columns = [f"{name}.label" if prefix else f"eval.{name}.label" for name in verdicts]
    body = ListSpansRequest(
        project_id=query.project_id,
        start_time=query.period.start,
        end_time=query.period.end,
        filter=_filter(query, wanted),
        included_columns=["context.span_id", "context.trace_id", "start_time", "attributes.session.id", *columns],
    )
    async with aclosing(rows(api, "/v2/spans", SpanPage, body=body, limit=ROWS_PER_PAGE)) as every:
        async for span in every:
            unit = _unit(span, level)
            if unit and span.start_time is not None:
                done = verdicts <= {one.name for one in span.evaluations}
                yield DatedSpan(span.start_time, unit, query.override or not done)


def _filter(query: SpanQuery, wanted: Sequence[WantedEvaluator]) -> str | None:
    """A filter that passes every span to score. None for lettered filters, which may concern any span of the window."""
    if query.filters is not None:
        return None
    if len(wanted) == 1:
        return both(query.query_filter, wanted[0].query_filter, own_filter(wanted[0]))
    return query.query_filter


def _unit(span: Span, level: str) -> str:
    if level == "SPAN":
        return span.context.span_id
    return span.context.trace_id if level == "TRACE" else str(span.attributes.get("session.id") or "")
