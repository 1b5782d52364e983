"""Tests, intervals and corrections that several parts of a comparison share.

Sources: McNemar (1947), exact form; Wilson (1927); Holm (1979);
Connor (1987) for the sample size of a paired binary comparison.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from statistics import NormalDist

from assaykit.errors import Invalid

ALPHA = 0.05
"""The two-sided error rate below which a difference counts as shown."""

POWER = 0.8
"""The chance that a difference of the smallest detectable size is shown."""

_MANY = 5_000
"""From here on `combinations` multiplies powers of primes."""

FEWEST_PAIRS = 6
"""Fewer pairs give no verdict: five changes in one direction have a two-sided exact p of 2 * 0.5**5 = 0.0625."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, in the unit of the figure; `level` is the confidence, such as 0.95."""

    low: float
    high: float
    level: float

    def as_dict(self) -> dict[str, float]:
        """Plain JSON."""
        return {"low": self.low, "high": self.high, "level": self.level}


def sign_test(wins: int, losses: int) -> float:
    """The two-sided exact p of `wins` against `losses` under even odds; the caller leaves out ties.

    Raises:
        Invalid: a count is negative.
    """
    if wins < 0 or losses < 0:
        raise Invalid(f"counts of pairs cannot be negative, got {wins!r} and {losses!r}.", "Count the pairs again.")
    if wins == losses:
        return 1.0
    return min(1.0, 2 * _lower_tail(min(wins, losses), wins + losses))


def _lower_tail(k: int, n: int) -> float:
    """P(X <= k) for X ~ Binomial(n, 1/2): the largest term in exact integers, the others by their ratio to it."""
    total = term = 1.0
    for i in range(k, 0, -1):
        term *= i / (n - i + 1)
        total += term
        if term < total * 1e-17:
            break
    return even_odds(k, n) * total


@lru_cache(maxsize=256)
def even_odds(k: int, n: int) -> float:
    """P(X = k) for X ~ Binomial(n, 1/2), from exact integers."""
    return combinations(n, k) / (1 << n)


def combinations(n: int, k: int) -> int:
    """The binomial coefficient, exactly: large ones as the product of the powers of their primes.

    The power of a prime is Legendre's. `math.comb` takes ten times as long for 100,000 over 50,000.
    """
    if n < _MANY:
        return math.comb(n, k)
    factors = [prime ** _power(n, k, prime) for prime in _primes(n)]
    while len(factors) > 1:
        # Products of pairs keep both factors of about one size.
        factors = [math.prod(factors[place : place + 2]) for place in range(0, len(factors), 2)]
    return factors[0]


def _power(n: int, k: int, prime: int) -> int:
    """The power of a prime in the binomial coefficient."""
    found, power = 0, prime
    while power <= n:
        found += n // power - k // power - (n - k) // power
        power *= prime
    return found


def _primes(limit: int) -> Iterator[int]:
    """The primes up to a limit, by a sieve."""
    is_prime = bytearray([1]) * (limit + 1)
    is_prime[:2] = b"\0\0"
    for one in range(2, math.isqrt(limit) + 1):
        if is_prime[one]:
            is_prime[one * one :: one] = bytes(len(range(one * one, limit + 1, one)))
    return compress(range(limit + 1), is_prime)


def quantile(ordered: Sequence[float], q: float) -> float:
    """The `q` quantile (0 to 1) of ascending values, interpolated linearly between the two nearest values."""
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def standard_deviation(values: Sequence[float]) -> float:
    """The sample standard deviation (n - 1); 0.0 below two values."""
    n = len(values)
    if n < 2:  # noqa: PLR2004  (a spread needs two values)
        return 0.0
    mean = math.fsum(values) / n
    away = [value - mean for value in values]
    return math.sqrt(math.fsum([one * one for one in away]) / (n - 1))


def wilson(k: float, n: float, level: float = 0.95) -> Interval:
    """The Wilson score interval of the share k / n, within 0 and 1. Effective numbers need not be whole.

    Raises:
        Invalid: `n` is not positive, `k` lies outside 0 to n, or `level` is not between 0 and 1.
    """
    _check_level(level)
    if not n > 0 or not 0 <= k <= n:
        raise Invalid(f"a share needs 0 <= k <= n and n > 0, got k={k!r}, n={n!r}.", "Count the rows again.")
    z = _z((1 + level) / 2)
    share = k / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the formula gives exactly 0 and 1 apart from rounding.
    low = 0.0 if k == 0 else max(0.0, middle - half)
    high = 1.0 if k == n else min(1.0, middle + half)
    return Interval(low, high, level)


def smallest_detectable_difference(
    n: int, *, discordant_rate: float | None = None, sd: float | None = None, alpha: float = ALPHA
) -> float | None:
    """The smallest true difference that one test of n pairs at two-sided `alpha` shows with a power of 80 %.

    Binary (`discordant_rate`, the share of pairs that differ): the d for which
    d * sqrt(n) = z(1 - alpha / 2) * sqrt(r) + z(0.8) * sqrt(r - d**2), where r is the greater of the given rate
    and d, because a difference of d needs a discordant rate of at least d. It is never below 6 / n, the smallest
    difference that an exact test can show. The result is a rate, 0 to 1.

    Numeric (`sd`, the standard deviation of the paired differences):
    (z(1 - alpha / 2) + z(0.8)) * sd / sqrt(n). The result is in the unit of the score.

    None if no difference can be shown: there are fewer than 6 pairs, or `sd` is zero.

    Raises:
        Invalid: not exactly one of `discordant_rate` and `sd` is given.
    """
    if (discordant_rate is None) == (sd is None):
        raise Invalid(
            "the smallest detectable difference needs either a discordant rate or a standard deviation.",
            "Give exactly one of discordant_rate and sd.",
        )
    if n < FEWEST_PAIRS:
        return None
    if discordant_rate is not None:
        return max(_smallest_rate_difference(n, discordant_rate, alpha), FEWEST_PAIRS / n)
    return (_z(1 - alpha / 2) + _z(POWER)) * sd / math.sqrt(n) if sd else None


def _smallest_rate_difference(n: int, discordant_rate: float, alpha: float) -> float:
    def surplus(d: float) -> float:
        rate = max(discordant_rate, d)
        return d * math.sqrt(n) - _z(1 - alpha / 2) * math.sqrt(rate) - _z(POWER) * math.sqrt(rate - d * d)

    low, high = 0.0, 1.0  # surplus grows with d, and is positive at 1 from 4 pairs on
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if surplus(middle) > 0 else (middle, high)
    return high


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values in the order given, each to be compared with the uncorrected alpha."""
    adjusted = [1.0] * len(ps)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = highest
    return adjusted


def _z(q: float) -> float:
    return NormalDist().inv_cdf(q)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise Invalid(f"a level lies between 0 and 1, got {level!r}.", "Give 0.95 for a 95 % interval.")
