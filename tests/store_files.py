"""Database files without the store: the store refuses a newer schema, and changes an older one."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from assaykit.engine.store import migrations
from assaykit.engine.store.tables import metadata


@contextmanager
def connected(path: Path) -> Generator[sa.Connection]:
    """A connection to the file as it is; its changes are stored when the block ends."""
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def schema_of(path: Path) -> str | None:
    """The schema that the file is at; None for an empty file."""
    with connected(path) as connection:
        return migrations.stored_version(connection.engine)


def statements(connection: sa.Connection) -> list[tuple[str, str]]:
    """The name of each table and index with the statement that makes it, by name."""
    query = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name != 'alembic_version' ORDER BY name"
    return [(name, text) for name, text in connection.exec_driver_sql(query)]


def statements_of_tables() -> list[tuple[str, str]]:
    """The same as `statements` for the tables that the code works with, made without a migration."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        found = statements(connection)
    engine.dispose()
    return found
