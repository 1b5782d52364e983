"""One window of an editor for tests: an engine with the keys of its own environment and a clock that the test can set.

    python tests/engine/window.py HOME OFFSET_FILE SILENT_S

The file holds the seconds by which its clock is ahead. SIGTERM closes the window in the ordinary way.
"""

import os
import signal
import sys
import time
from pathlib import Path

import anyio

from assaykit.engine.clock import Clock
from assaykit.engine.engine import Engine

VARIABLES = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")


class SetClock(Clock):
    """A clock that is ahead by the seconds in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now_ns(self) -> int:
        return time.time_ns() + int(self._file.read_text(encoding="utf-8") or 0) * 1_000_000_000


async def main(home: Path, offset: Path, silent_s: float) -> None:
    """Keep the window open until SIGTERM."""
    environment = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    how = {"key": "k", "environment": environment, "clock": SetClock(offset), "silent_s": silent_s}
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async with Engine.open(home, **how) as engine:  # type: ignore[arg-type]
            print("open", engine.executor.owner, flush=True)  # noqa: T201  (the test reads it)
            async for _ in signals:
                break


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
