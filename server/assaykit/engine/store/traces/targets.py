"""The places of the targets of verdicts, by which a target is told from a later one with the same id."""

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa

from assaykit.engine.store.keys import listed
from assaykit.engine.store.tables import experiment_runs, spans
from assaykit.engine.store.traces.verdicts import VerdictLevel

_IDS_PER_QUERY = 500

_UNITS = {"TRACE": spans.c.trace_id, "SESSION": spans.c.session_id}
_ROWS = {
    "SPAN": (spans.c.span_id, spans.c.n, spans.c.project_id),
    "RUN": (experiment_runs.c.id, experiment_runs.c.n, experiment_runs.c.experiment_id),
}
_PLACES = {
    level: sa.select(key, place).where(scope == sa.bindparam("scope_id"), listed(key))
    for level, (key, place, scope) in _ROWS.items()
}
"""The statements for targets of one row, which take longer to build than to execute."""


class Extent(NamedTuple):
    """The first and the last place of a target in the order of arrival. No place is used twice."""

    first: int
    last: int


def extents(
    connection: sa.Connection, level: VerdictLevel, scope_id: str, target_ids: Collection[str]
) -> dict[str, Extent]:
    """The extents of the targets that exist, by id."""
    ids = list(target_ids)
    if (places := _PLACES.get(level)) is not None:
        rows = connection.execute(places, {"scope_id": scope_id, "listed": ids})
        return {target: Extent(place, place) for target, place in rows}
    key, place = _UNITS[level], spans.c.n
    found: dict[str, Extent] = {}
    for start in range(0, len(ids), _IDS_PER_QUERY):
        query = sa.select(key, sa.func.min(place), sa.func.max(place)).where(spans.c.project_id == scope_id)
        query = query.where(key.in_(ids[start : start + _IDS_PER_QUERY])).group_by(key)
        found |= {target: Extent(first, last) for target, first, last in connection.execute(query)}
    return found
