"""Scripts run by the unmodified `arize` SDK, in an interpreter and with a HOME of their own."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.environments import python_with

REQUIREMENTS = ("arize==8.61.0", "arize-ax-cli==0.39.0")

DEADLINE_S = 180

_FOREIGN = ("ARIZE_", "ASSAYKIT_", "OTEL_", "PYTHON", "OPENAI_", "ANTHROPIC_")


def arize_python() -> Path:
    """The interpreter that has the SDK and the `ax` command line, and nothing of ours."""
    return python_with(*REQUIREMENTS)


def variables_of(home: Path, **more: str) -> dict[str, str]:
    """What such a process sees: the caller's environment without what would lead elsewhere, with HOME at `home`."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**kept, "HOME": str(home), "ARIZE_DIRECTORY": str(home / ".arize"), "PYTHONUTF8": "1", **more}


def run_sdk(
    python: Path, script: str | Path, variables: Mapping[str, str], *arguments: str, fails: bool = False
) -> dict[str, Any]:
    """The JSON object that a script prints on its last line. With `fails`, its last line on stderr under `error`.

    `script` is a file or the text itself; `variables` are all of the process's environment (see `variables_of`).
    """
    code = script.read_text(encoding="utf-8") if isinstance(script, Path) else script
    ended = subprocess.run(
        # Isolated from our own folders: `-P` keeps the working directory off the import path.
        [str(python), "-P", "-c", code, *arguments],
        env=dict(variables),
        cwd=variables["HOME"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=DEADLINE_S,
    )
    if fails:
        assert ended.returncode != 0, ended.stdout
        return {"error": ended.stderr.strip().splitlines()[-1], "stderr": ended.stderr}
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return json.loads(ended.stdout.strip().splitlines()[-1])
