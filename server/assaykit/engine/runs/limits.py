"""The budget of a run: the rows that it may process and the money that it may spend."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

import anyio

from assaykit.engine.store.queue.runs import Item, Limits
from assaykit.figures import dollars
from assaykit.judge.providers.prices import Spent


class Expectation(NamedTuple):
    """The expected cost of one question in US dollars, before any question of its model has been paid.

    `model` names the model. `most` is the cost that the question cannot exceed, as its reply is limited; None without
    such a limit.
    """

    model: str
    cost: float
    most: float | None = None


class Reservation:
    """The part of a budget that is set aside for one question until the question is over."""

    def __init__(self, budget: "Budget", expected: Expectation) -> None:
        self.expected = expected
        self.is_out = False
        self._budget = budget

    def may_go(self) -> bool:
        """Whether the question may go out now. Asked when its call leaves the gate, where it may have waited long."""
        self.is_out = self.is_out or self._budget.lets_go(self)
        return self.is_out

    def over(self, spent: Spent | None, *, answered: bool) -> None:
        """Replace the expected cost with the actual one. `answered` means that a model was paid for an answer."""
        self._budget.settle(self, spent, answered=answered)


class Budget:
    """Tracks the cost of a run against its limits. `spent` is its cost so far in US dollars, in any engine.

    With `is_scheduled`, the limit is the rest of the `max_cost` of a continuous task.

    The first question of a model measures: what it costs is not known before, so it goes out alone. The questions after
    it go out in groups that double, and each is expected to cost as much as the dearest so far, by its length. So the
    cost exceeds the limit by the questions under way at most, and only as far as these are dearer than all before.
    """

    def __init__(self, limits: Limits, spent: float, *, is_scheduled: bool = False) -> None:
        self._limits = limits
        self._is_scheduled = is_scheduled
        self._spent = spent
        self._under_way: dict[Reservation, None] = {}
        self._ratios: dict[str, float] = {}
        self._answers: Counter[str] = Counter()
        self._change: anyio.Event | None = None
        self._too_dear: float | None = None
        self._unpriced: str | None = None
        self.is_full = False
        """Set when the limit of cost leaves no room for another question."""

    @property
    def skips_long(self) -> bool:
        """Whether rows whose judge would see a value shortened are left unscored."""
        return self._limits.on_too_long == "skip"

    @property
    def max_cost(self) -> float | None:
        """The limit of cost in US dollars."""
        return self._limits.max_cost

    def renew(self, limits: Limits) -> None:
        """Take over the limits that the run has by now, because those of its task may have been changed."""
        self._limits = limits

    def require_prices(self, unpriced: Sequence[str]) -> None:
        """Let no question out if there is a limit of cost and the prices of some models are not known."""
        if self._limits.max_cost is not None and unpriced:
            self._unpriced, self.is_full = unpriced[0], True

    def items(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items that the run may process: those of its newest `max_rows` rows, or all without that limit."""
        most = self._limits.max_rows
        return items if most is None else [item for item in items if item.position < most]

    async def admit(self, expected: Expectation) -> Reservation | None:
        """Reserve the cost of a question. Waits while questions under way may leave room; None if there is none."""
        while not self.is_full:
            if self._has_room(expected, self._under_way):
                reserved = Reservation(self, expected)
                self._under_way[reserved] = None
                return reserved
            if not self._under_way:
                self.is_full = True
                self._too_dear = self._cost(expected)
                return None
            self._change = self._change or anyio.Event()
            await self._change.wait()
        return None

    def lets_go(self, asked: Reservation) -> bool:
        """Whether a question with a reservation may go out, by what questions have cost by now."""
        if self._limits.max_cost is None:
            return True
        others = [one for one in self._under_way if one.is_out and one is not asked]
        return self._has_room(asked.expected, others)

    def settle(self, reserved: Reservation, spent: Spent | None, *, answered: bool) -> None:
        """End a reservation."""
        del self._under_way[reserved]
        model, guess, _ = reserved.expected
        if answered:
            known = None if spent is None else spent.cost
            # An answer without a count of tokens is taken for as dear as expected.
            paid = self._cost(reserved.expected) if known is None else known
            self._spent += paid
            self._answers[model] += 1
            self._ratios[model] = max(self._ratios.get(model, 0.0), paid / guess if guess else 0.0)
        if self._change is not None:
            self._change.set()
            self._change = None

    def _has_room(self, expected: Expectation, others: Collection[Reservation]) -> bool:
        if self._limits.max_cost is None:
            return True
        model, _, most = expected
        of_model = sum(one.expected.model == model for one in others)
        if most is None and of_model >= max(1, 2 * self._answers[model]):
            return False
        if most is None and model not in self._ratios and not others:
            return self._spent < self._limits.max_cost
        reserved = sum(self._cost(one.expected) for one in others)
        return self._spent + reserved + self._cost(expected) <= self._limits.max_cost

    def _cost(self, expected: Expectation) -> float:
        model, guess, most = expected
        ratio = self._ratios.get(model)
        if ratio is None:
            return guess if most is None else most
        return guess * ratio if most is None else min(guess * ratio, most)

    def stopped(self) -> str:
        """The reason of a run that stopped with rows left."""
        if not self.is_full:
            limit = f"max_rows of {self._limits.max_rows}"
            return f"Stopped at its {limit}. Earlier results stay; trigger again to continue with the rest."
        limit, spent = self._limits.max_cost or 0.0, self._spent
        told = f"Stopped at its max_cost of {dollars(limit, 4)} ({dollars(spent, 4)} spent)."
        if self._is_scheduled:
            told = f"Stopped at its max_cost, as its task had {dollars(limit, 4)} left ({dollars(spent, 4)} spent)."
        if self._unpriced is not None:
            return f"{told} The price of model {self._unpriced!r} is not known, so max_cost cannot be enforced."
        if spent > limit:
            told += " The cost of a question was not known before it was paid."
        elif spent == 0 and self._too_dear is not None:
            return f"{told} One question may cost {dollars(self._too_dear, 4)}; raise max_cost, or lower max_tokens."
        if self._is_scheduled:
            return f"{told} Earlier results stay; the task goes on with the other rows after a new max_cost."
        return f"{told} Earlier results stay; trigger again to continue with the rest."
