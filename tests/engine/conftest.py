"""An engine on a fresh folder, behind its HTTP door."""

import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest
from tests.engine.door import Door, HandClock, opened

from assaykit.engine.engine import STORE
from assaykit.judge.providers.output_modes import LEARNT


@pytest.fixture(autouse=True)
def nothing_learnt() -> None:
    """A port may come back within a run, and with it what another test's model did not take."""
    LEARNT.clear()


@pytest.fixture(scope="session")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an engine that was opened once; migrating it anew for every test would take half their time."""

    async def made(home: Path) -> Path:
        async with opened(home):
            return home / STORE

    return anyio.run(made, tmp_path_factory.mktemp("new"))


@pytest.fixture
def home(tmp_path: Path, new_store: Path) -> Path:
    """The folder of an engine that holds nothing yet."""
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(new_store, folder / STORE)
    return folder


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def door(home: Path, clock: HandClock) -> AsyncGenerator[Door]:
    """The door of an engine without any key in its environment, whose clock stands at `NOW`."""
    async with opened(home, clock=clock) as door:
        yield door
