"""Shares of examples that come in clusters: the number of independent examples with the same standard error.

Sources: Korn and Graubard (1998) for the exact interval of that number; Liang and Zeger (1986) for the variance.
"""

from collections.abc import Mapping, Sequence

from assaykit.analysis.cluster_means import cluster_mean
from assaykit.analysis.clusters import Clusters, Groups, grouped
from assaykit.analysis.distributions import t_quantile
from assaykit.analysis.means import FEW_APART

_ONE_SIDED = 0.975


def independent(values: Mapping[str, float], clusters: Clusters | None) -> tuple[float, int]:
    """The number of independent examples as telling as these, and the number of clusters.

    The examples and 0 clusters if no two of them are of one cluster. The number is that with the same variance of the
    share p: p (1 - p) / variance, times (t(n - 1) / t(G - 1))^2 for a variance that is estimated from G clusters, and
    at most n. If fewer than `FEW_APART` examples differ from the others, the variance tells too little, and the number
    is at most that of the clusters.
    """
    groups = grouped(values, clusters)
    if groups is None:
        return float(len(values)), 0
    return _effective(list(values.values()), groups), len(groups)


def _effective(values: Sequence[float], groups: Groups) -> float:
    n, of = len(values), len(groups)
    found = cluster_mean(values, groups)
    share = found.mean
    if of == 1 or not found.has_spread or not 0 < share < 1:
        return float(of)
    student = t_quantile(_ONE_SIDED, n - 1) / t_quantile(_ONE_SIDED, of - 1)
    number = share * (1 - share) / found.error**2 * student * student
    apart = n - max(map(values.count, (0.0, 1.0)))
    return max(1.0, min(number, of if apart < FEW_APART else n))
