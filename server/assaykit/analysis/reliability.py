"""Agreement of several people with each other: Krippendorff's alpha. Source: Krippendorff (2011)."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

_TWO = 2


def krippendorffs_alpha(
    items: Sequence[Sequence[str]], values: Mapping[str, float] = MappingProxyType({})
) -> float | None:
    """Return alpha, at most 1; None if no item has two labels, or if all labels are the same.

    `items` has the labels of each item, by however many people gave one. With `values`, the value of each label on a
    scale, a disagreement counts by the square of its distance; else every disagreement counts alike.
    """
    rated = [labels for labels in items if len(labels) >= _TWO]
    totals: Counter[str] = Counter()
    seen = 0.0
    for labels in rated:
        counts = Counter(labels)
        for one, times in counts.items():
            for other, others in counts.items():
                if one != other:
                    seen += times * others * _distance(one, other, values) / (len(labels) - 1)
        totals.update(counts)
    n = sum(totals.values())
    by_chance = math.fsum(
        times * others * _distance(one, other, values)
        for one, times in totals.items()
        for other, others in totals.items()
        if one != other
    )
    return 1 - (n - 1) * seen / by_chance if by_chance else None


def _distance(one: str, other: str, values: Mapping[str, float]) -> float:
    return (values[one] - values[other]) ** 2 if one in values and other in values else 1.0
