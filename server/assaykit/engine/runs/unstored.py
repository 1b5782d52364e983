"""Paid results of runs that are not in the store yet, in a file for the engine that takes a run over.

A result waits for others of its batch, and for the store. Its call is over by then, and the next call begins. A process
that is killed loses at most the calls under way: the lines of the file have the results before them. The file is best
effort: it survives the end of the process and no power cut, and a row without a line is asked about again.
"""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from assaykit.engine.store.queue.leases import Lease

FOLDER, SUFFIX = "unstored", ".jsonl"
"""The folder of the files in the data folder. A file's name is the run's id in hex, a dot, the owner and the suffix."""

ROTATE_BYTES = 1_000_000
"""The size at which a file drops the lines of results that are stored. It drops all if no other is left."""

AS_JSON = ConfigDict(ser_json_bytes="hex", val_json_bytes="hex", ser_json_inf_nan="constants")
"""The settings for the adapter of results that contain bytes."""

R = TypeVar("R")


class Unstored(Generic[R]):
    """The file of one engine for one run. `is_paid` tells which results are worth a line."""

    def __init__(self, home: Path, lease: Lease, kind: TypeAdapter[R], is_paid: Callable[[R], bool]) -> None:
        self._path = home / FOLDER / f"{lease.run_id.encode().hex()}.{lease.owner}{SUFFIX}"
        self._kind = kind
        self._is_paid = is_paid
        self._waiting = deque[tuple[R, bytes]]()
        self._file: int | None = None
        self._size = 0

    def keep(self, result: R) -> None:
        """Write a line for a result that is about to wait for the store."""
        if not self._is_paid(result):
            return
        try:
            line = self._kind.dump_json(result) + b"\n"
        except ValueError:
            return  # text that has no UTF-8
        self._waiting.append((result, line))
        self._write(line)

    def stored(self, batch: Sequence[R]) -> None:
        """Drop results that the store has. They come in the order in which they were kept."""
        for result in batch:
            if self._waiting and self._waiting[0][0] is result:
                self._waiting.popleft()
        if self._file is not None and (not self._waiting or self._size > ROTATE_BYTES):
            self._empty()
            self._write(b"".join(line for _, line in self._waiting))

    def close(self) -> None:
        """Close the file. It stays if it has results that the store does not have."""
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        if not self._waiting:
            _remove(self._path)

    def _write(self, line: bytes) -> None:
        with contextlib.suppress(OSError):
            if self._file is None:
                self._path.parent.mkdir(mode=0o700, exist_ok=True)
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o600)
            self._size += os.write(self._file, line)

    def _empty(self) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self._file or 0, 0)
        self._size = 0


class Leaving(NamedTuple):
    """A file that an engine left for a run."""

    run_id: str
    owner: str
    path: Path

    @property
    def is_empty(self) -> bool:
        """The engine ended without a result that it had not stored, or the file is gone."""
        try:
            return not self.path.stat().st_size
        except OSError:
            return True

    def results(self, kind: TypeAdapter[R]) -> Sequence[R]:
        """The results in the file, oldest first. A torn line counts as not written."""
        found: list[R] = []
        with contextlib.suppress(OSError):
            for line in self.path.read_bytes().splitlines():
                with contextlib.suppress(ValidationError):
                    found.append(kind.validate_json(line))
        return found


def leavings(home: Path) -> Sequence[Leaving]:
    """The files of all engines."""
    found: list[Leaving] = []
    with contextlib.suppress(OSError):
        for path in (home / FOLDER).glob(f"*.*{SUFFIX}"):
            run, owner, _ = path.name.split(".", 2)
            with contextlib.suppress(ValueError):
                found.append(Leaving(bytes.fromhex(run).decode(), owner, path))
    return found


def remove(files: Iterable[Leaving]) -> None:
    """Remove files."""
    for file in files:
        _remove(file.path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
