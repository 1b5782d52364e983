"""The ports of the engines that serve a data folder.

Each engine holds a lock on a file of the data folder, whose name has the ports. The operating system frees the lock
however the process ends, so a locked file stands for an engine that runs.
"""

import os
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from assaykit.filelock import FileLock

FOLDER = "engines"

_NAME = re.compile(r"(\d{1,5})-(\d{1,5})-(\d{1,5})\.lock")


class Ports(NamedTuple):
    """The ports of the engine. None means that it does not listen, 0 that it takes a free port."""

    rest: int
    flight: int | None = None
    otlp: int | None = None


@contextmanager
def announced(home: Path, ports: Ports) -> Generator[None]:
    """Let other processes find an engine on these ports until the block ends.

    An engine whose file system has no locks runs all the same, and is not found.
    """
    at = home / FOLDER / f"{ports.rest}-{ports.flight or 0}-{ports.otlp or 0}.lock"
    lock = FileLock(at)
    with suppress(OSError):
        at.parent.mkdir(mode=0o700, exist_ok=True)
        for left in _files(home):
            if not _is_held(left):
                left.unlink(missing_ok=True)
        lock.try_take()
        os.utime(at)
    try:
        yield
    finally:
        with suppress(OSError):
            at.unlink(missing_ok=True)
        lock.release()


def running(home: Path, rest: int | None = None) -> list[Ports]:
    """The ports of the engines that serve a data folder now, the newest first; with `rest`, of the one on that port."""
    found: list[tuple[float, Ports]] = []
    for at in _files(home):
        with suppress(OSError):
            if _is_held(at) and (named := _NAME.fullmatch(at.name)):
                numbers = [int(number) or None for number in named.groups()]
                found.append((at.stat().st_mtime, Ports(numbers[0] or 0, *numbers[1:])))
    found.sort(reverse=True, key=lambda one: one[0])
    return [ports for _, ports in found if rest in (None, ports.rest)]


def _files(home: Path) -> list[Path]:
    try:
        return [at for at in (home / FOLDER).iterdir() if _NAME.fullmatch(at.name)]
    except OSError:
        return []


def _is_held(at: Path) -> bool:
    lock = FileLock(at)
    is_free = lock.try_take()
    lock.release()
    return not is_free
