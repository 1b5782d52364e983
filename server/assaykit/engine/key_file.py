"""Raw keys in a file beside the store, where the system has no keyring: `{name: value}` in JSON, readable by its owner.

The file is written in one step and is in no copy of the store. A file that is empty, damaged or readable by others is
refused, because an empty one would lose the keys and an open one has lost them.
"""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import cast

from assaykit.errors import Unavailable, quote, system_advice
from assaykit.filelock import FileLock

NAME = "model-keys.json"
_PATIENCE_S = 5.0
"""Seconds to wait for another process that writes."""
_OWNER_ALONE = 0o600
_OTHERS = 0o077


class KeyFile:
    """The keys of one data folder. Its methods block: call them in a thread.

    All raise Unavailable if the file cannot be read or written, is empty, or is readable by others.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / NAME
        self._lock = home / f"{NAME}.lock"

    def get(self, name: str) -> str | None:
        """The value of a name; None if there is none."""
        return self._read().get(name)

    def put(self, name: str, value: str) -> None:
        """Write a value."""
        self._change(lambda kept: {**kept, name: value})

    def remove(self, name: str) -> None:
        """Remove a value, if there is one. The file goes with its last value."""
        if self._path.exists():
            self._change(lambda kept: {other: value for other, value in kept.items() if other != name})

    def _change(self, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
        lock = FileLock(self._lock)
        try:
            if not lock.take_within(_PATIENCE_S):
                raise self._refusal("is in use by another process", "Try again.")
            changed = change(self._read())
            if changed:
                self._write(changed)
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            cause = error.strerror or type(error).__name__
            raise self._refusal(f"cannot be written: {cause}", system_advice(error, "Correct the folder.")) from error
        finally:
            lock.release()

    def _read(self) -> dict[str, str]:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            return {}
        except OSError as error:
            cause = error.strerror or type(error).__name__
            raise self._refusal(f"cannot be read: {cause}", system_advice(error, "Correct it.")) from error
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise self._refusal("is no file", "Remove it, and send the keys again.")
            if os.name == "posix" and (found.st_mode & _OTHERS or found.st_uid != os.geteuid()):
                raise self._refusal(
                    "can be read by others, or belongs to another user",
                    "Replace its keys at their providers, remove the file, and send the new keys.",
                )
            return self._parsed(file.read())

    def _parsed(self, raw: bytes) -> dict[str, str]:
        try:
            kept = json.loads(raw)
        except (ValueError, RecursionError):
            kept = None
        if not isinstance(kept, dict) or not kept:
            raise self._refusal("is empty or damaged", "Remove it, and send the keys again.")
        return {str(name): str(value) for name, value in cast("dict[str, object]", kept).items()}

    def _write(self, kept: dict[str, str]) -> None:
        part = self._path.with_name(f"{NAME}.part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE), "wb") as file:
            file.write(json.dumps(kept).encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)

    def _refusal(self, what: str, advice: str) -> Unavailable:
        return Unavailable(f"The file of model keys {quote(str(self._path))!r} {what}.", advice)
