"""Calls through a storm of refusals, with the real attempts and the real gate, in the time of a scripted provider."""

import heapq
import random
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

import anyio
import anyio.lowlevel
import pytest

from assaykit.judge.providers import calls
from assaykit.judge.providers.calls import Line, Request, post
from assaykit.judge.providers.models import Endpoint
from assaykit.judge.providers.rate_control import LONGEST_STORM_S, SLOTS, Gate
from assaykit.judge.providers.transport import HttpAnswer
from assaykit.judge.verdicts import Unscored

ENDPOINT = Endpoint("OPEN_AI", "http://model.test/v1", "sk-test", "JUDGE_KEY", "judge-1")
REQUEST = Request("http://model.test/v1/chat/completions", {}, {})
TURNS = 30
"""Turns of the event loop in which every task comes to rest."""


class Hours:
    """A clock that goes on to the next sleeper when every task rests."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, anyio.Event]] = []
        self._number = 0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        awake = anyio.Event()
        self._number += 1
        heapq.heappush(self._sleepers, (self.now + seconds, self._number, awake))
        await awake.wait()

    async def run(self) -> None:
        while True:
            for _ in range(TURNS):
                await anyio.lowlevel.checkpoint()
            if self._sleepers:
                self.now, _, awake = heapq.heappop(self._sleepers)
                awake.set()


class Scripted:
    """A transport whose provider answers with the status of a moment."""

    def __init__(self, hours: Hours, status: Callable[[float], int], headers: Mapping[str, str]) -> None:
        self.hours, self.status, self.headers = hours, status, headers
        self.count = 0

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:  # noqa: ARG002
        self.count += 1
        status = self.status(self.hours.now)
        await self.hours.sleep(0.05)
        return HttpAnswer(status, {} if status == 200 else self.headers, b"{}")

    async def aclose(self) -> None:
        return


class Rows:
    """Rows that are asked from the start, and the moment and the outcome of each."""

    def __init__(self, status: Callable[[float], int], headers: Mapping[str, str], most: float | None = None) -> None:
        self.hours = Hours()
        self.provider = Scripted(self.hours, status, headers)
        gate = Gate(SLOTS, most, clock=self.hours, sleep=self.hours.sleep)
        self.line = Line(self.provider, gate, sleep=self.hours.sleep)
        self.done_at: list[float] = []
        self.failures: list[Unscored] = []

    async def _row(self) -> None:
        outcome = await post(self.line, ENDPOINT, REQUEST)
        self.done_at.append(self.hours.now)
        if isinstance(outcome, Unscored):
            self.failures.append(outcome)

    async def ask(self, rows: int) -> None:
        async with anyio.create_task_group() as clock:
            clock.start_soon(self.hours.run)
            async with anyio.create_task_group() as group:
                for _ in range(rows):
                    group.start_soon(self._row)
            clock.cancel_scope.cancel()


@contextmanager
def seeded(seed: int) -> Generator[None]:
    before = random.getstate()
    random.seed(seed)
    yield
    random.setstate(before)


@pytest.mark.parametrize("retry_after", [None, "0", "1", "25", "600"])
@pytest.mark.parametrize("most", [None, 50.0])
@pytest.mark.parametrize(("rows", "lasts"), [(1, 25.0), (100, 25.0), (100, 300.0)])
async def test_no_row_is_lost_in_a_storm_and_all_are_done_eight_seconds_later(
    rows: int, lasts: float, most: float | None, retry_after: str | None
) -> None:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    asked = Rows(lambda now: 429 if now < lasts else 200, headers, most)
    with seeded(1):
        await asked.ask(rows)
    assert asked.failures == []
    assert len(asked.done_at) == rows
    assert max(asked.done_at) <= lasts + 8


async def test_a_storm_in_the_middle_of_a_run_loses_no_row() -> None:
    asked = Rows(lambda now: 429 if 0.3 <= now < 25.3 else 200, {})
    with seeded(1):
        await asked.ask(200)
    assert asked.failures == []
    assert max(asked.done_at) <= 25.3 + 8


@pytest.mark.parametrize("rows", [1, 100])
async def test_a_provider_that_refuses_for_good_ends_every_row(rows: int) -> None:
    asked = Rows(lambda _: 429, {})
    with seeded(1):
        await asked.ask(rows)
    assert [failure.reason for failure in asked.failures] == ["rate_limited"] * rows
    assert all("too many requests" in one.detail or "every call" in one.detail for one in asked.failures)
    assert max(asked.done_at) <= LONGEST_STORM_S + 10


async def test_after_a_storm_too_long_a_probe_still_finds_the_recovery() -> None:
    asked = Rows(lambda now: 429 if now < LONGEST_STORM_S + 60 else 200, {})
    with seeded(1):
        await asked.ask(10)
        assert len(asked.failures) == 10
        asked.hours.now = LONGEST_STORM_S + 100
        await asked.ask(10)
    assert len(asked.failures) == 10
    assert len(asked.done_at) == 20


async def test_a_row_that_is_refused_while_others_are_accepted_is_given_up_after_eight_refusals() -> None:
    turn = iter(range(10**6))
    asked = Rows(lambda _: 200 if next(turn) % 3 == 0 else 429, {})
    with seeded(1):
        await asked.ask(30)
    assert asked.provider.count <= 30 * calls.REFUSALS
