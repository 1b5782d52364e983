"""The pace against providers of many kinds, each simulated in its own time and compared with the provider's limit."""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from assaykit.judge.providers.pace import Pace

CALLERS = 50
STEP_S = 0.01
MOST_WAIT_S = 4.0
THROUGHPUT, REFUSED, RECOVERY_S = 0.83, 0.05, 8.0

Curve = Callable[[float], float]
Dice = random.Random


def dice(seed: int) -> Dice:
    return random.Random(seed)  # noqa: S311  (a seed, for the same run each time)


@dataclass
class Provider:
    """Accepts `rate` calls a second, `burst` at once and `inside` at a time; calls differ by cost and by chance."""

    rate: float | Curve = 1e9
    burst: float = math.inf
    latency_s: float = 0.05
    chance: float = 0.0
    storms: tuple[tuple[float, float], ...] = ()
    window_s: float = 0.0
    inside: float = math.inf
    refusal: float = 0.3
    """The time of a refusal, as a part of the time of an answer."""
    cost: Callable[[Dice], float] = lambda _: 1.0
    retry_after: Callable[["Provider", float], float] | None = None
    under_way: int = 0
    rolls: Dice = field(default_factory=lambda: dice(1))
    _left: float | None = None
    _last: float = 0.0
    _window: int = -1

    def limit(self, now: float) -> float:
        return self.rate(now) if callable(self.rate) else self.rate

    def storms_at(self, now: float) -> bool:
        return any(began <= now < ended for began, ended in self.storms)

    def is_closed(self, now: float) -> bool:
        """No call is accepted now, at whatever pace the calls come."""
        spent = self._window == now // self.window_s and (self._left or 0) < 1 if self.window_s else False
        return self.storms_at(now) or spent

    def takes(self, now: float) -> bool:
        self._refill(now)
        if self.storms_at(now) or self.under_way >= self.inside:
            return False
        cost = self.cost(self.rolls)
        if self._left is not None:
            if self._left < cost:
                return False
            self._left -= cost
        return self.rolls.random() >= self.chance

    def capacity(self, until: float) -> float:
        """The calls that an oracle gets accepted outside storms: one that knows the limit and never exceeds it."""
        most = min(CALLERS, self.inside) / self.latency_s
        moments = (STEP_S * step for step in range(int(until / STEP_S)))
        return sum(STEP_S * min(self.limit(now), most) for now in moments if not self.storms_at(now)) * (
            1 - self.chance
        )

    def _refill(self, now: float) -> None:
        if self.window_s:
            if now // self.window_s != self._window:
                self._window, self._left = int(now // self.window_s), self.limit(now) * self.window_s
        elif self.burst < math.inf:
            left = self.burst if self._left is None else self._left
            self._left = min(self.burst, left + (now - self._last) * self.limit(now))
        self._last = now


class Call(NamedTuple):
    ends: float
    began: float
    before: int
    taken: bool
    counts: bool
    retry_after: float | None


@dataclass
class Outcome:
    wall_s: float = 0.0
    calls: int = 0
    refused: int = 0
    open_calls: int = 0
    open_refused: int = 0
    taken_at: list[float] = field(default_factory=list[float])


class Play:
    """Callers with rows for a provider. Refused rows wait outside, then come before new rows."""

    def __init__(self, provider: Provider, pace: Pace) -> None:
        self.provider, self.pace, self.outcome = provider, pace, Outcome()
        self.now = 0.0
        self._dice = dice(2)
        self._again: deque[int] = deque()
        self._under_way: list[Call] = []
        self._waiting: list[tuple[float, int]] = []

    def until(self, end: float = math.inf, rows: float = math.inf) -> Outcome:
        new = rows
        while self.now < end and len(self.outcome.taken_at) < rows:
            while self._waiting and self._waiting[0][0] <= self.now:
                self._again.appendleft(heapq.heappop(self._waiting)[1])
            while (self._again or new > 0) and self._may_go():
                new -= not self._again
                self._go(self._again.popleft() if self._again else 0)
            moments = [self._under_way[0].ends] if self._under_way else []
            moments += [self._waiting[0][0]] if self._waiting else []
            if (self._again or new > 0) and len(self._under_way) < CALLERS:
                moments.append(self.pace.due(self.now))
            self.now = max(self.now, min(moments)) + 1e-9
            while self._under_way and self._under_way[0].ends <= self.now:
                self._end(heapq.heappop(self._under_way))
        self.outcome.wall_s = self.now
        return self.outcome

    def _may_go(self) -> bool:
        return len(self._under_way) < CALLERS and self.pace.due(self.now) <= self.now

    def _go(self, before: int) -> None:
        provider, now = self.provider, self.now
        self.pace.left(now)
        counts = not provider.is_closed(now)
        taken = provider.takes(now)
        provider.under_way += taken
        lasts = provider.latency_s * self._dice.uniform(0.9, 1.1) * (1 if taken else provider.refusal)
        asked = provider.retry_after(provider, now) if provider.retry_after and not taken else None
        heapq.heappush(self._under_way, Call(now + lasts, now, before, taken, counts, asked))

    def _end(self, call: Call) -> None:
        outcome = self.outcome
        outcome.calls += 1
        outcome.open_calls += call.counts
        self.provider.under_way -= call.taken
        self.pace.answered(call.began, self.now, refused=not call.taken, wait_s=call.retry_after or 0.0)
        if call.taken:
            outcome.taken_at.append(self.now)
            return
        outcome.refused += 1
        outcome.open_refused += call.counts
        wait_s = min(0.5 * 2**call.before, MOST_WAIT_S) * self._dice.uniform(0.5, 1)
        if call.retry_after is not None:
            wait_s = min(call.retry_after + self._dice.uniform(0, 0.25), MOST_WAIT_S)
        heapq.heappush(self._waiting, (self.now + wait_s, call.before + 1))


def to_the_end(provider: Provider, now: float) -> float:
    """The right `Retry-After`: the end of the storm or of the window, else the time of one call."""
    ends = [ended - now for began, ended in provider.storms if began <= now < ended]
    if ends:
        return ends[0]
    return provider.window_s - now % provider.window_s if provider.window_s else 1 / provider.limit(now)


def storm(*spans: tuple[float, float], rate: float = 1e9, burst: float = math.inf, wait_s: float = 0.0) -> Provider:
    return Provider(rate, burst, storms=spans, retry_after=(lambda _provider, _now: wait_s) if wait_s else None)


BEHAVIOURS: dict[str, tuple[Callable[[], Provider], float]] = {
    "1 a second, burst 1": (lambda: Provider(1, 1, 0.5), 900),
    "5 a second, burst 10": (lambda: Provider(5, 10, 0.5), 400),
    "20 a second": (lambda: Provider(20, 20), 90),
    "100 a second, burst 10": (lambda: Provider(100, 10), 60),
    "100 a second, burst 100": (lambda: Provider(100, 100), 60),
    "100 a second, burst 1000": (lambda: Provider(100, 1000), 90),
    "400 a second": (lambda: Provider(400, 40), 60),
    "8 a second, latency 5 s": (lambda: Provider(8, 16, 5.0), 200),
    "no limit": (Provider, 30),
    "no limit, latency 2 s": (lambda: Provider(latency_s=2.0), 60),
    "2 % by chance": (lambda: Provider(chance=0.02), 30),
    "10 % by chance": (lambda: Provider(chance=0.1), 30),
    "100 a second, 2 % by chance": (lambda: Provider(100, 50, chance=0.02), 60),
    "60 in a minute": (lambda: Provider(1, window_s=60, latency_s=0.3), 240),
    "600 in a minute, Retry-After right": (lambda: Provider(10, window_s=60, retry_after=to_the_end), 240),
    "100 in a second": (lambda: Provider(100, window_s=1), 60),
    "500 in ten seconds": (lambda: Provider(50, window_s=10), 120),
    "drift down": (lambda: Provider(lambda now: max(20, 200 - 2 * now), 50), 120),
    "drift up": (lambda: Provider(lambda now: min(200, 20 + 2 * now), 50), 120),
    "steps": (lambda: Provider(lambda now: 20 if 40 <= now < 80 else 100, 50), 120),
    "wave of a minute": (lambda: Provider(lambda now: 60 + 40 * math.sin(now * math.tau / 60), 30), 180),
    "storm": (lambda: storm((10, 35)), 60),
    "storm at the start": (lambda: storm((0, 25)), 60),
    "storm at a ceiling": (lambda: storm((20, 45), rate=100, burst=50), 90),
    "storm of two minutes": (lambda: storm((20, 140), rate=100, burst=50), 200),
    "storms of 5 s": (lambda: storm(*((20 * k + 10.0, 20 * k + 15.0) for k in range(5))), 100),
    "storm, Retry-After right": (lambda: Provider(100, 50, storms=((20, 45),), retry_after=to_the_end), 90),
    "storm, Retry-After too long": (lambda: storm((20, 45), rate=100, burst=50, wait_s=60), 90),
    "Retry-After 0": (lambda: Provider(100, 50, retry_after=lambda _provider, _now: 0.0), 60),
    "Retry-After too long": (lambda: Provider(100, 50, retry_after=lambda _provider, _now: 30.0), 60),
    "by tokens": (lambda: Provider(100, 100, cost=lambda rolls: rolls.choice([0.2, 0.5, 1, 2.3])), 60),
    "by tokens of any number": (lambda: Provider(30, 60, cost=lambda rolls: rolls.expovariate(1)), 90),
    "8 at a time": (lambda: Provider(inside=8, latency_s=0.2), 60),
}


UNMET = {
    "5 a second, burst 10": "1.00 of the capacity, 6.8 % refused",
    "20 a second": "1.00 of the capacity, 8.8 % refused",
    "by tokens": "1.25 of the capacity, 16.1 % refused",
    "by tokens of any number": "1.04 of the capacity, 6.3 % refused",
    "8 at a time": "0.81 of the capacity, 3.7 % refused",
}
"""Behaviours that miss the target where a refusal takes as long as an answer, with the measured figures."""


def unmet_apart() -> list[Any]:
    return [
        pytest.param(name, marks=pytest.mark.xfail(reason=UNMET[name], strict=True) if name in UNMET else ())
        for name in BEHAVIOURS
    ]


def hold(name: str, refusal: float) -> None:
    """Play a behaviour and hold it to the targets."""
    made, until = BEHAVIOURS[name]
    provider = made()
    provider.refusal = refusal
    outcome = Play(provider, Pace()).until(until)
    outside = sum(not provider.storms_at(moment - provider.latency_s) for moment in outcome.taken_at)
    assert outside >= THROUGHPUT * provider.capacity(until)
    assert outcome.open_refused <= (REFUSED + provider.chance) * outcome.open_calls
    if len(provider.storms) == 1:
        ended = provider.storms[0][1]
        assert [moment for moment in outcome.taken_at if moment > ended][99] <= ended + RECOVERY_S


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_each_provider_is_used_well_and_refuses_few_calls(name: str) -> None:
    hold(name, 0.3)


@pytest.mark.slow
@pytest.mark.parametrize("name", unmet_apart())
def test_each_provider_is_used_well_where_a_refusal_takes_as_long_as_an_answer(name: str) -> None:
    hold(name, 1.0)


@pytest.mark.parametrize("burst", [10, 50, 100])
def test_a_cold_start_at_an_unknown_ceiling_costs_a_fifth_at_most(burst: float) -> None:
    outcome = Play(Provider(100, burst), Pace()).until(rows=500)
    assert outcome.wall_s <= 1.2 * (500 - burst) / 100


def test_a_ceiling_that_was_told_costs_a_twentieth_at_most_and_refuses_nothing() -> None:
    outcome = Play(Provider(100, 50), Pace(100.0)).until(rows=500)
    assert outcome.wall_s <= 1.05 * 500 / 100
    assert outcome.refused == 0


def test_a_provider_that_was_used_without_refusals_gets_no_slow_start() -> None:
    pace = Pace()
    play = Play(Provider(), pace)
    play.until(rows=100)
    now = play.now + 60
    for _ in range(CALLERS):
        assert pace.due(now) == now
        pace.left(now)


@pytest.mark.parametrize("lasts", [1, 10, 100, 500])
def test_a_storm_costs_its_own_length_and_eight_seconds(lasts: int) -> None:
    outcome = Play(storm((5, 5 + lasts), rate=100, burst=50), Pace()).until(5 + lasts + RECOVERY_S)
    assert sum(moment > 5 + lasts for moment in outcome.taken_at) >= 100


def test_a_call_that_ends_without_an_outcome_leaves_room_for_another() -> None:
    pace = Pace()
    for _ in range(100):
        assert pace.due(1.0) == 1.0
        pace.left(1.0)
        pace.gone(1.0)
