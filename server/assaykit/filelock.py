"""A lock that lets one engine at a time open a data folder. The operating system frees it however the process ends."""

import errno
import os
import sys
import time
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        # lockf would not do: its locks belong to the process, so two engines of one process would both get the lock.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_PAUSE_S = 0.01
_HELD = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}


class FileLock:
    """A lock on an empty file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def try_take(self) -> bool:
        """Take the lock unless another object holds it, without waiting.

        True if this object holds the lock now, even from an earlier call.

        Raises:
            OSError: the file cannot be created, or its file system does not support locks.
        """
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno in _HELD:
                return False
            raise
        self._descriptor = descriptor
        return True

    def take_within(self, limit_s: float) -> bool:
        """Take the lock, and wait for at most `limit_s` seconds while another object holds it. Blocks the thread.

        Raises:
            OSError: as in `try_take`.
        """
        until = time.monotonic() + limit_s
        while not self.try_take():
            if time.monotonic() > until:
                return False
            time.sleep(_PAUSE_S)
        return True

    def release(self) -> None:
        """Free the lock if this object holds it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
