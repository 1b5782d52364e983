"""How much a run may do and spend before it stops by itself."""

from collections.abc import Sequence

import anyio

from assaykit.engine.store.queue.runs import Item, Limits
from assaykit.judge.providers.prices import Spent


class Budget:
    """What a run has left of its limits. `spent` is what it took before, in another engine maybe."""

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
        """Those of the run's items that it may have to do with: of its newest rows, if their number is limited."""
        most = self._limits.max_rows
        return items if most is None else [item for item in items if item.position < most]

    async def has_room(self) -> bool:
        """Whether one more question like the last may be asked; waits for those under way where that depends on them.

        Who hears yes asks at once: what it asks is set aside by `begin`.
        """
        while self._is_tight():
            if not self._under_way:
                self._is_full = True
                return False
            self._change = self._change or anyio.Event()
            await self._change.wait()
        return True

    def _is_tight(self) -> bool:
        """Whether one more may be too much, if it and those under way cost what is expected."""
        if self._limits.max_cost is None:
            return False
        # What has been answered tells how good the expectations are.
        measure = self._paid / self._expected if self._paid else 1.0
        return self._spent + (self._reserved + self._last) * measure > self._limits.max_cost

    def begin(self, expected: float) -> None:
        """Set aside what a question is expected to cost."""
        self._under_way += 1
        self._reserved += expected
        self._last = expected

    def end(self, expected: float, spent: Spent | None) -> None:
        """Count what it took instead."""
        self._under_way -= 1
        # Sums of what is set aside and taken back would not come to nothing by themselves.
        self._reserved = self._reserved - expected if self._under_way else 0.0
        if spent is not None and spent.cost is not None:
            self._spent += spent.cost
            self._paid += spent.cost
            self._expected += expected
        if self._change is not None:
            self._change.set()
            self._change = None

    def stopped(self) -> str:
        """Why a run has stopped that has rows left."""
        if self._is_full:
            limit = f"max_cost of ${self._limits.max_cost:g} (${self._spent:.4g} spent)"
        else:
            limit = f"max_rows of {self._limits.max_rows}"
        return f"Stopped at its {limit}. What was done stays; trigger again to go on with the rest."
