"""Skewed differences: how often a verdict is false, and how often the interval holds the truth, without a simulation.

Most examples gain 0.1, and a share of them loses so much that the true mean difference is 0. So the number of losses
decides everything, and its probability is known.
"""

from functools import cache

import pytest
from tests.analysis.variants import RISING, approx, scored
from tests.oracles import Oracle

from assaykit.analysis.compare import compare
from assaykit.analysis.findings import Finding
from assaykit.analysis.means import skewness, t_interval, widened

stats = Oracle("scipy.stats")

GAIN = 0.1
SIZES = [(share, n) for share in (0.1, 0.15, 0.2, 0.3) for n in (30, 34, 50, 100) if share * n >= 5]
"""A share of losses and a number of pairs. Of rarer losses a sample may hold none, and no test knows of them."""


@cache
def found(n: int, losses: int, share: float) -> Finding:
    moves = [-GAIN * (1 - share) / share] * losses + [GAIN] * (n - losses)
    return compare(scored("old", [0.0] * n), (scored("new", moves),), reading=RISING).findings[0]


@pytest.mark.parametrize(("share", "n"), SIZES)
def test_few_verdicts_are_false_and_most_intervals_hold_the_truth(share: float, n: int) -> None:
    false, held = 0.0, 0.0
    for losses in range(n + 1):
        chance = float(stats.binom.pmf(losses, n, share))
        if chance < 1e-7:
            continue
        finding = found(n, losses, share)
        false += chance * (finding.verdict in {"better", "worse"})
        assert finding.interval is not None
        held += chance * (finding.interval.low <= 0 <= finding.interval.high)
    assert false <= 0.06
    assert held >= 0.93


def test_the_t_interval_alone_would_be_too_short() -> None:
    """The control: 34 pairs with five losses expected."""
    n, share, false = 34, 0.15, 0.0
    for losses in range(1, n):
        moves = [-GAIN * (1 - share) / share] * losses + [GAIN] * (n - losses)
        interval = t_interval(moves)
        false += float(stats.binom.pmf(losses, n, share)) * (not interval.low <= 0 <= interval.high)
    assert false > 0.09


def test_a_widened_interval_ends_where_halls_transformation_meets_the_quantile_of_t() -> None:
    moves = [-1.4] * 6 + [0.1, 0.2, 0.15, 0.05] * 10
    plain, skew, n = t_interval(moves), skewness(moves), len(moves)
    wide = widened(plain, n, skew)
    mean, error = sum(moves) / n, float(stats.sem(moves))
    assert wide.high == plain.high
    assert wide.low < plain.low
    away = (mean - wide.low) / (error * n**0.5)
    hall = n**0.5 * (away + skew * away**2 / 3 + skew**2 * away**3 / 27 + skew / (6 * n))
    assert hall == approx(float(stats.t.ppf(0.975, n - 1)), rel=1e-9)
    mirrored = widened(t_interval([-one for one in moves]), n, -skew)
    assert (mirrored.low, mirrored.high) == approx((-wide.high, -wide.low), rel=1e-9)


def test_differences_without_a_long_tail_keep_the_t_interval() -> None:
    moves = [0.1, 0.3, -0.2, 0.25, 0.0, -0.1] * 8
    assert widened(t_interval(moves), len(moves), skewness(moves)) == t_interval(moves)
