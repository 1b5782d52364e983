"""The processes that the user's code has started, also those that left the group of their worker (`setsid`).

They inherit a variable of the environment that no other process has. Linux only: elsewhere none is found, and a process
outside the group lives on.
"""

import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

VARIABLE = "WORKER_MARK"
_PAUSES_S = (0.005, 0.01, 0.02, 0.04, 0.1, 0.2)
"""Pauses after each look. A look finds the children that were forked during the one before."""

_EMPTY_LOOKS = 2
"""Looks without a find, one after the other, that end the search. `exec` hides an environment for a moment."""

_PROCESSES = Path("/proc")


def new_mark() -> str:
    """The value of `VARIABLE` for one worker and all that descends from it."""
    return secrets.token_hex(16)


def kill(mark: str) -> None:
    """Kill every process that has the mark, and wait until all are dead. Blocks for milliseconds, 0.4 s at most."""
    if sys.platform != "linux":
        return
    empty = 0
    for pause in _PAUSES_S:
        found = list(_marked(f"{VARIABLE}={mark}".encode()))
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        empty = 0 if found else empty + 1
        if empty == _EMPTY_LOOKS:
            return
        time.sleep(pause)


def _marked(entry: bytes) -> Iterator[int]:
    for process in _PROCESSES.iterdir():
        if not process.name.isdecimal():
            continue
        # Another user's process cannot be read, and one may have ended since it was listed.
        with suppress(OSError):
            if entry in (process / "environ").read_bytes().split(b"\0"):
                yield int(process.name)
