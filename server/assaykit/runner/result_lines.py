"""Results that stay in a file, a JSON line each. Memory holds the places of the lines alone."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self, overload

from assaykit.runner.results import ExampleCall, RowResult, from_json
from assaykit.runner.worker_pool import PendingCall


class ResultLines(Mapping[ExampleCall, RowResult]):
    """The results of a file by their calls. Each look reads and parses one line.

    `failed` holds the calls whose results are errors.

    Raises:
        OSError: the file can no longer be read.
        ValueError, KeyError, TypeError: another process has changed the file meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        # By repetition and example, so that no call is kept beside its places.
        self._places: dict[int, dict[str, int]] = {}
        self.failed: set[ExampleCall] = set()

    def __getitem__(self, call: ExampleCall) -> RowResult:
        place = self._places[call.repetition][call.example_id]
        if self._file is None:
            self._file = self._path.open("rb")
        self._file.seek(place)
        return from_json(json.loads(self._file.readline()))

    def __iter__(self) -> Iterator[ExampleCall]:
        return (ExampleCall(key, number) for number, of_number in self._places.items() for key in of_number)

    def __len__(self) -> int:
        return sum(map(len, self._places.values()))

    def __contains__(self, call: object) -> bool:
        return isinstance(call, ExampleCall) and call.example_id in self._places.get(call.repetition, ())

    def note(self, call: ExampleCall, place: int, *, is_error: bool) -> None:
        """Note the place of a result's line, in bytes from the beginning, in place of an earlier line of the call."""
        self._places.setdefault(call.repetition, {})[call.example_id] = place
        (self.failed.add if is_error else self.failed.discard)(call)

    def clear(self) -> None:
        """Forget all places."""
        self._places.clear()
        self.failed.clear()

    def close(self) -> None:
        """Close the file. The next look opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


class OrderedResults(Sequence[RowResult]):
    """The results of some calls in the order of the calls, read when they are asked for."""

    def __init__(self, results: Mapping[ExampleCall, RowResult], calls: Sequence[PendingCall]) -> None:
        self._results = results
        self._calls = calls

    @classmethod
    def of(cls, results: Mapping[ExampleCall, RowResult], calls: Sequence[PendingCall]) -> Self:
        """The results of those calls that have one."""
        is_whole = all(one.call in results for one in calls)
        return cls(results, calls if is_whole else [one for one in calls if one.call in results])

    @overload
    def __getitem__(self, place: int) -> RowResult: ...
    @overload
    def __getitem__(self, place: slice) -> list[RowResult]: ...
    def __getitem__(self, place: int | slice) -> RowResult | list[RowResult]:
        if isinstance(place, slice):
            return [self._results[one.call] for one in self._calls[place]]
        return self._results[self._calls[place].call]

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[RowResult]:
        return (self._results[one.call] for one in self._calls)


def line_of(told: Mapping[str, Any]) -> bytes:
    """An object as a line of the file."""
    return json.dumps(told).encode() + b"\n"
