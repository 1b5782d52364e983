"""Serving an ASGI app on loopback until the process is told to stop."""

import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import anyio
import uvicorn
from anyio.abc import TaskStatus
from starlette.types import ASGIApp

from assaykit.errors import Unavailable

HOST = "127.0.0.1"
"""An address and not `localhost`, since a name may resolve to another address."""

GRACE_S = 5


def listen(port: int) -> socket.socket:
    """Open a socket that listens on loopback. Port 0 takes a free port.

    Raises:
        Unavailable: the port is taken.
    """
    # asyncio turns Nagle's delay of 40 ms for small replies off only if the protocol is named.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"Port {port} cannot be used: {error.strerror}.", "Choose another with --port, or --port 0 for a free one."
        ) from error
    # A client that knows the address may connect before the app is ready.
    listener.listen()
    return listener


async def serve(app: ASGIApp, listener: socket.socket, tell: Callable[[], None], *, lifespan: bool) -> None:
    """Serve `app` until SIGINT or SIGTERM, then return, so that the caller's context managers close in order.

    `tell` prints the address. It is called when a signal ends the process in order, and not before: a program that
    reads the address may stop the process at once.
    """
    config = uvicorn.Config(
        app, log_config=None, lifespan="on" if lifespan else "off", timeout_graceful_shutdown=GRACE_S
    )
    if sys.platform == "win32":
        tell()
        await uvicorn.Server(config).serve(sockets=[listener])
        return
    server = _Server(config)
    async with anyio.create_task_group() as group:
        await group.start(_stop_on_signal, server)
        tell()
        await server.serve(sockets=[listener])
        group.cancel_scope.cancel()


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncGenerator[str]:
    """Serve `app` on a free port until the block ends; yields its address."""
    listener = listen(0)
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=GRACE_S)
    server = _Server(config)
    async with anyio.create_task_group() as group:
        group.start_soon(partial(server.serve, sockets=[listener]))
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True


class _Server(uvicorn.Server):
    """A server that handles no signals. uvicorn's own raises them again in `serve` and skips the caller's clean-up."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def _stop_on_signal(server: uvicorn.Server, *, task_status: TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            server.should_exit = True
