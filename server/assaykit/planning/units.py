"""Plans of tasks whose evaluators judge whole traces or sessions, made from real spans.

The contract has no list of traces or sessions, so a plan counts these units by the spans of the window.
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from assaykit.api.client import Api
from assaykit.api.pages import rows
from assaykit.column_paths import Row
from assaykit.filters.expressions import expression_tree
from assaykit.filters.memory import matches
from assaykit.filters.parse import MAX_CHARACTERS
from assaykit.filters.tree import And, Compare, Node
from assaykit.judge.columns import span_row
from assaykit.judge.selection import Candidate
from assaykit.judge.units import NOUNS, Gathering, Reading, Unit, is_of_whole, one_granularity
from assaykit.planning.counts import Listed, counted_by_engine, counted_from_lists, microseconds, request_for_spans
from assaykit.planning.listed_rows import MOST_SPANS, ROWS_PER_PAGE
from assaykit.planning.queries import SpanQuery, WantedEvaluator, both, own_filter
from assaykit.planning.spans import Sample, TaskPlan, ax_remarks, mapped, plan_spans, shares_of, try_mappings
from assaykit.wire.evaluators import Granularity
from assaykit.wire.spans import ListSpansRequest, Span, SpanPage

UNITS_TRIED = 10
"""Units that mappings are tried on. The newest ones are taken."""

SPANS_COUNTED = 20_000
"""Spans that are read to count units, for each filter."""

SPANS_TRIED = 2000
"""Spans that are read of all tried units together."""

_OWN = "own"
_KEYS = {"TRACE": "context.trace_id", "SESSION": "attributes.session.id"}
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)


class Chosen(NamedTuple):
    """The choice of an evaluator's units: filters by letter, and an expression over the letters. None takes all."""

    filters: Mapping[str, str]
    expression: Node | None


@dataclass
class _Count:
    """The units that were found, newest first, with the start times of their last and first listed span.

    `labelled` are the columns that each unit has verdicts in. `partly` is true if spans were left uncounted.
    """

    units: dict[str, tuple[datetime, datetime]] = field(default_factory=dict[str, tuple[datetime, datetime]])
    labelled: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    partly: bool = False


async def plan_project(api: Api, query: SpanQuery, wanted: Sequence[WantedEvaluator]) -> TaskPlan:
    """The plan of a task on a project, for evaluators of spans, traces or sessions.

    Raises:
        Invalid: the evaluators judge units of different kinds, a filter cannot be read, or a mapping resolves nowhere.
    """
    level = granularity_of(wanted)
    return await plan_spans(api, query, wanted) if level == "SPAN" else await _plan_units(api, query, level, wanted)


def granularity_of(wanted: Sequence[WantedEvaluator]) -> Granularity:
    """The kind of unit that all of these evaluators judge.

    Raises:
        Invalid: the evaluators judge units of different kinds.
    """
    return one_granularity({one.evaluator.name: one.granularity for one in wanted})


async def sample_units(api: Api, query: SpanQuery, level: Unit, one: WantedEvaluator) -> Sample:
    """The newest units of a query, as an evaluator reads them. At most ten."""
    chosen = _chosen(query, one)
    found = await _count(api, query, level, chosen, SPANS_TRIED)
    return await _sample(api, query, level, chosen, one, list(found.units)[:UNITS_TRIED])


async def _plan_units(api: Api, query: SpanQuery, level: Unit, wanted: Sequence[WantedEvaluator]) -> TaskPlan:
    noun, is_engine = NOUNS[level], await api.has_engine_routes()
    most = SPANS_TRIED if is_engine else MOST_SPANS if query.in_parts else SPANS_COUNTED
    listed = [await _count(api, query, level, _chosen(query, one), most) for one in wanted]
    samples = [
        await _sample(api, query, level, _chosen(query, one), one, list(of.units)[:UNITS_TRIED])
        for one, of in zip(wanted, listed, strict=True)
    ]
    pairs = zip(wanted, samples, strict=True)
    tried = [try_mappings(one, sample, refuse=not query.only_counts) for one, sample in pairs]
    if is_engine:
        counted = await counted_by_engine(api, request_for_spans(query, mapped(wanted, tried), level))
        partly = counted.looked_back_to is not None
    else:
        found = await _listed(api, query, level, wanted, listed)
        counted, partly = counted_from_lists(found, query, len(wanted)), found.partly
    existing = len((await _keys(api, query, level, None, ROWS_PER_PAGE)).units)
    remarks = [f"A {noun} counts if any of its spans lies in the window; it is read whole. max_spans counts {noun}s."]
    if not is_engine:
        remarks += ax_remarks(tried, [sample.rows for sample in samples], level)
    if partly:
        remarks.append(f"Only the {noun}s of the newest spans were counted; there are more.")
    return TaskPlan(shares_of(wanted, tried, counted), existing, counted, noun, remarks, partly=partly)


async def _listed(
    api: Api, query: SpanQuery, level: Unit, wanted: Sequence[WantedEvaluator], listed: Sequence[_Count]
) -> Listed:
    """The candidates among units that were listed for each evaluator. `_chosen` chose them."""
    # No window may separate spans of a unit, whether they match or not.
    columns = [_column(level, one) for one in wanted]
    every = await _keys(api, query, level, None, MOST_SPANS if query.in_parts else SPANS_COUNTED, columns)
    some = [unit for unit in every.units if any(unit in of.units for of in listed)]
    candidates = [
        Candidate(
            query.project_id,
            unit,
            [unit in of.units for of in listed],
            [column in every.labelled.get(unit, ()) for column in columns],
            microseconds(every.units[unit][0]),
            microseconds(every.units[unit][1]),
        )
        for unit in some
    ]
    partly = every.partly or any(of.partly for of in listed)
    return Listed(candidates, partly)


def _column(level: Unit, one: WantedEvaluator) -> str:
    return f"{level.lower()}_eval.{one.config.name}"


def _chosen(query: SpanQuery, one: WantedEvaluator) -> Chosen:
    if query.filters is None:
        text = both(query.query_filter, one.query_filter, own_filter(one))
        return Chosen({}, None) if text is None else Chosen({"A": text}, Compare("A", "=", value=True))
    texts = {each.id: each.filter for each in query.filters.filters}
    node = expression_tree(query.filters.expression or next(iter(texts)), texts)
    own = own_filter(one)
    if own is None:
        return Chosen(texts, node)
    return Chosen({**texts, _OWN: own}, And((node, Compare(_OWN, "=", value=True))))


async def _count(api: Api, query: SpanQuery, level: Unit, chosen: Chosen, most: int) -> _Count:
    """The chosen units, by the newest spans of the window."""
    node = chosen.expression
    if node is None:
        return await _keys(api, query, level, None, most)
    found = {
        letter: await _keys(api, query, level, text, most)
        for letter, text in chosen.filters.items()
        if letter in _letters(node)
    }
    # A unit for which no letter is true is in none of these lists.
    every = [*found.values()]
    if matches(node, lambda _: False) or len(every) > 1:
        every = [await _keys(api, query, level, None, most)]
    units = {
        unit: ends
        for unit, ends in every[0].units.items()
        if matches(node, lambda letter, unit=unit: letter in found and unit in found[letter].units)
    }
    return _Count(units, partly=any(of.partly for of in [*found.values(), *every]))


def _letters(node: Node) -> set[str]:
    asked: set[str] = set()

    def note(letter: str) -> None:
        asked.add(letter)

    # `note` answers None for every letter, so no letter decides the expression and every one is looked up.
    matches(node, note)
    return asked


async def _keys(
    api: Api, query: SpanQuery, level: Unit, text: str | None, most: int, columns: Sequence[str] = ()
) -> _Count:
    """The units of the newest spans in the window that pass a filter, with their verdicts in some columns."""
    labels = [f"{column}.label" for column in columns]
    body = ListSpansRequest(
        project_id=query.project_id,
        start_time=query.period.start,
        end_time=query.period.end,
        filter=text,
        included_columns=["context.trace_id", "start_time", "attributes.session.id", *labels],
    )
    found = _Count()
    number = 0
    async with aclosing(rows(api, "/v2/spans", SpanPage, body=body, limit=ROWS_PER_PAGE)) as every:
        async for span in every:
            if number == most:
                found.partly = True
                break
            number += 1
            unit = _unit_of(span, level)
            if unit:
                at = span.start_time or _FIRST
                newest, _ = found.units.get(unit, (at, at))
                found.units[unit] = newest, at
                found.labelled.setdefault(unit, set()).update(one.name for one in span.evaluations)
    return found


def _unit_of(span: Span, level: Unit) -> str:
    return span.context.trace_id if level == "TRACE" else str(span.attributes.get("session.id") or "")


async def _sample(
    api: Api, query: SpanQuery, level: Unit, chosen: Chosen, one: WantedEvaluator, units: Sequence[str]
) -> Sample:
    """A sample of units. An evaluator reads each variable from the spans that pass its filters."""
    ids: dict[str, Sequence[str]] = {"": tuple(chosen.filters) if query.filters is None else ()}
    if query.filters is not None:
        ids |= one.query_ids or {}
    own = None if query.filters is None else chosen.filters.get(_OWN)
    texts = {
        name: both(" OR ".join(f"({chosen.filters[letter]})" for letter in letters) or None, own)
        for name, letters in ids.items()
    }
    # Some paths are read from all spans of their unit.
    wanted = {*texts.values(), None}
    fetched = {text: await _spans(api, query, level, text, units) for text in wanted}

    def read(place: int, name: str, at: str) -> str | None:
        text = None if is_of_whole(level, at) else texts.get(name, texts[""])
        gathering = Gathering(level, {name: Reading(at, () if text is None else ((text,),))})
        found = fetched[text].get(units[place], ())
        ids = {row["context.span_id"] for row in found}
        for row in found:
            gathering.add(row, lambda _: True, is_top=row.get("parent_id") not in ids)
        return gathering.values()[name]

    every = [row for of in fetched.values() for some in of.values() for row in some]
    return Sample(len(units), read, every, f"{NOUNS[level]}s", units, await api.has_engine_routes())


async def _spans(
    api: Api, query: SpanQuery, level: Unit, text: str | None, units: Sequence[str]
) -> dict[str, list[Row]]:
    """The spans of some units that pass a filter, as rows by unit, in the order in which a judge reads them."""
    room = MAX_CHARACTERS - len(text or "") - 100
    quoted: list[str] = []
    for unit in units:
        literal = "'" + unit.replace("'", "''") + "'"
        room -= len(literal) + 2
        if room > 0:
            quoted.append(literal)
    if not quoted:
        return {}
    body = ListSpansRequest(
        project_id=query.project_id,
        start_time=_FIRST,
        end_time=query.period.end + timedelta(days=1),
        filter=both(f"{_KEYS[level]} IN ({', '.join(quoted)})", text),
    )
    spans: list[Span] = []
    async with aclosing(rows(api, "/v2/spans", SpanPage, body=body, limit=ROWS_PER_PAGE)) as every:
        async for span in every:
            spans.append(span)
            if len(spans) == SPANS_TRIED:
                break
    first: dict[str, datetime] = {}
    for span in spans:
        at = span.start_time or _NEVER
        first[span.context.trace_id] = min(at, first.get(span.context.trace_id, at))
    found: dict[str, list[Row]] = {}
    for span in sorted(
        spans, key=lambda span: (first[span.context.trace_id], span.context.trace_id, span.start_time or _NEVER)
    ):
        found.setdefault(_unit_of(span, level), []).append(span_row(span))
    return found
