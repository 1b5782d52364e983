"""Opening without being led astray, both by descriptor and the portable way by name."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.files.swapping import swapped

from assaykit.errors import Invalid
from assaykit.files.opening import MAX_BYTES, names_beside, open_below

Open = Callable[..., BinaryIO]


@pytest.fixture(params=["by descriptor", "by name"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    (tmp_path / "out").mkdir()
    (tmp_path / "results.csv").write_text("plain", encoding="utf-8")
    (tmp_path / "out" / "deep.csv").write_text("deep", encoding="utf-8")

    def below(*parts: str, folder: Path = tmp_path) -> BinaryIO:
        return open_below(folder, parts, by_descriptor=request.param == "by descriptor")

    return below


def test_a_plain_file_is_opened_also_below_a_linked_folder(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(tmp_path / "out")
    with opened("out", "deep.csv") as file, opened("deep.csv", folder=tmp_path / "alias") as same:
        assert file.read() == same.read() == b"deep"


def test_a_link_is_refused_wherever_it_stands_and_wherever_it_leads(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "etc").symlink_to("/etc")
    (tmp_path / "passwd.csv").symlink_to("/etc/passwd")
    (tmp_path / "within.csv").symlink_to(tmp_path / "results.csv")
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    for parts in (("passwd.csv",), ("etc", "passwd"), ("within.csv",), ("itself",)):
        with pytest.raises(Invalid, match="link"):
            opened(*parts)


def test_a_pipe_is_refused_at_once_instead_of_waited_for(opened: Open, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(Invalid, match="not a regular file"):
        opened("pipe.csv")


def test_folders_sockets_and_devices_are_refused(opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A socket is bound under a relative name: its path is limited to about a hundred bytes.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.csv")
        with pytest.raises(Invalid):
            opened("socket.csv")
    with pytest.raises(Invalid, match="is a folder"):
        opened("out")
    with pytest.raises(Invalid, match="not a regular file"):
        opened("null", folder=Path("/dev"))


def test_a_file_over_the_size_limit_is_refused(opened: Open, tmp_path: Path) -> None:
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(MAX_BYTES)
    opened("large.csv").close()
    with (tmp_path / "large.csv").open("ab") as file:
        file.write(b"x")
    with pytest.raises(Invalid, match="the limit is 100 MiB"):
        opened("large.csv")


def test_a_missing_file_and_a_path_through_a_file_are_not_found(opened: Open) -> None:
    for parts in (("absent.csv",), ("absent", "x.csv"), ("results.csv", "x.csv")):
        with pytest.raises(FileNotFoundError):
            opened(*parts)


def test_a_name_too_long_for_the_system_is_an_error_that_is_explained(opened: Open) -> None:
    with pytest.raises((Invalid, FileNotFoundError)):
        opened("x" * 5000)


def test_no_descriptor_is_left_open_by_refusals(opened: Open, tmp_path: Path) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("counting descriptors needs /proc")
    (tmp_path / "link.csv").symlink_to(tmp_path / "results.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    before = len(list(descriptors.iterdir()))
    for parts in (("link.csv",), ("pipe.csv",), ("out",), ("absent.csv",), ("results.csv", "x.csv")):
        with pytest.raises((Invalid, FileNotFoundError)):
            opened(*parts)
    assert len(list(descriptors.iterdir())) == before


@pytest.mark.parametrize("by_descriptor", [True, False])
def test_the_names_behind_a_link_are_not_told(tmp_path: Path, by_descriptor: bool) -> None:
    (tmp_path / "here.csv").touch()
    (tmp_path / "etc").symlink_to("/etc")
    assert "here.csv" in names_beside(tmp_path, ("x",), by_descriptor=by_descriptor)
    assert names_beside(tmp_path, ("etc", "x"), by_descriptor=by_descriptor) == []
    assert names_beside(tmp_path, ("absent", "x"), by_descriptor=by_descriptor) == []


def test_a_folder_swapped_for_a_link_while_it_is_opened_never_leads_out(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder, text in ((inside / "real", "plain"), (outside, "secret")):
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text(text, encoding="utf-8")
    (inside / "link").symlink_to(outside)
    seen: set[bytes] = set()
    with swapped(inside):
        # Until the plain folder was met, and then long enough to have met many swaps.
        for _ in range(20_000):
            try:
                with open_below(inside, ("door", "a.csv")) as file:
                    seen.add(file.read())
            except (Invalid, FileNotFoundError):
                continue
    assert seen == {b"plain"}
