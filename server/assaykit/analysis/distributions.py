"""Tails and quantiles of Student's t and of the beta distribution.

Sources: Abramowitz and Stegun (1964), 26.5 and 26.7; Lentz (1976) for the continued fraction of the incomplete beta
function; Clopper and Pearson (1934) for the exact interval of a share.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

from assaykit.errors import Invalid

_TINY = 1e-300
_PRECISION = 1e-16
_STEPS = 10_000
_SERIES_FROM = 50.0
"""From here on a series gives the logarithm of the ratio of two gamma functions without loss of digits."""


def normal_quantile(q: float) -> float:
    """The `q` quantile of the standard normal distribution, 0 < q < 1."""
    return NormalDist().inv_cdf(q)


def t_two_sided(t: float, df: float) -> float:
    """The two-sided p of a t statistic with `df` > 0 degrees of freedom. An infinite statistic gives 0."""
    if math.isinf(t):
        return 0.0
    # For a small statistic the other form keeps its digits.
    if t * t < 1:
        return 1 - beta_cdf(t * t / (df + t * t), 0.5, df / 2)
    return beta_cdf(df / (df + t * t), df / 2, 0.5)


@lru_cache(maxsize=256)
def t_quantile(q: float, df: float) -> float:
    """The `q` quantile of Student's t with `df` degrees of freedom, exact to about ten digits.

    Raises:
        Invalid: `q` is not between 0 and 1, or `df` is not positive.
    """
    if not 0 < q < 1 or not df > 0:
        raise Invalid(f"a quantile of t needs 0 < q < 1 and df > 0, got {q!r} and {df!r}.", "Give such numbers.")
    if q < 0.5:  # noqa: PLR2004  (the middle)
        return -t_quantile(1 - q, df)
    tail = 2 * (1 - q)
    high = max(1.0, normal_quantile(q))
    while t_two_sided(high, df) > tail:
        high *= 2
    return root(lambda t: tail - t_two_sided(t, df), 0.0, high)


def beta_quantile(q: float, a: float, b: float) -> float:
    """The `q` quantile (0 < q < 1) of the beta distribution with the parameters `a`, `b` > 0."""
    return root(lambda x: beta_cdf(x, a, b) - q, 0.0, 1.0)


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for `a`, `b` > 0; 0 below x = 0, and 1 above x = 1."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - _log_beta(a, b))
    if x < (a + 1) / (a + b + 2):
        return front * _continued_fraction(x, a, b) / a
    return 1 - front * _continued_fraction(1 - x, b, a) / b


def _log_beta(a: float, b: float) -> float:
    small, large = min(a, b), max(a, b)
    if small == 0.5 and large > _SERIES_FROM:  # noqa: PLR2004  (the case of t)
        # ln of gamma(large + 1/2) / gamma(large), of which lgamma would lose digits.
        inverse = 1 / large
        square = inverse * inverse
        series = inverse * (-1 / 8 + square * (1 / 192 + square * (-1 / 640 + square * 17 / 14336)))
        return math.lgamma(0.5) - (0.5 * math.log(large) + series)
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _continued_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _away(1 - (a + b) * x / (a + 1))
    value = d
    for step in range(1, _STEPS):
        twice = a + 2 * step
        for numerator in (
            step * (b - step) * x / ((twice - 1) * twice),
            -(a + step) * (a + b + step) * x / (twice * (twice + 1)),
        ):
            d = 1 / _away(1 + numerator * d)
            c = _away(1 + numerator / c)
            value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def root(rising: Callable[[float], float], low: float, high: float) -> float:
    """The zero of a function that does not fall between `low` and `high`, to the last digit; an end if it has none."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2
