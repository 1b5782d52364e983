"""The mean of differences whose rows come in clusters: its standard error, its interval and its test.

The variance is robust to any correlation within a cluster, with the small-sample factor G / (G - 1) for G clusters:
G / (G - 1) * sum over clusters of (sum of the cluster's differences from the mean)^2 / n^2. It is compared with t at
G - 1 degrees of freedom. Sources: Liang and Zeger (1986) for the variance; Cameron, Gelbach and Miller (2008) for signs
of whole clusters.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from assaykit.analysis.clusters import Groups
from assaykit.analysis.distributions import t_quantile, t_two_sided
from assaykit.analysis.permutation import sign_flip
from assaykit.analysis.statistics import Interval

_ROUNDING = 1e-9
_FEWEST = 2


class ClusterMean(NamedTuple):
    """The mean of differences in `clusters` clusters, its standard error, and each cluster's sum of differences.

    `away` has each cluster's sum of the distances from the mean.
    """

    mean: float
    error: float
    clusters: int
    sums: Sequence[float]
    away: Sequence[float]

    @property
    def has_spread(self) -> bool:
        """Whether the clusters differ from each other, apart from rounding."""
        return max(map(abs, self.away)) > _ROUNDING * max(map(abs, (*self.sums, self.mean)), default=0.0)

    def interval(self, level: float = 0.95) -> Interval:
        """The t interval of the mean, from at least two clusters."""
        half = t_quantile((1 + level) / 2, self.clusters - 1) * self.error
        return Interval(self.mean - half, self.mean + half, level)

    def p(self) -> float:
        """The two-sided p of the sign-flip test of whole clusters.

        It is exact, counted, drawn or of t as for rows; t has the robust standard error.
        """
        return sign_flip(self.sums, large=self._t_test)

    def _t_test(self) -> float:
        if not self.has_spread:
            return 0.0 if self.mean else 1.0
        return t_two_sided(self.mean / self.error, self.clusters - 1)


def cluster_mean(differences: Sequence[float], groups: Groups) -> ClusterMean:
    """The mean of the differences and the figures of their clusters; the error is infinite for a single cluster."""
    n, clusters = len(differences), len(groups)
    mean = math.fsum(differences) / n
    sums = [_sum([differences[place] for place in group]) for group in groups]
    away = [math.fsum(differences[place] - mean for place in group) for group in groups]
    if clusters < _FEWEST:
        return ClusterMean(mean, math.inf, clusters, sums, away)
    variance = clusters / (clusters - 1) * math.fsum(one * one for one in away) / (n * n)
    return ClusterMean(mean, math.sqrt(variance), clusters, sums, away)


def _sum(values: Sequence[float]) -> float:
    """The sum; 0.0 if the values cancel out but for rounding, so that the cluster counts as unchanged."""
    total = math.fsum(values)
    return total if abs(total) > _ROUNDING * max(map(abs, values)) else 0.0
