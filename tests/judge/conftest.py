from collections.abc import AsyncIterator

import httpx
import pytest

from assaykit.judge.ladder import LEARNT


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def nothing_learnt() -> None:
    """A port may come back within a run, and with it what another test's model did not take."""
    LEARNT.clear()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client
