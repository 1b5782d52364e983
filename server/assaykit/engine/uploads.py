"""Uploads that come in several requests: their parts are kept, out of memory, until the last one has them all written.

Memory holds one part at a time, the store waits for nobody, and what is never finished leaves nothing behind.
"""

import secrets
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO, NamedTuple, Self

from assaykit.engine.clock import Clock
from assaykit.engine.problems import TooLarge
from assaykit.errors import NotFound, Unavailable, quote

MOST = 8
"""Uploads under way at once."""

MAX_BYTES = 512 * 1024 * 1024
"""Of one upload."""

IDLE_NS = 10 * 60 * 1_000_000_000
"""So long after its last part an upload is given up."""


class _Upload(NamedTuple):
    file: IO[bytes]
    last_ns: int


class Uploads:
    """The uploads under way in one engine, by id. Use it as a context: they are gone afterwards."""

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
        """Keep a part, which has no line break, of this upload or of a new one; its id.

        Raises:
            NotFound: there is no such upload, or no longer.
            Unavailable: too many are under way.
            TooLarge: it has become too large, and is given up.
        """
        now = self._clock.now_ns()
        self._drop_idle(now)
        if key is None:
            if len(self._open) >= MOST:
                raise Unavailable(f"{MOST} uploads are under way already.", "Try again when one of them has ended.")
            key = secrets.token_hex(16)
            file = tempfile.TemporaryFile()  # noqa: SIM115  (closed when it is taken or dropped)
        else:
            file = self._found(key).file
        self._open[key] = _Upload(file, now)
        file.write(part + b"\n")
        if file.tell() > MAX_BYTES:
            self._drop(key)
            raise TooLarge(f"The upload is larger than {MAX_BYTES} bytes.", "Send it as several uploads.")
        return key

    @contextmanager
    def taken(self, key: str | None) -> Generator[Iterator[bytes]]:
        """The parts of an upload in order, none without a key. It is under way no longer.

        Raises:
            NotFound: there is no such upload, or no longer.
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
        """Forget an upload; one that is gone already stays so."""
        if key in self._open:
            self._drop(key)

    def _found(self, key: str) -> _Upload:
        if key not in self._open:
            raise NotFound(
                f"There is no upload {quote(key, 60)!r} under way. Nothing was written.",
                "Start again with the first part: an upload ends with its engine, or when no part comes for a while.",
            )
        return self._open[key]

    def _drop_idle(self, now_ns: int) -> None:
        for key, upload in list(self._open.items()):
            if now_ns - upload.last_ns > IDLE_NS:
                self._drop(key)

    def _drop(self, key: str) -> None:
        self._open.pop(key).file.close()
