"""Environments of their own for other people's packages, which cannot share ours: built once, kept between runs."""

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
"""A variable that names the folder the environments are kept in."""

ARIZE = ("arize==8.61.0", "arize-ax-cli==0.39.0")
"""The SDK and the `ax` command line."""

JUDGES = (
    ARIZE[0],
    "arize-phoenix-evals==3.9.4",
    "openai==3.52.0",
    "openinference-instrumentation-openai==0.1.66",
    "pandas<3",
)
"""What the page on experiments imports."""

OLDER_ARIZE = (
    "arize==8.39.*",
    "openai==2.*",
    "nest_asyncio==1.6.*",
    "openinference-instrumentation-openai<1",
    "arize-phoenix-evals==2.*",
)
"""The SDK as it was when the pages were written, and what they import besides."""

BOTH_SOURCES = ("arize==8.61.0", "arize-phoenix-client==3.5.0", "arize-phoenix-evals==3.9.4", "pandas<3")
"""What `run_experiment` is to replace, and whose evaluators it takes."""

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

OLDER_MCP = ("langchain-mcp-adapters>=0.3,<0.4",)
"""A client of the SDK's first generation."""

_HERE = Path(__file__).resolve().parents[1] / ".environments"
_UNREACHABLE = (
    *("connection", "timed out", "temporary failure", "name or service not known", "no matching distribution"),
    *("enotfound", "eai_again", "econnrefused", "etimedout"),
)


def python_with(*requirements: str) -> Path:
    """The interpreter of an environment that has these packages and nothing of ours."""
    return _kept(requirements, _build_venv) / "venv" / "bin" / "python"


def node_modules_with(*packages: str) -> Path:
    """A `node_modules` folder that has these packages. Node itself has to be there."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    return _kept(packages, _build_node_modules) / "node_modules"


def _kept(requirements: tuple[str, ...], build: Callable[[Path, tuple[str, ...]], None]) -> Path:
    """The folder of the environment, built the first time it is asked for."""
    digest = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:12]
    folder = Path(os.environ.get(KEPT_AT) or _HERE) / digest
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "ready"
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        # Test workers are processes: the second one waits for what the first one builds.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            build(folder, requirements)
            ready.write_text("\n".join(requirements), encoding="utf-8")
    return folder


def _build_venv(folder: Path, requirements: tuple[str, ...]) -> None:
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True, timeout=120)
    _install([str(venv / "bin" / "python"), "-m", "pip", "install", "-q", *requirements])


def _build_node_modules(folder: Path, packages: tuple[str, ...]) -> None:
    _install(["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", *packages])


def _install(command: list[str]) -> None:
    installed = subprocess.run(command, capture_output=True, check=False, encoding="utf-8", timeout=600)
    # A machine without a network may leave these tests out; CI may not.
    offline = "CI" not in os.environ and any(words in installed.stderr.lower() for words in _UNREACHABLE)
    if installed.returncode != 0 and offline:
        pytest.skip(f"{command[-1]} could not be fetched: the package registry is out of reach")
    assert installed.returncode == 0, installed.stderr


if __name__ == "__main__":
    # Two at a time; a test that needs one which is not there yet waits for it.
    with ThreadPoolExecutor(2) as builders:
        for needed in (ARIZE, JUDGES, BOTH_SOURCES, OPENAPI, OLDER_ARIZE, OLDER_MCP, INSTALLERS):
            builders.submit(python_with, *needed)
        builders.submit(node_modules_with, *HOSTS)
