"""A data folder that cannot be used: every reply names its path, the cause and the variable that sets another."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client
from tests.caller import Caller
from tests.small_disks import fill, small_disk

from assaykit.errors import Invalid
from assaykit.server import create_server
from assaykit.settings import Settings

pytestmark = pytest.mark.embedded("the data folder is the server's own")


@asynccontextmanager
async def serving(home: Path) -> AsyncGenerator[Caller]:
    """A caller of a server with this data folder, which need not exist."""
    settings = Settings(home=home, structured=True)
    async with Client(create_server(settings)) as client:
        yield Caller(client, settings)


def a_file(folder: Path) -> Path:
    (folder / "notes").write_text("mine", encoding="utf-8")
    return folder / "notes"


def below_a_file(folder: Path) -> Path:
    return a_file(folder) / "home"


def with_a_long_name(folder: Path) -> Path:
    return folder / ("x" * 300)


def with_a_folder_as_store(folder: Path) -> Path:
    (folder / "assaykit.db").mkdir()
    return folder


@pytest.mark.parametrize(
    ("made", "cause"),
    [
        (a_file, "it is a file"),
        (below_a_file, "Not a directory"),
        (with_a_long_name, "File name too long"),
        (with_a_folder_as_store, "Is a directory"),
    ],
)
async def test_a_home_that_cannot_be_used_is_named(tmp_path: Path, made: Callable[[Path], Path], cause: str) -> None:
    home = made(tmp_path)
    async with serving(home) as ax:
        for tool in ("get_status", "list_projects"):
            await names(ax, tool, home, cause)
    assert not (tmp_path / "notes").exists() or (tmp_path / "notes").read_text(encoding="utf-8") == "mine"


async def names(ax: Caller, tool: str, home: Path, cause: str) -> None:
    """The call is refused with the path of the home, the cause, and the variable."""
    refusal = await ax.refused(tool)
    assert refusal["code"] == "unavailable"
    assert str(home)[:200] in refusal["message"]
    assert cause in refusal["message"]
    assert "ASSAYKIT_HOME" in refusal["next"]


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Generator[Path]:
    with small_disk(tmp_path / "disk", "1m,ro") as disk:
        yield disk


async def test_a_home_on_a_read_only_disk_is_named(read_only_disk: Path) -> None:
    async with serving(read_only_disk / "home") as ax:
        await names(ax, "get_status", read_only_disk / "home", "Read-only file system")
    async with serving(read_only_disk) as ax:
        await names(ax, "get_status", read_only_disk, "Read-only file system")


async def test_a_home_on_a_full_disk_is_named(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        fill(disk)
        async with serving(disk / "home") as ax:
            await names(ax, "get_status", disk / "home", "full")


async def test_a_home_with_little_room_is_named(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        async with serving(disk) as ax:
            await ax.ask("get_status")
            refusal = await ax.refused("create_judge", name="json", code="JSON_PARSEABLE")
    assert f"MB are left for {str(disk)!r}" in refusal["message"]
    assert "ASSAYKIT_HOME" in refusal["next"]


@pytest.mark.parametrize("variable", ["ASSAYKIT_HOME", "ASSAYKIT_FILES"])
def test_a_home_of_a_user_that_does_not_exist_is_refused_with_its_variable(variable: str) -> None:
    with pytest.raises(Invalid, match="'~nobody-of-that-name/x' begins with a home folder") as refusal:
        Settings.from_environment({variable: "~nobody-of-that-name/x"})
    assert refusal.value.next.startswith(f"Set {variable} to a whole path")


def test_a_working_folder_that_was_deleted_is_no_folder_for_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert Settings.from_environment({"ASSAYKIT_HOME": str(tmp_path)}).folders == ()


async def test_the_journal_of_an_experiment_that_cannot_be_kept_is_named(
    settings: Settings, files: Path, ax: Caller
) -> None:
    await ax.ask("create_dataset", name="q", rows=[{"input": "a"}])
    (files / "task.py").write_text("def answer(input):\n    return input\n", encoding="utf-8")
    (settings.home / "experiments").write_text("mine", encoding="utf-8")
    refusal = await ax.refused("run_experiment", task="task.py:answer", dataset="q")
    assert f"could not be opened in {str(settings.home / 'experiments')!r}" in refusal["message"]
    assert "ASSAYKIT_HOME" in refusal["next"]
