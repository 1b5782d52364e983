"""Spaces in the store."""

from typing import Any

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.keys import next_id, row_of
from assaykit.engine.store.pages import PageRequest, by_arrival, named_like
from assaykit.engine.store.tables import spaces
from assaykit.engine.store.times import moment
from assaykit.wire.spaces import Space, SpacePage

DEFAULT_SPACE = "default"


def has_any(connection: sa.Connection) -> bool:
    """Whether the store has a space."""
    return connection.execute(sa.select(spaces.c.id).limit(1)).first() is not None


def ensure_default(connection: sa.Connection, clock: Clock) -> None:
    """Create the space `default` in a store without spaces."""
    if not has_any(connection):
        connection.execute(
            spaces.insert().values(
                id=next_id(connection, "Space", clock), name=DEFAULT_SPACE, created_ns=clock.now_ns()
            )
        )


def page(connection: sa.Connection, name: str | None, at: PageRequest) -> SpacePage:
    """Spaces whose name contains `name`, newest first."""
    query = sa.select(spaces)
    if name:
        query = query.where(named_like(spaces.c.name, name))
    rows, pagination = by_arrival(connection, query, spaces.c.n, at)
    return SpacePage(spaces=[_space(row) for row in rows], pagination=pagination)


def get(connection: sa.Connection, space_id: str) -> Space:
    """One space.

    Raises:
        NotFound: there is none with this id.
    """
    return _space(row_of(connection, spaces, space_id, "space", "/v2/spaces"))


def within(table: sa.Table, space_id: str | None, space_name: str | None) -> sa.ColumnElement[bool]:
    """The condition that rows of `table` lie in a space: by exact id, or by a part of its name."""
    if space_id:
        return table.c.space_id == space_id
    if space_name:
        return table.c.space_id.in_(sa.select(spaces.c.id).where(named_like(spaces.c.name, space_name)))
    return sa.true()


def exists(space_id: str | None, space_name: str | None) -> sa.ColumnElement[bool]:
    """The condition that the named space exists, for rows that belong to every space; true if none is named."""
    if space_id:
        return sa.exists().where(spaces.c.id == space_id)
    return sa.exists().where(named_like(spaces.c.name, space_name)) if space_name else sa.true()


def _space(row: sa.Row[Any]) -> Space:
    return Space(id=row.id, name=row.name, created_at=moment(row.created_ns), is_private=False)
