"""A judge's failure rate corrected by how far the judge agrees with people.

Sources: Rogan and Gladen (1978) for the corrected rate; Lang and Reiczigel (2014) for its interval, which counts the
uncertainty of the sensitivity and of the specificity too.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from assaykit.analysis.distributions import normal_quantile
from assaykit.analysis.statistics import Interval
from assaykit.errors import Invalid

FEWEST_OF_CLASS = 5
"""Labels of each class below which the interval does not keep its level."""

_LEVEL = 0.95
_PLUS = 2
"""Rows that the interval adds to the labels of each class, one of them right."""


@dataclass(frozen=True, slots=True)
class JudgeAccuracy:
    """A judge against people's labels: `caught` of `failures` judged as failures, `cleared` of `passes` as passes."""

    failures: int
    caught: int
    passes: int
    cleared: int

    @property
    def sensitivity(self) -> float | None:
        """The share of people's failures that the judge catches, 0 to 1; None without any."""
        return self.caught / self.failures if self.failures else None

    @property
    def specificity(self) -> float | None:
        """The share of people's passes that the judge clears, 0 to 1; None without any."""
        return self.cleared / self.passes if self.passes else None

    @property
    def more_labels(self) -> int | None:
        """Further labels, at the labels' own base rate, until each class has five; None if a class has none."""
        fewest = min(self.failures, self.passes)
        if not fewest:
            return None
        n = self.failures + self.passes
        return max(0, math.ceil(FEWEST_OF_CLASS * n / fewest) - n)


@dataclass(frozen=True, slots=True)
class CorrectedRate:
    """A failure rate as a judge measured it on `n` rows, and corrected, each 0 to 1.

    `corrected` is None if the judge agrees with people no better than a coin. `interval` is None too with fewer than
    five labels of a class. `effective_n` is the number of rows labelled by people that would give as wide an interval.
    """

    n: int
    measured: float
    corrected: float | None
    interval: Interval | None
    effective_n: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def corrected_rate(judged_failures: int, n: int, accuracy: JudgeAccuracy) -> CorrectedRate:
    """The rate of failures among people's labels that would give so many judged failures in `n` rows.

    Raises:
        Invalid: `n` is not positive, or the count lies outside 0 to n.
    """
    if n < 1 or not 0 <= judged_failures <= n:
        raise Invalid(f"A rate needs 0 <= k <= n and n >= 1, got k={judged_failures!r}, n={n!r}.", "Count again.")
    measured = judged_failures / n
    sensitivity, specificity = accuracy.sensitivity, accuracy.specificity
    if sensitivity is None or specificity is None or sensitivity + specificity <= 1:
        return CorrectedRate(n, measured, None, None, None)
    corrected = _within((measured + specificity - 1) / (sensitivity + specificity - 1))
    if min(accuracy.failures, accuracy.passes) < FEWEST_OF_CLASS:
        return CorrectedRate(n, measured, corrected, None, None)
    interval = _interval(judged_failures, n, accuracy)
    return CorrectedRate(n, measured, corrected, interval, _effective(corrected, interval))


def _interval(judged_failures: int, n: int, accuracy: JudgeAccuracy) -> Interval:
    z = normal_quantile((1 + _LEVEL) / 2)
    rows, fails, passes = n + z * z, accuracy.failures + _PLUS, accuracy.passes + _PLUS
    rate = (judged_failures + z * z / 2) / rows
    sensitivity, specificity = (accuracy.caught + 1) / fails, (accuracy.cleared + 1) / passes
    # Each is at least one half in a judge that is better than a coin on the labels alone, but their sum may not be.
    gain = sensitivity + specificity - 1
    if gain <= 0:
        return Interval(0.0, 1.0, _LEVEL)
    middle = (rate + specificity - 1) / gain
    of_fails = sensitivity * (1 - sensitivity) / fails
    of_passes = specificity * (1 - specificity) / passes
    shift = 2 * z * z * (middle * of_fails - (1 - middle) * of_passes)
    error = math.sqrt(rate * (1 - rate) / rows + middle**2 * of_fails + (1 - middle) ** 2 * of_passes) / gain
    return Interval(_within(middle + shift - z * error), _within(middle + shift + z * error), _LEVEL)


def _effective(rate: float, interval: Interval) -> float | None:
    """The rows whose own labels would give an interval as wide, at a rate that is kept away from 0 and 1."""
    half = (interval.high - interval.low) / 2
    if not half:
        return None
    z = normal_quantile((1 + _LEVEL) / 2)
    share = min(max(rate, interval.low, 0.01), interval.high, 0.99)
    return share * (1 - share) * (z / half) ** 2


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))
