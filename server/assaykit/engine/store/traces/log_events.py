"""GenAI events from the logs signal: kept for their spans, and joined to those that are there.

An event names its span by trace and span id alone, so the span may be in any project.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any, cast

import sqlalchemy as sa

from assaykit.engine import late_events
from assaykit.engine.store import checksums
from assaykit.engine.store.keys import listed
from assaykit.engine.store.tables import log_events, projects, spans
from assaykit.engine.store.traces.spans import SUMMED, user_of

KEPT_NS = 7 * 24 * 3600 * 10**9
"""The time for which events wait for their span, and for which a span that is sent again gets them back: a week."""

_ROWS_PER_STATEMENT = 500
_DROPPED_AT_ONCE = 100

_ADD = sa.text(
    "INSERT INTO log_events (span_id, trace_id, digest, name, time_ns, attributes, arrived_ns) "
    "VALUES (:span_id, :trace_id, :digest, :name, :time_ns, :attributes, :arrived_ns) "
    "ON CONFLICT (span_id, trace_id, digest) DO NOTHING"
).bindparams(sa.bindparam("attributes", type_=sa.JSON))
_ANY = sa.select(log_events.c.n).limit(1)
_OF_SPANS = sa.select(log_events).where(listed(log_events.c.span_id))
_THERE = sa.select(spans).where(spans.c.project_id.in_(sa.select(projects.c.id)), listed(spans.c.span_id))


def add(connection: sa.Connection, rows: Sequence[dict[str, Any]], now_ns: int) -> None:
    """Keep events that arrived at `now_ns`, and join them to their spans. One that is there already changes nothing."""
    _drop_old(connection, now_ns)
    for start in range(0, len(rows), _ROWS_PER_STATEMENT):
        some = rows[start : start + _ROWS_PER_STATEMENT]
        connection.execute(_ADD, [{**row, "arrived_ns": now_ns} for row in some])
        ids = list(dict.fromkeys(row["span_id"] for row in some))
        _join(connection, ids, now_ns)


def joined(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of arriving spans, with the events that came before them."""
    if connection.execute(_ANY).first() is None:
        return list(rows)
    found: list[dict[str, Any]] = []
    for start in range(0, len(rows), _ROWS_PER_STATEMENT):
        some = rows[start : start + _ROWS_PER_STATEMENT]
        late = _of(connection, [row["span_id"] for row in some])
        found += [
            row | late_events.joined(row, events) if (events := late.get((row["span_id"], row["trace_id"]))) else row
            for row in some
        ]
    return found


def _join(connection: sa.Connection, span_ids: list[str], now_ns: int) -> None:
    late = _of(connection, span_ids)
    for found in connection.execute(_THERE, {"listed": span_ids}).mappings().fetchall():
        row = {**found}
        events = late.get((row["span_id"], row["trace_id"]))
        if events is None:
            continue
        changed = late_events.joined(cast("dict[str, Any]", row), events)
        if all(row[name] == value for name, value in changed.items()):
            continue
        if changed["attributes"] != row["attributes"]:
            changed["changed_ns"] = now_ns
        checksum = checksums.of_columns({**row, **changed}, SUMMED)
        values = {**changed, "user_id": user_of(changed["attributes"]), "checksum": checksum}
        connection.execute(spans.update().where(spans.c.n == row["n"]).values(values))


def _of(connection: sa.Connection, span_ids: Iterable[str]) -> Mapping[tuple[str, str], list[Mapping[str, Any]]]:
    """The events of spans by span and trace id, in order of time."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    rows = connection.execute(_OF_SPANS, {"listed": list(span_ids)}).mappings().fetchall()
    for row in sorted(rows, key=lambda row: (row["time_ns"], row["n"])):
        found.setdefault((row["span_id"], row["trace_id"]), []).append({**row})
    return found


def _drop_old(connection: sa.Connection, now_ns: int) -> None:
    """Remove some of the events whose time is over. The oldest have the lowest `n`."""
    first = sa.select(log_events.c.n, log_events.c.arrived_ns).order_by(log_events.c.n).limit(_DROPPED_AT_ONCE)
    oldest = connection.execute(first).fetchall()
    old = [row.n for row in takewhile(lambda row: row.arrived_ns < now_ns - KEPT_NS, oldest)]
    if old:
        connection.execute(log_events.delete().where(log_events.c.n.between(old[0], old[-1])))
