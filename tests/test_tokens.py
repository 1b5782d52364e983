"""Tests of the secrets for HTTP: incomplete secrets are replaced, and simultaneous starts share one secret."""

import errno
import os
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest
from starlette.responses import Response
from tests.children import child

from assaykit.cli.tokens import LOCK_FILE, SHORTEST, minted
from assaykit.engine import access, credentials
from assaykit.engine.app import create_app
from assaykit.engine.engine import Engine
from assaykit.errors import AssayError, Invalid, Unauthorized, Unavailable
from assaykit.guard import Guard
from assaykit.settings import Settings

STARTS = 4
MINTER = """
import sys
from pathlib import Path
from assaykit.cli.tokens import minted
for line in sys.stdin:
    print(minted(Path(line.strip()), "server.token")[0], flush=True)
"""
WHOLE = "t" * 43
posix = pytest.mark.skipif(os.name != "posix", reason="needs the modes and links of POSIX")


def names(home: Path) -> set[str]:
    return {entry.name for entry in home.iterdir()} - {LOCK_FILE}


@pytest.mark.parametrize(
    ("held", "fault"),
    [
        (b"", "was empty"),
        (b" \r\n\t\n", "was empty"),
        (WHOLE[: SHORTEST - 1].encode(), "held no whole secret"),
        (bytes(44), "held no whole secret"),
        (b"\xff\xfe" + WHOLE.encode("utf-16-le"), "held no whole secret"),
        ("ü".encode() * 43, "held no whole secret"),
        (f"{WHOLE} {WHOLE}".encode(), "held no whole secret"),
        (b"t" * 100_000, "held no whole secret"),
    ],
    ids=["empty", "blank", "cut", "zeros", "utf-16", "umlauts", "two", "huge"],
)
def test_a_file_without_a_whole_secret_is_replaced_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], held: bytes, fault: str
) -> None:
    at = tmp_path / "server.token"
    at.write_bytes(held)
    secret, where = minted(tmp_path, "server.token")
    assert len(secret) == 43
    assert (where, at.read_text(encoding="utf-8")) == (at, f"{secret}\n")
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert f"{at} {fault}; it was replaced by a new secret" in said.err
    assert secret not in said.err
    assert names(tmp_path) == {"server.token"}
    assert minted(tmp_path, "server.token") == (secret, at)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("end", ["", "\n", "\r\n", " \n\n"])
def test_a_whole_secret_stays_whatever_ends_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    (tmp_path / "engine.key").write_bytes(f"{WHOLE}{end}".encode())
    assert minted(tmp_path, "engine.key")[0] == WHOLE
    assert capsys.readouterr().err == ""


@posix
@pytest.mark.parametrize("held", ["", WHOLE])
def test_the_file_is_its_owners_alone_whatever_its_mode_was(tmp_path: Path, held: str) -> None:
    at = tmp_path / "server.token"
    at.write_text(held, encoding="utf-8")
    at.chmod(0o664)
    minted(tmp_path, "server.token")
    assert stat.S_IMODE(at.stat().st_mode) == 0o600


@posix
def test_a_folder_a_link_or_a_pipe_in_its_place_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(WHOLE, encoding="utf-8")
    other.chmod(0o644)
    at = tmp_path / "server.token"
    for make in (at.mkdir, lambda: at.symlink_to(other), lambda: at.symlink_to("nowhere"), lambda: os.mkfifo(at)):
        make()
        with pytest.raises(Invalid, match=r"server.token is not a regular file, .* Move it away; then start again"):
            minted(tmp_path, "server.token")
        at.rmdir() if at.is_dir() else at.unlink()
    assert stat.S_IMODE(other.stat().st_mode) == 0o644


@pytest.mark.parametrize("before", [None, b""], ids=["none", "empty"])
def test_a_disk_that_fills_at_the_first_start_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes | None
) -> None:
    def full(_: int) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    at = tmp_path / "server.token"
    if before is not None:
        at.write_bytes(before)
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(Unavailable, match=r"The disk is full: .* Free some space"):
            minted(tmp_path, "server.token")
    assert names(tmp_path) == (set() if before is None else {"server.token"})
    assert len(minted(tmp_path, "server.token")[0]) == 43


def test_a_home_that_cannot_be_one_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(AssayError, match=r"cannot be read or written: .* set ASSAYKIT_HOME"):
        minted(tmp_path / "file", "server.token")


def test_what_a_killed_start_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "server.token.part").write_text("t", encoding="utf-8")
    minted(tmp_path, "server.token")
    assert names(tmp_path) == {"server.token"}


@pytest.mark.parametrize("held", [None, b"", WHOLE[:9].encode()], ids=["none", "empty", "cut"])
def test_starts_at_the_same_time_share_one_secret(
    tmp_path: Path, held: bytes | None, pytestconfig: pytest.Config
) -> None:
    with ExitStack() as stack:
        starts = [
            stack.enter_context(
                child(
                    [sys.executable, "-c", MINTER],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            for _ in range(STARTS)
        ]
        for number in range(1000 if pytestconfig.getoption("--long") else 40):
            home = tmp_path / str(number)
            if held is not None:
                home.mkdir()
                (home / "server.token").write_bytes(held)
            for start in starts:
                assert start.stdin is not None
                start.stdin.write(f"{home}\n")
                start.stdin.flush()
            told = {start.stdout.readline().strip() for start in starts if start.stdout is not None}
            assert told == {(home / "server.token").read_text(encoding="utf-8").strip()}
            assert len(told.pop()) == 43
            assert names(home) == {"server.token"}


@pytest.mark.parametrize("empty", ["", " ", "\n"])
async def test_no_door_opens_on_an_empty_secret(tmp_path: Path, empty: str) -> None:
    with pytest.raises(ValueError, match="not empty"):
        Guard(Response(), empty, "server.token")
    with pytest.raises(ValueError, match="not empty"):
        create_app(empty)
    with pytest.raises(ValueError, match="not empty"):
        access.encoded(empty)
    with pytest.raises(ValueError, match="not empty"):
        async with Engine.open(tmp_path / "home", key=empty, environment={}):
            pass
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("sent", [b"", b"Bearer ", b"Bearer"])
def test_nobody_passes_an_empty_key(sent: bytes) -> None:
    with pytest.raises(Unauthorized):
        access.require(sent, b"")


@pytest.mark.parametrize("blank", ["", "  ", "\n", "\t \r\n"])
def test_a_blank_variable_of_a_key_is_unset(blank: str) -> None:
    settings = Settings.from_environment({"ASSAYKIT_ENGINE_KEY": blank, "ARIZE_API_KEY": blank})
    assert (settings.engine_key, settings.ax_key) == (None, None)


@pytest.mark.parametrize(("held", "key"), [(" ", None), ("\n", None), (" mk-4711\n", "mk-4711")])
async def test_a_models_key_is_its_variable_without_blanks_around(held: str, key: str | None) -> None:
    assert await credentials.read("env:MODEL_KEY", {"MODEL_KEY": held}) == key
    assert credentials.has_key("env:MODEL_KEY", {"MODEL_KEY": held}) is (key is not None)


def test_logs_strike_out_a_key_without_the_blanks_of_its_variable() -> None:
    line = "import structlog; from assaykit import logs; logs.configure('info', [' planted-4711\\n', ' ' * 9]); "
    line += "structlog.get_logger().info('sent planted-4711' + ' ' * 9 + 'away')"
    ended = subprocess.run([sys.executable, "-c", line], capture_output=True, check=True, encoding="utf-8", timeout=300)
    assert f"sent [secret]{' ' * 9}away" in ended.stderr
