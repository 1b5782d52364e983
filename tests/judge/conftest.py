from collections.abc import AsyncIterator

import httpx
import pytest

from assaykit.judge.calls import Line
from assaykit.judge.pacing import Gate
from assaykit.judge.transport import JudgeTransport


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """A line of the test's own, with no pace learnt."""
    async with httpx.AsyncClient(transport=JudgeTransport()) as client:
        yield Line(client, Gate())
