"""The figures of paired examples as columns: a mapping of tuples would be most of a comparison's memory."""

from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import TypeVar

from assaykit.analysis.differences import differences

Figures = tuple[float, float]
"""The figures of one example: (baseline, challenger)."""

ValueT = TypeVar("ValueT")


class ByPlace(Mapping[str, ValueT]):
    """A value of each example. `places` has the position of each example in the columns of a subclass."""

    __slots__ = ("places",)

    def __init__(self, places: Mapping[str, int]) -> None:
        self.places = places

    def __contains__(self, example_id: object) -> bool:
        return example_id in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def keys(self) -> KeysView[str]:
        """The example ids."""
        return self.places.keys()


class NumberColumn(ByPlace[float]):
    """A figure of each example."""

    __slots__ = ("column",)

    def __init__(self, places: Mapping[str, int], column: Sequence[float]) -> None:
        super().__init__(places)
        self.column = column

    def __getitem__(self, example_id: str) -> float:
        return self.column[self.places[example_id]]


class PairColumns(ByPlace[Figures]):
    """The figures of both sides by example id."""

    __slots__ = ("_moves", "afters", "befores")

    def __init__(self, places: Mapping[str, int], befores: Sequence[float], afters: Sequence[float]) -> None:
        super().__init__(places)
        self.befores = befores
        self.afters = afters
        self._moves: Sequence[float] | None = None

    def forget(self) -> None:
        """Keep the differences no longer. They are computed again when they are asked for."""
        self._moves = None

    @property
    def moves(self) -> Sequence[float]:
        """The difference of each pair."""
        if self._moves is None:
            self._moves = differences(self.befores, self.afters)
        return self._moves

    def __getitem__(self, example_id: str) -> Figures:
        place = self.places[example_id]
        return self.befores[place], self.afters[place]

    def values(self) -> ValuesView[Figures]:
        """The figures, in the order of the ids."""
        return _Values(self)

    def items(self) -> ItemsView[str, Figures]:
        """The ids with their figures."""
        return _Items(self)


class _Values(ValuesView[Figures]):
    def __init__(self, of: PairColumns) -> None:
        super().__init__(of)
        self._of = of

    def __iter__(self) -> Iterator[Figures]:
        return zip(self._of.befores, self._of.afters, strict=True)


class _Items(ItemsView[str, Figures]):
    def __init__(self, of: PairColumns) -> None:
        super().__init__(of)
        self._of = of

    def __iter__(self) -> Iterator[tuple[str, Figures]]:
        return zip(self._of.places, zip(self._of.befores, self._of.afters, strict=True), strict=True)


def moves_of(pairs: Mapping[str, Figures]) -> Sequence[float]:
    """The difference of each pair, in the order of the ids."""
    return pairs.moves if isinstance(pairs, PairColumns) else differences(*columns_of(pairs))


def columns_of(pairs: Mapping[str, Figures]) -> tuple[Sequence[float], Sequence[float]]:
    """The figures of the baseline and those of the challenger, in the order of the ids."""
    if isinstance(pairs, PairColumns):
        return pairs.befores, pairs.afters
    return [before for before, _ in pairs.values()], [after for _, after in pairs.values()]
