"""Scripts run by the unmodified `arize` SDK, in an interpreter and with a HOME of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.children import child
from tests.e2e.processes import KEY, ending_with_parent, environment
from tests.environments import ARIZE, python_with
from tests.forks import Forks, Program

_STOP_S = 120

# Arrow's own threads may abort an interpreter that is taking itself down, after the work is done (apache/arrow#34314).
_END = "\nimport os, sys\nsys.stdout.flush()\nsys.stderr.flush()\nos._exit(0)\n"

_FOREIGN = ("ARIZE_", "ASSAYKIT_", "OTEL_", "PYTHON", "OPENAI_", "ANTHROPIC_")


def arize_python() -> Path:
    """The interpreter that has the SDK and the `ax` command line, and nothing of ours."""
    return python_with(*ARIZE)


def variables_of(home: Path, **more: str) -> dict[str, str]:
    """What such a process sees: the caller's environment without what would lead elsewhere, with HOME at `home`."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**kept, "HOME": str(home), "ARIZE_DIRECTORY": str(home / ".arize"), "PYTHONUTF8": "1", **more}


def run_sdk(
    forks: Forks, python: Path, script: str | Path, variables: Mapping[str, str], *arguments: str, fails: bool = False
) -> dict[str, Any]:
    """The JSON object that a script prints on its last line. With `fails`, its last line on stderr under `error`.

    `script` is a file or the text itself; `variables` are all of the process's environment (see `variables_of`).
    """
    code = script.read_text(encoding="utf-8") if isinstance(script, Path) else script
    home = Path(variables["HOME"])
    ended = forks.run(python, Program(code + _END), arguments, variables=variables, folder=home)
    if fails:
        assert ended.returncode != 0, ended.stdout
        return {"error": ended.stderr.strip().splitlines()[-1], "stderr": ended.stderr}
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    return json.loads(ended.stdout.strip().splitlines()[-1])


@contextmanager
def engine_for_sdk(home: Path, log: Path, **more: str) -> Generator[dict[str, str]]:
    """An `assaykit engine` process with every door open; the SDK's variables. It must end when asked, in silence.

    `more` are further variables of the engine's own.
    """
    ports = ("--port", "0", "--flight-port", "0", "--otlp-port", "0")
    command = ending_with_parent(sys.executable, "-m", "assaykit", "engine", *ports)
    with (
        log.open("w", encoding="utf-8") as errors,
        child(command, env=environment(home, **more), stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            lines: list[str] = []
            while not (lines and lines[-1].startswith("spans ")):
                lines.append(process.stdout.readline())
                assert lines[-1], log.read_text(encoding="utf-8")
            words = [word for line in lines for word in line.split() if word.startswith("ARIZE_")]
            yield {"ARIZE_API_KEY": KEY, **dict(word.split("=", 1) for word in words)}
        finally:
            process.terminate()
            process.wait(_STOP_S)
    assert process.returncode == 0
    assert log.read_text(encoding="utf-8") == ""
