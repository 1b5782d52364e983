"""A session that opens at the first call of a tool, so that a start imports neither the client nor its models."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from assaykit import logs
from assaykit.importing import imported
from assaykit.settings import Settings

if TYPE_CHECKING:
    from anyio.abc import TaskGroup, TaskStatus

    from assaykit.session import Session


class LateSession:
    """The session of a server. Many calls may ask for it at once; the first one opens it for all."""

    def __init__(self, settings: Settings, not_shown: Mapping[str, str], group: "TaskGroup") -> None:
        self._settings = settings
        self._not_shown = not_shown
        self._group = group
        self._opening = anyio.Lock()
        self._closing = anyio.Event()
        self._session: Session | None = None

    async def session(self) -> "Session":
        """The open session."""
        async with self._opening:
            open_session = self._session or await self._group.start(self._keep)
            self._session = open_session
        return open_session

    def close(self) -> None:
        """Let the session end. Its task ends after it."""
        self._closing.set()

    async def _keep(self, *, task_status: "TaskStatus[Session]") -> None:
        # The client owns a task group. One task must both enter and leave it, so this task keeps the client open.
        await imported("structlog")
        logs.configure_structlog()
        backend = await imported("assaykit.backend")
        of_calls = await imported("assaykit.session")
        async with backend.connect(self._settings) as api:
            task_status.started(of_calls.session(api, self._settings, self._not_shown))
            await self._closing.wait()


@asynccontextmanager
async def late_session(settings: Settings, not_shown: Mapping[str, str]) -> AsyncGenerator[LateSession]:
    """A session that is not open yet. It closes at the end of the block.

    Raises:
        Unauthorized: the backend is AX, and there is no key or one that no header can carry.
    """
    if settings.backend == "ax":
        settings.key_of_ax()
    async with anyio.create_task_group() as group:
        late = LateSession(settings, not_shown, group)
        try:
            yield late
        finally:
            late.close()
