"""The examples of a dataset, held in a temporary file where they are large."""

import json
import tempfile
import weakref
from array import array
from collections.abc import AsyncIterable, Iterator, Mapping, Sequence
from typing import Any, Self, overload

from assaykit.errors import Unavailable, system_advice
from assaykit.wire.datasets import DatasetExample

MOST_IN_MEMORY = 1 << 20
"""The most bytes of examples that stay in memory."""


class ExampleSpool(Sequence[DatasetExample]):
    """The examples in their order. Beyond 1 MiB they lie in a temporary file, and each look reads one line of it."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=MOST_IN_MEMORY)  # noqa: SIM115  # closed with the spool
        weakref.finalize(self, self._file.close)
        self._ends = array("Q", [0])
        self._last: tuple[int, dict[str, Any]] = -1, {}
        self.ids: list[str] = []

    @classmethod
    async def of(cls, examples: AsyncIterable[DatasetExample]) -> Self:
        """A spool of all the examples.

        Raises:
            Unavailable: the temporary file cannot be written.
        """
        found = cls()
        async for one in examples:
            try:
                found.add(one)
            except OSError as error:
                raise Unavailable(
                    f"The examples could not be written to a temporary file: {error.strerror}.",
                    system_advice(error, "Give yourself the right to write there, or set TMPDIR to another folder."),
                ) from error
        return found

    def add(self, example: DatasetExample) -> None:
        """Add an example to the end."""
        told = example.model_dump(mode="json", include={*DatasetExample.model_fields})
        line = json.dumps([example.model_extra or {}, told]).encode() + b"\n"
        self._file.seek(self._ends[-1])
        self._file.write(line)
        self._ends.append(self._ends[-1] + len(line))
        self.ids.append(example.id)

    def columns(self, place: int) -> dict[str, Any]:
        """The `id` and the free columns of one example. The last ones stay at hand, as a row is read key by key."""
        if self._last[0] != place:
            self._last = place, {"id": self.ids[place], **self._line(place)[0]}
        return self._last[1]

    def _line(self, place: int) -> list[dict[str, Any]]:
        start, end = self._ends[place], self._ends[place + 1]
        self._file.seek(start)
        found: list[dict[str, Any]] = json.loads(self._file.read(end - start))
        return found

    @overload
    def __getitem__(self, place: int) -> DatasetExample: ...
    @overload
    def __getitem__(self, place: slice) -> list[DatasetExample]: ...
    def __getitem__(self, place: int | slice) -> DatasetExample | list[DatasetExample]:
        places = range(len(self))[place]
        if isinstance(places, range):
            return [self[one] for one in places]
        columns, told = self._line(places)
        return DatasetExample.model_validate(columns | told)

    def __len__(self) -> int:
        return len(self.ids)


class SpooledColumns(Mapping[str, Any]):
    """The columns of one example, read when they are looked at."""

    __slots__ = ("_place", "_spool")

    def __init__(self, spool: ExampleSpool, place: int) -> None:
        self._spool = spool
        self._place = place

    def __getitem__(self, column: str) -> Any:
        return self._spool.columns(self._place)[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self._spool.columns(self._place))

    def __len__(self) -> int:
        return len(self._spool.columns(self._place))
