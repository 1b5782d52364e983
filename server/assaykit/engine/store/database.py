"""The SQLite file and the threads that access it.

SQLAlchemy is used synchronously in worker threads: on a local file an async driver only adds cost. Writes are
`BEGIN IMMEDIATE`, one at a time per process, and never span an await, so two processes on one file wait for each
other for milliseconds instead of failing with "database is locked".
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import anyio
import anyio.to_thread
import sqlalchemy as sa
import structlog
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError, IntegrityError, ProgrammingError

from assaykit.engine import json_text
from assaykit.engine.sampling import taken
from assaykit.engine.store import openings, refusals
from assaykit.engine.store.migrations import HEAD, bring_up_to_date
from assaykit.engine.store.pages import casefold
from assaykit.errors import Unavailable, quote

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

READERS = 3
ROOM = 64 * 1024 * 1024
"""Bytes that must stay free: on a full disk, the store can be neither written nor cleaned up."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
"""Seconds between the tries of a repeated write."""

PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA busy_timeout=10000",
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
)


_WRITE = "BEGIN IMMEDIATE"
_SCHEMA = "SELECT version_num FROM alembic_version"


class SchemaChanged(Unavailable):
    """Another version of assaykit has migrated the store since this process opened it."""


class Database:
    """One file, opened and migrated. `read` and `write` call a function with a connection in a worker thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = _engine(path)
        self._writer = anyio.CapacityLimiter(1)
        self._readers = anyio.CapacityLimiter(READERS)
        self._is_counted = False

    @classmethod
    async def open(cls, path: Path) -> "Database":
        """Open the file at `path`. Create it if it is absent, and migrate it to the newest schema.

        Raises:
            Unavailable: the file has a newer schema, cannot be written, cannot be backed up for lack of space, or lacks
                rows that it had.
        """
        database = cls(path)
        await anyio.to_thread.run_sync(database._prepare, limiter=database._writer)
        return database

    async def read(self, work: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of `work(connection, ...)`, called in one read transaction.

        Raises:
            SchemaChanged: another version of assaykit has migrated the store.
            Unavailable: the file cannot be read.
        """
        return await anyio.to_thread.run_sync(
            partial(self._within, "BEGIN", work, *args, **kwargs), limiter=self._readers
        )

    async def write(self, work: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of `work(connection, ...)`, called in one write transaction. An exception rolls it back.

        Raises:
            SchemaChanged: another version of assaykit has migrated the store.
            Unavailable: the disk is nearly full, or the file cannot be written.
        """
        return await anyio.to_thread.run_sync(partial(self._with_room, work, *args, **kwargs), limiter=self._writer)

    async def settle(self, work: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like `write`, also on a nearly full disk: for work that ends, releases or deletes something."""
        return await anyio.to_thread.run_sync(
            partial(self._within, _WRITE, work, *args, **kwargs), limiter=self._writer
        )

    async def persist(self, work: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like `write`, repeated while the store cannot be written just now: for paid answers and the like.

        The work itself tells if it is in vain, for example because a lease is lost.

        Raises:
            SchemaChanged: another version of assaykit has migrated the store.
            Unavailable: the store fails for a cause that does not pass.
        """

        async def write() -> T:
            return await self.write(work, *args, **kwargs)

        return await _repeated(write)

    async def conclude(self, work: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Like `settle`, repeated while the store cannot be written just now."""

        async def settle() -> T:
            return await self.settle(work, *args, **kwargs)

        return await _repeated(settle)

    async def close(self) -> None:
        """Checkpoint the write-ahead log and close every connection."""
        await anyio.to_thread.run_sync(self._close, limiter=self._writer)

    def _with_room(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        with self._explained():
            free = shutil.disk_usage(self.path.parent).free
        if free < ROOM:
            folder = quote(str(self.path.parent.absolute()))
            raise refusals.StoreBusy(
                f"The disk is nearly full: {free // 2**20} MB are left for {folder!r}, "
                f"and {ROOM // 2**20} MB must stay free.",
                "Free some space, or set ASSAYKIT_HOME to a folder on another disk. Stored data is safe.",
            )
        return self._within(_WRITE, work, *args, **kwargs)

    def _within(self, begin: str, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        with (
            self._explained(),
            self._engine.connect().execution_options(begin=begin) as connection,
            connection.begin(),
        ):
            _refuse_other_schema(connection)
            writes = begin == _WRITE and not self._is_counted
            opening = openings.count(connection, self.path) if writes else None
            result = work(connection, *args, **kwargs)
        if opening is not None:
            self._is_counted = True
            openings.keep(self.path, opening)
        return result

    def _prepare(self) -> None:
        try:
            with self._explained():
                if not self.path.exists():
                    openings.forget(self.path)
                _make_private(self.path)
                openings.require_whole(self._engine, self.path)
                bring_up_to_date(self._engine)
        except BaseException:
            # A refused store must stay as it is, so that its log can be put back.
            self._engine.dispose()
            raise

    @contextmanager
    def _explained(self) -> Generator[None]:
        """Raise each refusal by SQLite or the file system as an error with advice for its cause.

        Raises:
            Invalid: SQLite cannot hold a value.
            Unavailable: the file cannot be used.
        """
        try:
            yield
        except (IntegrityError, ProgrammingError):
            raise  # a mistake of ours, and no fault of the file
        except (DatabaseError, sqlite3.Error, OSError, OverflowError, UnicodeEncodeError) as error:
            raise refusals.explained(error, str(self.path.absolute())) from error

    def _close(self) -> None:
        try:
            with self._explained(), self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            self._engine.dispose()


async def _repeated(write: Callable[[], Coroutine[Any, Any, T]]) -> T:
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return await write()
        except refusals.StoreBusy as error:
            log.warning("write_repeated", error=str(error), after_s=pause_s)
        await anyio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path)),
        # Autocommit in the driver: only `_begin` below starts transactions.
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": 10},
        json_serializer=json_text.written,
        json_deserializer=json_text.read,
        pool_size=READERS + 1,
        max_overflow=0,
        # The last connection has its pages and statements at hand.
        pool_use_lifo=True,
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _refuse_other_schema(connection: sa.Connection) -> None:
    """Refuse a transaction on a store that has another schema than this process works with.

    The transaction holds its lock already, so no migration can follow the check.
    """
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    found = driver.execute(_SCHEMA).fetchone()
    if found != (HEAD,):
        stored = "none" if found is None else found[0]
        raise SchemaChanged(
            f"The store is at schema {stored} now, and this process works with schema {HEAD}.",
            "Restart assaykit here: another version has changed the store since this process started.",
        )


def _make_private(path: Path) -> None:
    """Create the file for its owner alone before SQLite opens it. SQLite gives its journals the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if os.name == "posix":
        path.chmod(0o600)


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in PRAGMAS:
        connection.execute(pragma)
    connection.create_function("casefold", 1, casefold, deterministic=True)
    connection.create_function("sampled", 2, taken, deterministic=True)


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
