"""The id of the next thing of a kind."""

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from assaykit.engine.clock import Clock
from assaykit.engine.store.tables import counters
from assaykit.wire import ids


def next_id(connection: sa.Connection, kind: str, clock: Clock) -> str:
    """A new id; its number is never given twice, even when the thing is deleted."""
    bump = (
        insert(counters)
        .values(kind=kind, last=1)
        .on_conflict_do_update(index_elements=["kind"], set_={"last": counters.c.last + 1})
        .returning(counters.c.last)
    )
    return ids.encode(kind, connection.execute(bump).scalar_one(), clock.suffix())
