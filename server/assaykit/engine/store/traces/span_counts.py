"""The number of spans that a search matches, counted where the spans lie."""

from collections.abc import Sequence

import sqlalchemy as sa

from assaykit.engine.store.definitions import projects
from assaykit.engine.store.tables import spans
from assaykit.engine.store.traces.span_filters import by_index, where
from assaykit.engine.store.traces.spans import TimeRange, chosen, of_run
from assaykit.filters.fields import span_tree
from assaykit.filters.tree import And, Compare, IsNull, Node, Not
from assaykit.wire.local import MOST_SPANS_COUNTED, SpanCount

_KEYS = frozenset(["context.trace_id", "context.span_id", "attributes.session.id"])
"""The fields that an index serves."""


def count(
    connection: sa.Connection,
    project_id: str,
    window: TimeRange,
    filter_text: str | None,
    run_id: str | None,
    fields: Sequence[str],
) -> SpanCount:
    """The spans of a window that match a filter, and those of `fields` that no span of the window has.

    `run_id` keeps the spans that a run selected. A count ends at `MOST_SPANS_COUNTED`, so a page costs the same in any
    store. A filter that no index serves is tried on so many of the newest spans; `looked_at` then has their number.

    Raises:
        NotFound: no such project.
        Invalid: the filter or a field cannot be read.
    """
    projects.get(connection, project_id)
    asked = None if filter_text is None else span_tree(filter_text)
    within = [chosen(project_id, window, None, by_place=run_id is not None)]
    is_part = False
    if run_id is not None:
        within.append(spans.c.n.in_(of_run(project_id, run_id)))
    elif fields or not (asked is None or _is_keyed(asked)):
        oldest = _newest(sa.select(spans.c.start_ns, spans.c.n).where(*within)).offset(MOST_SPANS_COUNTED).limit(1)
        if place := connection.execute(oldest).one_or_none():
            # The index is read from a time on, and not from a pair on.
            within = [chosen(project_id, TimeRange(place.start_ns, window.end_ns), None)]
            within.append(sa.tuple_(spans.c.start_ns, spans.c.n) > sa.tuple_(*map(sa.literal, place)))
            is_part = True
    by_place = run_id is not None

    def matches(tree: Node) -> sa.ColumnElement[bool]:
        return sa.and_(*within, where(tree, project_id, by_arrival=by_place))

    listed = sa.select(spans.c.n).where(*within) if asked is None else sa.select(spans.c.n).where(matches(asked))
    counted = sa.select(sa.func.count()).select_from(listed.limit(MOST_SPANS_COUNTED).subquery())
    some = ((field, _newest(sa.select(spans.c.n).where(matches(Not(IsNull(field))))).limit(1)) for field in fields)
    absent = [field for field, found in some if connection.execute(found).first() is None]
    matching = connection.execute(counted).scalar_one()
    return SpanCount(
        matching=matching,
        is_exact=not is_part and matching < MOST_SPANS_COUNTED,
        looked_at=MOST_SPANS_COUNTED if is_part else None,
        absent=absent,
    )


def _is_keyed(tree: Node) -> bool:
    """Whether all spans that match have one value of a field that an index serves."""
    parts = tree.items if isinstance(tree, And) else (tree,)
    of_keys = (isinstance(one, Compare) and one.operator == "=" and one.field in _KEYS for one in parts)
    return any(of_keys) or any(True for _ in by_index(tree))


def _newest(query: sa.Select[*tuple[int, ...]]) -> sa.Select[*tuple[int, ...]]:
    return query.order_by(spans.c.start_ns.desc(), spans.c.n.desc())
