"""Processes that are forked from one which has imported the user's file; Linux alone has them.

They are not our own children: the one that they were forked from is asked for each, and how it ended.
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
    """What processes were forked from is gone, or the system has no more of them; the text says which."""


class Printed:
    """What a forked process prints. It is a pipe and no socket, which the user's code could not open by its name."""

    def __init__(self, number: int) -> None:
        self._number = number

    async def receive(self) -> bytes:
        """What came next.

        Raises:
            anyio.EndOfStream: there is no more.
        """
        await anyio.wait_readable(self._number)
        if not (found := os.read(self._number, _PRINTED)):
            raise anyio.EndOfStream
        return found


class Forked:
    """A forked process, as far as a worker needs it."""

    def __init__(self, pid: int, forks: "ForkSocket", rows: End, printed: Printed) -> None:
        self.pid = pid
        self.stdin = self.stdout = rows
        self.stderr = printed
        self._forks = forks
        self._code: int | None = None

    async def wait(self) -> int | None:
        """Until it has ended; its exit code, negative for a signal, None if nobody knows it any more."""
        with suppress(Gone):
            while self._code is None:
                self._code = (await self._forks.ask({"wait": self.pid}))["code"]
                await anyio.sleep(0 if self._code is not None else _POLL_S)
        return self._code

    async def aclose(self) -> None:
        """Until it has ended and is no more in the system's table."""
        await self.wait()


class ForkSocket:
    """The socket to the process that forks."""

    def __init__(self, ours: socket.socket) -> None:
        self._end = End(ours)
        self._asking = anyio.Lock()

    @asynccontextmanager
    async def fork(self) -> AsyncGenerator[Forked]:
        """One more process.

        Raises:
            Gone: there can be none.
        """
        ours, theirs = socket.socketpair()
        errors, printed = os.pipe()
        with ours, theirs, os.fdopen(errors, "rb"), os.fdopen(printed, "wb") as given:
            told = await self.ask({"fork": True}, theirs.fileno(), given.fileno())
            # As long as we have them too, nobody hears that the process is gone.
            theirs.close()
            given.close()
            yield Forked(told["pid"], self, End(ours), Printed(errors))

    async def ask(self, message: Mapping[str, Any], *descriptors: int) -> dict[str, Any]:
        """Send one message, with descriptors for the other side, and wait for the answer.

        Raises:
            Gone: there is none, or it says that it cannot be done.
        """
        told: dict[str, Any] = {}
        # An answer that nobody waits for would be taken for that to the next question.
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
