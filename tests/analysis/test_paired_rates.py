"""Paired rates of single runs against scipy: the mid-p, and the interval by the constrained likelihood."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.variants import approx
from tests.oracles import Oracle

from assaykit.analysis import verdicts
from assaykit.analysis.findings import Finding, Side
from assaykit.analysis.paired_rates import mcnemar_mid_p, tango_interval
from assaykit.analysis.scales import Scale
from assaykit.analysis.statistics import FEWEST_PAIRS
from assaykit.errors import Invalid

stats = Oracle("scipy.stats")
optimize = Oracle("scipy.optimize")
contingency = Oracle("statsmodels.stats.contingency_tables")

counts = st.integers(min_value=0, max_value=300)


@given(lost=counts, gained=counts)
def test_the_mid_p_is_the_exact_p_less_the_mass_of_the_smaller_count(lost: int, gained: int) -> None:
    p = mcnemar_mid_p(lost, gained)
    assert p == mcnemar_mid_p(gained, lost)
    assert 0 < p <= 1
    if lost != gained:
        exact = contingency.mcnemar([[7, lost], [gained, 11]], exact=True).pvalue
        assert p == approx(exact - stats.binom.pmf(min(lost, gained), lost + gained, 0.5), rel=1e-9, abs=1e-300)


def likeliest(n: int, gained: int, lost: int, difference: float) -> float:
    """The likeliest rate of a loss, if the rate of gains exceeds it by `difference`: a root of the likelihood's slope.

    A maximum of the likelihood itself is flat, so scipy finds it to about seven digits only. Its slope falls through
    zero. Without a root the likeliest rate lies at an end.
    """
    least, width = max(0.0, -difference), (1 - abs(difference)) / 2

    def slope(above: float) -> float:
        """The slope at a rate so far above the least one. Written so, no share is a difference of larger ones."""
        parts = ((lost, least + above, 1), (gained, max(0.0, difference) + above, 1))
        rest = 2 * (n - gained - lost) / (2 * (width - above))
        return sum(side * count / share for count, share, side in parts if count) - rest

    low, high = width * 1e-14, width * (1 - 1e-14)
    if slope(low) <= 0:
        return least
    if slope(high) >= 0:
        return least + width
    return least + float(optimize.brentq(slope, low, high, xtol=1e-18, rtol=1e-14))


def end(n: int, gained: int, lost: int, sign: int) -> float:
    """One end of the interval, by the root of the score statistic at the likeliest rates."""

    def surplus(difference: float) -> float:
        rate = likeliest(n, gained, lost, difference)
        variance = n * (2 * rate + difference * (1 - difference))
        return abs(gained - lost - n * difference) - stats.norm.ppf(0.975) * math.sqrt(max(variance, 0.0))

    return float(
        optimize.brentq(surplus, (gained - lost) / n + sign * 1e-9, sign * (1 - 1e-12), xtol=1e-14, rtol=1e-14)
    )


@pytest.mark.parametrize(
    ("n", "gained", "lost"),
    [
        (6, 3, 1), (20, 0, 0), (60, 17, 3), (100, 0, 5), (100, 5, 0), (100, 1, 1), (250, 8, 97), (1000, 30, 12),
        (30, 15, 15), (12, 11, 1), (200, 0, 1), (50, 49, 0), (5000, 700, 650),
    ],
)  # fmt: skip
def test_tangos_interval_is_the_root_of_the_constrained_likelihood(n: int, gained: int, lost: int) -> None:
    interval = tango_interval(n, gained=gained, lost=lost)
    assert interval.low == approx(end(n, gained, lost, -1), abs=1e-9)
    assert interval.high == approx(end(n, gained, lost, 1), abs=1e-9)


@settings(max_examples=60)
@given(data=st.data(), n=st.integers(1, 2_000))
def test_the_ends_solve_tangos_equation(data: st.DataObject, n: int) -> None:
    gained = data.draw(st.integers(0, n))
    lost = data.draw(st.integers(0, n - gained))
    interval = tango_interval(n, gained=gained, lost=lost)
    turned = tango_interval(n, gained=lost, lost=gained)
    assert -1 <= interval.low <= (gained - lost) / n <= interval.high <= 1
    assert (turned.low, turned.high) == approx((-interval.high, -interval.low), abs=1e-12)
    z = stats.norm.ppf(0.975)
    for d in (interval.low, interval.high):
        if abs(d) < 1:
            b = -gained - lost + (2 * n - gained + lost) * d
            q = (math.sqrt(b * b + 8 * n * lost * d * (1 - d)) - b) / (4 * n)
            assert abs(gained - lost - n * d) == approx(z * math.sqrt(n * (2 * q + d * (1 - d))), rel=1e-7, abs=1e-7)


def test_where_no_pair_differs_the_interval_has_the_width_that_the_number_allows() -> None:
    square = stats.norm.ppf(0.975) ** 2
    for n in (20, 60, 100):
        interval = tango_interval(n, gained=0, lost=0)
        assert (interval.low, interval.high) == approx((-square / (n + square), square / (n + square)), rel=1e-9)


@pytest.mark.parametrize(("n", "gained", "lost"), [(0, 0, 0), (5, 3, 3), (5, -1, 2)])
def test_impossible_counts_are_refused(n: int, gained: int, lost: int) -> None:
    with pytest.raises(Invalid, match="are no counts"):
        tango_interval(n, gained=gained, lost=lost)


def finding(n: int, gained: int, lost: int) -> Finding:
    """A finding of so many pairs, with its test."""
    pairs = [(0.0, 1.0)] * gained + [(1.0, 0.0)] * lost + [(1.0, 1.0)] * (n - gained - lost)
    side = Side(n, n, n, 0, 0, 0, 0, 0, 0)
    bare = Finding(
        evaluator="e", baseline="a", challenger="b", scale=Scale("binary", has_scores=True), direction="MAXIMIZE",
        direction_assumed=False, n=n, dropped=0, baseline_side=side, challenger_side=side,
        pairs={str(place): pair for place, pair in enumerate(pairs)},
    )  # fmt: skip
    found = verdicts.tested(bare)
    return replace(found, p_adjusted=found.p)


def _agree(n: int) -> tuple[int, int]:
    """Check every pair of counts at n; how many are too close to call, and how many there are."""
    cells = [(gained, lost) for gained in range(n + 1) for lost in range(n + 1 - gained)]
    close = 0
    for gained, lost in cells:
        one = finding(n, gained, lost)
        assert one.p is not None
        assert one.interval is not None
        shown, beyond = one.p <= 0.05, not one.interval.low <= 0 <= one.interval.high
        said = verdicts.verdict(one)
        if n < FEWEST_PAIRS:
            assert said == "too few to say"
        elif shown and beyond:
            assert said == ("better" if gained > lost else "worse")
        else:
            assert said == ("too close to call" if shown or beyond else "no difference shown")
        close += shown != beyond
    return close, len(cells)


@pytest.mark.parametrize("n", [1, 5, 6, 7, 12, 30])
def test_a_verdict_needs_the_test_and_the_interval(n: int) -> None:
    _agree(n)


@pytest.mark.slow
def test_a_verdict_needs_both_at_every_pair_of_counts_up_to_a_hundred() -> None:
    """Whether the two agree depends on the counts of changed pairs alone, so n = 100 has all cases of smaller n."""
    close, every = _agree(100)
    assert close / every < 0.02
    for n in (20, 50):
        _agree(n)
