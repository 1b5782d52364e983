"""A watch on the signs of life of other processes, by this process's own monotonic clock."""

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Watch(Generic[T]):
    """Tells which things have given no sign of life for `silent_s` seconds.

    A sign of life is any change of a thing's mark. The wall clock of nobody counts, so a clock that is set forward or
    back makes nobody silent. If the wall clock jumps, or if this process itself stood still, the machine may have
    slept. Then others have had no time to give a sign either, and all are watched anew.
    """

    def __init__(self, silent_s: float) -> None:
        self._silent_s = silent_s
        self._seen: dict[T, tuple[object, float]] = {}
        self._last: tuple[float, float] | None = None

    def silent(self, marks: Mapping[T, object], wall_s: float, monotonic_s: float) -> set[T]:
        """The things that are silent. `marks` has those there are; the clocks are this process's, in seconds."""
        if self._last is not None and self._has_slept(wall_s - self._last[0], monotonic_s - self._last[1]):
            self._seen.clear()
        self._last = (wall_s, monotonic_s)
        seen = self._seen
        self._seen = {
            thing: seen[thing] if thing in seen and seen[thing][0] == mark else (mark, monotonic_s)
            for thing, mark in marks.items()
        }
        return {thing for thing, (_, since) in self._seen.items() if monotonic_s - since >= self._silent_s}

    def _has_slept(self, wall_s: float, monotonic_s: float) -> bool:
        most_s = self._silent_s / 2
        return monotonic_s > most_s or abs(wall_s - monotonic_s) > most_s
