from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from assaykit.judge.calls import Line
from assaykit.judge.pacing import Gate
from assaykit.judge.transport import Transport


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """A line of the test's own, with no pace learnt."""
    async with aclosing(Transport()) as connections:
        yield Line(connections, Gate())
