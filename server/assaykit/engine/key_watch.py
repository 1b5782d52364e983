"""The file of raw keys as the striking out of text sees it: other processes write it at any time."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from assaykit.engine import raw_keys
from assaykit.engine.key_file import NAME

_LONGEST_FILE = 16 * 1024 * 1024


class FileWatch:
    """The keys in the file of a data folder, also in one that is too open to be used."""

    def __init__(self, home: Path) -> None:
        self._path = home / NAME
        self._seen: tuple[int, ...] = ()

    def new(self) -> Iterable[str]:
        """The keys, if the file has changed since the last call. A file that cannot be read has none."""
        with suppress(OSError, ValueError):
            found = _signature(self._path.stat())
            if found != self._seen:
                self._seen = found
                return raw_keys.keys_in(self._read())
        return ()

    def _read(self) -> bytes:
        # A pipe of that name must not stop the process.
        descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                return b""
            self._seen = _signature(found)
            return file.read(_LONGEST_FILE)


def _signature(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
