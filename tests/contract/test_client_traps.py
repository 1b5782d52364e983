"""Traps that lie in the processes of AX's own clients, each met with the real program against a running engine."""

import os
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.e2e.processes import KEY, engine, environment
from tests.environments import ARIZE, python_with

pytestmark = pytest.mark.slow

PROFILE = """
[profile]
name = "default"
[auth]
api_key = "${ARIZE_API_KEY}"
auth_method = "api-key"
[routing]
api_host = "${ARIZE_API_HOST}"
api_scheme = "http"
[update]
enabled = false
"""


@pytest.fixture(scope="module")
def ax() -> Path:
    """The command line client of AX, as its users install it."""
    return python_with(*ARIZE).with_name("ax")


@pytest.fixture
def address(tmp_path: Path) -> Generator[str]:
    with engine(environment(tmp_path / "store"), tmp_path / "log") as address:
        yield address


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A HOME that has nothing but a profile, without which the client does nothing."""
    profiles = tmp_path / "home" / ".arize" / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "default.toml").write_text(PROFILE, encoding="utf-8")
    (profiles.parent / ".active_profile").write_text("default", encoding="utf-8")
    return tmp_path / "home"


@contextmanager
def listener() -> Generator[socket.socket]:
    """A port on loopback that somebody may knock at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0)
        yield listening


def variables(home: Path, address: str, proxy: socket.socket) -> dict[str, str]:
    host, _, port = address.removeprefix("http://").partition(":")
    way_out = f"http://127.0.0.1:{proxy.getsockname()[1]}"
    return environment(
        home,
        HOME=str(home),
        ARIZE_API_KEY=KEY,
        ARIZE_API_HOST=host,
        ARIZE_API_PORT=port,
        HTTP_PROXY=way_out,
        HTTPS_PROXY=way_out,
        NO_PROXY="127.0.0.1",
        PYTHONWARNINGS="ignore",
    )


def spaces(ax: Path, variables: dict[str, str], home: Path) -> str:
    command = [str(ax), "spaces", "list", "-o", "json"]
    ran = subprocess.run(
        command, capture_output=True, check=False, encoding="utf-8", env=variables, cwd=home, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_trap_20_the_cli_stays_in_the_home_it_is_given_and_looks_for_no_update(
    ax: Path, address: str, home: Path
) -> None:
    real = Path(os.environ.get("HOME", "/")) / ".arize"
    before = sorted(real.rglob("*")) if real.exists() else None
    with listener() as proxy:
        assert '"default"' in spaces(ax, variables(home, address, proxy), home)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert (sorted(real.rglob("*")) if real.exists() else None) == before
    assert {path.name for path in home.iterdir()} <= {".arize", ".cache"}


def test_trap_21_a_command_of_the_cli_is_slow_by_itself_and_not_by_the_engine(
    ax: Path, address: str, home: Path
) -> None:
    with listener() as proxy:
        began = time.monotonic()
        spaces(ax, variables(home, address, proxy), home)
        command_s = time.monotonic() - began
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as http:
        assert http.get("/v2/spaces").status_code == 200
        began = time.monotonic()
        assert http.get("/v2/spaces", params={"limit": 15}).status_code == 200
        answer_s = time.monotonic() - began
    assert answer_s < command_s / 5
