"""The connection of a session to its backend: Arize AX or the embedded engine.

The two differ only in the httpx transport. The first request opens the engine, so a server that only lists its tools
imports no engine code and creates no files.
"""

import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import httpx

from assaykit.api.client import DEADLINE_S, Api
from assaykit.api.connection import connection_to
from assaykit.loopback import LOCAL_NAMES
from assaykit.settings import Settings

if TYPE_CHECKING:
    from anyio.abc import TaskGroup, TaskStatus

    from assaykit.engine.engine import Engine

LOCAL_URL = "http://engine.local"
CONNECT_S = 10


@asynccontextmanager
async def connect(settings: Settings) -> AsyncGenerator[Api]:
    """A client of the backend that the settings name, open until the block ends.

    Raises:
        Unauthorized: the backend is AX, and there is no key or one that no header can carry.
    """
    if settings.backend == "ax":
        async with _remote(settings) as http:
            connection = connection_to(settings.ax_url)
            yield Api(http, "ax", deadline_s=settings.deadline_s or DEADLINE_S, connection=connection)
        return
    key = secrets.token_urlsafe()
    async with anyio.create_task_group() as group:
        transport = _EngineTransport(settings, key, group)
        async with httpx.AsyncClient(
            transport=transport, base_url=LOCAL_URL, headers={"Authorization": f"Bearer {key}"}
        ) as http:
            yield Api(http, "local")


def _remote(settings: Settings) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=settings.ax_url,
        headers={"Authorization": f"Bearer {settings.key_of_ax()}"},
        # A redirect could send the key to an address that the user did not choose.
        follow_redirects=False,
        # AX is often behind a company's proxy (HTTPS_PROXY, SSL_CERT_FILE). Loopback never is.
        trust_env=httpx.URL(settings.ax_url).host not in LOCAL_NAMES,
        # `Api` limits the whole call to the deadline; httpx's default of five seconds would cut a slow reply short.
        timeout=httpx.Timeout(settings.deadline_s or DEADLINE_S, connect=CONNECT_S),
    )


class _EngineTransport(httpx.AsyncBaseTransport):
    """Passes requests to an engine in this process. The first request opens the engine."""

    def __init__(self, settings: Settings, key: str, group: "TaskGroup") -> None:
        self._settings = settings
        self._key = key
        self._group = group
        self._opening = anyio.Lock()
        self._closing = anyio.Event()
        self._app: httpx.ASGITransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async with self._opening:
            app = self._app or await self._group.start(self._keep)
            self._app = app
        return await app.handle_async_request(request)

    async def aclose(self) -> None:
        self._closing.set()

    async def _keep(self, *, task_status: "TaskStatus[httpx.ASGITransport]") -> None:
        # The engine owns a task group. One task must both enter and leave it, so this task keeps the engine open.
        open_engine = await anyio.to_thread.run_sync(_engine_opener)
        settings = self._settings
        async with open_engine(
            settings.home,
            key=self._key,
            environment=settings.environment,
            concurrency=settings.concurrency,
            calls_a_second=settings.calls_a_second,
            period_s=settings.period_s,
            works=not settings.read_only,
        ) as engine:
            task_status.started(httpx.ASGITransport(engine.app, raise_app_exceptions=False))
            await self._closing.wait()


def _engine_opener() -> "Callable[..., AbstractAsyncContextManager[Engine]]":
    # The engine imports SQLAlchemy, which takes a good part of a second. So it is imported on first use, in a thread.
    from assaykit.engine.engine import Engine  # noqa: PLC0415

    return Engine.open
