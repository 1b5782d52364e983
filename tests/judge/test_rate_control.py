"""The pace against a provider that is simulated in its own time, and the gate in ours."""

import heapq
import random
from collections import deque
from dataclasses import dataclass, field
from time import monotonic

import anyio
import anyio.lowlevel
import pytest

from assaykit.judge.providers.rate_control import Gate, Pace

CALLERS = 50
RETRY_AFTER_S = 1.0


@dataclass
class Provider:
    """Takes `rate` calls a second and `burst` at once; refuses others, and a part of all by chance."""

    rate: float
    burst: float
    chance: float = 0.0
    latency_s: float = 0.05
    dice: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311  (a seed, for the same run each time)
    tokens: float = field(init=False)
    _last: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def takes(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self._last) * self.rate)
        self._last = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return self.dice.random() >= self.chance


@dataclass
class Outcome:
    wall_s: float = 0.0
    calls: int = 0
    refused: int = 0
    most_refusals_of_a_row: int = 0


def play(provider: Provider, rows: int) -> Outcome:
    """Ask until every row is answered: refused rows wait outside, callers are never asleep in a slot."""
    pace, now, outcome, dice = Pace(), 0.0, Outcome(), provider.dice
    ready = deque((row, 0) for row in range(rows))
    under_way: list[tuple[float, float, int, int, bool]] = []
    waiting: list[tuple[float, int, int]] = []
    answered = 0
    while answered < rows:
        while waiting and waiting[0][0] <= now:
            _, row, before = heapq.heappop(waiting)
            ready.appendleft((row, before))
        while ready and len(under_way) < CALLERS and pace.due(now) <= now:
            row, before = ready.popleft()
            pace.left(now)
            outcome.calls += 1
            ends = now + provider.latency_s * dice.uniform(0.9, 1.1)
            heapq.heappush(under_way, (ends, now, row, before, provider.takes(now)))
        moments = [under_way[0][0]] if under_way else []
        moments += [waiting[0][0]] if waiting else []
        moments += [pace.due(now)] if ready and len(under_way) < CALLERS else []
        now = max(now, min(moments))
        while under_way and under_way[0][0] <= now:
            _, began, row, before, taken = heapq.heappop(under_way)
            pace.answered(began, now, refused=not taken, wait_s=RETRY_AFTER_S)
            answered += taken
            if not taken:
                outcome.refused += 1
                outcome.most_refusals_of_a_row = max(outcome.most_refusals_of_a_row, before + 1)
                heapq.heappush(waiting, (now + RETRY_AFTER_S + dice.uniform(0, 0.25), row, before + 1))
    outcome.wall_s = now
    return outcome


@pytest.mark.parametrize("burst", [10, 50, 100])
def test_a_ceiling_is_found_and_kept_to_with_few_refusals(burst: int) -> None:
    rows, rate = 5000, 100
    outcome = play(Provider(rate, burst), rows)
    assert outcome.refused <= 0.05 * outcome.calls
    assert outcome.wall_s <= 1.15 * (rows - burst) / rate
    assert outcome.most_refusals_of_a_row <= 4


def test_a_ceiling_of_a_few_calls_a_second_is_found_too() -> None:
    # Ten calls say less than a hundred do, so more of them are refused; no row is refused more than a few times.
    outcome = play(Provider(5, 10, latency_s=0.5), 3000)
    assert outcome.refused <= 0.2 * outcome.calls
    assert outcome.wall_s <= 1.15 * (3000 - 10) / 5
    assert outcome.most_refusals_of_a_row <= 4


def test_refusals_by_chance_slow_nobody_but_the_row_that_was_refused() -> None:
    outcome = play(Provider(1e9, 1e9, chance=0.1), 5000)
    ideal_s = 5000 * 0.05 / CALLERS
    waits = outcome.most_refusals_of_a_row
    assert outcome.wall_s <= 1.2 * ideal_s + waits * (RETRY_AFTER_S + 0.25 + 0.055)
    assert 0.08 < outcome.refused / outcome.calls < 0.12


def test_a_provider_that_refuses_nothing_is_never_held_back() -> None:
    outcome = play(Provider(1e9, 1e9), 1000)
    assert outcome.wall_s <= 1.1 * 1000 * 0.05 / CALLERS


def test_a_ceiling_that_is_lifted_is_noticed() -> None:
    provider = Provider(20, 20)
    pace, now = Pace(), 0.0
    for _ in range(2000):
        now = pace.due(now + 0.001)
        if now > 30:
            provider.rate = provider.burst = 1e9
        pace.left(now)
        pace.answered(now, now + 0.001, refused=not provider.takes(now))
    assert pace.rate is not None
    assert pace.rate > 100


async def test_a_gate_lets_only_so_many_in_at_once() -> None:
    gate, inside, most = Gate(3), 0, 0

    async def call() -> None:
        nonlocal inside, most
        async with gate.slot():
            inside += 1
            most = max(most, inside)
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            inside -= 1

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(call)
    assert (inside, most) == (0, 3)


async def test_a_call_that_nothing_holds_back_makes_no_trip_through_the_event_loop() -> None:
    gate = Gate(1)
    with pytest.raises(StopIteration) as entered:
        gate.entered().send(None)
    gate.leave(entered.value.value)
    async with gate.slot():
        with anyio.move_on_after(0.01) as scope:
            await gate.entered()
    assert scope.cancelled_caught


async def test_callers_that_wait_come_in_their_order_and_each_slot_is_used_again() -> None:
    gate, came = Gate(2), list[int]()

    async def call(number: int) -> None:
        async with gate.slot():
            came.append(number)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(call, number)
            await anyio.lowlevel.checkpoint()
    assert came == list(range(30))


async def test_a_pause_holds_back_who_was_waiting_for_a_slot_and_gives_the_slot_back() -> None:
    gate = Gate(1)
    came_after: list[float] = []

    async def second() -> None:
        async with gate.slot() as began:
            came_after.append(began)

    async with anyio.create_task_group() as group, gate.slot() as began:
        group.start_soon(second)
        await anyio.lowlevel.checkpoint()
        for _ in range(20):
            gate.pace.answered(began, began, refused=True, wait_s=0.1)
    assert came_after[0] - began >= 0.1


async def test_a_caller_that_is_cancelled_while_it_waits_takes_no_slot() -> None:
    gate = Gate(1)
    with anyio.move_on_after(0.01) as scope:
        async with gate.slot(), gate.slot():
            pytest.fail("there was no second slot")
    assert scope.cancelled_caught
    with anyio.fail_after(60):
        async with gate.slot():
            pass


def test_a_rate_that_is_known_holds_from_the_first_call_and_is_not_outgrown() -> None:
    pace = Pace(10.0)
    went: list[float] = []
    now = 0.0
    for _ in range(200):
        now = pace.due(now)
        pace.left(now)
        went.append(now)
        pace.answered(now, now + 0.01, refused=False)
    assert went[-1] == pytest.approx(19.9, abs=0.2)
    assert pace.rate == 10.0
    assert max(sum(moment <= one < moment + 1 for one in went) for moment in went) <= 11


async def test_the_engine_keeps_to_the_rate_that_it_is_told() -> None:
    gate = Gate(50, 100.0)
    began = anyio.current_time()
    async with anyio.create_task_group() as group:

        async def call() -> None:
            async with gate.slot():
                pass

        for _ in range(30):
            group.start_soon(call)
    assert anyio.current_time() - began >= 0.2


def headers(limit: int, left: int) -> dict[str, str]:
    return {"x-ratelimit-limit-requests": str(limit), "x-ratelimit-remaining-requests": str(left)}


def test_while_much_is_left_of_what_a_provider_allows_nothing_is_held_back() -> None:
    gate = Gate(5)
    gate.told(headers(600, 11), 400)
    assert gate.pace.rate is None
    gate.told(headers(600, 10), 400)
    assert gate.pace.rate == 10.0


def test_a_provider_that_allows_more_than_before_is_believed_and_one_that_is_known_by_its_rate_is_not_outgrown() -> (
    None
):
    gate = Gate(5)
    gate.told(headers(60, 3), 400)
    assert gate.pace.rate == 1.0
    gate.told(headers(6000, 5000), 400)
    now = monotonic()
    for _ in range(200):
        now = gate.pace.due(now)
        gate.pace.left(now)
        gate.pace.answered(now, now + 0.01, refused=False)
    assert gate.pace.rate is not None
    assert 1.0 < gate.pace.rate <= 100.0
    known = Gate(5, 2.0)
    known.told(headers(6000, 1), 400)
    assert known.pace.rate == 2.0


@pytest.mark.parametrize("burst", [60, 600])
def test_a_provider_that_tells_its_limit_has_nothing_to_refuse(burst: int) -> None:
    provider, slots = Provider(10.0, burst), 16
    pace, now = Pace(), 0.0
    went: list[tuple[float, bool]] = []
    under_way: deque[tuple[float, float, bool]] = deque()
    while len(went) < 1500:
        while under_way and (under_way[0][0] <= now or len(under_way) == slots):
            ends, began, taken = under_way.popleft()
            now = max(now, ends)
            pace.answered(began, now, refused=not taken, wait_s=RETRY_AFTER_S)
            pace.told(10.0, now, few=provider.tokens <= 2 * slots)
        now = max(now, pace.due(now))
        pace.left(now)
        went.append((now, provider.takes(now)))
        under_way.append((now + 0.05, now, went[-1][1]))
    assert all(taken for _, taken in went)
    assert went[-1][0] <= 1.02 * (1500 - burst + 2 * slots) / 10
