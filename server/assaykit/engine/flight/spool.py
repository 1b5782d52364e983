"""A stream of Arrow messages, kept in a file of nobody's name while it is written or read.

A client may be slow, and the store must not wait for it: what is sent is gathered here before the one transaction
that takes it, and what is asked for is written here within one, so that it is the state of one moment. Memory holds
one message at a time.

Source: Arrow's columnar format, "Encapsulated message format". Flight sends the two halves of a message apart.
"""

import struct
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self, cast

import pyarrow as pa

from assaykit.engine.flight import frames
from assaykit.errors import Invalid

arrow = cast("Any", pa)

_ALIGNED = 8
_CONTINUES = b"\xff\xff\xff\xff"
_END = _CONTINUES + b"\0\0\0\0"


class FlightMessage(NamedTuple):
    """One message: what it is, and its columns."""

    header: bytes
    body: bytes


class Spool:
    """The file. Use it as a context: it is gone afterwards."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`, at the end of the context)
        self._messages: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop what was kept."""
        self._file.close()

    def add(self, part: FlightMessage) -> None:
        """Append one message that came in."""
        padded = part.header + bytes(-len(part.header) % _ALIGNED)
        self._file.write(_CONTINUES + struct.pack("<i", len(padded)) + padded + part.body)

    def rows(self) -> Iterator[list[frames.ArrowRow]]:
        """The rows of all that was added, some at a time.

        Raises:
            Invalid: what was added is no Arrow stream.
        """
        self._file.write(_END)
        self._file.seek(0)
        with stream(self._file) as sent:
            yield from frames.rows_of(sent)

    def write(
        self,
        read: Callable[[], Iterable[frames.ArrowRow]],
        begin: Mapping[str, frames.ColumnType],
        *,
        only: bool = False,
    ) -> None:
        """Write rows, which are read twice: once for their columns. With `only`, no columns beside those of `begin`."""
        found = frames.columns_of(read(), begin)
        columns: dict[str, frames.ColumnType] = {
            name: kind for name, kind in found.items() if not only or name in begin
        }
        schema = frames.schema(columns)
        with arrow.ipc.new_stream(self._file, schema) as written:
            some: list[frames.ArrowRow] = []
            for row in read():
                some.append(row)
                if len(some) == frames.ROWS_PER_BATCH:
                    written.write_batch(frames.batch(some, columns, schema))
                    some = []
            if some:
                written.write_batch(frames.batch(some, columns, schema))
        self._file.seek(0)

    def next(self) -> FlightMessage | None:
        """The next message of what was written; None at the end."""
        self._messages = self._messages or arrow.ipc.MessageReader.open_stream(self._file)
        try:
            message = self._messages.read_next_message()
        except StopIteration:
            return None
        return FlightMessage(message.metadata.to_pybytes(), b"" if message.body is None else message.body.to_pybytes())


@contextmanager
def stream(file: BinaryIO) -> Generator[Any]:
    """The Arrow stream in a file: its `schema`, and its batches when it is iterated.

    Raises:
        Invalid: it is none.
    """
    try:
        with arrow.ipc.open_stream(file) as reader:
            yield reader
    except (arrow.ArrowException, OSError) as error:
        raise Invalid(
            "The data is no Arrow stream that can be read.", "Send the table as Arrow's own format."
        ) from error
