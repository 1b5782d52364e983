"""Numbers of examples for a comparison or a rule, at a given power.

Sources: Connor (1987) and Miettinen (1968) for paired rates; Guenther (1981) for the correction of a t test; Schuirmann
(1987) for two one-sided tests; Tango (1998) for the interval of equal rates; Fleiss (1981) for shares; Kish (1965) for
the design effect.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

from assaykit.analysis.statistics import ALPHA, FEWEST_PAIRS, POWER
from assaykit.errors import Invalid

FEWEST_FOR_A_RULE = 20
"""Fewer pairs pass no margin in a gate."""

MOST_EXAMPLES = 10_000_000
"""Limit on the number of examples that a plan asks for."""

_ONE_SIDED = ALPHA / 2
"""The error rate beyond one end of a 95 % interval, by which a gate decides a margin."""


class Noise(NamedTuple):
    """The variation of the paired differences of single runs.

    A rate has `discordant`, the share of pairs that differ, 0 to 1. A score has `sd`, the standard deviation of the
    differences. `within` is the standard deviation between runs of one example on one side, None if it is not known.
    """

    discordant: float | None = None
    sd: float | None = None
    within: float | None = None


class Design(NamedTuple):
    """Runs of each example, the number of criteria under correction, and clusters of `size` examples with their ICC."""

    repetitions: int = 1
    criteria: int = 1
    size: float = 1.0
    icc: float = 0.0


def for_difference(difference: float, noise: Noise, design: Design | None = None, power: float = POWER) -> int:
    """The examples with which a two-sided test at 5 % shows a true difference with probability `power`.

    Rates: ((z(1 - a/2) sqrt(r) + z(power) sqrt(r - d^2)) / d)^2, where r is the share of pairs that differ and at least
    d, and never fewer than can give a mid-p of a. The exact power of the mid-p test is then at least 0.77 for a power
    of 0.8. Scores and rates of several runs: (z(1 - a/2) + z(power))^2 sd^2 / d^2 + z(1 - a/2)^2 / 2, which is within
    one example of the exact size for a t test. a is 5 % divided by the number of criteria.

    Raises:
        Invalid: the difference is 0, or the noise or the design are out of range.
    """
    shape = design or Design()
    d = abs(difference)
    _check(d, noise, shape)
    alpha = ALPHA / shape.criteria
    z, z_power = _z(1 - alpha / 2), _z(power)
    if noise.discordant is not None and shape.repetitions == 1:
        r = max(noise.discordant, d)
        by_formula = ((z * math.sqrt(r) + z_power * math.sqrt(r - d * d)) / d) ** 2
        n = max(by_formula, math.log2(1 / alpha) / d)
    else:
        n = (z + z_power) ** 2 * _variance(d, noise, shape) / d**2 + z * z / 2
    return _rounded(n, shape, FEWEST_PAIRS)


def for_margin(
    margin: float, noise: Noise, design: Design | None = None, *, change: float = 0.0, power: float = POWER
) -> int:
    """The examples with which the worse end of the 95 % interval lies within `margin`, with probability `power`.

    `change` is the true change, positive for a gain: (z(0.975) + z(power))^2 variance / (margin + change)^2. For a rate
    the size is at least z(0.975)^2 (1 - margin) / margin, as for pairs that do not differ at all.
    A rule that must hold beside others needs no correction, so the number of criteria has no effect.

    Raises:
        Invalid: the margin is 0, the change uses it up, or the noise or the design are out of range.
    """
    shape = design or Design()
    _check(margin, noise, shape)
    room = margin + change
    if room <= 0:
        raise Invalid("No number of examples can show this: the expected loss is the margin or more.", _LESS)
    z = _z(1 - _ONE_SIDED)
    n = (z + _z(power)) ** 2 * _variance(abs(change), noise, shape) / room**2
    return _rounded(max(n, _alike(margin, noise)), shape, FEWEST_FOR_A_RULE)


def for_equivalence(
    margin: float, noise: Noise, design: Design | None = None, *, change: float = 0.0, power: float = POWER
) -> int:
    """The examples with which both ends of the 95 % interval lie within +-`margin`, with probability `power`.

    The power is that of two one-sided z tests: phi((M - d) / se - z) + phi((M + d) / se - z) - 1, with z = z(0.975).

    Raises:
        Invalid: the margin is 0, the change uses it up, or the noise or the design are out of range.
    """
    shape = design or Design()
    _check(margin, noise, shape)
    if abs(change) >= margin:
        raise Invalid("No number of examples can show this: the expected change is the margin or more.", _LESS)
    z, variance = _z(1 - _ONE_SIDED), _variance(abs(change), noise, shape)

    def is_enough(n: int) -> bool:
        error = math.sqrt(variance / n) or math.inf
        inside = [NormalDist().cdf((margin + side * change) / error - z) for side in (1, -1)]
        return sum(inside) - 1 >= power

    n = _first(is_enough) if variance else 1
    return _rounded(max(n, _alike(margin, noise)), shape, FEWEST_FOR_A_RULE)


def for_share(limit: float, expected: float, design: Design | None = None, power: float = POWER) -> int:
    """The examples with which the exact 95 % interval of a share stays on the side of `limit` that `expected` is on.

    m = ((z(0.975) sqrt(l (1 - l)) + z(power) sqrt(p (1 - p))) / (p - l))^2, with Fleiss's correction of continuity:
    m / 4 (1 + sqrt(1 + 2 / (m |p - l|)))^2, and never fewer than all-equal rows need, ln(0.025) / ln(l or 1 - l).

    Raises:
        Invalid: a share is outside 0 to 1, or the two are equal.
    """
    shape = design or Design()
    if not (0 < limit < 1 and 0 <= expected <= 1):
        raise Invalid(f"Shares lie between 0 and 1, got {limit!r} and {expected!r}.", "Give percentages below 100.")
    if limit == expected:
        raise Invalid("No number of examples can show this: the expected share is the limit itself.", _LESS)
    _check(1.0, Noise(discordant=1.0), shape)
    z = _z(1 - _ONE_SIDED)
    spread = z * math.sqrt(limit * (1 - limit)) + _z(power) * math.sqrt(expected * (1 - expected))
    best = limit if expected > limit else 1 - limit
    m = (spread / (expected - limit)) ** 2
    n = m / 4 * (1 + math.sqrt(1 + 2 / (m * abs(expected - limit)))) ** 2
    return _rounded(max(n, math.log(_ONE_SIDED) / math.log(best)), shape, 1)


def missed_below(n: int, noise: Noise, design: Design | None = None, power: float = POWER) -> float | None:
    """The true difference that n examples show with probability `power`: a smaller one would usually be missed.

    The result is in the unit of the difference, to four digits. None if even the largest difference, 1 for a rate and
    eight standard deviations for a score, needs more than n examples, or if a score has no spread.

    Raises:
        Invalid: the noise or the design are out of range.
    """
    most = 1.0 if noise.discordant is not None else 8 * (noise.sd or 0.0)
    if n < 1 or most == 0 or for_difference(most, noise, design, power) > n:
        return None
    low, high = 0.0, most
    while high - low > high * 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if for_difference(middle, noise, design, power) <= n else (middle, high)
    return high


_LESS = "Give a smaller expected change, or a wider limit."


def _alike(margin: float, noise: Noise) -> float:
    """The pairs that a margin of a rate needs where no pair differs: Tango's interval is then +-z^2 / (n + z^2)."""
    return 0.0 if noise.discordant is None else _z(1 - _ONE_SIDED) ** 2 * (1 - margin) / margin


def _variance(difference: float, noise: Noise, shape: Design) -> float:
    """The variance of one example's difference of means over its runs: s^2 - 2 s_w^2 (1 - 1/k)."""
    if noise.discordant is not None:
        whole = max(noise.discordant, difference) - difference**2
    else:
        whole = (noise.sd or 0.0) ** 2
    if shape.repetitions == 1:
        return whole
    if noise.within is None:
        raise Invalid(
            "Several runs of each example help only as far as the runs of one example differ, which is not known.",
            "Give the guess `within`, the standard deviation between runs of one example, or a pilot with repetitions.",
        )
    return max(0.0, whole - 2 * noise.within**2 * (1 - 1 / shape.repetitions))


def _rounded(n: float, shape: Design, fewest: int) -> int:
    """The next whole number, times the design effect 1 + (size - 1) ICC."""
    effect = 1 + (shape.size - 1) * shape.icc
    # A float just above a whole number is rounding, not another example.
    needed = max(fewest, math.ceil(n * effect * (1 - 1e-12)))
    if needed > MOST_EXAMPLES:
        raise Invalid(f"This would need more than {MOST_EXAMPLES:,} examples.", "Plan for a larger difference.")
    return needed


def _first(is_enough: Callable[[int], bool]) -> int:
    """The first number for which a test that stays true is true."""
    high = 1
    while high < MOST_EXAMPLES and not is_enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def _check(size: float, noise: Noise, shape: Design) -> None:
    if (noise.discordant is None) == (noise.sd is None):
        raise Invalid("A plan needs either the share of pairs that differ or a standard deviation.", "Give one guess.")
    if not (math.isfinite(size) and size > 0) or (noise.discordant is not None and size > 1):
        raise Invalid(f"A difference of {size:g} is out of range.", "Give one above 0, and of at most 100 points.")
    if noise.discordant is not None and not 0 <= noise.discordant <= 1:
        raise Invalid(f"A share of {noise.discordant:g} pairs is outside 0 to 1.", "Give `discordant` as 0.2 for 20 %.")
    for spread in (noise.sd, noise.within):
        if spread is not None and not (math.isfinite(spread) and spread >= 0):
            raise Invalid(f"A standard deviation of {spread:g} is out of range.", "Give a number of at least 0.")
    if shape.repetitions < 1 or shape.criteria < 1:
        raise Invalid("A plan needs at least one run of each example and one criterion.", "Count from 1.")
    if not (math.isfinite(shape.size) and shape.size >= 1 and 0 <= shape.icc <= 1):
        raise Invalid("A cluster has at least one row, and an ICC from 0 to 1.", "Give `cluster` and `icc` so.")


def _z(q: float) -> float:
    return NormalDist().inv_cdf(q)
