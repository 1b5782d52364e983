"""Migration of a store to the newest schema.

Alembic is imported only if the stored version is not `HEAD`, so that a start on an up-to-date file stays fast.
"""

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
import structlog

from assaykit.errors import Unavailable

log = structlog.get_logger()

HEAD = "0016"
"""The newest revision under `versions/`."""

_ALEMBIC = threading.Lock()
"""Alembic keeps its context in a module, so the stores of one process must migrate one at a time."""


def stored_version(engine: sa.Engine) -> str | None:
    """The schema revision of the file; None for an empty file."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def bring_up_to_date(engine: sa.Engine) -> None:
    """Migrate the file to `HEAD` in one transaction, after a backup; do nothing if it is at `HEAD` already.

    Raises:
        Unavailable: the file was written by a newer version, or the disk has no room for the backup.
    """
    version = stored_version(engine)
    if version == HEAD:
        return
    if version is not None and version > HEAD:
        raise Unavailable(
            f"The store is at schema {version}, which this version of assaykit (schema {HEAD}) cannot read.",
            "Update assaykit, or set ASSAYKIT_HOME to another folder.",
        )
    if version is not None:
        _back_up(engine, version)
    _migrate(engine)


def _back_up(engine: sa.Engine, version: str) -> None:
    """Copy the file beside itself, and delete the copy from the previous migration.

    Raises:
        Unavailable: the disk has no room for the copy.
    """
    file = Path(engine.url.database or "")
    needed, free = 2 * file.stat().st_size, shutil.disk_usage(file.parent).free
    if free < needed:
        raise Unavailable(
            f"Migrating the store to a newer schema needs {needed // 2**20} MB, with a backup copy of it, but only "
            f"{free // 2**20} MB are free.",
            "Free some space and start again; nothing was changed.",
        )
    copy = file.with_name(f"{file.name}.schema-{version}")
    partly = copy.with_suffix(".part")
    with closing(sqlite3.connect(file)) as store, closing(sqlite3.connect(partly)) as to:
        store.backup(to)
    partly.chmod(0o600)
    partly.replace(copy)
    for old in file.parent.glob(f"{file.name}.schema-*"):
        if old != copy:
            old.unlink()
    log.warning("store_backed_up", copy=copy.name, schema=version, becomes=HEAD)


def _migrate(engine: sa.Engine) -> None:
    from alembic import command  # noqa: PLC0415  (see the module docstring)
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    # Two processes may start together: the second finds the file migrated once it holds the lock.
    with _ALEMBIC, engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)
