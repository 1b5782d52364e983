"""Uploads in several requests: temporary files keep the parts until the last request, which writes all of them.

Memory holds one part at a time, no store transaction stays open between requests, and an unfinished upload leaves
nothing behind.
"""

import secrets
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import IO, NamedTuple, Self

from assaykit.engine.clock import Clock
from assaykit.engine.problems import TooLarge
from assaykit.engine.temporary_files import writing
from assaykit.errors import AssayError, NotFound, Unavailable, quote

MOST = 8
"""Most concurrent uploads."""

MAX_BYTES = 512 * 1024 * 1024
"""Most bytes of one upload."""

IDLE_NS = 10 * 60 * 1_000_000_000
"""Nanoseconds without a new part after which an upload is dropped."""

YIELDING_NS = 60 * 1_000_000_000
"""Nanoseconds without a new part after which an upload gives its place to another one, if all places are taken."""


class _Upload(NamedTuple):
    file: IO[bytes]
    last_ns: int


class Uploads:
    """The unfinished uploads of one engine, by id. Use it as a context manager: its exit drops them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[str, _Upload] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        for key in list(self._open):
            self._drop(key)

    def keep(self, key: str | None, part: bytes) -> str:
        """Keep a part of the upload `key`, or of a new upload if `key` is None, and return the upload's id.

        The part must not contain a line break.

        Raises:
            NotFound: there is no such upload, or it was dropped.
            Unavailable: `MOST` uploads are unfinished, or the folder for temporary files has no room. In that case the
                upload is dropped.
            TooLarge: the upload exceeds `MAX_BYTES`; it is dropped.
        """
        now = self._clock.now_ns()
        self._drop_idle(now)
        if key is None:
            self._make_place(now)
            key = secrets.token_hex(16)
            with writing("The upload"):
                file = tempfile.TemporaryFile()  # noqa: SIM115  (closed when it is taken or dropped)
        else:
            file = self._found(key).file
        self._open[key] = _Upload(file, now)
        try:
            with writing("The upload"):
                file.write(part + b"\n")
                file.flush()
            if file.tell() > MAX_BYTES:
                raise TooLarge(f"The upload is larger than {MAX_BYTES} bytes.", "Send it as several uploads.")
        except AssayError:
            self._drop(key)
            raise
        return key

    @contextmanager
    def taken(self, key: str | None) -> Generator[Iterator[bytes]]:
        """The parts of an upload in order, each with its line break; no parts if `key` is None. It ends the upload.

        Raises:
            NotFound: there is no such upload, or it was dropped.
        """
        if key is None:
            yield iter(())
            return
        file = self._found(key).file
        del self._open[key]
        with file:
            file.seek(0)
            yield iter(file)

    def give_up(self, key: str) -> None:
        """Drop an upload, if it exists."""
        if key in self._open:
            self._drop(key)

    def _found(self, key: str) -> _Upload:
        if key not in self._open:
            raise NotFound(
                f"There is no upload {quote(key, 60)!r} under way. Nothing was written.",
                "Start again with the first part: an upload is dropped when the engine stops, or 10 minutes after its "
                "last part.",
            )
        return self._open[key]

    def _drop_idle(self, now_ns: int) -> None:
        for key, upload in list(self._open.items()):
            if now_ns - upload.last_ns > IDLE_NS:
                self._drop(key)

    def _make_place(self, now_ns: int) -> None:
        """Drop the upload that has waited longest for a part, if all places are taken.

        Raises:
            Unavailable: each upload had a part a short time ago.
        """
        if len(self._open) < MOST:
            return
        key, upload = min(self._open.items(), key=lambda one: one[1].last_ns)
        if now_ns - upload.last_ns <= YIELDING_NS:
            raise Unavailable(f"{MOST} uploads are under way already.", "Try again when one of them has ended.")
        self._drop(key)

    def _drop(self, key: str) -> None:
        with suppress(OSError):  # what the file still held in memory has no room on the disk
            self._open.pop(key).file.close()
