"""Exact binomial tails, and the exact interval of a share. Source: Clopper and Pearson (1934)."""

import math
from collections.abc import Callable
from functools import lru_cache

from assaykit.analysis.statistics import Interval
from assaykit.errors import Invalid

_HALVINGS = 200


def at_most(k: int, n: int, share: float) -> float:
    """P(X <= k) for X ~ Binomial(n, share): a sum from the largest term on, as far as terms count."""
    if k >= n or share <= 0:
        return 1.0
    if k < 0 or share >= 1:
        return 0.0
    if k > n * share:
        return 1 - _tail(n - k - 1, n, 1 - share)
    return _tail(k, n, share)


def at_least(k: int, n: int, share: float) -> float:
    """P(X >= k) for X ~ Binomial(n, share)."""
    return at_most(n - k, n, 1 - share)


def _tail(k: int, n: int, share: float) -> float:
    """P(X <= k) for k below the mean, where each term is smaller than the next."""
    whole = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    first = math.exp(whole + k * math.log(share) + (n - k) * math.log1p(-share))
    total = term = 1.0
    odds = (1 - share) / share
    for i in range(k, 0, -1):
        term *= i / (n - i + 1) * odds
        total += term
        if term < total * 1e-17:
            break
    return min(1.0, first * total)


def clopper_pearson(k: int, n: int, level: float = 0.95) -> Interval:
    """The exact interval of the share k / n: the shares that neither one-sided exact test rejects.

    Raises:
        Invalid: `n` is not positive, or `k` lies outside 0 to n.
    """
    return interval_over(k, k, n, level)


@lru_cache(1_000)
def interval_over(least: int, most: int, n: int, level: float = 0.95) -> Interval:
    """The exact intervals of all shares from least / n to most / n together: the low end of one, the high end of one.

    The last 1,000 are kept: a decision about a share asks for its interval several times.

    Raises:
        Invalid: `n` is not positive, or a count lies outside 0 to n.
    """
    for k in (least, most):
        if n < 1 or not 0 <= k <= n:
            raise Invalid(f"A share needs 0 <= k <= n and n >= 1, got k={k!r}, n={n!r}.", "Count the rows again.")
    tail = (1 - level) / 2
    low = 0.0 if least == 0 else _zero(lambda share: at_least(least, n, share) - tail)
    high = 1.0 if most == n else _zero(lambda share: tail - at_most(most, n, share))
    return Interval(low, high, level)


def _zero(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2
