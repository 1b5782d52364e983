"""A store that lost its newest rows says so, and nothing is written into it."""

import os
import shutil
from pathlib import Path

import pytest
from tests.engine.door import opened

from assaykit.engine.engine import STORE
from assaykit.engine.store import openings
from assaykit.errors import Unavailable

LOG, BESIDE = f"{STORE}-wal", f"{STORE}{openings.SUFFIX}"


async def names(home: Path) -> list[str]:
    """The projects of the store."""
    async with opened(home) as door:
        return [one["name"] for one in (await door.get("/v2/projects"))["projects"]]


async def in_use(home: Path, left: Path) -> None:
    """A store with a project, and at `left` the files of it as a process that is killed leaves them."""
    async with opened(home) as door:
        body = {"space_id": await door.space(), "name": "kept"}
        assert (await door.http.post("/v2/projects", json=body)).status_code == 201
        shutil.copytree(home, left)


async def refusal(home: Path) -> str:
    """What an engine says that does not open on the store; the store stays as it is."""
    before = (home / STORE).read_bytes()
    with pytest.raises(Unavailable) as raised:
        await names(home)
    assert (home / STORE).read_bytes() == before
    return str(raised.value)


@pytest.mark.parametrize("is_new", [True, False])
async def test_a_store_without_its_log_is_told_and_opens_again_with_it(tmp_path: Path, is_new: bool) -> None:
    home, left = tmp_path / "home", tmp_path / "left"
    if is_new:
        home.mkdir()  # without it the store is a copy of one that was closed
    await in_use(home, left)
    (left / LOG).rename(tmp_path / "log")
    (left / f"{STORE}-shm").unlink()
    said = await refusal(left)
    assert ("is empty, though it was in use" if is_new else "lacks what was written when it was last in use") in said
    assert f"its log '{LOG}' is gone" in said
    (tmp_path / "log").rename(left / LOG)
    assert "kept" in await names(left)


async def test_an_emptied_store_is_told(home: Path, tmp_path: Path) -> None:
    await in_use(home, tmp_path / "left")
    os.truncate(home / STORE, 0)
    assert "is empty, though it was in use" in await refusal(home)


async def test_a_store_replaced_by_an_older_copy_is_told_and_used_once_the_user_wants_that(
    home: Path, tmp_path: Path
) -> None:
    await in_use(home, tmp_path / "left")
    shutil.copy(home / STORE, tmp_path / "older.db")
    for name in ("second", "third"):
        async with opened(home) as door:
            await door.post("/v2/projects", {"space_id": await door.space(), "name": name})
    shutil.copy(tmp_path / "older.db", home / STORE)
    assert f"or delete '{BESIDE}' beside it to go on with the file as it is." in await refusal(home)
    (home / BESIDE).unlink()
    found = await names(home)
    assert "kept" in found
    assert "third" not in found


async def test_a_killed_process_and_a_closed_one_leave_a_store_that_opens(home: Path, tmp_path: Path) -> None:
    await in_use(home, tmp_path / "left")
    assert "kept" in await names(home)
    for _ in range(3):
        assert "kept" in await names(tmp_path / "left")


async def test_a_store_that_was_deleted_begins_anew(home: Path, tmp_path: Path) -> None:
    await in_use(home, tmp_path / "left")
    (home / STORE).unlink()
    assert "kept" not in await names(home)


@pytest.mark.parametrize("content", [b"", b"x", b"-1", b"\xff" * 100, b"9" * 5])
async def test_a_damaged_count_beside_the_store_is_no_reason_to_refuse_unless_it_is_higher(
    home: Path, tmp_path: Path, content: bytes
) -> None:
    await in_use(home, tmp_path / "left")
    (home / BESIDE).write_bytes(content)
    if content.isdigit():
        await refusal(home)
    else:
        assert "kept" in await names(home)


async def test_a_count_that_cannot_be_written_stops_nothing(home: Path, tmp_path: Path) -> None:
    (home / BESIDE).mkdir(parents=True)
    await in_use(home, tmp_path / "left")
    assert "kept" in await names(home)


async def test_the_log_is_synced_before_the_number_is_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, bool]] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, (home / BESIDE).exists()))
        sync(descriptor)

    async with opened(home) as door:
        monkeypatch.setattr(os, "fsync", noted)
        await door.post("/v2/projects", {"space_id": await door.space(), "name": "kept"})
        # A power cut may keep the number and lose a log that is not synced; the store would be refused.
        assert synced == [((home / LOG).stat().st_ino, False)]
        assert (home / BESIDE).exists()
