"""Intervals of precision, recall, F1 and accuracy: ratios of two sums over examples.

The variance of a ratio is that of its linear approximation (the delta method), summed by example. The interval is
Wilson's with the number of rows at which a share has this variance. For independent rows and a share, such as
precision, that is Wilson's interval of the share itself. Sources: Wilson (1927); Korn and Graubard (1998) for the
effective number.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from assaykit.analysis.distributions import normal_quantile, t_quantile
from assaykit.analysis.statistics import Interval, wilson

_TAIL = 0.975


class ClassCount(NamedTuple):
    """The rows of one example that are of a class: predicted rightly, by the truth, and by the prediction."""

    hits: int
    support: int
    predicted: int


class ClassCounts(NamedTuple):
    """The counts of each class, one entry per example, and the (right, all) rows of each example."""

    of: Mapping[str, Sequence[ClassCount]]
    hits: Sequence[tuple[int, int]]


def counted(truth: Sequence[str], predicted: Sequence[str], examples: Sequence[Hashable]) -> ClassCounts:
    """Count the rows of each class by example."""
    found: dict[str, dict[Hashable, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    hits: dict[Hashable, list[int]] = defaultdict(lambda: [0, 0])
    for true, said, example in zip(truth, predicted, examples, strict=True):
        found[true][example][1] += 1
        found[said][example][2] += 1
        hits[example][1] += 1
        if true == said:
            found[true][example][0] += 1
            hits[example][0] += 1
    of = {label: [ClassCount(*one) for one in each.values()] for label, each in found.items()}
    return ClassCounts(of, [(right, rows) for right, rows in hits.values()])


def ratio_interval(parts: Sequence[tuple[int, int]], *, independent: bool) -> Interval | None:
    """The 95 % interval of the sum of the first over the sum of the second numbers; None if the latter is zero.

    Each part is one example. Rows that are independent and count at most once need no correction for an estimated
    variance.
    """
    parts = [one for one in parts if one[1]]
    total = sum(whole for _, whole in parts)
    if not total:
        return None
    ratio = sum(part for part, _ in parts) / total
    squares = sum((part - ratio * whole) ** 2 for part, whole in parts)
    if not squares:
        return wilson(ratio * len(parts), len(parts))
    effective = ratio * (1 - ratio) * total * total / squares
    if not independent or max(whole for _, whole in parts) > 1:
        number = len(parts)
        effective *= (number - 1) / number * (normal_quantile(_TAIL) / t_quantile(_TAIL, number - 1)) ** 2
    return wilson(min(ratio, 1.0) * effective, effective)
