"""The breaker of a connection, on a clock of the test's own, and in front of a backend that does not answer."""

import httpx
import pytest

from assaykit.api.breaker import FAILURES, FIRST_PAUSE_S, LONGEST_PAUSE_S, Breaker
from assaykit.api.client import Api
from assaykit.api.connection import Connection
from assaykit.errors import Unavailable
from assaykit.wire.spaces import SpacePage

GOOD = httpx.Response(200, json={"spaces": []})


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert breaker.admits()
        breaker.failed()
    return breaker


def test_it_opens_after_failures_in_a_row_and_an_answer_ends_the_row() -> None:
    breaker = Breaker(Clock())
    for _ in range(FAILURES - 1):
        breaker.failed()
    breaker.answered()
    breaker.failed()
    assert (breaker.is_closed, breaker.state, breaker.admits()) == (True, "closed", True)


def test_one_probe_at_a_time_goes_through_after_the_pause() -> None:
    clock = Clock()
    breaker = opened(clock)
    assert (breaker.state, breaker.next_try_s, breaker.admits()) == ("open", FIRST_PAUSE_S, False)
    clock.now += FIRST_PAUSE_S
    assert breaker.state == "half-open"
    assert [breaker.admits(), breaker.admits()] == [True, False]
    breaker.left()
    assert breaker.admits(), "a probe that was given up leaves its place to another"
    breaker.answered()
    assert [breaker.admits(), breaker.admits()] == [True, True]


def test_each_failed_probe_doubles_the_pause_and_late_failures_do_not() -> None:
    clock = Clock()
    breaker = opened(clock)
    breaker.failed()
    assert breaker.next_try_s == FIRST_PAUSE_S
    pauses: list[float] = []
    for _ in range(6):
        clock.now += breaker.next_try_s
        assert breaker.admits()
        breaker.failed()
        pauses.append(breaker.next_try_s)
    assert pauses == [10, 20, 40, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


async def test_calls_fail_at_once_while_it_is_open_and_go_on_after_a_probe() -> None:
    clock, asked = Clock(), list[httpx.Request]()
    away = True

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if away:
            raise httpx.ConnectError("nobody there")
        return GOOD

    async def no_sleep(_: float) -> None:
        pass

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://ax.test")
    one, other = [Api(http, "ax", sleep=no_sleep, connection=shared) for shared in [Connection(clock)] * 2]
    for _ in range(2):
        with pytest.raises(Unavailable, match="could not be reached: ConnectError"):
            await one.get("/v2/spaces", SpacePage)
    assert len(asked) == FAILURES
    with pytest.raises(Unavailable) as caught:
        await other.get("/v2/spaces", SpacePage)
    assert caught.value.message == (
        "Arize AX at ax.test is not called: the last 8 calls got no answer (ConnectError). The next try is made in 5 s."
    )
    assert caught.value.next.startswith("Its address is ax.test: check ARIZE_API_HOST")
    assert len(asked) == FAILURES
    clock.now += FIRST_PAUSE_S
    away = False
    assert (await other.get("/v2/spaces", SpacePage)).spaces == []
    assert (await one.get("/v2/spaces", SpacePage)).spaces == []
