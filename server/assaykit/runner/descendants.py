"""The processes that the user's code has started, also those that left the group of their worker (`setsid`).

They inherit a variable of the environment that no other process has. Linux only: elsewhere none is found, and a process
outside the group lives on.
"""

import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

VARIABLE = "WORKER_MARK"
_ROUNDS = 5
"""Most looks. A process may fork between a look and its end; each look finds the children of the one before."""

_PROCESSES = Path("/proc")


def new_mark() -> str:
    """The value of `VARIABLE` for one worker and all that descends from it."""
    return secrets.token_hex(16)


def kill(mark: str) -> None:
    """Kill every process that has the mark. Blocks for some milliseconds."""
    if sys.platform != "linux":
        return
    for _ in range(_ROUNDS):
        found = list(_marked(f"{VARIABLE}={mark}".encode()))
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return


def _marked(entry: bytes) -> Iterator[int]:
    for process in _PROCESSES.iterdir():
        if not process.name.isdecimal():
            continue
        # Another user's process cannot be read, and one may have ended since it was listed.
        with suppress(OSError):
            if entry in (process / "environ").read_bytes().split(b"\0"):
                yield int(process.name)
