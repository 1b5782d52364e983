"""Traces and sessions as units in the store. They have no table; their spans define them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from assaykit.engine.store.tables import spans as span_table
from assaykit.engine.store.traces import spans, verdicts
from assaykit.engine.store.traces.span_filters import of_project, where
from assaykit.engine.store.traces.spans import Arrivals, TimeRange
from assaykit.filters.fields import span_tree
from assaykit.filters.tree import And, Compare, Node, Not, Or
from assaykit.judge.units import Choice, Unit
from assaykit.wire.spans import Span

_KEYS: Final = {"TRACE": span_table.c.trace_id, "SESSION": span_table.c.session_id}
_SPANS_PER_READ = 100


class Query(NamedTuple):
    """Conditions on units: a span in the window matches `filter_text`, and `expression` is true.

    A letter of the expression is true if any span of the unit, in the window or not, matches the filter of that letter.
    """

    filter_text: str | None
    filters: Mapping[str, str]
    expression: Node | None


def matching(
    connection: sa.Connection,
    project_id: str,
    unit: Unit,
    window: TimeRange | Arrivals,
    query: Query,
    evaluators: Sequence[tuple[str, Sequence[str]]],
) -> Iterator[tuple[Any, ...]]:
    """Yield the units that match a query, newest last span first. A unit is among arrivals if its last span is.

    `evaluators` are pairs of an evaluation column and further filters. A row is the unit's id, the start times of
    its last and first span that the query matched, in nanoseconds, and then, for each evaluator, whether its filters
    match such a span, and the version of the unit's verdict, as `verdicts.made_with` tells it.
    """
    key = _KEYS[unit]
    if isinstance(window, Arrivals):
        in_window = of_project(project_id) & key.in_(sa.select(_last_places(project_id, unit, window).c.id))
    else:
        in_window = of_project(project_id) & span_table.c.start_ns.between(*window)
    taken = sa.true() if query.filter_text is None else where(span_tree(query.filter_text), project_id)
    parts = [
        sa.func.max(sa.case((_all(filters, project_id), 1), else_=0)).label(f"c{number}")
        for number, (_, filters) in enumerate(evaluators)
    ]
    newest, oldest = (of(span_table.c.start_ns) for of in (sa.func.max, sa.func.min))
    ends = newest.label("newest"), oldest.label("oldest"), sa.func.max(span_table.c.n).label("last")
    # The comparison with the empty text is null for spans without a session, and so drops them too.
    grouped = sa.select(key.label("id"), *ends, *parts).where(in_window, taken, key != "").group_by(key)
    found = grouped.subquery("unit")
    asked: list[sa.ColumnElement[Any]] = [found.c.id, found.c.newest, found.c.oldest]
    for number, (column, _) in enumerate(evaluators):
        # A schedule scores a unit anew that has grown since; a trigger leaves that to override_evaluations.
        grown_to = found.c.last if isinstance(window, Arrivals) else None
        version = verdicts.made_with(project_id, unit, found.c.id, column, grown_to)
        asked += [found.c[f"c{number}"], version.label(f"d{number}")]
    listed = sa.select(*asked)
    if query.expression is not None:

        def some(letter: str) -> sa.ColumnElement[bool]:
            inside = sa.select(sa.literal(1)).select_from(span_table)
            inside = inside.where(key == found.c.id, where(span_tree(query.filters[letter]), project_id))
            return inside.correlate(found).exists()

        listed = listed.where(_clause(query.expression, some))
    with connection.execute(listed.order_by(found.c.newest.desc(), found.c.last.desc())) as result:
        for row in result:
            yield tuple(row)


def ended(connection: sa.Connection, project_id: str, unit: Unit, arrivals: Arrivals, most: int) -> Sequence[int]:
    """The ingest places of the last spans of the first `most` units whose last span is among the arrivals, in order."""
    found = _last_places(project_id, unit, arrivals)
    return connection.execute(sa.select(found.c.last).order_by(found.c.last).limit(most)).scalars().all()


def count_ended(connection: sa.Connection, project_id: str, unit: Unit, arrivals: Arrivals) -> int:
    """The number of units whose last span is among the arrivals."""
    found = _last_places(project_id, unit, arrivals)
    return connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one()


def first_open(connection: sa.Connection, project_id: str, unit: Unit, arrivals: Arrivals) -> int | None:
    """The first last place of a unit among the arrivals that lacks a parent; None without such a unit."""
    found = _last(project_id, unit, arrivals)
    query = sa.select(sa.func.min(found.c.last)).where(found.c.last > (arrivals.closed or 0))
    return connection.execute(query.where(_lacks_parent(project_id, unit, found.c.id))).scalar()


def count_open(connection: sa.Connection, project_id: str, unit: Unit, arrivals: Arrivals) -> int:
    """The number of units among the arrivals, beyond `closed`, that lack a parent."""
    found = _last(project_id, unit, arrivals)
    query = sa.select(sa.func.count()).select_from(found).where(found.c.last > (arrivals.closed or 0))
    return connection.execute(query.where(_lacks_parent(project_id, unit, found.c.id))).scalar_one()


def _last_places(project_id: str, unit: Unit, arrivals: Arrivals) -> sa.Subquery:
    """Select `id` and the ingest place `last` of the last span, for the units whose last span is among the arrivals."""
    found = _last(project_id, unit, arrivals)
    query = sa.select(found.c.id, found.c.last)
    if arrivals.closed is not None:
        query = query.where((found.c.last <= arrivals.closed) | ~_lacks_parent(project_id, unit, found.c.id))
    return query.subquery("ended")


def _last(project_id: str, unit: Unit, arrivals: Arrivals) -> sa.Subquery:
    key, last = _KEYS[unit], sa.func.max(span_table.c.n)
    query = sa.select(key.label("id"), last.label("last")).group_by(key)
    query = query.where(of_project(project_id, by_arrival=True), span_table.c.n > arrivals.after, key != "")
    return query.having(last <= arrivals.up_to).subquery("last_places")


def _lacks_parent(project_id: str, unit: Unit, unit_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """The condition that a span of the unit names a parent that is not there."""
    child, parent = span_table.alias("child"), span_table.alias("parent")
    there = sa.exists().where(parent.c.project_id == project_id, parent.c.span_id == child.c.parent_id)
    key = child.c.trace_id if unit == "TRACE" else child.c.session_id
    return sa.exists().where(
        child.c.project_id == project_id, key == unit_id, child.c.parent_id != "", ~there.correlate(child)
    )


def spans_of(
    connection: sa.Connection, project_id: str, unit: Unit, unit_id: str, choices: Sequence[Choice]
) -> Iterator[tuple[Span, Mapping[Choice, bool], bool]]:
    """Yield the spans of a unit, trace by trace and oldest first.

    Each has a flag per choice: whether it matches. The last flag says whether it is on top: its parent is not in the
    unit. Such a parent was never received, or is outside the session.
    """
    asked = [
        sa.case((_all(choice, project_id), 1), else_=0).label(f"choice_{number}")
        for number, choice in enumerate(choices)
    ]
    c = span_table.c
    # An expression, because no index serves it. By the index over traces, SQLite would walk every span of the project.
    first = sa.func.min(c.start_ns).over(partition_by=c.trace_id.concat(""))
    parent = span_table.alias("parent")
    above = sa.exists().where(
        parent.c.project_id == project_id, parent.c.span_id == c.parent_id, parent.c.trace_id == c.trace_id
    )
    if unit == "SESSION":
        above = above.where(parent.c.session_id == unit_id)
    on_top = sa.case((above.correlate(span_table), 0), else_=1).label("on_top")
    query = sa.select(span_table, on_top, *asked).where(of_project(project_id), _KEYS[unit] == unit_id)
    query = query.order_by(first, c.trace_id, c.start_ns, c.n)
    with connection.execute(query) as result:
        for rows in result.partitions(_SPANS_PER_READ):
            for row, span in zip(rows, spans.full(connection, project_id, rows, spans.EVERYTHING), strict=True):
                is_top, *answers = row[len(span_table.columns) :]
                matched = {choice: bool(answer) for choice, answer in zip(choices, answers, strict=True)}
                yield span, matched, bool(is_top)


def _all(filters: Sequence[str], project_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(sa.true(), *(where(span_tree(text), project_id) for text in filters))


def _clause(node: Node, some: Callable[[str], sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    match node:
        case And(items):
            return sa.and_(*(_clause(item, some) for item in items))
        case Or(items):
            return sa.or_(*(_clause(item, some) for item in items))
        case Not(item):
            return sa.not_(_clause(item, some))
        case Compare(letter):
            return some(letter)
        case _:
            raise TypeError(f"an expression has no {type(node).__name__}")
