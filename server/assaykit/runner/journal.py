"""A journal of results on disk, so that an experiment that was killed continues where it stopped.

It is a file of JSON lines: the request, then a line for each result. The last line may be torn. It then counts as not
written, and its row is run again.
"""

import hashlib
import json
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from assaykit.errors import Conflict, Unavailable, system_advice
from assaykit.filelock import FileLock
from assaykit.runner.results import ExampleCall, RowResult, from_json

FOLDER = "experiments"


class Journal:
    """The journal of the experiment `name` on a dataset. One call at a time has it open.

    `asked` holds the inputs that determine the results, as they were when the journal was begun.
    """

    def __init__(self, home: Path, dataset_id: str, name: str) -> None:
        digest = hashlib.sha256(json.dumps([dataset_id, name]).encode()).hexdigest()[:24]
        self._path = home / FOLDER / f"{digest}.jsonl"
        self._lock = FileLock(self._path.with_suffix(".lock"))
        self._name = name
        self._file: BinaryIO | None = None
        self.asked: dict[str, Any] = {}
        self.results: dict[ExampleCall, RowResult] = {}

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            held = self._lock.try_take()
        except OSError as error:
            raise Unavailable(
                f"The journal of the run could not be opened: {error.strerror}.",
                system_advice(error, f"Check that you may write to {self._path.parent}."),
            ) from error
        if not held:
            raise Conflict(
                f"The experiment {self._name!r} is being run by another call.", "Wait for it, or pass another name."
            )
        self._read()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        self._lock.release()

    def _read(self) -> None:
        if not self._path.exists():
            return
        first, *rest = self._path.read_bytes().split(b"\n")
        whole = rest[:-1]  # text after the last newline is torn
        if not rest:
            return
        self.asked = json.loads(first)
        for line in whole:
            result = from_json(json.loads(line))
            self.results[result.call] = result
        kept = sum(len(line) + 1 for line in (first, *whole))
        with self._path.open("r+b") as file:
            file.truncate(kept)

    def begin(self, asked: dict[str, Any]) -> None:
        """Begin a new journal in place of the old one."""
        self.asked, self.results = asked, {}
        self._path.unlink(missing_ok=True)
        self._write(asked)

    def keep(self, result: RowResult) -> None:
        """Add one result. After the return it survives the end of the process, even by a kill."""
        self.results[result.call] = result
        self._write(result.as_json())

    def forget(self) -> None:
        """Remove the journal, after its results were written elsewhere."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._path.unlink(missing_ok=True)

    def _write(self, line: dict[str, Any]) -> None:
        try:
            if self._file is None:
                self._file = self._path.open("ab")
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise Unavailable(
                f"A result could not be written to the journal: {error.strerror}.",
                system_advice(error, f"Check that you may write to {self._path.parent}.")
                + " Rows that were written are not run again.",
            ) from error
