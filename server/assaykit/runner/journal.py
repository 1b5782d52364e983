"""A journal of results on disk, so that an experiment that was killed continues where it stopped.

It is a file of JSON lines: the request, then a line for each result, and lines with the files of the user's code that
were in use. A torn or damaged line counts as not written, and its row is run again.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from assaykit.errors import Conflict, Unavailable, quote, system_advice
from assaykit.filelock import FileLock
from assaykit.runner.result_lines import ResultLines, line_of
from assaykit.runner.results import ExampleCall, RowResult, from_json

FOLDER = "experiments"


class Journal:
    """The journal of the experiment `name` on a dataset. One call at a time has it open.

    `asked` holds the inputs that determine the results, as they were when the journal was begun. `results` stay in the
    file, so a run of any length needs little memory. `files` has the digest of each file of the user's code, and
    `packages` the version of each installed package. `damaged` counts lines that could not be read.
    """

    def __init__(self, home: Path, dataset_id: str, name: str) -> None:
        digest = hashlib.sha256(json.dumps([dataset_id, name]).encode()).hexdigest()[:24]
        self._path = home / FOLDER / f"{digest}.jsonl"
        self._lock = FileLock(self._path.with_suffix(".lock"))
        self._name = name
        self._file: BinaryIO | None = None
        self.asked: dict[str, Any] = {}
        self.results = ResultLines(self._path)
        self.files: dict[str, str] = {}
        self.packages: dict[str, str] = {}
        self.damaged = 0

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            held = self._lock.try_take()
        except OSError as error:
            raise self._unusable(error) from error
        if not held:
            raise Conflict(
                f"The experiment {self._name!r} is being run by another call.", "Wait for it, or pass another name."
            )
        try:
            self._read()
        except OSError as error:
            self._lock.release()
            raise Unavailable(
                f"The journal of the run could not be read: {error.strerror}.",
                system_advice(error, f"Check that you may read {self._path}, or pass another name."),
            ) from error
        return self

    def _unusable(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"The journal of the run could not be opened in {quote(str(self._path.parent))!r}: {error.strerror}.",
            f"{system_advice(error, 'Give yourself the right to write there.')} ASSAYKIT_HOME sets another folder.",
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self._lock.release()

    def _read(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("r+b") as file:
            first = file.readline()
            place = len(first)
            if not first.endswith(b"\n"):
                return
            asked = _object(first)
            if asked is not None:
                self.asked = asked
            for line in file:
                if not line.endswith(b"\n"):
                    break  # text after the last newline is torn
                if asked is None:
                    self.damaged += 1
                else:
                    self._take(_object(line), place)
                place += len(line)
            if asked is None:
                # Nothing tells which task the results are of.
                self.damaged += 1
                return
            if self.damaged and not self.files:
                # Nothing tells which content of the user's files the results are of.
                self.results.clear()
            file.truncate(place)

    def _take(self, told: dict[str, Any] | None, place: int) -> None:
        try:
            if told is None:
                self.damaged += 1
            elif "files" in told:
                self.files |= {str(path): str(digest) for path, digest in told["files"].items()}
            elif "packages" in told:
                self.packages = {str(name): str(version) for name, version in told["packages"].items()}
            else:
                result = from_json(told)
                self.results.note(result.call, place, is_error=result.error is not None)
        except (KeyError, TypeError, AttributeError):
            self.damaged += 1

    def begin(self, asked: dict[str, Any]) -> None:
        """Begin a new journal in place of the old one."""
        self._close()
        self.asked, self.files, self.packages = asked, {}, {}
        self.results.clear()
        self._path.unlink(missing_ok=True)
        self._write(asked)

    def keep(self, result: RowResult) -> None:
        """Add one result. After the return it survives the end of the process, even by a kill."""
        place = self._write(result.as_json())
        self.results.note(result.call, place, is_error=result.error is not None)

    def drop(self, calls: Iterable[ExampleCall]) -> None:
        """Remove some results, so that their rows are run again."""
        dropped = frozenset(calls)
        # Replaced in one step: a process that is killed meanwhile leaves the journal as it was.
        partly = self._path.with_suffix(".part")
        with partly.open("wb") as file:
            for line in (self.asked, {"files": self.files}, {"packages": self.packages}):
                file.write(line_of(line))
            for call, result in self.results.items():
                if call not in dropped:
                    file.write(line_of(result.as_json()))
        self._close()
        partly.replace(self._path)
        self.results.clear()
        self._read()

    def use(self, files: Iterable[str]) -> None:
        """Note the content of files of the user's code that are in use from now on."""
        new = {path: digest for path in files if path not in self.files and (digest := digest_of(path)) is not None}
        if new:
            self.files |= new
            self._write({"files": new})

    def use_packages(self, packages: Mapping[str, str]) -> None:
        """Note the versions of installed packages that the first rows are made with."""
        if not self.packages:
            self.packages = {**packages}
            self._write({"packages": self.packages})

    def changed_files(self) -> list[str]:
        """The files that were in use for a result and have another content now, or are gone."""
        return [path for path, digest in self.files.items() if digest_of(path) != digest]

    def forget(self) -> None:
        """Remove the journal, after its results were written elsewhere."""
        self._close()
        self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        self.results.close()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, line: Mapping[str, Any]) -> int:
        """Add a line, and return its place in the file."""
        try:
            if self._file is None:
                self._file = self._path.open("ab")
            place = self._file.tell()
            self._file.write(line_of(line))
            self._file.flush()
        except OSError as error:
            raise Unavailable(
                f"A result could not be written to the journal in {quote(str(self._path.parent))!r}: {error.strerror}.",
                system_advice(error, "Give yourself the right to write there.")
                + " Rows that were written are not run again.",
            ) from error
        return place


def digest_of(path: str | Path) -> str | None:
    """A digest of the content of a file; None if it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None


def _object(line: bytes) -> dict[str, Any] | None:
    """The JSON object in a line; None for anything else."""
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
