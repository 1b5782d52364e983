"""`assaykit demo`: the main job in a process that can reach nothing but this machine."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.e2e.pipes import SERVER
from tests.e2e.sealed import Sealed

ROOT = Path(__file__).parents[2]
DEADLINE_S = 300
ELSEWHERE = "192.0.2.1"
"""Reserved for documentation: nobody answers there."""

KEYS = {
    "ARIZE_API_KEY": "ak-somebody-elses-key",
    "ARIZE_SPACE_ID": "U3BhY2U6MTphYmNk",
    "ASSAYKIT_BACKEND": "ax",
    "OPENAI_API_KEY": "sk-somebody-elses-key",
}


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment,
        check=False,
        encoding="utf-8",
        timeout=DEADLINE_S,
    )


class Played(NamedTuple):
    """A demo that has ended, the folder of its store, and the record of the processes that it started."""

    ended: subprocess.CompletedProcess[str]
    home: Path
    sealed: Sealed


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A demo whose store is kept. `.ci/run` starts one whose store is not."""
    folder = tmp_path_factory.mktemp("demo")
    sealed, home = Sealed(folder), folder / "kept"
    return Played(run([*SERVER, "demo", "--home", str(home)], {**sealed.environment, **KEYS}), home, sealed)


def test_the_demo_names_a_folder_that_holds_a_demo_already(played: Played, tmp_path: Path) -> None:
    assert played.ended.returncode == 0, played.ended.stderr
    again = run([*SERVER, "demo", "--home", str(played.home)], Sealed(tmp_path).environment)
    assert (again.returncode, again.stdout) == (1, "")
    assert "has a project 'support-bot' already" in again.stderr
    assert "Give --home a new folder" in again.stderr


def test_the_demo_does_the_main_job_without_leaving_the_machine(played: Played) -> None:
    ended, home, sealed = played
    assert ended.returncode == 0, ended.stderr
    told = masked(ended.stdout)
    assert [line for line in shown_in_readme() if line not in told] == []
    assert f"without an account or a key. The store is in {home}." in ended.stdout
    # Each further process would import the SDK once more, which is the largest part of the demo's cost.
    assert [started.split("-m ")[-1] for started in sealed.started()] == [f"assaykit demo --home {home}"]
    assert sealed.refused() == []
    assert "socket.connect 127.0.0.1" in sealed.reached()


def shown_in_readme() -> list[str]:
    """The lines of output on the README's first screen."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("```text\n")[2].partition("```")[0]
    return masked(text)


def masked(text: str) -> list[str]:
    """The lines, each id the same: a store makes up its own."""
    return [re.sub(r"[A-Za-z0-9+/]{12,}=*", "ID", line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "attempt",
    [
        f"import socket; socket.create_connection(('{ELSEWHERE}', 80), timeout=1)",
        f"import socket; socket.socket().connect_ex(('{ELSEWHERE}', 80))",
        f"import anyio; anyio.run(anyio.connect_tcp, '{ELSEWHERE}', 80)",
        f"import httpx; httpx.get('http://{ELSEWHERE}/', timeout=1)",
        "import socket; socket.getaddrinfo('example.org', 443)",
    ],
)
def test_a_process_that_leaves_the_machine_is_caught(tmp_path: Path, attempt: str) -> None:
    sealed = Sealed(tmp_path)
    ended = run([sys.executable, "-c", attempt], sealed.environment)
    assert ended.returncode != 0
    assert "leads away from this machine" in ended.stderr
    assert len(sealed.refused()) >= 1
