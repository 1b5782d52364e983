"""The examples of a finding that changed: kept by id, and read with their outputs when they are shown."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple, overload

from assaykit.errors import quote

OUTPUT_TOLD = 300
"""Characters of an output in `Change.as_dict`."""

Outputs = Mapping[str, str | None]
"""The output of each example by its id."""


class Change(NamedTuple):
    """One example with its figures on both sides. The outputs are foreign text, from the first repetition."""

    example_id: str
    baseline_value: float
    challenger_value: float
    baseline_output: str | None
    challenger_output: str | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; an output is one line, clipped."""
        outputs = {
            side: text and quote(text, OUTPUT_TOLD)
            for side, text in (("baseline_output", self.baseline_output), ("challenger_output", self.challenger_output))
        }
        return {**self._asdict(), **outputs}


class Changes(Sequence[Change]):
    """Changes in order. Each is made when it is asked for, because most are only counted.

    `ids` are the ids of the examples; `pairs` has the figures and `outputs` the outputs of both sides, by id.
    """

    __slots__ = ("_outputs", "_pairs", "ids")

    def __init__(
        self, ids: Sequence[str], pairs: Mapping[str, tuple[float, float]], outputs: tuple[Outputs, Outputs]
    ) -> None:
        self.ids = ids
        self._pairs = pairs
        self._outputs = outputs

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, place: int) -> Change: ...

    @overload
    def __getitem__(self, place: slice) -> "Changes": ...

    def __getitem__(self, place: int | slice) -> "Change | Changes":
        if isinstance(place, slice):
            return self._of(self.ids[place])
        key = self.ids[place]
        old, new = self._outputs
        return Change(key, *self._pairs[key], old[key], new[key])

    def among(self, ids: AbstractSet[str]) -> "Changes":
        """The changes of these examples."""
        return self._of([one for one in self.ids if one in ids])

    def _of(self, ids: Sequence[str]) -> "Changes":
        return Changes(ids, self._pairs, self._outputs)


NO_CHANGES = Changes((), {}, ({}, {}))
