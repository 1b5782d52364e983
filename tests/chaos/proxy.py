"""A TCP proxy on loopback between the server and an engine. It spoils the answers that a test chooses."""

import socket
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, NamedTuple, Self

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.from_thread import BlockingPortal, start_blocking_portal

GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)
"""The client or the engine has closed its end, which is for the test to judge."""

_BODY = b'{"title": "Not Found", "status": 404, "detail": "No such route."}'
_HEAD = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json\r\nconnection: close\r\n"
NOT_THERE = _HEAD + b"content-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)


class Asked(NamedTuple):
    """One request: its method, path and whole text."""

    method: str
    path: str
    raw: bytes

    @property
    def writes(self) -> bool:
        """True if it may change the store."""
        return self.method != "GET" and self.path not in {"/v2/spans", "/x/plan", "/x/span-count"}

    @property
    def creates(self) -> bool:
        """True if it makes something new each time."""
        return self.method == "POST" and self.writes and "annotate" not in self.path


class Exchange:
    """A request with the client's end of its connection. `fetch` carries the request out."""

    def __init__(self, asked: Asked, client: SocketStream, upstream: Callable[[], Any]) -> None:
        self.asked = asked
        self._client = client
        self._upstream = upstream

    async def fetch(self) -> bytes:
        """The engine's whole answer. The engine has carried the request out."""
        return await self._upstream()

    async def send(self, data: bytes) -> None:
        """Bytes to the client."""
        await self._client.send(data)

    def reset(self) -> None:
        """Let the connection end with a reset instead of a farewell."""
        raw = self._client.extra(SocketAttribute.raw_socket)  # noqa: S610  (nor is this)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def stall(self) -> None:
        """Wait until the client goes away."""
        while True:
            await self._client.receive()


Spoil = Callable[[Exchange], Any]
"""Answers one request in its own way; an async function."""


async def quiet(exchange: Exchange) -> None:
    """Pass the answer on as it is."""
    await exchange.send(await exchange.fetch())


class ChaosProxy:
    """Listens until the block ends. `choose` tells for each request how it is answered; `asked` has all requests.

    With `like_ax`, routes that only the engine has (`/x/`) are answered with 404, as AX would.
    """

    def __init__(self, url: str, *, like_ax: bool = False) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._engine = (host, int(port))
        self._like_ax = like_ax
        self._portal: BlockingPortal
        self._closing: AbstractContextManager[BlockingPortal]
        self._serving: Future[Any]
        self.port = 0
        self.asked: list[Asked] = []
        self.spoilt: list[Asked] = []
        self.choose: Callable[[Asked], Spoil | None] = lambda _: None

    @property
    def address(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def calls(self) -> Sequence[str]:
        """The requests so far, as `GET /v2/spaces`."""
        return [f"{one.method} {one.path}" for one in self.asked]

    def __enter__(self) -> Self:
        self._closing = start_blocking_portal()
        self._portal = self._closing.__enter__()
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()
        self._closing.__exit__(kind, error, trace)

    def listen(self) -> None:
        """Listen, on the port of before if there was one."""
        self._serving, self.port = self._portal.start_task(self._serve)

    def shut(self) -> None:
        """Refuse connections from now on."""
        self._serving.cancel()
        # The listener is closed within the loop, so wait for one round of it.
        self._portal.call(anyio.sleep, 0.01)

    async def _serve(self, *, task_status: anyio.abc.TaskStatus[int]) -> None:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=self.port, reuse_port=False)
        port: int = listener.extra(SocketAttribute.local_port)  # noqa: S610  (anyio's word, not Django's)
        async with listener:
            task_status.started(port)
            await listener.serve(self._answer)  # pyright: ignore[reportUnknownMemberType]

    async def _answer(self, client: SocketStream) -> None:
        try:
            async with client:
                raw = await _whole_request(client)
                method, path, *_ = raw.split(b"\r\n", 1)[0].decode().split(" ")
                asked = Asked(method, path.partition("?")[0], raw)
                self.asked.append(asked)
                if self._like_ax and asked.path.startswith("/x/"):
                    await client.send(NOT_THERE)
                    return
                spoil = self.choose(asked)
                if spoil is not None:
                    self.spoilt.append(asked)

                async def upstream() -> bytes:
                    return await self._carried_out(raw)

                await (spoil or quiet)(Exchange(asked, client, upstream))
        except GONE:
            pass

    async def _carried_out(self, raw: bytes) -> bytes:
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        async with await anyio.connect_tcp(*self._engine) as engine:
            await engine.send(b"\r\n".join([*lines, b"connection: close", b"", body]))
            return await _until_end(engine)


async def _whole_request(client: ByteStream) -> bytes:
    come = b""
    while b"\r\n\r\n" not in come:
        come += await client.receive()
    head, _, body = come.partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    parts, got = [body], len(body)
    while got < length:
        parts.append(await client.receive())
        got += len(parts[-1])
    return head + b"\r\n\r\n" + b"".join(parts)


async def _until_end(engine: ByteStream) -> bytes:
    parts: list[bytes] = []
    try:
        while True:
            parts.append(await engine.receive())
    except anyio.EndOfStream:
        return b"".join(parts)
