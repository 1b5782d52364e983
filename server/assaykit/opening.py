"""A session that opens at the first call of a tool, so that a start imports neither the client nor its models.

Once it is open, the modules of the other tools are imported while nobody calls, so that no later call waits for them.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio

from assaykit import logs
from assaykit.garbage import pass_over_modules
from assaykit.importing import imported
from assaykit.settings import Settings

if TYPE_CHECKING:
    from anyio.abc import TaskGroup, TaskStatus

    from assaykit.session import Session


IDLE_S = 2.0
"""The pause after a call in which an assistant reads and thinks. The imports begin after it."""


class LateSession:
    """The session of a server. Many calls may ask for it at once; the first one opens it for all.

    `modules` are imported between calls.
    """

    def __init__(
        self, settings: Settings, not_shown: Mapping[str, str], modules: Sequence[str], group: "TaskGroup"
    ) -> None:
        self._settings = settings
        self._not_shown = not_shown
        self._modules = modules
        self._group = group
        self._called_at = 0.0
        self._opening = anyio.Lock()
        self._closing = anyio.Event()
        self._session: Session | None = None

    async def session(self) -> "Session":
        """The open session."""
        self._called_at = anyio.current_time()
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
        pass_over_modules("session")
        async with backend.connect(self._settings) as api, anyio.create_task_group() as group:
            task_status.started(of_calls.session(api, self._settings, self._not_shown))
            group.start_soon(self._import_while_idle)
            await self._closing.wait()
            group.cancel_scope.cancel()

    async def _import_while_idle(self) -> None:
        for module in self._modules:
            while (left_s := self._called_at + IDLE_S - anyio.current_time()) > 0:  # noqa: ASYNC110  (calls move it)
                await anyio.sleep(left_s)
            # A module that cannot be imported fails the calls of its own tools, and no others.
            with suppress(ImportError):
                await imported(module)
        pass_over_modules("tools")


@asynccontextmanager
async def late_session(
    settings: Settings, not_shown: Mapping[str, str], modules: Sequence[str]
) -> AsyncGenerator[LateSession]:
    """A session that is not open yet. It closes at the end of the block. `modules` are imported between calls.

    Raises:
        Unauthorized: the backend is AX, and there is no key or one that no header can carry.
    """
    if settings.backend == "ax":
        settings.key_of_ax()
    async with anyio.create_task_group() as group:
        late = LateSession(settings, not_shown, modules, group)
        try:
            yield late
        finally:
            late.close()
