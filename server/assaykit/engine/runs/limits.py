"""The budget of a run: the rows that it may process and the money that it may spend."""

from collections.abc import Sequence

import anyio

from assaykit.engine.store.queue.runs import Item, Limits
from assaykit.judge.providers.prices import Spent


class Budget:
    """Tracks the cost of a run against its limits. `spent` is its cost so far in US dollars, in any engine."""

    def __init__(self, limits: Limits, spent: float) -> None:
        self._limits = limits
        self._spent = spent
        self._under_way = 0
        self._reserved = 0.0
        self._last = 0.0
        self._expected = 0.0
        self._paid = 0.0
        self._change: anyio.Event | None = None
        self._is_full = False

    def items(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items that the run may process: those of its newest `max_rows` rows, or all without that limit."""
        most = self._limits.max_rows
        return items if most is None else [item for item in items if item.position < most]

    async def has_room(self) -> bool:
        """Whether one more question like the last may be asked. Waits for questions under way if they may leave room.

        After True, a caller that asks must call `begin` before it awaits anything.
        """
        while self._is_tight():
            if not self._under_way:
                self._is_full = True
                return False
            self._change = self._change or anyio.Event()
            await self._change.wait()
        return True

    def _is_tight(self) -> bool:
        """Whether one more question would exceed `max_cost`, if open questions cost as much as expected."""
        if self._limits.max_cost is None:
            return False
        # The ratio of paid to expected cost so far corrects the expectation.
        measure = self._paid / self._expected if self._paid else 1.0
        return self._spent + (self._reserved + self._last) * measure > self._limits.max_cost

    def begin(self, expected: float) -> None:
        """Reserve the expected cost of a question, in US dollars."""
        self._under_way += 1
        self._reserved += expected
        self._last = expected

    def end(self, expected: float, spent: Spent | None) -> None:
        """Replace the reserved cost of a question with its actual cost."""
        self._under_way -= 1
        # Set to zero at the end, because float rounding would leave a remainder.
        self._reserved = self._reserved - expected if self._under_way else 0.0
        if spent is not None and spent.cost is not None:
            self._spent += spent.cost
            self._paid += spent.cost
            self._expected += expected
        if self._change is not None:
            self._change.set()
            self._change = None

    def stopped(self) -> str:
        """The reason of a run that stopped with rows left."""
        if self._is_full:
            limit = f"max_cost of ${self._limits.max_cost:g} (${self._spent:.4g} spent)"
        else:
            limit = f"max_rows of {self._limits.max_rows}"
        return f"Stopped at its {limit}. Earlier results stay; trigger again to continue with the rest."
