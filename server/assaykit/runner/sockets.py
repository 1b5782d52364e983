"""One end of a pair of sockets, as a stream of bytes."""

import socket
from collections.abc import Sequence

import anyio


class End:
    """Our end. anyio's stream over a Unix socket is not used: it sometimes fails if cancelled while bytes arrive."""

    def __init__(self, ours: socket.socket) -> None:
        ours.settimeout(0)
        self._socket = ours

    async def send(self, item: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send all of `item`, and the descriptors with its first bytes.

        Raises:
            anyio.BrokenResourceError: one of the two ends is closed.
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
        """The next bytes, at most `max_bytes`.

        Raises:
            anyio.EndOfStream: the other end is closed, and all bytes were received.
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
        """Close this end."""
        self._socket.close()
