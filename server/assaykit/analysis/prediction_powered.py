"""The mean of people's labels, estimated from few of them and a judge's verdicts on many rows.

Source: Angelopoulos, Duchi and Zrnic (2023), "PPI++", for the estimate, its weight and its variance.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assaykit.analysis.distributions import t_quantile
from assaykit.analysis.statistics import Interval
from assaykit.errors import Invalid

_LEVEL = 0.95
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class PoweredMean:
    """The mean over `labelled` rows with both and `unlabelled` rows with a verdict alone, in the unit of the labels.

    `weight` is the weight of the verdicts, 0 to 1: with 0 they are of no use, and the labels alone count.
    `effective_n` is the number of labels that would be as precise alone; None if the estimate has no variance.
    """

    labelled: int
    unlabelled: int
    mean: float
    interval: Interval | None
    weight: float
    effective_n: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def powered_mean(labels: Sequence[float], verdicts: Sequence[float], others: Sequence[float]) -> PoweredMean:
    """Estimate the mean of the labels.

    `labels` and `verdicts` have the same rows in the same order; `others` has the verdicts on rows without a label.

    Raises:
        Invalid: the lengths differ, or fewer than two rows have a label.
    """
    n = len(labels)
    if n != len(verdicts) or n < _FEWEST:
        raise Invalid(f"{n} labels and {len(verdicts)} verdicts give no mean.", "Give at least two rows with both.")
    weight = _weight(labels, verdicts, others)
    rests = [label - weight * verdict for label, verdict in zip(labels, verdicts, strict=True)]
    mean = math.fsum(rests) / n
    variance = _variance(rests) / n
    if others:
        mean += weight * math.fsum(others) / len(others)
        variance += weight**2 * _variance(others) / len(others) if len(others) > 1 else 0.0
    half = t_quantile((1 + _LEVEL) / 2, n - 1) * math.sqrt(variance)
    interval = Interval(mean - half, mean + half, _LEVEL) if variance else None
    effective = _variance(labels) / variance if variance else None
    return PoweredMean(n, len(others), mean, interval, weight, effective)


def _weight(labels: Sequence[float], verdicts: Sequence[float], others: Sequence[float]) -> float:
    """The weight with the least variance: the covariance of labels and verdicts over the variance of all verdicts."""
    pooled = _variance([*verdicts, *others])
    if not others or not pooled:
        return 0.0
    n = len(labels)
    label, verdict = math.fsum(labels) / n, math.fsum(verdicts) / n
    shared = math.fsum((one - label) * (other - verdict) for one, other in zip(labels, verdicts, strict=True)) / n
    return min(1.0, max(0.0, shared / ((1 + n / len(others)) * pooled)))


def _variance(values: Sequence[float]) -> float:
    """The sample variance, with one less than the rows as divisor."""
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
