"""An ASGI app over real HTTP on loopback, in a thread of the test process."""

import socket
import threading
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread
import uvicorn
from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    """Signals that it is up, and stops on request. A stop before the start would leave its socket open."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()
        self.stop = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await anyio.to_thread.run_sync(self.stop.wait)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn waits for idle connections in steps of 0.1 s. Without requests in progress, do not wait.
        self.force_exit = not self.server_state.tasks
        await super().shutdown(sockets)
        if self.force_exit:
            await self.lifespan.shutdown()  # uvicorn leaves it out.


class Served:
    """Serves an app until the block ends; requests in progress get one second to finish.

    With `lifespan` the app is told of the start and of the end.
    """

    def __init__(self, app: ASGIApp, *, lifespan: bool = False) -> None:
        self._socket = socket.socket(proto=socket.IPPROTO_TCP)
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            http="h11",
            ws="none",
            lifespan="on" if lifespan else "off",
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    @property
    def address(self) -> str:
        """The base URL of the app."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))
        self._thread.start()
        assert self._server.up.wait(timeout=120), "the app did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop.set()
        self._thread.join(timeout=60)
        self._socket.close()
        assert not self._thread.is_alive(), "the app did not stop"


class OnLoopback:
    """A scripted server that answers until the block ends. A subclass says what is served."""

    _served: Served

    def __enter__(self) -> Self:
        self._served.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._served.__exit__(kind, error, trace)
