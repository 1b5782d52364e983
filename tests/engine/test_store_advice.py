"""A store that cannot be used is told with its cause, and the advice is the one for that cause."""

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from tests.engine.door import Door, opened
from tests.store_files import connected

from assaykit.engine.engine import STORE
from assaykit.engine.store import database, refusals
from assaykit.engine.store.tables import counters
from assaykit.errors import Invalid, Unavailable

HELD = "Close every other program"
FULL = "Free some space"
READ_ONLY = "Get the right to write"
DAMAGED = "Copy the folder"
NO_STORE = "Move the file away"
FAULTY_DISK = "Check that the disk is attached"
UNOPENABLE = "Check that the folder of the file is there"
REPORT = "Run `assaykit doctor`"


def pragma(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    """Have every connection from now on made with one more setting."""
    monkeypatch.setattr(database, "PRAGMAS", (*database.PRAGMAS, f"PRAGMA {setting}"))


async def answer(door: Door, name: str = "one more") -> tuple[int, str, str]:
    """Status, detail and next step of a project that is to be made."""
    response = await door.http.post("/v2/projects", json={"name": name, "space_id": await door.space()})
    found = response.json()
    return response.status_code, found.get("detail", ""), found.get("next", "")


async def test_a_file_that_another_program_holds(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pragma(monkeypatch, "busy_timeout=10")
    async with opened(home) as door:
        with connected(home / STORE) as other:
            other.exec_driver_sql("BEGIN IMMEDIATE")
            status, detail, advice = await answer(door)
        assert (status, advice.startswith(HELD)) == (503, True), advice
        assert "locked" in detail
        assert (await answer(door))[0] == 201


async def test_a_file_that_cannot_grow(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pragma(monkeypatch, "max_page_count=1")  # SQLite takes the present size for the least
    async with opened(home) as door:
        body = {"space_id": await door.space(), "name": "long", "examples": [{"q": "long " * 20_000}]}
        response = await door.http.post("/v2/datasets", json=body)
    assert (response.status_code, response.json()["next"].startswith(FULL)) == (503, True), response.text
    assert "full" in response.json()["detail"]


async def test_a_file_that_may_only_be_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pragma(monkeypatch, "query_only=ON")
    # Reading goes on: a store that exists opens without a write.
    async with opened(home) as door:
        status, detail, advice = await answer(door)
    assert (status, advice.startswith(READ_ONLY)) == (503, True), advice
    assert "readonly" in detail


async def test_a_file_that_is_damaged(home: Path) -> None:
    content = (home / STORE).read_bytes()
    (home / STORE).write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    await refused(home, "malformed", DAMAGED)


async def test_a_file_that_is_no_store(tmp_path: Path) -> None:
    (tmp_path / STORE).write_bytes(b"somebody's notes" * 100)
    await refused(tmp_path, "not a database", NO_STORE)


async def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / STORE).mkdir()
    await refused(tmp_path, "directory", UNOPENABLE)


async def test_a_folder_in_place_of_the_log(home: Path) -> None:
    (home / f"{STORE}-wal").mkdir()
    await refused(home, "unable to open", UNOPENABLE)


async def refused(home: Path, cause: str, advice: str) -> None:
    """The store of the folder must be refused with these words."""
    with pytest.raises(Unavailable, match=cause) as refusal:
        async with opened(home):
            pytest.fail("the store was opened")
    assert refusal.value.next.startswith(advice), refusal.value.next


async def test_a_folder_that_is_gone(home: Path) -> None:
    async with opened(home) as door:
        body = {"space_id": await door.space(), "name": "late"}
        shutil.move(home, home.with_name("elsewhere"))
        response = await door.http.post("/v2/projects", json=body)
        shutil.move(home.with_name("elsewhere"), home)
    assert (response.status_code, response.json()["next"].startswith(UNOPENABLE)) == (503, True), response.text


async def test_a_table_that_is_gone(door: Door) -> None:
    await door.engine.database.write(lambda connection: connection.exec_driver_sql("ALTER TABLE evals RENAME TO lost"))
    response = await door.http.get("/x/check")
    assert (response.status_code, response.json()["next"].startswith(REPORT)) == (503, True)
    assert "no such table" in response.json()["detail"]


@pytest.mark.parametrize(("kind", "last"), [("too large", 2**63), ("half a character \ud800", 1), ("x" * 2**21, 1)])
async def test_a_value_that_the_store_cannot_hold(
    home: Path, kind: str, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_prepare", limited(vars(database)["_prepare"]))
    async with opened(home) as door:
        with pytest.raises(Invalid, match="cannot hold a value") as refusal:
            await door.engine.database.write(
                lambda connection: connection.execute(sa.insert(counters).values(kind=kind, last=last))
            )
    assert refusal.value.next == "Change the value or shorten it."
    assert len(refusal.value.message) < 200


def limited(prepare: Callable[[sqlite3.Connection, object], None]) -> Callable[[sqlite3.Connection, object], None]:
    """Connections that take no value of more than a megabyte."""

    def prepared(connection: sqlite3.Connection, record: object) -> None:
        prepare(connection, record)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2**20)

    return prepared


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, HELD),
        (sqlite3.SQLITE_LOCKED, HELD),
        (sqlite3.SQLITE_FULL, FULL),
        (sqlite3.SQLITE_READONLY_DIRECTORY, READ_ONLY),
        (sqlite3.SQLITE_READONLY_DBMOVED, "Put the file back"),
        (sqlite3.SQLITE_IOERR_FSYNC, FAULTY_DISK),
        (sqlite3.SQLITE_CORRUPT_INDEX, DAMAGED),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, UNOPENABLE),
        (sqlite3.SQLITE_ERROR, REPORT),
    ],
)
def test_the_advice_for_what_sqlite_refuses(code: int, advice: str) -> None:
    cause = sqlite3.OperationalError("as SQLite says")
    cause.sqlite_errorcode = code
    for error in (cause, OperationalError("SELECT 1", None, cause)):
        found = refusals.explained(error, STORE)
        assert found.message == "The store 'assaykit.db' could not be used: as SQLite says."
        assert found.next.startswith(advice)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, FULL),
        (errno.EROFS, READ_ONLY),
        (errno.EACCES, READ_ONLY),
        (errno.ENOENT, UNOPENABLE),
        (errno.EIO, FAULTY_DISK),
        (errno.EMFILE, "Raise the limit of open files"),
        (errno.EDOM, REPORT),
    ],
)
async def test_the_advice_for_what_the_system_refuses(
    home: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    async with opened(home) as door:

        def refuse(_: Path) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as failing:
            failing.setattr(shutil, "disk_usage", refuse)
            status, detail, following = await answer(door)
    assert (status, following.startswith(advice)) == (503, True), following
    assert os.strerror(number) in detail
