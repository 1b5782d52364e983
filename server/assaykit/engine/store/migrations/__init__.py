"""Migration of a store to the newest schema.

Alembic is imported only for a file with an older schema: a new file gets the tables of `HEAD` from `schema.sql`.
"""

import os
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
import structlog

from assaykit.errors import Unavailable
from assaykit.filelock import FileLock

log = structlog.get_logger()

HEAD = "0032"
"""The newest revision under `versions/`."""

SCHEMA = Path(__file__).with_name("schema.sql")
"""The statements that give an empty file the tables of `HEAD`. A test holds them equal to what the migrations make."""

_ALEMBIC = threading.Lock()
"""Alembic keeps its context in a module, so the stores of one process must migrate one at a time."""

LOCK_SUFFIX = ".migration-lock"
"""The end of the name of the file that is locked while a process copies and migrates a store."""

LONGEST_WAIT_S = 600.0
"""Time limit for the migration by another process: the longest ones copy gigabytes."""


def stored_version(engine: sa.Engine) -> str | None:
    """The schema revision of the file; None for an empty file."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def bring_up_to_date(engine: sa.Engine) -> None:
    """Migrate the file to `HEAD` in one transaction, after a backup; do nothing if it is at `HEAD` already.

    An empty file gets the tables of `HEAD` at once.

    Raises:
        Unavailable: the file was written by a newer version, or the disk has no room for the backup.
    """
    if stored_version(engine) == HEAD:
        return
    with _turn(Path(engine.url.database or "")) as alone:
        # Another process may have migrated the file meanwhile.
        version = stored_version(engine)
        if version == HEAD:
            return
        if version is not None and version > HEAD:
            raise Unavailable(
                f"The store is at schema {version}, which this version of assaykit (schema {HEAD}) cannot read.",
                "Update assaykit, or set ASSAYKIT_HOME to another folder.",
            )
        if version is None:
            _create(engine)
        else:
            _back_up(engine, version, alone=alone)
        if stored_version(engine) != HEAD:
            _migrate(engine)


@contextmanager
def _turn(file: Path) -> Generator[bool]:
    """Keep other processes from migrating the file until the block ends. Waits for the one that does.

    Yields False on a file system without locks. The migration's transaction still lets one process at a time through.

    Raises:
        Unavailable: another process has been migrating the file for `LONGEST_WAIT_S`.
    """
    lock = FileLock(file.with_name(f"{file.name}{LOCK_SUFFIX}"))
    try:
        taken = lock.take_within(LONGEST_WAIT_S)
    except OSError as error:
        log.warning("migration_lock_unusable", error=error.strerror)
        yield False
        return
    if not taken:
        raise Unavailable(
            f"Another process has been migrating the store for {LONGEST_WAIT_S / 60:g} minutes.",
            "Wait until it ends, or end it, then start again; a migration that is broken off changes nothing.",
        )
    try:
        yield True
    finally:
        lock.release()


def _back_up(engine: sa.Engine, version: str, *, alone: bool) -> None:
    """Copy the file beside itself, and delete the copy from the previous migration.

    With `alone`, no other process copies, so parts of copies come from processes that were killed and are deleted.

    Raises:
        Unavailable: the disk has no room for the copy.
    """
    file = Path(engine.url.database or "")
    for left in file.parent.glob(f"{file.name}.*.part*") if alone else ():
        left.unlink(missing_ok=True)
    needed, free = 2 * file.stat().st_size, shutil.disk_usage(file.parent).free
    if free < needed:
        raise Unavailable(
            f"Migrating the store to a newer schema needs {needed // 2**20} MB, with a backup copy of it, but only "
            f"{free // 2**20} MB are free.",
            "Free some space and start again; nothing was changed.",
        )
    copy = file.with_name(f"{file.name}.schema-{version}")
    partly = file.with_name(f"{file.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        # A copy of the owner's data is for the owner alone from its first byte.
        os.close(os.open(partly, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(file)) as store, closing(sqlite3.connect(partly)) as to:
            store.backup(to)
        partly.replace(copy)
    finally:
        partly.unlink(missing_ok=True)
    for old in file.parent.glob(f"{file.name}.schema-*"):
        if old != copy:
            old.unlink(missing_ok=True)
    log.warning("store_backed_up", copy=copy.name, schema=version, becomes=HEAD)


def _create(engine: sa.Engine) -> None:
    """Make the tables of `HEAD` in one transaction, unless another process has made tables meanwhile."""
    with engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection, connection.begin():
        if not sa.inspect(connection).has_table("alembic_version"):
            for statement in _statements(SCHEMA.read_text(encoding="utf-8")):
                connection.exec_driver_sql(statement)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script. Each ends at the end of a line."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _migrate(engine: sa.Engine) -> None:
    from alembic import command  # noqa: PLC0415  (see the module docstring)
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    # Two processes may start together: the second finds the file migrated once it holds the lock.
    with _ALEMBIC, engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)
