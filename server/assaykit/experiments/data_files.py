"""JSON records in the data folder that are best effort: nothing fails because one cannot be read or written."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from assaykit.filelock import FileLock

MOST_BYTES = 2_000_000
"""A larger file is not ours."""

_WAIT_S = 0.5

Entry = TypeVar("Entry")
Answer = TypeVar("Answer")


class DataFile(Generic[Entry]):
    """The entries of a record by their key, the oldest first, and at most `most` of them.

    A file that cannot be read, holds anything unexpected or is held by another process counts as empty, and is then not
    written or is written anew.
    """

    def __init__(self, at: Path, kind: TypeAdapter[dict[str, Entry]], most: int) -> None:
        self._at, self._kind, self._most = at, kind, most

    def read(self) -> dict[str, Entry]:
        """The entries; none if the file is not there or not of this kind."""
        if not self._at.is_file():
            return {}
        try:
            with self._at.open("rb") as opened:
                text = opened.read(MOST_BYTES + 1)
            return self._kind.validate_json(text) if len(text) <= MOST_BYTES else {}
        except (OSError, ValidationError, RecursionError):
            return {}

    def change(self, by: Callable[[dict[str, Entry]], Answer], *, is_kept: bool) -> Answer:
        """Apply a change to the entries and write them if `is_kept`; return the answer of the change."""
        lock = FileLock(self._at.with_suffix(".lock"))
        held = is_kept and self._taken(lock)
        try:
            record = self.read()
            answer = by(record)
            if held:
                self._write(record)
        finally:
            lock.release()
        return answer

    def _taken(self, lock: FileLock) -> bool:
        try:
            self._at.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return lock.take_within(_WAIT_S)
        except OSError:
            return False

    def _write(self, record: dict[str, Entry]) -> None:
        """Replace the file in one step. An error of the system leaves the old file."""
        kept = dict(list(record.items())[-self._most :])
        text = self._kind.dump_json(kept)
        while len(text) > MOST_BYTES and kept:
            kept = dict(list(kept.items())[len(kept) // 2 + 1 :])
            text = self._kind.dump_json(kept)
        # The lock is held, so nobody else writes a file of this name.
        part = self._at.with_name(f"{self._at.name}.part")
        try:
            part.unlink(missing_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
                opened.write(text)
            part.replace(self._at)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
