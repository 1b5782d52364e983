"""The server as a host starts it, spoken to line by line over its pipes."""

import json
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream
from tests.e2e.processes import environment

SERVER = [sys.executable, "-m", "assaykit"]
START_S = 120
"""For a start on a busy machine; a deadline, not a wait."""

LONGEST_LINE = 1 << 20
PROTOCOL = "2025-11-25"


class Server:
    """A server process, spoken to line by line."""

    def __init__(self, process: Process, errors: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.lines: list[str] = []
        self._stdin = process.stdin
        self._stdout = BufferedByteReceiveStream(process.stdout)
        self._errors = errors
        self._asked = 0

    async def initialize(self, **capabilities: Any) -> None:
        """The handshake of a host."""
        client = {"name": "test", "version": "1"}
        await self.ask("initialize", protocolVersion=PROTOCOL, capabilities=capabilities, clientInfo=client)
        await self._write({"method": "notifications/initialized"})

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The data of a tool call that must succeed."""
        result = await self.ask("tools/call", name=tool, arguments=arguments)
        assert not result.get("isError"), result["content"]
        return result["structuredContent"]

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a request."""
        await self.send(method, **params)
        while (message := await self.next_message()).get("id") != self._asked:
            pass
        return message["result"]

    async def send(self, method: str, **params: Any) -> None:
        """A request whose answer nobody waits for."""
        self._asked += 1
        await self._write({"id": self._asked, "method": method, "params": params})

    async def question(self) -> dict[str, Any]:
        """The next request of the server to its host."""
        while "method" not in (message := await self.next_message()) or "id" not in message:
            pass
        return message

    async def answer(self, question: Mapping[str, Any], **result: Any) -> dict[str, Any]:
        """Answer a request of the server; the result of the call that waits for the answer."""
        await self._write({"id": question["id"], "result": result})
        while (message := await self.next_message()).get("id") != self._asked or "result" not in message:
            pass
        return message["result"]

    async def next_message(self) -> dict[str, Any]:
        """The next line of stdout, which must be a message."""
        line = (await self._stdout.receive_until(b"\n", LONGEST_LINE)).decode()
        self.lines.append(line)
        return json.loads(line)

    async def hang_up(self) -> None:
        """End stdin, as a host does that goes away."""
        await self._stdin.aclose()

    async def ended(self, within_s: float) -> int:
        """The exit status of the process; what it still writes is kept in `lines`."""
        with anyio.fail_after(within_s):
            rest = b""
            try:
                while True:
                    rest += await self._stdout.receive()
            except anyio.EndOfStream:
                self.lines += rest.decode().splitlines()
            return await self.process.wait()

    def stderr(self) -> str:
        """What it has written to stderr."""
        return self._errors.read_text(encoding="utf-8")

    async def send_line(self, line: bytes) -> None:
        """A line as it is, with its end."""
        await self._stdin.send(line + b"\n")

    async def _write(self, message: Mapping[str, Any]) -> None:
        await self._stdin.send(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


@asynccontextmanager
async def serving(
    home: Path, command: list[str] = SERVER, *, deadline_s: float = START_S, **more: str
) -> AsyncGenerator[Server]:
    """A server process on the store in `home`, killed at the end unless it has ended itself.

    It sends the data of its replies unless `more` says otherwise. Its stdout is buffered, as it is for users:
    unbuffered it would hide what is printed too late.
    """
    variables = environment(home, **{"PYTHONUNBUFFERED": "", "ASSAYKIT_STRUCTURED": "1", **more})
    errors = home / "stderr.txt"
    with errors.open("w", encoding="utf-8") as stderr, anyio.fail_after(deadline_s):
        process = await anyio.open_process(command, stdin=PIPE, stdout=PIPE, stderr=stderr, env=variables)
        async with process:
            try:
                yield Server(process, errors)
            finally:
                if process.returncode is None:
                    process.kill()
