"""Locks that show which engines live. The operating system frees the lock of a process however it ends."""

import contextlib
from collections.abc import Generator
from pathlib import Path

from assaykit.filelock import FileLock

FOLDER = "engines"
SUFFIX = ".lock"


class LifeLock:
    """The lock of one engine, in the data folder. On a file system without locks, no engine counts as dead."""

    def __init__(self, home: Path, owner: str) -> None:
        self.path: Path = home / FOLDER / f"{owner}{SUFFIX}"
        self._lock = FileLock(self.path)

    def take(self) -> None:
        """Show that the engine lives."""
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            self._lock.try_take()

    def release(self) -> None:
        """Show nothing more; the engine has released its runs."""
        self._lock.release()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def dead(self) -> Generator[frozenset[str]]:
        """The owners whose process has ended without a release. Their locks are removed when the block ends well."""
        locks: dict[Path, FileLock] = {}
        with contextlib.suppress(OSError):
            for path in self.path.parent.glob(f"*{SUFFIX}"):
                lock = FileLock(path)
                if path != self.path and lock.try_take():
                    locks[path] = lock
        try:
            yield frozenset(path.name.removesuffix(SUFFIX) for path in locks)
            for path in locks:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        finally:
            for lock in locks.values():
                lock.release()
