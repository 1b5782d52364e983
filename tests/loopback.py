"""An ASGI app over real HTTP on loopback, in a thread of the test's own process."""

import socket
import threading
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread
import uvicorn
from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    """Says when it is up, since one stopped before would leave its socket open; stops when told to."""

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
        # A connection that is only kept open is waited for in steps of a tenth of a second: no request, no wait.
        self.force_exit = not self.server_state.tasks
        await super().shutdown(sockets)


class Served:
    """Serves an app until the block ends; a request that is still on its way is given a second."""

    def __init__(self, app: ASGIApp) -> None:
        self._socket = socket.socket(proto=socket.IPPROTO_TCP)
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            http="h11",
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))
        self._thread.start()
        assert self._server.up.wait(timeout=10), "the app did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop.set()
        self._thread.join(timeout=10)
        self._socket.close()
        assert not self._thread.is_alive(), "the app did not stop"
