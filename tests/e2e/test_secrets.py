"""Processes on a home whose secret is empty, blank, cut short or has no room: nobody gets in without a key."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests import small_disks as disks
from tests.e2e.listeners import listening
from tests.e2e.processes import engine, environment, mcp_server

pytestmark = pytest.mark.slow

COMMANDS = {
    "server.token": ["serve", "--transport", "http", "--port", "0"],
    "engine.key": ["engine", "--port", "0"],
}
NOBODYS = [{}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Bearer cut"}]
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
ACCEPTS = {"Accept": "application/json, text/event-stream"}


@pytest.mark.parametrize("held", ["", " \n", "cut"])
def test_a_server_mints_a_token_in_place_of_none(tmp_path: Path, held: str) -> None:
    (tmp_path / "server.token").write_text(held, encoding="utf-8")
    with listening(tmp_path, "http") as at:
        for headers in NOBODYS:
            refusal = httpx.post(at.url, json=INITIALIZE, headers={**ACCEPTS, **headers}, trust_env=False)
            assert refusal.status_code == 401
            assert "in the file server.token of the server's data folder" in refusal.json()["detail"]
        answer = httpx.post(at.url, json=INITIALIZE, headers={**ACCEPTS, **at.headers}, trust_env=False)
        assert answer.status_code == 200
        assert at.mode_of_token == 0o600
    assert "server.token" in (said := (tmp_path / "stderr.txt").read_text(encoding="utf-8"))
    assert "it was replaced by a new secret" in said


@pytest.mark.parametrize(
    ("held", "variable", "fault"),
    [("", "", "was empty"), (" \n", "  ", "was empty"), ("cut", "\n", "held no whole secret")],
)
def test_an_engine_mints_a_key_in_place_of_none(tmp_path: Path, held: str, variable: str, fault: str) -> None:
    at = tmp_path / "home" / "engine.key"
    at.parent.mkdir()
    at.write_text(held, encoding="utf-8")
    said = f"assaykit: {at} {fault}; it was replaced by a new secret, which every client needs now.\n"
    variables = environment(at.parent, ASSAYKIT_ENGINE_KEY=variable)
    with engine(variables, tmp_path / "stderr.txt", says=said) as address:
        for headers in NOBODYS:
            assert httpx.get(f"{address}/v2/spaces", headers=headers, trust_env=False).status_code == 401
        headers = {"Authorization": f"Bearer {at.read_text(encoding='utf-8').strip()}"}
        assert httpx.get(f"{address}/v2/spaces", headers=headers, trust_env=False).status_code == 200


def test_the_lines_for_a_shell_never_give_an_empty_key(tmp_path: Path) -> None:
    (tmp_path / "engine.key").write_text("", encoding="utf-8")
    line = f'eval "$({sys.executable} -m assaykit engine --env)"; printf %s "$ARIZE_API_KEY"'
    shown = subprocess.run(
        ["/bin/sh", "-c", line],
        env=environment(tmp_path, ASSAYKIT_ENGINE_KEY=" "),
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=300,
    )
    assert len(shown.stdout) == 43
    told = shown.stderr.splitlines()
    assert len(told) == 2
    assert "no engine runs on" in told[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_told_in_one_line_and_leaves_no_secret(tmp_path: Path, name: str) -> None:
    with disks.small_disk(tmp_path / "disk", "1m") as disk:
        home = disk / "home"
        home.mkdir()
        disks.fill(disk)
        ended = subprocess.run(
            [sys.executable, "-m", "assaykit", *COMMANDS[name]],
            env=environment(home, ASSAYKIT_ENGINE_KEY=""),
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=300,
        )
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr == (
            f"assaykit: The disk is full: no secret could be written to {home / name}. "
            "Free some space, or set ASSAYKIT_HOME to a folder on another disk; then start again.\n"
        )
        assert not [entry.name for entry in home.iterdir() if entry.name.startswith(name)]


async def test_stdio_neither_needs_nor_touches_a_secret(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in COMMANDS:
        (home / name).mkdir()
    async with mcp_server(environment(home), tmp_path / "stderr.txt") as ax:
        assert "version" in await ax.ask("get_status")
    assert all((home / name).is_dir() for name in COMMANDS)
