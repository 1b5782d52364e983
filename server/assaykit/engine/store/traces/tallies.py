"""Counts of the spans of a window by the answers of each span, made where the spans lie.

The answers of a span say for each evaluator whether its filters match the span and which version gave its verdict. So a
count by answers is enough to tell what a run would do with a million spans, and no span leaves the file.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from assaykit.engine.store.tables import spans
from assaykit.engine.store.traces import verdicts
from assaykit.engine.store.traces.span_filters import of_project, where
from assaykit.engine.store.traces.spans import TimeRange
from assaykit.filters.fields import span_tree

_NO_LIMIT = -1
_MOMENT = spans.c.start_ns.op("/")(1000)


class CandidateQuery(NamedTuple):
    """The candidate spans of a task. `evaluators` are pairs of an evaluation column and further filters.

    A sample is a fraction of the ids, 0 to 1. With `override`, spans that have a verdict are to be scored too. If
    `versions` has the version of each evaluator, so are spans whose verdict is of another one.
    """

    project_id: str
    window: TimeRange
    filter_text: str | None
    evaluators: Sequence[tuple[str, Sequence[str]]]
    sample: float = 1.0
    override: bool = False
    versions: Sequence[str] | None = None


class Place(NamedTuple):
    """The place of a span among those of its project, by start time."""

    start_ns: int
    n: int


class AnswerTally(NamedTuple):
    """The spans with the same answers: for each evaluator, whether its filters match and the version of its verdict.

    The version is as `verdicts.made_with` tells it.
    `moments` are the start times of those to score, in microseconds since 1970, newest first.
    """

    allowed: tuple[bool, ...]
    versions: tuple[str | None, ...]
    is_sampled: bool
    spans: int
    moments: Sequence[int]


def tallies(
    connection: sa.Connection, query: CandidateQuery, since: Place | None, *, with_moments: bool = False
) -> Iterator[AnswerTally]:
    """Yield the counts of a query, down to the span at the place `since`, which counts too.

    Raises:
        Invalid: a filter cannot be read.
    """
    asked = [_MOMENT.label("moment"), *_answers(query)]
    # The limit keeps SQLite from merging the two queries, which would answer twice for each span.
    found = sa.select(*asked).where(*_chosen(query, since)).limit(_NO_LIMIT).subquery("answered")
    answers = [column for column in found.columns if column.key != "moment"]
    moments: sa.ColumnElement[Any] = sa.null()
    if with_moments:
        moments = sa.func.json_group_array(found.c.moment).filter(_is_wanted(query, answers))
    counted = sa.select(sa.func.count(), moments, *answers).group_by(*answers)
    for number, listed, *said in connection.execute(counted):
        *pairs, is_sampled = said
        read: list[int] = [] if listed is None else json.loads(listed)
        read.sort(reverse=True)
        yield AnswerTally(tuple(map(bool, pairs[::2])), tuple(pairs[1::2]), bool(is_sampled), number, read)


def place_of(connection: sa.Connection, query: CandidateQuery, number: int) -> Place | None:
    """The place of the span to score with this number, counted from 1 and the newest; None if there are fewer.

    Raises:
        Invalid: a filter cannot be read.
    """
    wanted = _is_wanted(query, _answers(query))
    found = sa.select(spans.c.start_ns, spans.c.n).where(*_chosen(query, None), wanted)
    row = connection.execute(_newest_first(found).offset(number - 1).limit(1)).one_or_none()
    return None if row is None else Place(*row)


def is_older(connection: sa.Connection, query: CandidateQuery, place: Place) -> bool:
    """Whether the query has a span that is older than the one at a place."""
    older = sa.tuple_(spans.c.start_ns, spans.c.n) < sa.tuple_(*map(sa.literal, place))
    until = query._replace(window=TimeRange(query.window.start_ns, min(query.window.end_ns, place.start_ns)))
    found = _newest_first(sa.select(spans.c.n).where(*_chosen(until, None), older)).limit(1)
    return connection.execute(found).one_or_none() is not None


def newest(connection: sa.Connection, query: CandidateQuery, most: int) -> Iterator[tuple[Any, ...]]:
    """Yield the newest spans to score, at most `most`, as rows of `spans.matching`."""
    answers = _answers(query)
    asked = [spans.c.span_id, spans.c.start_ns, spans.c.start_ns.label("again")]
    found = sa.select(*asked, *answers[:-1]).where(*_chosen(query, None), _is_wanted(query, answers))
    with connection.execute(_newest_first(found).limit(most)) as result:
        for row in result:
            yield tuple(row)


def _answers(query: CandidateQuery) -> list[sa.ColumnElement[Any]]:
    """Two answers for each evaluator, and at last whether the sample has the span."""
    found: list[sa.ColumnElement[Any]] = []
    for column, filters in query.evaluators:
        matches = (where(span_tree(text), query.project_id) for text in filters)
        found.append(sa.func.coalesce(sa.and_(sa.true(), *matches), sa.false()))
        found.append(verdicts.made_with(query.project_id, "SPAN", spans.c.span_id, column))
    is_whole = query.sample >= 1
    found.append(sa.true() if is_whole else sa.func.sampled(spans.c.span_id, query.sample))
    return [answer.label(f"a{number}") for number, answer in enumerate(found)]


def _is_wanted(query: CandidateQuery, answers: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[bool]:
    """The condition that a run would score a span: `decisions` in `judge/selection.py` for one span, as SQL."""
    *pairs, is_sampled = answers
    asked = zip(pairs[::2], pairs[1::2], query.versions or [None] * (len(pairs) // 2), strict=True)
    wanted = (may if query.override else sa.and_(may, _lacks(made, own)) for may, made, own in asked)
    return sa.and_(is_sampled, sa.or_(sa.false(), *wanted))


def _lacks(made_with: sa.ColumnElement[Any], version: str | None) -> sa.ColumnElement[bool]:
    """The condition that a span has no verdict, or none of the version if one is given."""
    is_missing = made_with.is_(None)
    return is_missing if version is None else is_missing | (made_with != version)


def _chosen(query: CandidateQuery, since: Place | None) -> list[sa.ColumnElement[bool]]:
    first, last = query.window
    if since is not None:
        first = max(first, since.start_ns)
    found = [of_project(query.project_id), spans.c.start_ns.between(first, last)]
    if query.filter_text is not None:
        found.append(where(span_tree(query.filter_text), query.project_id))
    if since is not None:
        found.append(sa.tuple_(spans.c.start_ns, spans.c.n) >= sa.tuple_(*map(sa.literal, since)))
    return found


def _newest_first(query: sa.Select[*tuple[Any, ...]]) -> sa.Select[*tuple[Any, ...]]:
    return query.order_by(spans.c.start_ns.desc(), spans.c.n.desc())
