"""The mean of paired differences: its spread, its skewness and its interval. The interval of a mean of shares.

Sources: Student (1908) for the interval of differences; Hall (1992) for that of skewed ones.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from assaykit.analysis.distributions import normal_quantile, t_quantile
from assaykit.analysis.statistics import Interval, standard_deviation, wilson

SKEWED = 1.0
"""Differences whose skewness is larger in size than this give no verdict below `SKEWED_FROM` pairs."""

SKEWED_FROM = 30
"""From so many pairs on, skewed differences give a verdict, if their widened interval leaves out the bound too."""

# A standard deviation this small relative to the largest difference is rounding, not spread.
_ROUNDING = 1e-9
_TAIL = 0.025
"""The probability beyond each end of a 95 % interval."""


class Moments(NamedTuple):
    """The number of values, their mean and standard deviation (n - 1), and the largest size of a value."""

    n: int
    mean: float
    sd: float
    largest: float

    @property
    def has_spread(self) -> bool:
        """Whether the values are not all alike, apart from rounding."""
        return self.sd > _ROUNDING * self.largest


def moments(values: Sequence[float]) -> Moments:
    """The moments of at least one value."""
    n = len(values)
    return Moments(n, math.fsum(values) / n, standard_deviation(values), max(map(abs, values)))


def has_spread(differences: Sequence[float]) -> bool:
    """Whether the differences, at least one, are not all alike, apart from rounding."""
    return moments(differences).has_spread


def t_interval(differences: Sequence[float], level: float = 0.95) -> Interval:
    """The t interval of the mean of at least two differences, which must not all be alike."""
    return mean_interval(moments(differences), level)


def mean_interval(known: Moments, level: float = 0.95) -> Interval:
    """The t interval of the mean of at least two values with these moments, which must not all be alike."""
    half = t_quantile((1 + level) / 2, known.n - 1) * known.sd / math.sqrt(known.n)
    return Interval(known.mean - half, known.mean + half, level)


def widened(interval: Interval, n: int, skew: float) -> Interval:
    """The t interval of a mean of `n` values, at least two, widened if their skewness is larger than `SKEWED` in size.

    The t interval of skewed values is too short on the side of their long tail, because a sample without far values has
    a small spread too. Hall's transformation corrects it. Where it would shorten the other side, that end stays.
    """
    if abs(skew) <= SKEWED or interval.low == interval.high:
        return interval
    mean, half = (interval.low + interval.high) / 2, (interval.high - interval.low) / 2
    student, root = t_quantile((1 + interval.level) / 2, n - 1), math.sqrt(n)

    def end(side: float) -> float:
        studentised = (math.cbrt(1 + skew * (side * student / root - skew / (6 * n))) - 1) * 3 / skew
        return mean - half / student * root * studentised

    return Interval(min(interval.low, end(1.0)), max(interval.high, end(-1.0)), interval.level)


def alike_interval(n: int, difference: float, reach: float) -> Interval:
    """The 95 % interval of the mean if all `n` pairs have the same difference, and none can exceed `reach` in size.

    With 97.5 % confidence at most a share b = 1 - 0.025^(1/n) of all examples has another difference. Each of those
    lies between -reach and reach.
    """
    room = 1 - _TAIL ** (1 / n)
    return Interval(difference - room * (reach + difference), difference + room * (reach - difference), 1 - 2 * _TAIL)


def skewness(values: Sequence[float], known: Moments | None = None) -> float:
    """The skewness of the values, the mean cube of the standardised values; 0.0 without spread.

    `known` are the moments of the values, if the caller has them.
    """
    n = len(values)
    known = known or (moments(values) if n else None)
    if known is None or not known.has_spread:
        return 0.0
    # Scaled first, so that no power exceeds the range of a float.
    largest = known.largest
    scaled = [value / largest for value in values]
    mean = math.fsum(scaled) / n
    away = [one - mean for one in scaled]
    variance = math.fsum([one * one for one in away]) / n
    return math.fsum([one * one * one for one in away]) / n / variance**1.5


FEW_APART = 5
"""With fewer examples apart from the commonest value, their variance says too little."""


def share_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The interval of the mean of at least one value from 0 to 1: Wilson's with the effective number of values.

    The effective number is that of zeros and ones with the same variance of the mean, reduced by (z / t)^2 for a
    variance that is estimated. If fewer than `FEW_APART` values differ from the commonest, it is at most the number of
    values. Source: Korn and Graubard (1998) for the effective number.
    """
    n = len(values)
    mean = min(1.0, max(0.0, math.fsum(values) / n))
    variance = standard_deviation(values) ** 2 / n
    counts = Counter(values)
    effective = float(n)
    if variance and 0 < mean < 1:
        student = normal_quantile((1 + level) / 2) / t_quantile((1 + level) / 2, n - 1)
        effective = mean * (1 - mean) / variance * student * student
        if n - max(counts.values()) < FEW_APART:
            effective = min(effective, n)
    return wilson(mean * effective, effective, level)
