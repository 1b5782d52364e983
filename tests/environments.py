"""Separate environments for third-party packages, which cannot share ours; built once and kept between runs."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

KEPT_AT = "ASSAYKIT_TEST_ENVIRONMENTS"
"""The variable with the folder for the environments."""

ARIZE = (
    "arize==8.61.0",
    "arize-ax-cli==0.39.0",
    "arize-phoenix-client==3.5.0",
    "arize-phoenix-evals==3.9.4",
    "openai==3.57.0",
    "openinference-instrumentation-openai==0.1.66",
    "pandas<3",
)
"""The SDK, the `ax` command line, and the packages of Phoenix that go with them."""

OLDEST_AX = ("arize==8.8.1", "arize-ax-cli==0.8.0")
"""The last `ax` that had the flags of tasks which end in `-id`. A newer SDK than this does not start with it."""

OLDER_AX = ("arize==8.9.2", "arize-ax-cli==0.9.1")
"""An `ax` of the release that took those flags away."""

OLDER_ARIZE = (
    "arize==8.39.*",
    "openai==2.*",
    "nest_asyncio==1.6.*",
    "openinference-instrumentation-openai<1",
    "arize-phoenix-evals==2.*",
)
"""The SDK version for which the documentation pages were written, and the other packages that they import."""

EVALUATORS = ("autoevals==0.4.1", "openai==3.57.0", "rouge-score==0.1.2", "sacrebleu==2.6.0")
"""Libraries with evaluators, and the client by which one of them asks a model."""

PPI = ("ppi-python==0.2.3",)
"""The package of the authors of the mean from few labels and many verdicts."""

OPENAPI = ("schemathesis==4.32.5", "openapi-spec-validator==0.9.0")

INSTALLERS = ("uv==0.13.*", "pipx==1.18.*")
"""What runs a program of a checkout without an environment of the user's."""

HOSTS = (
    "node@22",
    "@anthropic-ai/claude-code@2.1.332",
    "@openai/codex@0.171.0",
    "@google/gemini-cli@0.61.0",
)
"""Coding assistants, as npm has them, and the Node that they need."""

TOKENIZER = ("gpt-tokenizer@4.0.0",)
"""Counts tokens of o200k_base. Its tables ship in the package."""

OLDER_MCP = ("langchain-mcp-adapters>=0.3,<0.4",)
"""A client on the first major version of the MCP SDK."""

_HERE = Path(__file__).resolve().parents[1] / ".environments"
_UNREACHABLE = (
    *("connection", "timed out", "temporary failure", "name or service not known", "no matching distribution"),
    *("enotfound", "eai_again", "econnrefused", "etimedout"),
)


def python_with(*requirements: str) -> Path:
    """The interpreter of an environment with these packages and without ours."""
    return _kept(requirements, _build_venv) / "venv" / "bin" / "python"


def node_modules_with(*packages: str) -> Path:
    """A `node_modules` folder with these packages. The test is skipped without npm."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    return _kept(packages, _build_node_modules) / "node_modules"


def _kept(requirements: tuple[str, ...], build: Callable[[Path, tuple[str, ...]], None]) -> Path:
    """The folder of the environment, built on first use."""
    digest = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:12]
    folder = Path(os.environ.get(KEPT_AT) or _HERE) / digest
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "ready"
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        # Test workers are processes: the second one waits until the first one has built the environment.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            build(folder, requirements)
            ready.write_text("\n".join(requirements), encoding="utf-8")
    return folder


def _build_venv(folder: Path, requirements: tuple[str, ...]) -> None:
    venv = folder / "venv"
    python = str(venv / "bin" / "python")
    # uv does in seconds what keeps pip busy for most of a minute. It reads none of the settings of pip: pip is next.
    if (uv := shutil.which("uv")) is not None:
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(venv)], check=True)
        fetched = subprocess.run(
            [uv, "pip", "install", "-q", "--python", python, *requirements], stderr=subprocess.DEVNULL, check=False
        )
        if fetched.returncode == 0:
            return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
    _install([python, "-m", "pip", "install", "-q", *requirements])


def _build_node_modules(folder: Path, packages: tuple[str, ...]) -> None:
    _install(["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", *packages])


def _install(command: list[str]) -> None:
    installed = subprocess.run(command, capture_output=True, check=False, encoding="utf-8")
    # Without a network these tests are skipped, except in CI.
    offline = "CI" not in os.environ and any(words in installed.stderr.lower() for words in _UNREACHABLE)
    if installed.returncode != 0 and offline:
        pytest.skip(f"{command[-1]} could not be fetched: the package registry is out of reach")
    assert installed.returncode == 0, installed.stderr


if __name__ == "__main__":
    from tests.instrumentations.recorder import FEW, installed_with

    # Build two at a time. A test waits for an environment that is not built yet.
    with ThreadPoolExecutor(2) as builders:
        for needed in (
            ARIZE,
            EVALUATORS,
            OPENAPI,
            OLDER_ARIZE,
            OLDER_MCP,
            OLDEST_AX,
            OLDER_AX,
            INSTALLERS,
            *(installed_with(name) for name in FEW),
        ):
            builders.submit(python_with, *needed)
        for packages in (HOSTS, TOKENIZER):
            builders.submit(node_modules_with, *packages)
