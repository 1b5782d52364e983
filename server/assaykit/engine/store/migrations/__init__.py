"""Bringing a store to the newest schema.

Alembic is imported only when the stored version is not `HEAD`: a start on an up-to-date file does not pay for it.
"""

import threading
from pathlib import Path

import sqlalchemy as sa

from assaykit.errors import Unavailable

HEAD = "0009"
"""The newest revision under `versions/`."""

_ALEMBIC = threading.Lock()
"""Alembic keeps its context in a module: two stores of one process migrate one after the other."""


def stored_version(engine: sa.Engine) -> str | None:
    """The revision the file is at; None for an empty file."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def bring_up_to_date(engine: sa.Engine) -> None:
    """Migrate the file to `HEAD` in one transaction; do nothing when it is there already.

    Raises:
        Unavailable: the file was written by a newer version.
    """
    version = stored_version(engine)
    if version == HEAD:
        return
    if version is not None and version > HEAD:
        raise Unavailable(
            f"The store is at schema {version}, which this version of assaykit (schema {HEAD}) cannot read.",
            "Update assaykit, or set ASSAYKIT_HOME to another folder.",
        )
    _migrate(engine)


def _migrate(engine: sa.Engine) -> None:
    from alembic import command  # noqa: PLC0415  (see the module docstring)
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    # Two processes may start together: the second sees the first one's work once it holds the lock.
    with _ALEMBIC, engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)
