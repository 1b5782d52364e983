"""Processes forked from one that has imported the user's file, on Linux only.

The forked processes are children of that process and not of ours. So it gets requests to fork, and to wait for an
exit code.
"""

import json
import os
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio

from assaykit.runner.sockets import End

_ANSWER_S = 10.0
_POLL_S = 0.005
_PRINTED = 65_536


class Gone(Exception):
    """The forking process is gone, or the system has no more processes. The text says which."""


class Printed:
    """The output of a forked process. It comes through a pipe, since code cannot open a socket as `/dev/stdout`."""

    def __init__(self, number: int) -> None:
        self._number = number

    async def receive(self) -> bytes:
        """The next bytes of the output.

        Raises:
            anyio.EndOfStream: the output has ended.
        """
        await anyio.wait_readable(self._number)
        if not (found := os.read(self._number, _PRINTED)):
            raise anyio.EndOfStream
        return found


class Forked:
    """A forked process, with the part of anyio's `Process` that a worker uses."""

    def __init__(self, pid: int, forks: "ForkSocket", rows: End, printed: Printed) -> None:
        self.pid = pid
        self.stdin = self.stdout = rows
        self.stderr = printed
        self._forks = forks
        self._code: int | None = None

    async def wait(self) -> int | None:
        """Wait for the end. Returns the exit code: negative for a signal, None if the forking process is gone."""
        with suppress(Gone):
            while self._code is None:
                self._code = (await self._forks.ask({"wait": self.pid}))["code"]
                await anyio.sleep(0 if self._code is not None else _POLL_S)
        return self._code

    async def aclose(self) -> None:
        """Wait until the process has ended and is out of the system's process table."""
        await self.wait()


class ForkSocket:
    """The socket to the forking process."""

    def __init__(self, ours: socket.socket) -> None:
        self._end = End(ours)
        self._asking = anyio.Lock()

    @asynccontextmanager
    async def fork(self) -> AsyncGenerator[Forked]:
        """Fork a process, and close our ends of its streams when the block ends.

        Raises:
            Gone: no process could be forked.
        """
        ours, theirs = socket.socketpair()
        errors, printed = os.pipe()
        with ours, theirs, os.fdopen(errors, "rb"), os.fdopen(printed, "wb") as given:
            told = await self.ask({"fork": True}, theirs.fileno(), given.fileno())
            # While we hold these ends open too, the streams would not end with the process.
            theirs.close()
            given.close()
            yield Forked(told["pid"], self, End(ours), Printed(errors))

    async def ask(self, message: Mapping[str, Any], *descriptors: int) -> dict[str, Any]:
        """Send one message, with descriptors for the forking process, and wait for the answer.

        Raises:
            Gone: no answer came, or the answer reports a failure.
        """
        told: dict[str, Any] = {}
        # If a cancellation left an answer unread, the next call would take it for its own.
        with anyio.CancelScope(shield=True):
            async with self._asking:
                try:
                    with anyio.fail_after(_ANSWER_S):
                        await self._end.send(json.dumps(message).encode(), descriptors)
                        told = json.loads(await self._end.receive())
                except (TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError):
                    self._end.close()
                    raise Gone("the process that had imported the file is gone") from None
        if "failed" in told:
            raise Gone(told["failed"])
        return told
