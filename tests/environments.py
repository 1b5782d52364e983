"""Environments of their own for other people's packages, which cannot share ours: built once, kept between runs."""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

KEPT_AT = "ASSAYKIT_TEST_ENVIRONMENTS"
"""A variable that names the folder the environments are kept in."""

_HERE = Path(__file__).resolve().parents[1] / ".environments"
_UNREACHABLE = ("connection", "timed out", "temporary failure", "name or service not known", "no matching distribution")


def python_with(*requirements: str) -> Path:
    """The interpreter of an environment that has these packages and nothing of ours."""
    digest = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:12]
    folder = Path(os.environ.get(KEPT_AT) or _HERE) / digest
    folder.mkdir(parents=True, exist_ok=True)
    python, ready = folder / "venv" / "bin" / "python", folder / "ready"
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        # Test workers are processes: the second one waits for what the first one builds.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            _build(folder / "venv", python, requirements)
            ready.write_text("\n".join(requirements), encoding="utf-8")
    return python


def _build(folder: Path, python: Path, requirements: tuple[str, ...]) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, timeout=120)
    installed = subprocess.run(
        [str(python), "-m", "pip", "install", "-q", *requirements],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=600,
    )
    if installed.returncode != 0 and any(words in installed.stderr.lower() for words in _UNREACHABLE):
        pytest.skip(f"{requirements[0]} could not be fetched: the package registry is out of reach")
    assert installed.returncode == 0, installed.stderr
