from collections.abc import AsyncIterator

import httpx
import pytest

from assaykit.judge.transport import JudgeTransport


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=JudgeTransport()) as client:
        yield client
