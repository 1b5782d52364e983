"""Ids of new resources and of new rows."""

import secrets
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from assaykit.engine.clock import Clock
from assaykit.engine.store.tables import counters
from assaykit.errors import NotFound
from assaykit.wire import ids

_MILLISECOND = 1_000_000
"""In nanoseconds."""

_NODE = (1 << 48) - 1
"""Bit mask of the last twelve digits of a UUID."""


def next_id(connection: sa.Connection, kind: str, clock: Clock) -> str:
    """Return a new id. Its number is never used again, even after the resource is deleted."""
    bump = (
        insert(counters)
        .values(kind=kind, last=1)
        .on_conflict_do_update(index_elements=["kind"], set_={"last": counters.c.last + 1})
        .returning(counters.c.last)
    )
    return ids.encode(kind, connection.execute(bump).scalar_one(), clock.suffix())


def row_ids(number: int, now_ns: int) -> list[str]:
    """Return `number` UUIDs, in ascending text order, for examples or runs that arrive together at `now_ns`.

    AX lists examples by time and then id, and searches runs by id. With these ids both orders are the order of arrival.
    """
    milliseconds, rest = divmod(now_ns, _MILLISECOND)
    # UUID version 7 (RFC 9562): milliseconds, 4096ths of one, random bits. Text is three times as fast as UUID().
    first, last = divmod(milliseconds, 1 << 16)
    moment = f"{first:08x}-{last:04x}-7{rest * 4096 // _MILLISECOND:03x}"
    chance = sorted(secrets.randbits(62) | 2 << 62 for _ in range(number))
    return [f"{moment}-{one >> 48:04x}-{one & _NODE:012x}" for one in chance]


def row_of(connection: sa.Connection, table: sa.Table, key: str, noun: str, listed_at: str) -> sa.Row[Any]:
    """The row of `table` with the id `key`; `noun` and `listed_at` are for the error sentence.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(_by_id(table), {"key": key}).first()
    if row is None:
        raise NotFound(f"There is no {noun} with the id {key!r}.", f"GET {listed_at} lists them.")
    return row


def on_targets(table: sa.Table) -> sa.Select[Any]:
    """The rows of verdicts or annotations on some targets. Parameters: `scope`, `of_level` and the list `targets`."""
    return (
        sa.select(table)
        .where(
            table.c.scope_id == sa.bindparam("scope"),
            table.c.level == sa.bindparam("of_level"),
            table.c.target_id.in_(sa.bindparam("targets", expanding=True)),
        )
        .order_by(table.c.target_id, table.c.name)
    )


@cache
def _by_id(table: sa.Table) -> sa.Select[Any]:
    """The statement of `row_of`, which takes longer to build than to execute."""
    return sa.select(table).where(table.c.id == sa.bindparam("key"))


def listed(column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """The condition that an id in `column` is one of the list that the parameter `listed` holds.

    The list is a single parameter, so the same statement serves one row and a thousand. It is for ids that the store or
    OpenTelemetry made: SQLite cuts JSON text at a NUL, which the id of a session may contain.
    """
    values = sa.func.json_each(sa.bindparam("listed", type_=sa.JSON)).table_valued("value")
    return column.in_(sa.select(values.c.value))
