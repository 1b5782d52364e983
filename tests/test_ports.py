"""The ports of running engines, found by a process that did not start them."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.e2e.processes import engine, environment

from assaykit.cli import main
from assaykit.cli.ports import FOLDER, Ports, announced, running

SDK = ("ARIZE_API_PORT", "ARIZE_FLIGHT_PORT", "ARIZE_OTLP_PORT")


def printed(home: Path, *asked: str) -> tuple[tuple[str, ...], str, str]:
    """The SDK's ports, the exporters' endpoint, and stderr."""
    done = CliRunner(env=environment(home)).invoke(main, ["engine", "--env", *asked])
    assert done.exit_code == 0, done.output
    exported = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("export ")]
    said = dict(pair.split("=", 1) for pairs in exported for pair in pairs)
    return tuple(said[name] for name in SDK), said["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"], done.stderr


@pytest.mark.parametrize(
    ("ports", "asked", "told"),
    [
        (Ports(4001), (), ("4001", "8815", "4317")),
        (Ports(4001, 4002, 4003), (), ("4001", "4002", "4003")),
        (Ports(4001, None, 4003), ("--flight-port", "5"), ("4001", "5", "4003")),
        (Ports(4001, 4002), ("--port", "4001"), ("4001", "4002", "4317")),
    ],
)
def test_the_variables_are_those_of_the_engine_that_runs(
    tmp_path: Path, ports: Ports, asked: tuple[str, ...], told: tuple[str, ...]
) -> None:
    with announced(tmp_path, ports):
        assert printed(tmp_path, *asked) == (told, f"http://127.0.0.1:{ports.rest}/v1/traces", "")


@pytest.mark.parametrize(
    ("asked", "rest", "start"),
    [((), "8765", "`assaykit engine`"), (("--port", "9"), "9", "`assaykit engine --port 9`")],
)
def test_without_an_engine_the_start_is_told(tmp_path: Path, asked: tuple[str, ...], rest: str, start: str) -> None:
    with announced(tmp_path / "another", Ports(4001)):
        ports, _, said = printed(tmp_path, *asked)
    assert ports == (rest, "8815", "4317")
    assert f"no engine runs on {tmp_path}. Start one with {start}" in said


def test_the_newest_of_several_engines_is_taken_and_a_port_chooses_another(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for rest in (4001, 4002, 4003):
            stack.enter_context(announced(tmp_path, Ports(rest)))
        found = running(tmp_path)
        assert sorted(ports.rest for ports in found) == [4001, 4002, 4003]
        ports, _, said = printed(tmp_path)
        assert ports[0] == str(found[0].rest)
        assert "engines run on ports" in said
        assert printed(tmp_path, "--port", "4001")[0][0] == "4001"
    assert running(tmp_path) == []
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_the_file_of_a_killed_engine_and_other_files_stand_for_no_engine(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    for name in ("4001-0-0.lock", "notes.txt", "a-b-c.lock"):
        (folder / name).touch()
    assert running(tmp_path) == []
    with announced(tmp_path, Ports(4002)):
        assert running(tmp_path) == [Ports(4002)]
        assert {at.name for at in folder.iterdir()} == {"4002-0-0.lock", "notes.txt", "a-b-c.lock"}


def test_a_folder_that_cannot_be_made_leaves_the_engine_running(tmp_path: Path) -> None:
    (tmp_path / FOLDER).touch()
    with announced(tmp_path, Ports(4001)):
        assert running(tmp_path) == []


@pytest.mark.slow
def test_the_port_of_a_real_engine_is_found_while_it_runs(tmp_path: Path) -> None:
    variables = environment(tmp_path / "home")
    with engine(variables, tmp_path / "stderr.txt") as address:
        command = [sys.executable, "-m", "assaykit", "engine", "--env"]
        done = subprocess.run(command, env=variables, capture_output=True, check=True, encoding="utf-8", timeout=300)
        assert f"ENDPOINT={address}/v1/traces" in done.stdout
        assert done.stderr == ""
    assert running(tmp_path / "home") == []
