"""The tables of a new store, which are those that the migrations make of an empty file.

    ASSAYKIT_UPDATE=1 pytest tests/engine/test_schema.py

writes them for the package.
"""

import os
import re
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from tests.store_files import connected

from assaykit.engine.store import migrations
from assaykit.engine.store.database import Database

TABLES = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"


@pytest.fixture
def migrated(tmp_path: Path) -> Path:
    """An empty file after every migration."""
    file = tmp_path / "migrated.db"
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with connected(file) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return file


def script(file: Path) -> str:
    """The statements that make the tables, indexes, triggers and rows of a file without data."""
    with connected(file) as connection:
        found = [sql for (sql,) in connection.exec_driver_sql(TABLES)]
        filled = [
            table
            for (table,) in connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if connection.exec_driver_sql(f"SELECT 1 FROM {table}").first()  # noqa: S608  (our own names)
        ]
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    assert filled == ["alembic_version"], "a migration fills other tables too, so the script must do it"
    tables = [re.sub(r"\s*\n\s*", "\n  ", sql.strip()).replace("\n  )", "\n)") for sql in found]
    row = f"INSERT INTO alembic_version VALUES ('{version}')"  # noqa: S608  (our own name)
    return "".join(f"{one};\n" for one in [*tables, row])


async def test_a_new_store_has_what_the_migrations_make(migrated: Path, tmp_path: Path) -> None:
    expected = script(migrated)
    if os.environ.get("ASSAYKIT_UPDATE"):
        migrations.SCHEMA.write_text(expected, encoding="utf-8")
    await (await Database.open(tmp_path / "new.db")).close()
    assert script(tmp_path / "new.db") == expected == migrations.SCHEMA.read_text(encoding="utf-8")


async def test_a_file_that_another_process_migrates_at_once_is_left_to_it(
    migrated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It was empty when this process looked.
    found = iter([None, None, migrations.HEAD])

    def stored_version(_: object) -> str | None:
        return next(found)

    monkeypatch.setattr(migrations, "stored_version", stored_version)
    before = script(migrated)
    await (await Database.open(migrated)).close()
    assert script(migrated) == before
