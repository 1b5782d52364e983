"""An open engine: one store, the app that serves it, and the tasks that execute its runs."""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import anyio
from starlette.applications import Starlette

from assaykit import redaction
from assaykit.engine.app import create_app
from assaykit.engine.clock import Clock
from assaykit.engine.key_watch import FileWatch
from assaykit.engine.known_keys import KnownKeys
from assaykit.engine.model_calls import RecentCalls
from assaykit.engine.models import Models
from assaykit.engine.raw_keys import RawKeys
from assaykit.engine.runs.executor import Executor
from assaykit.engine.runs.schedule import Scheduler
from assaykit.engine.store.database import Database
from assaykit.engine.store.definitions import integrations, spaces
from assaykit.engine.uploads import Uploads
from assaykit.errors import Unavailable, quote, system_advice
from assaykit.garbage import pass_over_modules
from assaykit.judge.providers.prices import Prices
from assaykit.judge.providers.rate_control import SLOTS

STORE = "assaykit.db"


class Engine:
    """One open store with its app, executor and scheduler. Enter `Engine.open`; serve `app` in process or over HTTP."""

    def __init__(
        self,
        home: Path,
        app: Starlette,
        database: Database,
        clock: Clock,
        environment: Mapping[str, str],
        models: Models,
        executor: Executor,
        scheduler: Scheduler,
        uploads: Uploads,
    ) -> None:
        self.home = home
        self.app = app
        self.database = database
        self.clock = clock
        self.environment = environment
        self.models = models
        self.executor = executor
        self.scheduler = scheduler
        self.uploads = uploads
        self.recent_calls = RecentCalls()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        home: Path,
        *,
        key: str,
        environment: Mapping[str, str],
        clock: Clock | None = None,
        concurrency: int = SLOTS,
        calls_a_second: float | None = None,
        period_s: float | None = None,
        silent_s: float | None = None,
        works: bool = True,
    ) -> AsyncGenerator["Engine"]:
        """The engine on the folder `home`, until the block ends.

        Args:
            home: The folder of the store; it is created if needed.
            key: The key that every request must carry.
            environment: The variables that hold provider keys.
            clock: The source of time and ids; the system's by default.
            concurrency: The most concurrent model calls to one integration.
            calls_a_second: The most model calls to one integration in a second; no fixed limit by default.
            period_s: Seconds between two checks of the continuous tasks for new spans; None takes the default.
            silent_s: Seconds without a sign of life after which another engine on the same store takes over an
                engine's runs; None takes the default.
            works: False for a reader of the store: it takes over no run, and continuous tasks wait for another engine.

        Raises:
            Unavailable: the store cannot be opened, or its schema is newer than this version.
            ValueError: the key is empty or blank.
        """
        app = create_app(key)
        clock = clock or Clock()
        make_private(home)
        database = await Database.open(home / STORE)
        try:
            # Most openings find all there, and need not wait for another program's write.
            if not await database.read(spaces.has_any):
                await database.settle(spaces.ensure_default, clock)
            if await database.read(integrations.unadopted, environment):
                await database.settle(integrations.adopt_environment, environment, clock)
            prices, keys = Prices(home), RawKeys(home)
            known = KnownKeys(database, environment)
            made = Models(database, environment, concurrency, calls_a_second, prices, keys, known)
            with redaction.asking(FileWatch(home).new, known.learn):
                async with (
                    aclosing(made) as models,
                    Executor.open(home, database, clock, models, silent_s, works=works) as executor,
                    Scheduler.open(home, database, clock, executor, environment, period_s, works=works) as scheduler,
                    anyio.create_task_group() as group,
                ):
                    group.start_soon(models.make_ready)
                    with Uploads(clock) as uploads:
                        engine = cls(home, app, database, clock, environment, models, executor, scheduler, uploads)
                        app.state.engine = engine
                        pass_over_modules("engine")
                        try:
                            yield engine
                        finally:
                            group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await database.close()


def make_private(folder: Path) -> None:
    """Create the folder if needed and restrict it to its owner.

    Raises:
        Unavailable: the folder cannot be created, or its mode cannot be changed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.name == "posix":
            folder.chmod(0o700)
    except OSError as error:
        cause = "it is a file" if isinstance(error, FileExistsError) else error.strerror or type(error).__name__
        raise Unavailable(
            f"The data folder {quote(str(folder.absolute()))!r} cannot be used: {cause}.",
            f"{system_advice(error, 'Give yourself the right to write there.')} ASSAYKIT_HOME sets another folder.",
        ) from error
