"""The fixtures of nearly every test, above all an MCP client over a server on a fresh store."""

import gc
import os
import shutil
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

import anyio
import hypothesis
import pytest
from mcp.server.elicitation import AcceptedElicitation
from tests import statements, stores
from tests.caller import PLAYED, Caller, serving
from tests.engine.door import HandClock
from tests.engines import Engines, chosen
from tests.query_plans import Watch
from tests.recording import recording
from tests.traces import Span, send, span
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from assaykit import logs
from assaykit.api.connection import CONNECTIONS
from assaykit.engine.engine import Engine
from assaykit.judge.providers.output_modes import LEARNT
from assaykit.settings import Settings

logs.configure("error")
statements.share()

# The default thresholds suit a small program. Here every full collection walks thousands of tests.
gc.set_threshold(50_000, 20, 50)

# httpx tries to import this package for every request to an engine in the same process. A package that is absent is
# searched for on the whole import path each time. None makes the import fail at once.
cast("dict[str, ModuleType | None]", sys.modules).setdefault("sniffio", None)

ACCEPTED: Final = AcceptedElicitation[Any]
"""Kept, because the SDK names this class in most calls, and pydantic builds it anew when nobody holds it."""

# No deadline, because a busy machine is slow without a fault of the code.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for the backend and for the size of the heavy checks."""
    parser.addoption("--backend", choices=["local", "ax"], default="local", help="ax: engine processes, over HTTP")
    parser.addoption(
        "--through",
        choices=["quiet", "quiet-over-http"],
        help="with --backend ax: through a chaos proxy that spoils nothing, all tests or those marked `over_http`",
    )
    parser.addoption("--record", metavar="FOLDER", help="with --backend ax: write every call down")
    parser.addoption("--long", action="store_true", help="run the heavy checks in their long size")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests of the embedded engine when the tests reach an engine over HTTP."""
    marked = [item for item in items if item.get_closest_marker("over_http") is not None]
    run = {function_of(item) for item in marked if item.get_closest_marker("embedded") is None}
    if never := sorted({function_of(item) for item in marked} - run):
        raise pytest.UsageError(f"Marked `over_http`, yet never run over HTTP, being marked `embedded` too: {never}")
    if config.getoption("--backend") == "ax":
        kept = [item for item in items if item.get_closest_marker("embedded") is None]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def function_of(item: pytest.Item) -> str:
    """The test's function, whatever its parameters."""
    return item.nodeid.partition("[")[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Exempt the modules and the collected tests from garbage collection: they stay to the end."""
    gc.collect()
    gc.freeze()


CLIENTS = frozenset(f"tests/conformance/test_{name}.py" for name in ("cli", "documents", "flight", "sdk", "uploads"))
"""The files whose tests share an engine and interpreters with third-party clients."""


class FileScheduling(LoadFileScheduling):
    """Keeps the tests of a file with one worker, and all of `CLIENTS` with one."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "clients" if file in CLIENTS else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FileScheduling | None:
    """Distribute by file as `FileScheduling` says, if the tests are to be distributed by file."""
    return FileScheduling(config, log) if config.getoption("dist") == "loadfile" else None


def record_of(config: pytest.Config) -> Path | None:
    """The file for this process's calls, if `--record` names a folder."""
    folder = config.getoption("--record")
    return None if folder is None else Path(folder) / f"{os.getpid()}.jsonl"


@pytest.fixture(scope="session", autouse=True)
def backend(request: pytest.FixtureRequest) -> Generator[Engines | None]:
    """Select the backend of `--backend`; with ax, start engine processes for this worker."""
    if request.config.getoption("--backend") == "local":
        yield None
        return
    record = record_of(request.config)
    with (
        Engines() as engines,
        chosen(engines),
        nullcontext() if record is None else recording(record),
    ):
        yield engines


@pytest.fixture(scope="session")
def engines(backend: Engines | None) -> Generator[Engines]:
    """Engine processes for tests that reach one over HTTP with every backend."""
    if backend is not None:
        yield backend
        return
    with Engines() as own:
        yield own


@pytest.fixture(autouse=True)
def through(backend: Engines | None, request: pytest.FixtureRequest) -> None:
    """Put a proxy before the engines of this test, if `--through` asks for one."""
    if backend is not None:
        asked = request.config.getoption("--through")
        marked = request.node.get_closest_marker("over_http") is not None
        backend.through_proxy = asked == "quiet" or (asked == "quiet-over-http" and marked)


@pytest.fixture(scope="session")
def watch() -> Watch:
    """The plans of all queries of this process."""
    return Watch()


@pytest.fixture(autouse=True)
def no_query_walks_a_growing_table(watch: Watch) -> Generator[None]:
    """Hold the plan of each query that a test makes."""
    yield
    assert not watch.faults()


@pytest.fixture(scope="session", autouse=True)
def blank_store(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Create the empty store that tests copy."""

    async def make(home: Path) -> None:
        async with Engine.open(home, key="blank", environment={}, clock=HandClock()):
            pass

    home = tmp_path_factory.mktemp("blank") / "home"
    anyio.run(make, home)
    stores.BLANK[:] = [home]


@pytest.fixture(scope="session")
def long(pytestconfig: pytest.Config) -> bool:
    """Whether heavy checks run in their long size."""
    return bool(pytestconfig.getoption("--long"))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report the number of calls by third-party clients, if a test of tests/conformance noted any."""
    reports = [one for found in terminalreporter.stats.values() for one in found if hasattr(one, "user_properties")]
    noted = [value for one in reports for name, value in one.user_properties if name == "conformance"]
    if noted:
        made, passed = (sum(counts) for counts in zip(*noted, strict=True))
        terminalreporter.write_line(f"conformance: {made} calls made, {passed} passed")


@pytest.fixture(autouse=True)
def nothing_learnt() -> None:
    """Forget what was learnt of models and of backends, because another test may reuse the port and so the base URL."""
    LEARNT.clear()
    CONNECTIONS.clear()


@pytest.fixture(autouse=True)
def over_http(request: pytest.FixtureRequest) -> Generator[None]:
    """A test meets each tool and each code that its marker `over_http` names."""
    PLAYED.clear()
    yield
    named = {name for marker in request.node.iter_markers("over_http") for name in marker.args}
    assert not (never := named - PLAYED), f"the marker names these, and the test never meets them: {sorted(never)}"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The allowed folder for files."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
def settings(tmp_path: Path, files: Path) -> Settings:
    """Settings with a fresh folder, an empty environment, every tool, and structured data in replies."""
    return Settings(home=tmp_path / "home", folders=(files,), toolsets=("all",), structured=True)


@pytest.fixture
async def ax(settings: Settings, request: pytest.FixtureRequest) -> AsyncGenerator[Caller]:
    """An MCP client in this process, over the backend under test."""
    if "bot" in request.fixturenames:
        # The store of "bot" must be copied before an engine process starts, because the start creates a store.
        request.getfixturevalue("bot")
    async with serving(settings) as caller:
        yield caller


@pytest.fixture(scope="session")
async def home_of_bot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with project "bot" and its four spans, as a source for copies."""
    home = tmp_path_factory.mktemp("bot") / "home"
    await send(home, spans_of_bot())
    return home


@pytest.fixture
def last(home_of_bot: Path) -> Callable[[int], str]:
    """A window of so many minutes up to when project "bot" got its spans, and on to now: spans age while tests run."""

    def window(minutes: int) -> str:
        aged_s = time.time() - home_of_bot.parent.stat().st_mtime
        return f"last {minutes + int(aged_s / 60)} minutes"

    return window


@pytest.fixture
def bot(settings: Settings, home_of_bot: Path) -> None:
    """Project "bot" with four spans."""
    shutil.copytree(home_of_bot, settings.home)


@pytest.fixture(scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory, home_of_bot: Path) -> AsyncGenerator[Caller]:
    """A caller over a store with project "bot" that the tests of a module share; they must not change it."""
    folder = tmp_path_factory.mktemp("kept")
    settings = Settings(home=folder / "home", folders=(folder,), toolsets=("all",))
    shutil.copytree(home_of_bot, settings.home)
    async with serving(settings) as caller:
        yield caller


def spans_of_bot() -> list[Span]:
    """Four answers; newest first: a4, a3, a2, a1. a3 failed and was slow; a4 has no output."""
    return [
        span("a1", "Within 30 days [RET-1].", asked="Can I return it?", minutes_ago=40),
        span("a2", "I do not know.", asked="Where is it?", minutes_ago=30),
        span("a3", "Call us [SHIP-2].", asked="When?", minutes_ago=20, status="ERROR", ms=2500),
        span("a4", None, asked="Hello?", minutes_ago=10),
    ]
