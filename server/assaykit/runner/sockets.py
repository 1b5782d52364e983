"""One end of a pair of sockets, as a stream of bytes."""

import socket
from collections.abc import Sequence

import anyio


class End:
    """Our end. anyio's own stream over a Unix socket fails now and then when it is cancelled as bytes come in."""

    def __init__(self, ours: socket.socket) -> None:
        ours.settimeout(0)
        self._socket = ours

    async def send(self, item: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send all of it, with descriptors beside its first bytes.

        Raises:
            anyio.BrokenResourceError: the other end is closed, or this one.
        """
        left = memoryview(item)
        try:
            while left:
                await anyio.wait_writable(self._socket)
                with_it = descriptors if len(left) == len(item) else ()
                left = left[socket.send_fds(self._socket, [left], list(with_it)) :]
        except (OSError, ValueError) as error:
            raise anyio.BrokenResourceError from error

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        """What came next, of up to so many bytes.

        Raises:
            anyio.EndOfStream: the other end is closed, and there is no more.
            anyio.BrokenResourceError: this end is closed, or the other one did not read all.
        """
        try:
            await anyio.wait_readable(self._socket)
            found = self._socket.recv(max_bytes)
        except (OSError, ValueError) as error:
            raise anyio.BrokenResourceError from error
        if not found:
            raise anyio.EndOfStream
        return found

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()
