"""The store: its schema, its file, and two engines on one folder."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import anyio
import httpx
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tests import stores
from tests.engine.door import KEY, Door, opened, span
from tests.engine.test_migrations import old_store
from tests.store_files import connected, schema_of, statements, statements_of_tables

from assaykit.engine.engine import STORE, Engine
from assaykit.engine.runs.life import PREFIX
from assaykit.engine.runs.schedule import LOCK
from assaykit.engine.store import migrations
from assaykit.engine.store.migrations import LOCK_SUFFIX
from assaykit.engine.store.openings import SUFFIX
from assaykit.engine.store.tables import evals, metadata
from assaykit.errors import Unavailable

SERVER = Path(__file__).parents[2] / "server"

OPEN = f"""
import pathlib, sys, anyio
from assaykit.engine.engine import Engine

async def main():
    async with Engine.open(pathlib.Path(sys.argv[1]), key={KEY!r}, environment={{}}):
        print("alembic" in sys.modules)

anyio.run(main)
"""


def begun(home: Path) -> subprocess.Popen[str]:
    """Another process that opens an engine, says whether it imported alembic, and ends."""
    environment = {**os.environ, "PYTHONPATH": str(SERVER)}
    return subprocess.Popen(
        [sys.executable, "-c", OPEN, str(home)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return out.strip()


async def test_the_migrations_make_the_tables_that_the_code_works_with(door: Door) -> None:
    def differences(connection: sa.Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    assert await door.engine.database.read(differences) == []


async def test_the_migrations_make_the_same_constraints_and_layout(door: Door) -> None:
    expected = [(name, words(text)) for name, text in statements_of_tables()]
    found = await door.engine.database.read(statements)
    assert [(name, words(text)) for name, text in found] == expected


def words(statement: str) -> list[str]:
    """In order of the alphabet: constraints may be written in any order."""
    return sorted(re.findall(r"[\w()]+", statement))


def test_the_newest_revision_is_the_one_that_the_code_names() -> None:
    files = sorted((Path(migrations.__file__).parent / "versions").glob("[0-9]*.py"))
    assert files[-1].name.startswith(migrations.HEAD)


@pytest.mark.slow
def test_alembic_is_imported_to_migrate_and_not_for_a_store_that_is_new_or_up_to_date(tmp_path: Path) -> None:
    assert said(begun(tmp_path / "home")) == "False"
    assert said(begun(tmp_path / "home")) == "False"
    (tmp_path / "old").mkdir()
    old_store(tmp_path / "old" / STORE)
    assert said(begun(tmp_path / "old")).endswith("True")


@pytest.mark.slow
async def test_processes_that_start_together_on_a_new_folder_all_come_up(tmp_path: Path) -> None:
    together = [begun(tmp_path / "home") for _ in range(2)]
    assert [said(process) for process in together]
    assert schema_of(tmp_path / "home" / STORE) == migrations.HEAD
    async with opened(tmp_path / "home") as door:
        assert [space["name"] for space in (await door.get("/v2/spaces"))["spaces"]] == ["default"]


async def test_a_store_of_a_newer_version_is_refused_and_left_alone(home: Path) -> None:
    with connected(home / STORE) as connection:
        connection.execute(become("9999"))
        evals.drop(connection)
    with pytest.raises(Unavailable, match="at schema 9999") as refusal:
        async with opened(home):
            pytest.fail("a newer store was opened")
    assert "Update assaykit" in refusal.value.next
    assert schema_of(home / STORE) == "9999"


def become(schema: str) -> sa.TextClause:
    """The statement after which a file is taken for one of another schema."""
    return sa.text("UPDATE alembic_version SET version_num = :schema").bindparams(schema=schema)


async def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / STORE).write_bytes(b"somebody's notes" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        async with opened(tmp_path):
            pytest.fail("no store was opened")
    assert (tmp_path / STORE).read_bytes() == b"somebody's notes" * 100


async def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(Unavailable, match="ASSAYKIT_HOME") as refusal:
        async with opened(tmp_path / "file"):
            pytest.fail("a file was taken for a folder")
    assert "ASSAYKIT_HOME" in refusal.value.next


@pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes")
@pytest.mark.parametrize("umask", [0o000, 0o077])
async def test_the_folder_and_every_file_in_it_are_their_owner_s_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        async with opened(tmp_path / "home") as door:
            await door.send(span(0))
            modes = {path.name: mode_of(path) for path in (tmp_path / "home").iterdir()}
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "home") == 0o700
    (own,) = (name for name in modes if name.startswith(PREFIX))
    ours = [STORE, f"{STORE}-wal", f"{STORE}-shm", f"{STORE}{LOCK_SUFFIX}", f"{STORE}{SUFFIX}", LOCK, own]
    assert modes == dict.fromkeys(ours, 0o600)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes")
async def test_a_folder_and_a_file_that_were_open_to_others_are_closed(home: Path) -> None:
    open_to_others(home)
    async with opened(home):
        assert (mode_of(home), mode_of(home / STORE)) == (0o700, 0o600)


def open_to_others(home: Path) -> None:
    home.chmod(0o755)
    (home / STORE).chmod(0o644)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_two_engines_on_one_folder_write_at_the_same_time(home: Path) -> None:
    async def write(door: Door, project: str) -> None:
        for start in range(0, 500, 10):
            await door.send(*(span(number) for number in range(start, start + 10)), project=project)

    async with opened(home) as first, opened(home) as second:
        async with anyio.create_task_group() as group:
            group.start_soon(write, first, "first")
            group.start_soon(write, second, "second")
        assert (await first.get("/x/status"))["spans"] == 1000
        names = [row["name"] for row in (await second.get("/v2/projects"))["projects"]]
        assert sorted(names) == ["first", "second"]


async def test_many_requests_at_once_are_all_answered(door: Door) -> None:
    space, answers = await door.space(), list[httpx.Response]()

    async def make(name: str) -> None:
        answers.append(await door.http.post("/v2/projects", json={"name": name, "space_id": space}))

    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(make, f"project {number // 2}")
    # Each name came twice: one of the two is made, the other is told of it.
    assert sorted(answer.status_code for answer in answers) == [201] * 50 + [409] * 50
    assert len({answer.json()["id"] for answer in answers if answer.is_success}) == 50


async def test_what_was_written_is_there_when_the_engine_opens_again(home: Path) -> None:
    async with opened(home) as door:
        project = await door.send(span(0))
        space = await door.space()
    assert not (home / f"{STORE}-wal").exists()
    async with opened(home) as door:
        assert (await door.get("/v2/projects"))["projects"][0]["id"] == project
        assert await door.space() == space


async def test_an_engine_that_could_not_open_can_be_opened_later(home: Path) -> None:
    await stores.change(home, become("9999"))
    with pytest.raises(Unavailable):
        async with opened(home):
            pytest.fail("a newer store was opened")
    with connected(home / STORE) as connection:
        connection.execute(become(migrations.HEAD))
    async with Engine.open(home, key=KEY, environment={}) as engine:
        assert engine.home == home
