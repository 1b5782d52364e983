from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from assaykit.judge.providers.aiohttp_transport import AiohttpTransport
from assaykit.judge.providers.calls import Line
from assaykit.judge.providers.rate_control import Gate


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """A line of the test's own, with no pace learnt."""
    async with aclosing(AiohttpTransport()) as connections:
        yield Line(connections, Gate())
