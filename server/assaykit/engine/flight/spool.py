"""A stream of Arrow messages in an unnamed temporary file.

The spool separates slow clients from store transactions. A write first spools all of the client's rows and then stores
them in one transaction. A read spools its rows in one transaction, so that they show the state of one moment, and
streams them afterwards. Memory holds one message at a time.

Source: Arrow's columnar format, "Encapsulated message format". Flight sends the two halves of a message apart.
"""

import struct
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self, cast

import pyarrow as pa

from assaykit.engine.flight import frames
from assaykit.engine.problems import TooLarge
from assaykit.engine.temporary_files import writing
from assaykit.engine.uploads import MAX_BYTES
from assaykit.errors import Invalid

arrow = cast("Any", pa)

_ALIGNED = 8
_CONTINUES = b"\xff\xff\xff\xff"
_END = _CONTINUES + b"\0\0\0\0"


class FlightMessage(NamedTuple):
    """One message: its metadata in `header`, and the bytes of its columns in `body`."""

    header: bytes
    body: bytes


class Spool:
    """The file with the messages. Use it as a context manager: its exit deletes the file."""

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
        """Delete the file."""
        with suppress(OSError):  # what the file still held in memory has no room on the disk
            self._file.close()

    def add(self, part: FlightMessage) -> None:
        """Append one message from a client.

        Raises:
            TooLarge: the messages exceed `MAX_BYTES`.
            Unavailable: the folder for temporary files has no room.
        """
        padded = part.header + bytes(-len(part.header) % _ALIGNED)
        with writing("The table"):
            self._file.write(_CONTINUES + struct.pack("<i", len(padded)) + padded + part.body)
            self._file.flush()
        if self._file.tell() > MAX_BYTES:
            raise TooLarge(f"The table is larger than {MAX_BYTES} bytes.", "Send it as several tables.")

    def rows(self) -> Iterator[list[frames.ArrowRow]]:
        """The rows of all added messages, in lists of at most 1,000.

        Raises:
            Invalid: the messages are not a valid Arrow stream.
        """
        with writing("The table"):
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
        """Write the rows of `read`, which is called twice: first to find the columns, then to write the rows.

        `begin` are the first columns with their types. With `only`, there are no others.
        """
        found = frames.columns_of(read(), begin)
        columns: dict[str, frames.ColumnType] = {
            name: kind for name, kind in found.items() if not only or name in begin
        }
        schema = frames.schema(columns)
        with writing("The answer"), arrow.ipc.new_stream(self._file, schema) as written:
            some: list[frames.ArrowRow] = []
            for row in read():
                some.append(row)
                if len(some) == frames.ROWS_PER_BATCH:
                    written.write_batch(frames.batch(some, columns, schema))
                    some = []
            if some:
                written.write_batch(frames.batch(some, columns, schema))
            self._file.flush()
        self._file.seek(0)

    def next(self) -> FlightMessage | None:
        """The next message of the written rows; None at the end."""
        self._messages = self._messages or arrow.ipc.MessageReader.open_stream(self._file)
        try:
            message = self._messages.read_next_message()
        except StopIteration:
            return None
        return FlightMessage(message.metadata.to_pybytes(), b"" if message.body is None else message.body.to_pybytes())


@contextmanager
def stream(file: BinaryIO) -> Generator[Any]:
    """A reader of the Arrow stream in a file: it has a `schema` and iterates over the batches.

    Raises:
        Invalid: the file does not hold a readable Arrow stream.
    """
    try:
        with arrow.ipc.open_stream(file) as reader:
            yield reader
    except (arrow.ArrowException, OSError) as error:
        raise Invalid(
            "The data is not a readable Arrow stream.", "Send the table in Arrow's IPC stream format."
        ) from error
