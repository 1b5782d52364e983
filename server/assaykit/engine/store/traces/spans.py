"""Spans in the store, written as they arrive and listed newest first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from assaykit.engine import json_text
from assaykit.engine.readings import USER
from assaykit.engine.store import checksums
from assaykit.engine.store.definitions import projects
from assaykit.engine.store.keys import listed
from assaykit.engine.store.pages import PageRequest, after, newest_by
from assaykit.engine.store.tables import log_events, run_items, spans
from assaykit.engine.store.times import moment
from assaykit.engine.store.traces import annotations, targets, verdicts
from assaykit.engine.store.traces.span_filters import of_project, where
from assaykit.engine.store.traces.verdicts import SharedLevel
from assaykit.filters.fields import span_tree
from assaykit.wire.bodies import Pagination
from assaykit.wire.spans import Annotation, DeleteSpansResponse, Evaluation, Span, SpanContext, SpanEvent, SpanPage

_ROWS_PER_INSERT = 100
_KEY = ("project_id", "span_id")
_SET_HERE = ("project_id", "attributes", "events")
_GIVEN = tuple(
    column.name for column in spans.columns if column.name not in {"n", *_SET_HERE, "changed_ns", "checksum", "user_id"}
)
SUMMED = (*_SET_HERE, *_GIVEN)
"""The columns in the checksum of a span: all but its place in the ingest sequence, its time of change and its user.

The user repeats an attribute.
"""
_COLUMNS = (*SUMMED, "user_id", "checksum")
_given: Callable[[Mapping[str, Any]], tuple[Any, ...]] = cast("Any", itemgetter)(*_GIVEN)
_REPLACED = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in _KEY)
_PLACES = f"({', '.join('?' * len(_COLUMNS))})"
_OR_REPLACE = (
    f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET {_REPLACED}, changed_ns = "
    f"CASE WHEN {spans.name}.attributes = excluded.attributes THEN {spans.name}.changed_ns ELSE ? END "
    f"WHERE {spans.name}.trace_id = excluded.trace_id"
)
_IDS_PER_DELETE = 500
_NO_END = 2**63 - 1


class TimeRange(NamedTuple):
    """A range of start times in nanoseconds since 1970, both ends included."""

    start_ns: int
    end_ns: int


class Arrivals(NamedTuple):
    """A range of the ingest sequence: the places above `after`, up to and including `up_to`.

    A trace or session that lacks the parent of one of its spans is among the arrivals only if its last span is not
    beyond `closed`; None takes every trace and session for whole.
    """

    after: int
    up_to: int
    closed: int | None = None


class Shape(NamedTuple):
    """The columns to return of each span, and the most characters of a string."""

    included: frozenset[str] | None = None
    excluded: frozenset[str] = frozenset()
    string_limit: int | None = None

    def wants(self, column: str) -> bool:
        """Whether to return `column`."""
        if self.included is not None:
            return column in self.included
        return column not in self.excluded

    def cut(self, value: Any) -> Any:
        """The value; a string is cut to `string_limit` characters."""
        if self.string_limit is not None and isinstance(value, str):
            return value[: self.string_limit]
        return value


EVERYTHING = Shape()


def add(connection: sa.Connection, project_id: str, rows: Sequence[dict[str, Any]], now_ns: int) -> list[str]:
    """Store spans at the time `now_ns`. A span with a known id replaces the stored one and keeps its place.

    Returns the ids of the spans that are not stored because another trace of the project has a span of that id. The
    contract addresses a span by its id alone, so the second one could not be told from the first.
    """
    refused: list[str] = []
    for start in range(0, len(rows), _ROWS_PER_INSERT):
        some = rows[start : start + _ROWS_PER_INSERT]
        values = [value for row in some for value in _written(project_id, row)]
        result = connection.exec_driver_sql(_insert(len(some)), (*values, now_ns))
        if result.rowcount != len(some):
            refused += _of_other_traces(connection, project_id, some)
    return refused


def _of_other_traces(connection: sa.Connection, project_id: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    wanted = [row["span_id"] for row in rows]
    query = sa.select(spans.c.span_id, spans.c.trace_id).where(
        spans.c.project_id == project_id, spans.c.span_id.in_(wanted)
    )
    stored = {row.span_id: row.trace_id for row in connection.execute(query)}
    return [row["span_id"] for row in rows if stored.get(row["span_id"]) != row["trace_id"]]


@lru_cache(_ROWS_PER_INSERT)
def _insert(count: int) -> str:
    """The statement that adds so many spans. One for many spans takes two thirds of the time of one for each."""
    # Written out, because binding by position takes half the time of binding by name.
    columns = ", ".join(_COLUMNS)
    return f"INSERT INTO {spans.name} ({columns}) VALUES {', '.join([_PLACES] * count)} {_OR_REPLACE}"  # noqa: S608


def _written(project_id: str, row: dict[str, Any]) -> tuple[Any, ...]:
    events = row["events"]
    values = (
        project_id,
        json_text.written(row["attributes"]),
        json_text.written(events) if events else "[]",
        *_given(row),
    )
    return (*values, user_of(row["attributes"]), checksums.of(values))


def user_of(attributes: Mapping[str, Any]) -> str | None:
    """The user in the attributes of a span, if it is text. Numbers have no place in the index of users."""
    user = attributes.get(USER)
    return user if isinstance(user, str) else None


def page(
    connection: sa.Connection,
    project_id: str,
    window: TimeRange,
    filter_text: str | None,
    shape: Shape,
    at: PageRequest,
    run_id: str | None = None,
) -> SpanPage:
    """One page of a project's spans with their verdicts, newest start first. `run_id` keeps those that a run selected.

    Raises:
        NotFound: no such project.
        Invalid: the filter cannot be read.
    """
    rows, pagination = page_rows(connection, project_id, window, filter_text, at, run_id, sa.select(spans))
    return SpanPage(spans=full(connection, project_id, rows, shape), pagination=pagination)


def page_rows(
    connection: sa.Connection,
    project_id: str,
    window: TimeRange,
    filter_text: str | None,
    at: PageRequest,
    run_id: str | None,
    columns: sa.Select[Any],
) -> tuple[Sequence[sa.Row[Any]], Pagination]:
    """The rows of `page`, with the columns that a SELECT names.

    Raises: as `page`.
    """
    projects.get(connection, project_id)
    query = columns.where(chosen(project_id, TimeRange(*after(at, window)), filter_text, by_place=run_id is not None))
    if run_id is not None:
        query = query.where(spans.c.n.in_(of_run(project_id, run_id)))
    return newest_by(connection, query, (spans.c.start_ns, spans.c.n), at)


def of_run(project_id: str, run_id: str) -> sa.CompoundSelect[Any]:
    """Select the places of the spans that a run selected: its targets are span ids, or trace or session ids."""
    own = spans.alias("own")
    of_run = (run_items.c.run_id == run_id) & (own.c.project_id == project_id)
    keys = (own.c.span_id, own.c.trace_id, own.c.session_id)
    return sa.union(*(sa.select(own.c.n).where(of_run, key == run_items.c.target_id) for key in keys))


def matching(
    connection: sa.Connection,
    project_id: str,
    window: TimeRange | Arrivals,
    filter_text: str | None,
    evaluators: Sequence[tuple[str, Sequence[str]]],
) -> Iterator[tuple[Any, ...]]:
    """Yield the spans that match a filter, newest first.

    `evaluators` are pairs of an evaluation column and further filters. A row is the span's id, its start time twice, in
    nanoseconds, and then, for each evaluator, whether its filters match the span and the version of the span's verdict,
    as `verdicts.made_with` tells it.
    """
    asked: list[sa.ColumnElement[Any]] = [spans.c.span_id, spans.c.start_ns, spans.c.start_ns]
    for column, filters in evaluators:
        asked.append(sa.and_(sa.true(), *(_filtered(text, project_id) for text in filters)))
        asked.append(verdicts.made_with(project_id, "SPAN", spans.c.span_id, column))
    query = sa.select(*(part.label(f"c{number}") for number, part in enumerate(asked)))
    query = query.where(chosen(project_id, window, filter_text))
    with connection.execute(query.order_by(spans.c.start_ns.desc(), spans.c.n.desc())) as result:
        for row in result:
            yield tuple(row)


def ids(
    connection: sa.Connection, project_id: str, window: TimeRange, filter_text: str | None
) -> Iterator[tuple[str, str]]:
    """Yield the span and trace ids of the spans that match a filter."""
    query = sa.select(spans.c.span_id, spans.c.trace_id).where(chosen(project_id, window, filter_text))
    with connection.execute(query) as result:
        for row in result:
            yield row.span_id, row.trace_id


def by_ids(connection: sa.Connection, project_id: str, span_ids: Sequence[str]) -> dict[str, Span]:
    """Some spans in full, with their verdicts and annotations, by id."""
    query = sa.select(spans).where(spans.c.project_id == project_id, spans.c.span_id.in_(list(span_ids)))
    found = full(connection, project_id, connection.execute(query).fetchall(), EVERYTHING)
    return {span.context.span_id: span for span in found}


def of_trace(
    connection: sa.Connection, project_id: str, window: TimeRange, trace_id: str, most: int
) -> tuple[list[Span], bool]:
    """The spans of a trace that started in the window, oldest first, and whether there are more than `most`."""
    query = sa.select(spans).where(chosen(project_id, window, None), spans.c.trace_id == trace_id)
    rows = connection.execute(query.order_by(spans.c.start_ns, spans.c.n).limit(most + 1)).fetchall()
    return full(connection, project_id, rows[:most], EVERYTHING), len(rows) > most


def delete(
    connection: sa.Connection, project_id: str, window: TimeRange, span_ids: Sequence[str]
) -> DeleteSpansResponse:
    """Remove spans with their verdicts and annotations, and with those of traces and sessions that lose all spans.

    Raises:
        NotFound: no such project.
    """
    projects.get(connection, project_id)
    deleted: set[str] = set()
    units: dict[SharedLevel, set[str]] = {"TRACE": set(), "SESSION": set()}
    for start in range(0, len(span_ids), _IDS_PER_DELETE):
        some = span_ids[start : start + _IDS_PER_DELETE]
        found = spans.delete().where(chosen(project_id, window, None), spans.c.span_id.in_(some))
        for row in connection.execute(found.returning(spans.c.span_id, spans.c.trace_id, spans.c.session_id)):
            deleted.add(row.span_id)
            units["TRACE"].add(row.trace_id)
            units["SESSION"].update({row.session_id} - {None})
    verdicts.forget(connection, project_id, "SPAN", list(deleted))
    annotations.forget(connection, project_id, "SPAN", list(deleted))
    forget_events(connection, list(deleted))
    for level, ids in units.items():
        empty = list(ids - targets.extents(connection, level, project_id, ids).keys())
        verdicts.forget(connection, project_id, level, empty)
        annotations.forget(connection, project_id, level, empty)
    asked = list(dict.fromkeys(span_ids))
    return DeleteSpansResponse(
        completed=True,
        deleted_span_ids=[span_id for span_id in asked if span_id in deleted],
        not_deleted_span_ids=[span_id for span_id in asked if span_id not in deleted],
    )


def forget_events(connection: sa.Connection, span_ids: Sequence[str]) -> None:
    """Remove what the logs signal told of spans that are deleted."""
    connection.execute(log_events.delete().where(listed(log_events.c.span_id)), {"listed": list(span_ids)})


def count(connection: sa.Connection, most: int) -> int:
    """The number of spans in the store, as far as `most`."""
    some = sa.select(spans.c.n).limit(most).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()


def count_matching(
    connection: sa.Connection, project_id: str, window: TimeRange | Arrivals, filter_text: str | None = None
) -> int:
    """The number of spans that match a filter."""
    query = sa.select(sa.func.count()).select_from(spans).where(chosen(project_id, window, filter_text))
    return connection.execute(query).scalar_one()


def bounds(connection: sa.Connection, project_id: str) -> TimeRange | None:
    """The start times of the oldest and the newest span of a project; None without spans."""
    ends = sa.select(sa.func.min(spans.c.start_ns), sa.func.max(spans.c.start_ns))
    oldest, newest = connection.execute(ends.where(spans.c.project_id == project_id)).one()
    return None if oldest is None else TimeRange(oldest, newest)


def last(connection: sa.Connection) -> int:
    """The end of the ingest sequence; 0 in a store without spans."""
    return connection.execute(sa.select(sa.func.max(spans.c.n))).scalar() or 0


def arrived(connection: sa.Connection, project_id: str, arrivals: Arrivals, most: int) -> Sequence[int]:
    """The ingest places of the first `most` spans of a project among the arrivals, in order."""
    query = sa.select(spans.c.n).where(_among(project_id, arrivals))
    return connection.execute(query.order_by(spans.c.n).limit(most)).scalars().all()


def count_arrived(connection: sa.Connection, project_id: str, after: int) -> int:
    """The number of spans of a project after the ingest place `after`."""
    query = sa.select(sa.func.count()).select_from(spans).where(_among(project_id, Arrivals(after, _NO_END)))
    return connection.execute(query).scalar_one()


def extent(connection: sa.Connection, project_id: str, arrivals: Arrivals) -> TimeRange | None:
    """The first and the last start time of the arrivals; None without arrivals."""
    bounds = sa.select(sa.func.min(spans.c.start_ns), sa.func.max(spans.c.start_ns))
    first, final = connection.execute(bounds.where(_among(project_id, arrivals))).one()
    return None if first is None else TimeRange(first, final)


def _among(project_id: str, arrivals: Arrivals) -> sa.ColumnElement[bool]:
    return of_project(project_id, by_arrival=True) & spans.c.n.between(arrivals.after + 1, arrivals.up_to)


def chosen(
    project_id: str, window: TimeRange | Arrivals, filter_text: str | None, *, by_place: bool = False
) -> sa.ColumnElement[bool]:
    """The condition that a span is in a window and matches a filter. Set `by_place` with a condition on `n`."""
    if isinstance(window, Arrivals):
        chosen, by_place = _among(project_id, window), True
    else:
        chosen = of_project(project_id, by_arrival=by_place) & spans.c.start_ns.between(*window)
    return chosen if filter_text is None else chosen & _filtered(filter_text, project_id, by_arrival=by_place)


@lru_cache(maxsize=256)  # a reader pages, and a task asks again and again
def _filtered(text: str, project_id: str, *, by_arrival: bool = False) -> sa.ColumnElement[bool]:
    """The condition that a span matches a filter, which takes longer to build than a search by an index.

    Raises:
        Invalid: the filter cannot be read.
    """
    return where(span_tree(text), project_id, by_arrival=by_arrival)


def full(connection: sa.Connection, project_id: str, rows: Sequence[sa.Row[Any]], shape: Shape) -> list[Span]:
    """Rows of the table as spans, with verdicts on span, trace and session, and annotations on span and trace."""
    span_ids, trace_ids = [row.span_id for row in rows], list({row.trace_id for row in rows})
    session_ids = list({row.session_id for row in rows if row.session_id})
    changed = {row.span_id: row.changed_ns for row in rows if row.changed_ns is not None}
    found = verdicts.of(connection, project_id, "SPAN", span_ids, changed)
    of_traces = verdicts.shared(connection, project_id, "TRACE", trace_ids)
    of_sessions = verdicts.shared(connection, project_id, "SESSION", session_ids)
    own = annotations.of(connection, project_id, "SPAN", span_ids)
    shared = annotations.of(connection, project_id, "TRACE", trace_ids)
    return [
        _span(
            row,
            [
                *found.get(row.span_id, []),
                *of_traces.get(row.trace_id, []),
                *of_sessions.get(row.session_id, []),
            ],
            _kept("annotation", own.get(row.span_id, []), shape),
            _kept("trace_annotation", shared.get(row.trace_id, []), shape),
            shape,
        )
        for row in rows
    ]


def _kept(sort: str, given: Sequence[Annotation], shape: Shape) -> list[Annotation]:
    if not given:
        return []
    return [
        annotation.model_copy(update={"text": shape.cut(annotation.text)})
        for annotation in given
        if any(shape.wants(f"{sort}.{annotation.name}.{part}") for part in annotations.PARTS)
    ]


def _span(
    row: sa.Row[Any],
    evaluations: list[Evaluation],
    annotated: list[Annotation],
    trace_annotated: list[Annotation],
    shape: Shape,
) -> Span:
    def kept(column: str, value: Any) -> Any:
        return value if shape.wants(column) else None

    return Span(
        context=SpanContext(trace_id=row.trace_id, span_id=row.span_id),
        name=kept("name", shape.cut(row.name)),
        kind=kept("span_kind", row.kind),
        parent_id=kept("parent_id", row.parent_id),
        start_time=moment(row.start_ns),
        end_time=moment(row.end_ns),
        status_code=kept("status_code", row.status_code),
        status_message=kept("status_message", shape.cut(row.status_message)),
        attributes=row.attributes if shape is EVERYTHING else _attributes(row, shape),
        annotations=annotated,
        trace_annotations=trace_annotated,
        evaluations=[
            verdict.model_copy(update={"explanation": shape.cut(verdict.explanation)})
            for verdict in evaluations
            if any(shape.wants(f"{verdict.column}.{field}") for field in verdicts.VERDICT_FIELDS)
        ],
        events=[event(one) for one in row.events] if shape.wants("events") else [],
    )


def _attributes(row: sa.Row[Any], shape: Shape) -> dict[str, Any]:
    return {key: shape.cut(value) for key, value in row.attributes.items() if shape.wants(f"attributes.{key}")}


def event(stored: dict[str, Any]) -> SpanEvent:
    """An event as it is stored with its span, as an event of the wire."""
    timestamp = stored.get("timestamp")
    return SpanEvent(
        name=stored.get("name"),
        timestamp=datetime.fromisoformat(timestamp) if timestamp else None,
        attributes=stored.get("attributes") or {},
    )
