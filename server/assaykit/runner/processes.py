"""Worker processes of the user's interpreter. Each takes a line of JSON for a row and returns one with its result."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.to_thread
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

from assaykit import redaction
from assaykit.errors import Invalid, quote, system_advice
from assaykit.runner import descendants
from assaykit.runner.forks import Forked, ForkSocket, Gone

START_S = 300.0
"""Time limit for importing the user's file and all its imports."""

LONGEST_LINE = 64 * 1024 * 1024
_TAIL = 4_000
_SHOWN = 600

_BEGIN = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from assaykit_worker.loop import main; sys.path.pop(0); main()"
)
_HERE = Path(__file__).parent


class Ended(Exception):
    """The process has ended. The text says how."""


class Worker:
    """A process that has imported the user's file. `ready` describes the task and the evaluators found there."""

    def __init__(self, process: Process | Forked, mark: str, forks: ForkSocket | None = None) -> None:
        self._process = process
        self._forks = forks
        self._mark = mark
        # None of the three is None, since all of them are piped.
        self._input = cast("ByteSendStream", process.stdin)
        self._errors = cast("ByteReceiveStream", process.stderr)
        self._lines = BufferedByteReceiveStream(cast("ByteReceiveStream", process.stdout))
        self._said = b""
        self.ready: dict[str, Any] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls, python: Path, asked: Mapping[str, Any], folder: Path, environment: Mapping[str, str]
    ) -> AsyncGenerator["Worker"]:
        """Start a process. When the block ends, it and all processes that it has started are killed.

        Outside Linux a process that has left the group of the first one lives on.

        Raises:
            Invalid: the process could not be started, or the user's file not be imported; the message gives the reason.
        """
        command = [str(python), "-c", _BEGIN, str(_HERE)]
        mark = descendants.new_mark()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(_kill_descendants, mark)
            forks, theirs = _pair(stack)
            inherited = [] if theirs is None else [theirs.fileno()]
            try:
                process = await anyio.open_process(
                    command,
                    cwd=folder,
                    env={**environment, descendants.VARIABLE: mark},
                    stdin=subprocess.PIPE,
                    start_new_session=True,
                    pass_fds=inherited,
                )
            except OSError as error:
                advice = system_advice(error, "Give another python.")
                raise Invalid(f"{python} could not be started: {error.strerror}.", advice) from error
            finally:
                # While we hold the other end open too, the socket would not end with the process.
                if theirs is not None:
                    theirs.close()
            worker = cls(process, mark, forks)
            await stack.enter_async_context(worker._alive())
            await worker._begin({**asked, "mark": mark, "forks": inherited[0] if inherited else None})
            yield worker

    @asynccontextmanager
    async def fork(self) -> AsyncGenerator["Worker"]:
        """Fork a worker that has the same imports. This works only if `ready` says that the process forks.

        Raises:
            Ended: this process is gone, or the system has no more processes.
        """
        if self._forks is None:
            raise Ended("processes are not forked here")
        async with AsyncExitStack() as stack:
            try:
                process = await stack.enter_async_context(self._forks.fork())
            except Gone as error:
                raise Ended(str(error)) from None
            worker = Worker(process, self._mark)
            await stack.enter_async_context(worker._alive())
            worker.ready = self.ready
            yield worker

    @asynccontextmanager
    async def _alive(self) -> AsyncGenerator[None]:
        """Read the output of the process until the block ends, then kill the process."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._drain)
            try:
                yield
            finally:
                _kill(self._process)
                group.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await self._process.aclose()

    async def _begin(self, asked: Mapping[str, Any]) -> None:
        told: dict[str, Any] = {"failed": f"it was not imported within {START_S:g} s"}
        with anyio.move_on_after(START_S):
            try:
                await self.send(asked)
                told = await self.receive()
            except Ended as error:
                told = {"failed": str(error)}
        if "ready" not in told:
            why = redaction.struck(told["failed"]).rstrip(".")
            raise Invalid(f"The task could not be made ready. {why}.", "Correct the file, then call again.")
        self.ready = told["ready"]

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send one message.

        Raises:
            Ended: the process is gone.
        """
        try:
            await self._input.send(json.dumps(message).encode() + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            raise Ended(await self._how()) from None

    async def receive(self) -> dict[str, Any]:
        """The next message. Each begins with the mark: the user's code may write to the same descriptor.

        Raises:
            Ended: the process is gone, or its message is damaged.
        """
        try:
            while True:
                line = await self._lines.receive_until(b"\n", LONGEST_LINE)
                stray, found, message = line.partition(self._mark.encode())
                self._said = (self._said + stray)[-_TAIL:]
                if found:
                    # The user's code has the keys of its environment, and an exception may repeat one.
                    return json.loads(redaction.without_known(message.decode()))
        except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise Ended(await self._how()) from None
        except (ValueError, anyio.DelimiterNotFound):
            raise Ended("the process wrote something of its own to the pipe of the results") from None

    async def _how(self) -> str:
        code: int | None = None
        with anyio.move_on_after(5):
            code = await self._process.wait()
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
            how = f"the process was killed by {name}"
            how += " (out of memory, perhaps)" if -code == getattr(signal, "SIGKILL", None) else ""
        else:
            how = "the process is gone" if code is None else f"the process ended with code {code}"
        with anyio.move_on_after(1):
            await anyio.sleep(0.02)  # its last output may still be on its way
        last = quote(redaction.struck(self._said.decode("utf-8", "replace"))[-_SHOWN:], _SHOWN)
        return f"{how}; its last words: {last}" if last.strip() else how

    async def _drain(self) -> None:
        """Read everything that the user's code prints, and keep the end of it."""
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            while True:
                self._said = (self._said + await self._errors.receive())[-_TAIL:]


async def _kill_descendants(mark: str) -> None:
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(descendants.kill, mark)


def _pair(stack: AsyncExitStack) -> tuple[ForkSocket | None, socket.socket | None]:
    """A socket for fork requests: our end and the end for the process. Both are None if the system is not Linux."""
    if sys.platform != "linux":
        return None, None
    ours, theirs = map(stack.enter_context, socket.socketpair())
    return ForkSocket(ours), theirs


def _kill(process: Process | Forked) -> None:
    """Kill the process and the processes that it has started, which are in its process group."""
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
