"""Commands that cannot do their work: one sentence, the next step, and an exit code that no result has."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from click.testing import CliRunner, Result
from tests.caller import serving

import assaykit.cli
from assaykit.cli import gating
from assaykit.cli.doctor import run as doctor
from assaykit.settings import Settings

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, files: Path) -> Command:
    """`assaykit` with these words, in this process and with a fresh data folder."""

    def run(*words: str, **variables: str) -> Result:
        environment = {"ASSAYKIT_HOME": str(tmp_path / "home"), "ASSAYKIT_FILES": str(files), **variables}
        return CliRunner().invoke(assaykit.cli.main, words, env=environment)

    return run


GATE = ("gate", "--baseline", "a", "--candidate", "b", "--rule", "correct: better")


@pytest.mark.parametrize("option", ["--junit", "--markdown"])
@pytest.mark.parametrize("place", ["no/such/folder.xml", "a file/x.xml", "/proc/x.xml"])
def test_the_gate_looks_first_whether_its_files_can_be_written(
    command: Command, files: Path, option: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / "a file").write_text("kept", encoding="utf-8")
    monkeypatch.setattr(gating, "connect", None)  # a comparison would fail on this
    said = command(*GATE, option, str(files / place))
    assert said.exit_code == 2
    assert f"The decision cannot be written to {files / place}: " in said.output
    assert "Give a file in an existing folder" in said.output
    assert "Traceback" not in said.output


def test_the_gate_that_cannot_compare_leaves_its_files_as_they_were(command: Command, files: Path) -> None:
    (files / "kept.md").write_text("kept", encoding="utf-8")
    said = command(*GATE, "--junit", str(files / "new.xml"), "--markdown", str(files / "kept.md"))
    assert (said.exit_code, "No experiment is named" in said.output) == (2, True)
    assert not (files / "new.xml").exists()
    assert (files / "kept.md").read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize(("words", "code"), [(GATE, 2), (("run", "x.py:y", "--dataset", "d"), 2), (("doctor",), 1)])
def test_a_crash_is_one_sentence_and_no_result(
    command: Command, words: tuple[str, ...], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise KeyError("at sk-planted-4711 it fell")

    monkeypatch.setattr(Settings, "from_environment", crash)
    said = command(*words, ASSAYKIT_LOG="")
    assert (said.exit_code, said.output.count("\n")) == (code, 1)
    assert said.output.startswith(
        "assaykit: The command failed on an internal error (KeyError). Set ASSAYKIT_LOG=debug"
    )
    told = command(*words, ASSAYKIT_LOG="debug").output
    assert "Traceback" in told
    assert "planted" not in told


def test_run_takes_a_path_with_two_dots_and_a_link(command: Command, tmp_path: Path, files: Path) -> None:
    where = tmp_path / "work" / "inner"
    where.mkdir(parents=True)
    (tmp_path / "work" / "task.py").write_text("def answer(input):\n    return input\n", encoding="utf-8")
    (where / "link.py").symlink_to(tmp_path / "work" / "task.py")
    rows = files / "rows.jsonl"
    rows.write_text('{"input": "one"}\n{"input": "two"}\n', encoding="utf-8")

    async def prepared() -> None:
        settings = Settings(home=tmp_path / "home", folders=(files,), toolsets=("all",))
        async with serving(settings) as ax:
            await ax.ask("create_dataset", name="d", file="rows.jsonl")

    anyio.run(prepared)
    before = Path.cwd()
    os.chdir(where)
    try:
        for path in ("../task.py:answer", "link.py:answer", "./../inner/../task.py:answer"):
            said = command("run", path, "--dataset", "d", "--dry-run")
            assert said.exit_code == 0, said.output
            assert "2 with an output" in said.output
    finally:
        os.chdir(before)


def test_run_on_a_read_only_server_says_so(command: Command) -> None:
    said = command("run", "task.py:answer", "--dataset", "d", ASSAYKIT_READ_ONLY="1")
    assert said.exit_code == 2
    assert said.output == (
        "assaykit: ASSAYKIT_READ_ONLY is set, and a read-only server runs no code. Unset it for this command.\n"
    )


@pytest.mark.parametrize(
    ("fields", "subject", "found", "remedy"),
    [
        ({"toolsets": ("typo",)}, "tools", "There is no toolset 'typo'.", "ASSAYKIT_TOOLSETS or _TOOLS: There are:"),
        ({"tools": ("get_stats",)}, "tools", "There is no tool 'get_stats'.", "Did you mean 'get_status'?"),
        ({"folders": (Path("/no/such"),)}, "files are read from", "no folder at /no/such", "Correct ASSAYKIT_FILES"),
        ({"log_level": "verbose"}, "log level", "'verbose', so the level is warning", "Set ASSAYKIT_LOG to debug"),
        ({"space": "nowhere"}, "embedded engine", "No space is named 'nowhere'", "Use one of these"),
        ({}, "price list", "prices.json' cannot be read", "Write it as"),
    ],
    ids=["toolset", "tool", "folder", "log", "space", "prices"],
)
def test_the_doctor_finds_the_setting_that_does_not_work(
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    fields: dict[str, Any],
    subject: str,
    found: str,
    remedy: str,
) -> None:
    settings = replace(settings, **fields)
    if not fields:
        settings.home.mkdir(parents=True)
        (settings.home / "prices.json").write_text("{not json", encoding="utf-8")
    assert not doctor(settings)
    fault, advice = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("FAIL", "  "))]
    assert fault.startswith(f"FAIL {subject}: ")
    assert found in fault
    assert remedy in advice
