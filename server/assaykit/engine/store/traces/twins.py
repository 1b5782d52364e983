"""Twins among spans: the second span of a model call, marked as it arrives or in the store."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import sqlalchemy as sa

from assaykit.engine.model_calls import KINDS, RecentCalls, as_twin
from assaykit.engine.store import checksums
from assaykit.engine.store.tables import spans
from assaykit.engine.store.traces.spans import SUMMED

_REMEMBERED = 500
"""The places of the ingest sequence, from its end, whose calls an engine remembers when it starts."""

_IDS_PER_QUERY = 500


def joined(
    connection: sa.Connection, recent: RecentCalls, project_id: str, rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of arriving spans, with twins marked. A twin that arrived before is marked in the store."""
    if not recent.is_filled:
        recent.fill(_last(connection))
    found = recent.twins(project_id, rows)
    if not found:
        return list(rows)
    arriving = {row["span_id"] for row in rows}
    _mark(connection, project_id, {twin: of for twin, of in found.items() if twin not in arriving})
    return [row | as_twin(row, found[row["span_id"]]) if row["span_id"] in found else row for row in rows]


def _last(connection: sa.Connection) -> list[dict[str, Any]]:
    end = sa.select(sa.func.max(spans.c.n)).scalar_subquery()
    query = sa.select(spans).where(spans.c.n > end - _REMEMBERED, spans.c.kind.in_(KINDS)).order_by(spans.c.n)
    return [cast("dict[str, Any]", {**row}) for row in connection.execute(query).mappings()]


def _mark(connection: sa.Connection, project_id: str, twins: Mapping[str, str]) -> None:
    ids = list(twins)
    for start in range(0, len(ids), _IDS_PER_QUERY):
        some = ids[start : start + _IDS_PER_QUERY]
        query = sa.select(spans).where(spans.c.project_id == project_id, spans.c.span_id.in_(some))
        for row in connection.execute(query).mappings().fetchall():
            changed = as_twin(cast("dict[str, Any]", row), twins[row["span_id"]])
            checksum = checksums.of_columns({**row, **changed}, SUMMED)
            connection.execute(spans.update().where(spans.c.n == row["n"]).values(checksum=checksum, **changed))
