"""A server on loopback that misbehaves: each connection is handed to the test's own few lines."""

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.tls import TLSListener

Behaviour = Callable[["Peer"], Awaitable[None]]

GOOD = b'{"well": true}'


class Peer:
    """The server's end of one connection."""

    def __init__(self, stream: SocketStream, server: "FaultyServer") -> None:
        self._stream = stream
        self.server = server

    async def request(self) -> bytes:
        """One request's head and body, as far as they came."""
        come = b""
        while b"\r\n\r\n" not in come:
            come += await self._stream.receive()
        head, _, body = come.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
        )
        while len(body) < length:
            body += await self._stream.receive()
        self.server.requests.append(head)
        return body

    async def send(self, data: bytes) -> None:
        """Bytes as they are."""
        await self._stream.send(data)

    async def close(self) -> None:
        """Go away."""
        await self._stream.aclose()

    async def stall(self) -> None:
        """Nothing, until the client goes away."""
        while True:
            await self._stream.receive()

    async def answer(self, body: bytes = GOOD, *headers: str, status: str = "200 OK") -> None:
        """A whole, sound answer."""
        lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


class FaultyServer:
    """What came in, and where it listens."""

    def __init__(self, port: int, scheme: str) -> None:
        self.url = f"{scheme}://127.0.0.1:{port}"
        self.requests: list[bytes] = []
        self.open = 0
        self.opened = 0


@asynccontextmanager
async def misbehaving(behaviour: Behaviour, certificate: ssl.SSLContext | None = None) -> AsyncGenerator[FaultyServer]:
    """A server that treats every connection so, until the block ends."""
    tcp = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port: int = tcp.extra(SocketAttribute.local_port)  # noqa: S610  (anyio's word, not Django's)
    server = FaultyServer(port, "https" if certificate else "http")

    async def serve(stream: SocketStream) -> None:
        server.open += 1
        server.opened += 1
        try:
            async with stream:
                await behaviour(Peer(stream, server))
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the client has gone, which is for the test to judge
        finally:
            server.open -= 1

    listener = TLSListener(tcp, certificate, standard_compatible=False) if certificate else tcp
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)  # pyright: ignore[reportUnknownMemberType, reportArgumentType]
        yield server
        group.cancel_scope.cancel()
