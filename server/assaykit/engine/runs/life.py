"""Locks that show which engines live. The operating system frees the lock of a process however it ends."""

import contextlib
from collections.abc import Generator, Iterable
from pathlib import Path

from assaykit.filelock import FileLock

PREFIX, SUFFIX = "engine-", ".lock"
"""The start and the end of a lock file's name; the owner stands in between."""


class LifeLock:
    """The lock of one engine, in the data folder. On a file system without locks, no engine counts as dead."""

    def __init__(self, home: Path, owner: str) -> None:
        self.path: Path = home / f"{PREFIX}{owner}{SUFFIX}"
        self._lock = FileLock(self.path)
        self._works = False

    def take(self) -> None:
        """Show that the engine lives."""
        with contextlib.suppress(OSError):
            self._works = self._lock.try_take()

    def release(self) -> None:
        """Show nothing more; the engine has released its runs."""
        self._lock.release()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def sees_dead(self) -> bool:
        """Whether another engine has left its lock behind."""
        for path in self._of_others():
            lock = FileLock(path)
            try:
                if lock.try_take():
                    return True
            except OSError:
                continue
            finally:
                lock.release()
        return False

    def _of_others(self) -> list[Path]:
        with contextlib.suppress(OSError):
            return [path for path in self.path.parent.glob(f"{PREFIX}*{SUFFIX}") if path != self.path]
        return []

    @contextlib.contextmanager
    def dead(self, owners: Iterable[str]) -> Generator[frozenset[str]]:
        """Those of the owners whose process has ended. Locks that nobody holds are removed when the block ends well.

        An engine has its lock before it has a run, so an owner without a lock is dead, if locks work here at all.
        """
        locks: dict[Path, FileLock] = {}
        missing = {one for one in owners if self._works and not self.path.with_name(f"{PREFIX}{one}{SUFFIX}").exists()}
        with contextlib.suppress(OSError):
            for path in self._of_others():
                lock = FileLock(path)
                if lock.try_take():
                    locks[path] = lock
        try:
            yield frozenset(path.name.removeprefix(PREFIX).removesuffix(SUFFIX) for path in locks) | missing
            for path in locks:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        finally:
            for lock in locks.values():
                lock.release()
