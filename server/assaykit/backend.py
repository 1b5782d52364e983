"""The connection of a session to its backend: Arize AX or the embedded engine.

The two differ only in their HTTP client. The first request opens the engine, so a server that has had no call imports
no engine code and creates no files.
"""

import secrets
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import httpx

from assaykit import redaction
from assaykit.api.client import DEADLINE_S, Api
from assaykit.api.connection import connection_to
from assaykit.api.in_process import InProcess
from assaykit.errors import Unavailable
from assaykit.importing import imported
from assaykit.loopback import LOCAL_NAMES
from assaykit.settings import Settings

if TYPE_CHECKING:
    from anyio.abc import TaskStatus
    from starlette.applications import Starlette

LOCAL_URL = "http://engine.local"
CONNECT_S = 10


@asynccontextmanager
async def connect(settings: Settings) -> AsyncGenerator[Api]:
    """A client of the backend that the settings name, open until the block ends.

    Raises:
        Unauthorized: the backend is AX, and there is no key or one that no header can carry.
    """
    if settings.backend == "ax":
        # AX, or an engine in its place, may repeat a key that an engine on this data folder has kept.
        module = await imported("assaykit.engine.key_watch")
        with redaction.asking(module.FileWatch(settings.home).new):
            async with _remote(settings) as http:
                connection = connection_to(settings.ax_url)
                yield Api(http, "ax", deadline_s=settings.deadline_s or DEADLINE_S, connection=connection)
        return
    async with anyio.create_task_group() as group:
        engine = _LateEngine(settings)
        try:
            yield Api(InProcess(LOCAL_URL, engine.key, partial(group.start, engine.keep)), "local")
        finally:
            engine.close()


def _remote(settings: Settings) -> httpx.AsyncClient:
    try:
        return _client(settings)
    except OSError as error:
        # An error of OpenSSL is an OSError too. Its client reads the certificates when it is made.
        named = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if settings.environment.get(name)]
        raise Unavailable(
            f"The certificates for Arize AX cannot be read: {error.strerror or type(error).__name__}.",
            f"Correct {' and '.join(named) or 'the certificates of this computer'}, then start the server again.",
        ) from error


def _client(settings: Settings) -> httpx.AsyncClient:
    address = httpx.URL(settings.ax_url)
    is_local = address.host in LOCAL_NAMES
    return httpx.AsyncClient(
        base_url=settings.ax_url,
        headers={"Authorization": f"Bearer {settings.key_of_ax()}"},
        # A redirect could send the key to an address that the user did not choose.
        follow_redirects=False,
        # AX is often behind a company's proxy (HTTPS_PROXY, SSL_CERT_FILE). Loopback never is.
        trust_env=not is_local,
        # To read the certificates takes 20 ms. Plain HTTP without a proxy needs none: this context trusts nobody.
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if is_local and address.scheme == "http" else True,
        # `Api` limits the whole call to the deadline; httpx's default of five seconds would cut a slow reply short.
        timeout=httpx.Timeout(settings.deadline_s or DEADLINE_S, connect=CONNECT_S),
    )


class _LateEngine:
    """The engine of a connection. The first request opens it."""

    def __init__(self, settings: Settings) -> None:
        self.key = secrets.token_urlsafe()
        self._settings = settings
        self._closing = anyio.Event()

    def close(self) -> None:
        """Let the engine close. Its task ends after it."""
        self._closing.set()

    async def keep(self, *, task_status: "TaskStatus[Starlette]") -> None:
        """Open the engine, pass its app on, and keep it open.

        It owns a task group, and one task must both enter and leave that. So one task keeps it open.
        """
        # The engine imports SQLAlchemy, which takes a good part of a second.
        engines = await imported("assaykit.engine.engine")
        settings = self._settings
        async with engines.Engine.open(
            settings.home,
            key=self.key,
            environment=settings.environment,
            concurrency=settings.concurrency,
            calls_a_second=settings.calls_a_second,
            period_s=settings.period_s,
            works=not settings.read_only,
        ) as engine:
            task_status.started(engine.app)
            await self._closing.wait()
