"""The schedule of calls to one provider, whose limit is not known or changes. No part of this module reads a clock.

The schedule is in one of four states, and the answers to its calls move it to the next:

- `Ramp`: the number of calls in flight is limited. The limit grows with each accepted answer. A schedule starts here.
- `Paced`: calls go out evenly. The rate rises while calls are accepted. It falls when chance does not explain refusals.
- `Trial`: calls go out at a low rate, to tell a ceiling from refusals by chance. At a low rate a ceiling refuses none.
- `Storm`: all calls are refused. Single calls probe the provider. The first accepted one brings the state before back.
"""

import math
from dataclasses import dataclass, replace

_WINDOW, _WINDOW_AGAIN, _WIDENS, _WIDENS_EACH_S = 5.0, 2.0, 3.0, 4.0
"""Calls in flight of a new ramp and of one after a storm; growth with each accepted answer and with each second."""
_POLL_S, _CATCH_UP_S, _IDLE_S, _IDLE_CALLS = 0.005, 0.05, 1.0, 3
"""Seconds between two looks at a full ramp; seconds that a late call may catch up; the pause that ends a count."""
_FEW, _SILENT_PART, _SILENT_S = 3, 0.4, 0.3
"""A storm: at least this many refusals, this part of the calls, and no accepted answer for this many seconds."""
_GAP_S, _GAP_GROWS, _LONGEST_GAP_S, _GAPS_ASKED, _LONGEST_PAUSE_S, _SOON_S = 0.1, 2.0, 2.0, 4.0, 4.0, 5.0
"""Gaps between probes; `Retry-After` stretches a gap up to fourfold. A storm is a repeated one within `_SOON_S`."""
_MOST_CHANCE, _SOME_CHANCE, _OFTEN, _SELDOM, _HALF_A_PERCENT = 0.25, 0.03, 0.05, 0.02, 0.005
"""Shares of refusals: the most that chance explains, and the shares that are tolerated where none is expected."""
_SMALL, _LOW_SHARE, _MEMORY_CALLS, _FULL_RAMP = 20, 0.1, 400, 200
_FIRST_STEP, _RAMP_STEP, _NEXT_STEP, _SMALL_STEP, _LARGEST_STEP, _STEPS_GROW = 0.5, 0.25, 0.1, 0.04, 0.5, 1.6
"""Rises of the rate, as parts of it."""
_SEARCH, _PROBE, _HOLD, _PATIENCE_S = (0.3, 8), (1.0, 10), (5.0, 50), 2.0
"""(seconds, calls) that a rate has to pass: in large steps, at a small step up, and before the next small step up."""
_FAR, _NEAR, _LOWERED = 1.25, 1.001, 3
_TRIAL_RATE, _TRIAL_SHARE, _TRIAL_REFUSALS, _TRIAL_CALLS = 0.65, 0.6, 8, (30, 300)
_DOUBTED = 0.7
_LEAST = 0.2
"""The lowest rate, in calls per second."""


@dataclass(slots=True)
class Count:
    """The calls since a moment: departures, their outcomes, and the last departure that is answered."""

    since: float
    last: float
    left: int = 0
    taken: int = 0
    refused: int = 0

    @property
    def answered(self) -> int:
        """Calls with an outcome."""
        return self.taken + self.refused

    @property
    def share(self) -> float:
        """Refusals as a part of the departures: the least that the share can be, since refusals may come first."""
        return self.refused / max(self.left, self.answered, 1)

    @property
    def likely_share(self) -> float:
        """Refusals as a part of the answers and of half of the open calls."""
        return self.refused / max((self.left + self.answered) / 2, self.answered, 1)

    def most(self, chance: float, deviations: float = 3.0) -> float:
        """The number of refusals that `chance` explains, so many standard deviations above the mean."""
        number = max(self.left, self.answered)
        mean = chance * number
        return mean + deviations * math.sqrt(mean * (1 - chance)) + (chance > 0 and deviations > 0)


@dataclass(slots=True)
class Ramp:
    """At most `window` calls in flight."""

    window: float = _WINDOW


@dataclass(frozen=True, slots=True)
class Paced:
    """Calls at `rate`; 0 stands for a rate that is not known.

    Attributes:
        rate: Calls per second.
        clean: The highest rate whose calls were accepted.
        safe: A rate whose calls were accepted just after refusals, when the provider had no reserve of calls.
        step: The next rise, as a part of the rate.
        rose: The rate rose to this one.
        lowered: The number of times that the rate was lowered in a row.
        before: The state before a fall, as long as no call was accepted since.
    """

    rate: float
    clean: float = 0.0
    safe: float = 0.0
    step: float = _FIRST_STEP
    rose: bool = False
    lowered: int = 0
    before: "Ramp | Paced | None" = None

    @property
    def above(self) -> bool:
        """The rate is above a clean one."""
        return 0 < self.clean * _NEAR < self.rate


@dataclass(frozen=True, slots=True)
class Trial:
    """Calls at a low `rate` after `refused` of `left` calls were refused in the state `before`."""

    rate: float
    before: Ramp | Paced
    refused: int
    left: int
    settled: bool = False

    @property
    def share(self) -> float:
        """The share of refusals before the trial."""
        return self.refused / self.left

    @property
    def calls(self) -> int:
        """Answers that decide the trial."""
        least, most = _TRIAL_CALLS
        return int(min(max(_TRIAL_REFUSALS / self.share, least), most))


@dataclass(slots=True)
class Storm:
    """Single calls after growing gaps, then the state `after`; `again` says that the storm before ended just now.

    The storm has lasted since `began`, and `refused_at` is the moment of its latest refusal.
    """

    after: Ramp | Paced
    again: bool
    began: float
    refused_at: float
    gap_s: float = _GAP_S

    def pause_s(self, asked_s: float) -> float:
        """Seconds until the next probe, if the provider asks for `asked_s` seconds."""
        return min(max(asked_s, self.gap_s), _GAPS_ASKED * self.gap_s, _LONGEST_PAUSE_S)


State = Ramp | Paced | Trial | Storm


class Pace:
    """The schedule of calls. Times are seconds of any one clock.

    `most` is a configured rate in calls per second: calls go out at that rate, or at a lower rate that refusals imply.
    """

    def __init__(self, most: float | None = None) -> None:
        self._most = self._given = math.inf if most is None else most
        self._state: State = Ramp() if most is None else Paced(most, clean=most)
        self._out: list[float] = []
        self._count = Count(-math.inf, -math.inf)
        self._next = 0.0
        self._left_at = self._accepted_at = self._calmed_at = -math.inf
        self._since_calm = 0
        self._chance = 0.0

    @property
    def rate(self) -> float | None:
        """Calls per second; None if only the number in flight is limited."""
        state = self._state.after if isinstance(self._state, Storm) else self._state
        return None if isinstance(state, Ramp) else state.rate

    @property
    def storm(self) -> Storm | None:
        """The storm in which all calls are refused; None while the provider accepts some."""
        return self._state if isinstance(self._state, Storm) else None

    def due(self, now: float) -> float:
        """The moment from which a call may go out, `now` or later. It may come sooner when a call is answered."""
        if isinstance(self._state, Ramp):
            grown = _WIDENS_EACH_S * max(now - self._count.since, 0.0) if self._out else 0.0
            return now if len(self._out) < self._state.window + grown else now + _POLL_S
        return max(now, self._next)

    def left(self, now: float) -> None:
        """Record that a call goes out."""
        if self._is_idle(now):
            self._begin(now)
        self._left_at = now
        self._out.append(now)
        self._count.left += 1
        state = self._state
        if isinstance(state, Storm):
            self._next = now + state.gap_s
            state.gap_s = min(state.gap_s * _GAP_GROWS, _LONGEST_GAP_S)
        elif not isinstance(state, Ramp):
            self._next = max(self._next, now - _CATCH_UP_S) + 1 / state.rate

    def gone(self, started: float) -> None:
        """Record that the call of `started` is over. Without an outcome it only leaves the calls in flight."""
        if started in self._out:
            self._out.remove(started)

    def told(self, rate: float, now: float, *, few: bool) -> None:
        """Record the provider's limit of `rate` calls per second; `few` says that few calls are left right now."""
        self._most = min(self._given, rate)
        state = self._state
        if not few or isinstance(state, Storm):
            return
        if isinstance(state, Ramp):
            self._go(Paced(self._most, clean=self._most), now)
        else:
            self._state = replace(state, rate=min(state.rate, self._most))

    def answered(self, started: float, now: float, *, refused: bool, wait_s: float = 1.0) -> None:
        """Record the outcome of a call that went out at `started`; `wait_s` is the provider's wish after a refusal."""
        self.gone(started)
        if not refused:
            self._accepted_at = now
            self._since_calm += 1
        if started < self._count.since:
            return  # the call went out in an earlier state
        self._count.refused += refused
        self._count.taken += not refused
        self._count.last = max(self._count.last, started)
        state = self._state
        if isinstance(state, Storm):
            self._weather(state, now, wait_s, refused=refused)
        elif self._is_silent(state, now):
            self._storm(state, now, wait_s)
        elif isinstance(state, Ramp):
            self._ramp(state, now, wait_s, refused=refused)
        elif isinstance(state, Trial):
            self._trial(state, now)
        else:
            self._paced(state, now, refused=refused)

    # Storm

    def _is_silent(self, state: Ramp | Paced | Trial, now: float) -> bool:
        count = self._count
        if count.taken or count.refused < max(_FEW, _SILENT_PART * count.left):
            return False
        fell = isinstance(state, Paced) and state.before is not None
        return fell or now - self._accepted_at >= _SILENT_S or now - self._calmed_at < _SOON_S

    def _storm(self, state: Ramp | Paced | Trial, now: float, wait_s: float) -> None:
        after = self._origin(state)
        again = now - self._calmed_at < _SOON_S
        if again:
            passed = max(now - self._calmed_at, 0.1)
            after = Paced(self._held(self._since_calm / passed if isinstance(after, Ramp) else after.rate))
        else:
            after = Ramp(_WINDOW_AGAIN) if isinstance(after, Ramp) else Paced(after.rate, after.clean)
        storm = Storm(after, again, now, now)
        self._go(storm, now)
        self._next = now + storm.pause_s(wait_s)

    def _weather(self, storm: Storm, now: float, wait_s: float, *, refused: bool) -> None:
        if refused:
            storm.refused_at = now
            self._next = max(self._next, now + storm.pause_s(wait_s))
            return
        after = storm.after
        if isinstance(after, Paced):
            rate = after.rate
            if storm.again:
                measured = self._since_calm / max(now - self._calmed_at, 0.1)
                rate = max(min(measured, rate), rate / 4)
            after = replace(after, rate=self._held(rate))
        self._calmed_at, self._since_calm, self._next = now, 1, now
        self._go(after, now)

    def _origin(self, state: Ramp | Paced | Trial) -> Ramp | Paced:
        """The state to come back to: a state without an accepted call gives way to the one before it."""
        if isinstance(state, Trial):
            return state.before
        return state.before if isinstance(state, Paced) and state.before and not self._count.taken else state

    # Ramp

    def _ramp(self, ramp: Ramp, now: float, wait_s: float, *, refused: bool) -> None:
        count = self._count
        if not refused:
            ramp.window += _WIDENS
        if count.left < _SMALL:
            most = max(_FEW - 1, max(_MOST_CHANCE, 2 * self._chance) * count.left)
        else:
            most = max(_FEW - 1, count.most(max(1.2 * self._chance, _SOME_CHANCE)))
        if count.refused > most:
            if count.taken:
                self._suspect(ramp, count.left / max(now - count.since, 0.1), now)
            else:
                self._storm(ramp, now, wait_s)
        elif count.answered >= _FULL_RAMP:
            self._learn()
            self._begin(now)

    # Trial

    def _suspect(self, state: Ramp | Paced, rate: float, now: float) -> None:
        """Halve a rate that is refused often; try a lower rate where chance may explain the refusals."""
        count = self._count
        if count.likely_share < _MOST_CHANCE:
            self._go(Trial(self._held(_TRIAL_RATE * rate), state, count.refused, count.left), now)
        else:
            self._go(Paced(self._held(0.5 * rate), before=self._origin(state)), now)

    def _trial(self, trial: Trial, now: float) -> None:
        count = self._count
        if count.refused >= _FEW and count.likely_share > _SILENT_PART:
            self._go(Paced(self._held(0.5 * trial.rate), before=self._origin(trial)), now)
        elif not trial.settled and count.answered >= trial.calls / 4:
            self._go(replace(trial, settled=True), now)  # the first calls may still meet an empty reserve
        elif count.answered >= trial.calls:
            self._decide(trial, now)

    def _decide(self, trial: Trial, now: float) -> None:
        count, before = self._count, trial.before
        as_before = count.refused >= max(_FEW - 1, _TRIAL_SHARE * trial.share * count.answered)
        if as_before and count.likely_share < _MOST_CHANCE:
            pooled = (trial.refused + count.refused) / (trial.left + count.answered)
            self._chance = max(self._chance, pooled)
            again = before if isinstance(before, Ramp) else replace(before, step=_NEXT_STEP, rose=False, lowered=0)
            self._go(again, now)
        else:
            rate = 0.95 * (1 - trial.share) * trial.rate / _TRIAL_RATE
            if count.refused > _SELDOM * count.answered + _FEW:
                rate = min(rate, 0.95 * (1 - count.share) * trial.rate)
            rate = self._held(rate)
            step = _RAMP_STEP if isinstance(before, Ramp) else _SMALL_STEP
            self._go(Paced(rate, clean=rate, safe=min(rate, trial.rate), step=step), now)

    # Paced

    def _paced(self, paced: Paced, now: float, *, refused: bool) -> None:
        count = self._count
        expected = count.most(self._chance)
        excess = refused and count.refused > expected
        if excess and paced.above:
            self._fall(paced, now)
        elif excess and count.refused >= max(_FEW, expected + (_SELDOM if paced.clean else _OFTEN) * count.left):
            if paced.rate > _FAR * paced.safe > 0:
                self._back(paced, paced.rate, now)
            elif paced.clean and count.share < _LOW_SHARE and paced.lowered < _LOWERED:
                self._lower(paced, now)
            else:
                self._suspect(paced, paced.rate, now)
        elif self._is_whole(paced):
            self._end(paced, now)

    def _is_whole(self, paced: Paced) -> bool:
        count = self._count
        moved = paced.above or paced.rose
        seconds, calls = _SEARCH if paced.step > _SMALL_STEP else _PROBE if moved else _HOLD
        passed = count.last - count.since
        patient = not count.refused and count.answered >= 2 and passed >= _PATIENCE_S  # noqa: PLR2004  (a rate takes two)
        return (passed >= seconds and count.answered >= calls) or (patient and (moved or paced.step > _SMALL_STEP))

    def _end(self, paced: Paced, now: float) -> None:
        """Rise at the end of a count without an excess of refusals."""
        count = self._count
        if count.answered < 0.8 * paced.rate * (count.last - count.since) - 1:
            self._begin(now)  # so few calls say nothing about the rate
        elif paced.clean and not paced.above and count.refused > count.most(self._chance):
            if paced.rate > _FAR * paced.safe > 0:
                self._back(paced, paced.rate, now)
            elif paced.step > _SMALL_STEP and count.share <= _OFTEN:
                self._go(replace(paced, step=max(paced.step / 2, _SMALL_STEP)), now)
            elif paced.lowered >= _LOWERED and count.refused >= _FEW - 1:
                self._suspect(paced, paced.rate, now)
            else:
                self._lower(paced, now)
        else:
            self._learn()
            step = min(paced.step * _STEPS_GROW, _LARGEST_STEP) if paced.rose else paced.step
            safe = paced.safe if paced.rose or count.refused else paced.rate
            self._go(Paced(self._held(paced.rate * (1 + step)), paced.rate, safe, step, rose=True), now)

    def _fall(self, paced: Paced, now: float) -> None:
        """Leave a rate above the clean one. A fall is a sign that a ceiling refuses, so less is due to chance."""
        if self._chance > _OFTEN:
            self._chance *= _DOUBTED
        if paced.clean > _NEAR * paced.safe > 0:
            self._back(paced, paced.clean, now)
        else:
            step = max(paced.step / 2, _SMALL_STEP)
            self._go(Paced(paced.clean, paced.clean, paced.safe, step), now)

    def _back(self, paced: Paced, rate: float, now: float) -> None:
        """Go back from `rate` towards the safe rate: half way if it is far away, else two thirds of the way."""
        far = rate > _FAR * paced.safe
        between = paced.safe * (rate / paced.safe) ** (1 / 2 if far else 1 / 3)
        self._go(Paced(between, between, paced.safe, _NEXT_STEP if far else _SMALL_STEP), now)

    def _lower(self, paced: Paced, now: float) -> None:
        rate = min(0.98 * (1 - self._count.share), 0.96) * paced.rate
        rate = self._held(paced.safe if 0.9 * rate < paced.safe < rate else rate)
        self._go(Paced(rate, rate, min(paced.safe, rate), _SMALL_STEP, lowered=paced.lowered + 1), now)

    # All states

    def _learn(self) -> None:
        """Follow the share of refusals by chance. It falls at once where far fewer calls are refused."""
        count, chance = self._count, self._chance
        share = count.refused / count.answered
        if count.refused < count.most(chance, -1.5):
            chance += (share - chance) / 2
        elif not (isinstance(self._state, Paced) and self._state.above):
            chance += min(1.0, count.answered / _MEMORY_CALLS) * (min(share, 3 * chance) - chance)
        self._chance = chance if chance >= _HALF_A_PERCENT else 0.0

    def _is_idle(self, now: float) -> bool:
        count = self._count
        if count.since == -math.inf or self._out or (count.refused and not count.taken):
            return count.since == -math.inf  # refusals alone are the sign of a storm, also at long intervals
        return now - self._left_at > max(_IDLE_S, _IDLE_CALLS / (self.rate or math.inf))

    def _held(self, rate: float) -> float:
        return max(min(rate, self._most), min(_LEAST, self._most))

    def _go(self, state: State, now: float) -> None:
        self._state = state
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._count = Count(now, now)
