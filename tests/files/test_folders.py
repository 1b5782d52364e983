"""The folders in which a path is found, and files that are never opened."""

import os
from pathlib import Path

import pytest

from assaykit.errors import Invalid, NotFound
from assaykit.files.folders import Folders, locate, open_inside


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "out").mkdir(parents=True)
    (folder / "results.csv").write_text("first", encoding="utf-8")
    (folder / "out" / "deep.csv").write_text("deep", encoding="utf-8")
    (tmp_path / "secret.csv").write_text("secret", encoding="utf-8")
    (tmp_path / "work-evil").mkdir()
    (tmp_path / "work-evil" / "results.csv").write_text("evil", encoding="utf-8")
    return folder


def content(path: str, *folders: Path) -> str:
    with open_inside(path, Folders(folders)) as file:
        return file.read().decode()


def test_a_relative_path_is_found_in_the_first_folder_that_holds_it(work: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "results.csv").write_text("second", encoding="utf-8")
    assert content("results.csv", work, other) == "first"
    assert content("results.csv", other, work) == "second"
    assert content("out/deep.csv", other, work) == "deep"
    assert locate("results.csv", Folders((tmp_path / "absent", work))) == work / "results.csv"


def test_an_absolute_path_inside_a_folder_is_opened(work: Path) -> None:
    assert content(str(work / "out" / "deep.csv"), work) == "deep"


def test_a_folder_that_is_itself_a_link_is_the_choice_of_the_operator(work: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(work)
    assert content("results.csv", tmp_path / "alias") == "first"
    assert content(str(work / "results.csv"), tmp_path / "alias") == "first"
    assert content(str(tmp_path / "alias" / "results.csv"), tmp_path / "alias") == "first"


@pytest.mark.parametrize(
    "path",
    ["../secret.csv", "out/../../secret.csv", "out/../results.csv", "..", "", " ", "results.csv\0.txt"],
)
def test_a_path_that_leads_upwards_or_nowhere_is_refused(work: Path, path: str) -> None:
    with pytest.raises(Invalid):
        open_inside(path, Folders((work,)))


@pytest.mark.parametrize("name", ["secret.csv", "work-evil/results.csv", "work"])
def test_an_absolute_path_outside_is_refused_with_the_folders_and_the_setting(
    work: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        open_inside(str(tmp_path / name), Folders((work,)))
    assert str(work) in refusal.value.message
    assert "ASSAYKIT_FILES" in refusal.value.next


@pytest.mark.parametrize(
    "name",
    [
        ".env", ".env.local", ".hidden.csv", ".ssh/id_rsa", ".aws/credentials", "out/.git/config",
        "server.pem", "server.KEY", "private.key", "store.p12", "cert.pem.", "cert.pem ",
    ],
)  # fmt: skip
def test_hidden_files_and_keys_are_refused_even_when_they_exist(work: Path, name: str) -> None:
    (work / name).parent.mkdir(exist_ok=True)
    (work / name).write_text("secret", encoding="utf-8")
    for path in (name, str(work / name)):
        with pytest.raises(Invalid, match="secrets"):
            open_inside(path, Folders((work,)))


def test_a_missing_file_names_the_folders_tried_and_near_names(work: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound) as refusal:
        open_inside("Result.csv", Folders((tmp_path / "absent", work)))
    assert str(work) in refusal.value.message
    assert str(tmp_path / "absent") in refusal.value.message
    assert "'results.csv'" in refusal.value.next
    assert "ASSAYKIT_FILES" in refusal.value.next


def test_near_names_never_tell_of_hidden_files_or_of_what_lies_outside(work: Path, tmp_path: Path) -> None:
    (work / "token.key").touch()
    (work / "up").symlink_to(tmp_path)
    for path in ("token.kex", "up/secret.cs"):
        with pytest.raises((NotFound, Invalid)) as refusal:
            open_inside(path, Folders((work,)))
        assert "Did you mean" not in str(refusal.value)


def test_without_any_folder_the_setting_is_named() -> None:
    with pytest.raises(Invalid, match="ASSAYKIT_FILES"):
        open_inside("results.csv", Folders(()))


def test_links_and_pipes_are_refused_by_any_spelling_of_their_path(work: Path, tmp_path: Path) -> None:
    (work / "out.csv").symlink_to(tmp_path / "secret.csv")
    os.mkfifo(work / "pipe.csv")
    for name in ("out.csv", "pipe.csv"):
        for path in (name, f"./{name}", f"out//../{name}", str(work / name)):
            with pytest.raises(Invalid):
                open_inside(path, Folders((work,)))
