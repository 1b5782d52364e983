"""The disk of a traced process at any moment, as a power cut may leave it.

A write is safe once its file was synced. Until then a disk may have any part of it, in units of a sector. A new name, a
rename and a removal are kept in their order, and are safe after the next sync of any file. The names of system calls
are those of Linux, as `strace -ff -ttt -y -xx` prints them.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

SECTOR = 512
CALLS = "pwrite64,write,fsync,fdatasync,ftruncate,unlink,rename,openat"

_LINE = re.compile(r"(?P<at>\d+\.\d+) (?P<call>\w+)\((?P<words>.*)\)\s+= (?P<result>\d+)(?:<(?P<opened>[^>]*)>)?$")
_FILE = re.compile(r"\d+<(?P<path>[^>]*)>(?:, )?")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')

Kind = Literal["write", "truncate", "sync", "create", "remove", "rename"]


class Step(NamedTuple):
    """A change of a file at a time, or a sync. `place` is an offset or a length; None appends."""

    at: float
    kind: Kind
    path: str
    place: int | None = None
    data: bytes = b""
    to: str = ""


def steps(traces: Sequence[Path], home: Path) -> list[Step]:
    """The steps below a folder in the traces of all threads, in order."""
    found = [step for trace in traces for step in _steps(trace) if Path(step.path).is_relative_to(home)]
    return sorted(found, key=lambda step: step.at)


def _steps(trace: Path) -> Iterator[Step]:
    with trace.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            if found := _LINE.match(line):
                yield from _step(float(found["at"]), found["call"], found["words"], found["opened"], int(found[4]))


def _step(at: float, call: str, words: str, opened: str | None, result: int) -> Iterator[Step]:
    texts = [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(words)]
    if call == "openat":
        if opened and ("O_CREAT" in words or "O_TRUNC" in words):
            yield Step(at, "create", _plain(opened))
            if "O_TRUNC" in words:
                yield Step(at, "truncate", _plain(opened), 0)
    elif call in {"unlink", "rename"}:
        path, *to = [text.decode() for text in texts]
        yield Step(at, "rename" if to else "remove", path, to=to[0] if to else "")
    elif file := _FILE.match(words):
        path, rest = _plain(file["path"]), words[file.end() :]
        last = rest.rpartition(", ")[2]
        if call == "pwrite64":
            yield Step(at, "write", path, int(last), texts[0][:result])
        elif call == "write":
            yield Step(at, "write", path, None, texts[0][:result])
        elif call == "ftruncate":
            yield Step(at, "truncate", path, int(last))
        else:
            yield Step(at, "sync", path)


def _plain(path: str) -> str:
    return bytes.fromhex(path.replace("\\x", "")).decode() if path.startswith("\\x") else path


class _File:
    def __init__(self) -> None:
        self.safe = bytearray()
        self.pending: list[Step] = []

    def sync(self) -> None:
        for step in self.pending:
            _apply(self.safe, step)
        self.pending.clear()

    def left(self, chance: Random, share: float, *, tears: bool) -> bytes:
        """The content after a cut: each pending change is there with a probability, whole or by sectors."""
        found = bytearray(self.safe)
        end = len(found)
        for step in self.pending:
            start = end if step.place is None else step.place
            end = start if step.kind == "truncate" else max(end, start + len(step.data))
            if tears and step.kind == "write":
                for first in range(0, len(step.data), SECTOR):
                    if chance.random() < share:
                        piece = step.data[first : first + SECTOR]
                        _apply(found, step._replace(place=start + first, data=piece))
            elif chance.random() < share:
                _apply(found, step._replace(place=start))
        return bytes(found)


def _apply(content: bytearray, step: Step) -> None:
    place = len(content) if step.place is None else step.place
    content.extend(bytes(max(0, place - len(content))))
    if step.kind == "truncate":
        del content[place:]
    else:
        content[place : place + len(step.data)] = step.data


class Disk:
    """The files of a folder, changed step by step."""

    def __init__(self) -> None:
        self._names: dict[str, _File] = {}
        self._safe_names: dict[str, _File] = {}
        self._renamed: list[dict[str, _File]] = []

    def take(self, step: Step) -> None:
        """Change a file, or make it safe."""
        if step.kind in {"create", "remove", "rename"}:
            self._rename(step)
        elif (file := self._names.get(step.path)) is not None:
            if step.kind == "sync":
                file.sync()
                self._safe_names = dict(self._names)
                self._renamed.clear()
            else:
                file.pending.append(step)

    def _rename(self, step: Step) -> None:
        if step.kind == "create" and step.path in self._names:
            return
        file = _File() if step.kind == "create" else self._names.pop(step.path, None)
        if file is not None and step.kind != "remove":
            self._names[step.to or step.path] = file
        self._renamed.append(dict(self._names))

    def cut(self, chance: Random, home: Path, to: Path) -> None:
        """Write the files of the folder `home` as a power cut may leave them now."""
        share = chance.choice([0.0, 0.5, 0.9, 1.0])
        tears = chance.random() < 0.5
        names = chance.choice([self._safe_names, *self._renamed])
        for path, file in names.items():
            place = to / Path(path).relative_to(home)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.left(chance, share, tears=tears))
