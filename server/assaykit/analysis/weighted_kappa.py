"""Weighted kappa for ordinal classes: disagreement counts by its distance, or by the square of the distance.

Sources: Cohen (1968) for the coefficient; Fleiss, Cohen and Everitt (1969) for its standard error.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assaykit.analysis.distributions import normal_quantile
from assaykit.analysis.statistics import Interval
from assaykit.spelling import folded

_ROUNDING = 1e-12
_FEWEST_CLASSES = 3


@dataclass(frozen=True, slots=True)
class WeightedKappa:
    """Kappa with linear and with quadratic weights, each with its large-sample 95 % interval.

    An interval is None if the standard error is zero, or if rows are not independent.
    """

    linear: float
    linear_interval: Interval | None
    quadratic: float
    quadratic_interval: Interval | None


class _Table(NamedTuple):
    """The shares of a table, the agreement weights, and the margins."""

    shares: Sequence[Sequence[float]]
    weights: Sequence[Sequence[float]]
    rows: Sequence[float]
    columns: Sequence[float]

    def total(self, of: Callable[[int, int], float]) -> float:
        """The sum of `of(i, j)` over all cells."""
        size = range(len(self.rows))
        return math.fsum(of(i, j) for i in size for j in size)


def weighted_kappa(
    labels: Sequence[str], matrix: Sequence[Sequence[int]], values: Mapping[str, float], *, independent: bool
) -> WeightedKappa | None:
    """Weighted kappa of a table of counts; None if a label has no place in an order.

    `values` has the value of each label; without them, labels that are numbers are their own value. Distances are those
    of the values, so a grade that nobody gave still counts between its neighbours.
    """
    places = _places(labels, values)
    if places is None or len(set(places)) < _FEWEST_CLASSES:
        return None
    linear, quadratic = (_kappa(matrix, places, power, independent=independent) for power in (1, 2))
    if linear is None or quadratic is None:
        return None
    return WeightedKappa(*linear, *quadratic)


def _places(labels: Sequence[str], values: Mapping[str, float]) -> list[float] | None:
    known = {folded(label): value for label, value in values.items()}
    if all(folded(label) in known for label in labels):
        return [known[folded(label)] for label in labels]
    try:
        places = [float(label) for label in labels]
    except ValueError:
        return None
    return places if all(map(math.isfinite, places)) else None


def _kappa(
    matrix: Sequence[Sequence[int]], places: Sequence[float], power: int, *, independent: bool
) -> tuple[float, Interval | None] | None:
    """Kappa with its interval; None if chance alone would agree on every row."""
    table = _table(matrix, places, power)
    expected = table.total(lambda i, j: table.weights[i][j] * table.rows[i] * table.columns[j])
    if 1 - expected < _ROUNDING:
        return None
    agreed = table.total(lambda i, j: table.weights[i][j] * table.shares[i][j])
    kappa = (agreed - expected) / (1 - expected)
    return kappa, _interval(table, sum(map(sum, matrix)), kappa, expected) if independent else None


def _table(matrix: Sequence[Sequence[int]], places: Sequence[float], power: int) -> _Table:
    n = sum(map(sum, matrix))
    widest = max(places) - min(places)
    return _Table(
        shares=[[count / n for count in row] for row in matrix],
        weights=[[1 - (abs(one - other) / widest) ** power for other in places] for one in places],
        rows=[sum(row) / n for row in matrix],
        columns=[sum(column) / n for column in zip(*matrix, strict=True)],
    )


def _interval(table: _Table, n: int, kappa: float, expected: float) -> Interval | None:
    size = range(len(table.rows))
    of_rows = [math.fsum(table.weights[i][j] * table.columns[j] for j in size) for i in size]
    of_columns = [math.fsum(table.weights[i][j] * table.rows[i] for i in size) for j in size]
    squares = table.total(
        lambda i, j: table.shares[i][j] * (table.weights[i][j] - (of_rows[i] + of_columns[j]) * (1 - kappa)) ** 2
    )
    variance = squares - (kappa - expected * (1 - kappa)) ** 2
    if variance <= _ROUNDING:
        return None
    half = normal_quantile(0.975) * math.sqrt(variance / n) / (1 - expected)
    return Interval(kappa - half, min(1.0, kappa + half), 0.95)
