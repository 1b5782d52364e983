"""Tails and quantiles against scipy."""

import pytest
from tests.analysis.variants import approx
from tests.oracles import Oracle

from assaykit.analysis.distributions import beta_cdf, beta_quantile, t_quantile, t_two_sided
from assaykit.analysis.means import skewness, t_interval
from assaykit.errors import Invalid

stats = Oracle("scipy.stats")

DEGREES = (1, 2, 3, 5, 9, 19, 49, 99, 100, 101, 199, 5_000, 199_999)


@pytest.mark.parametrize("df", DEGREES)
def test_quantiles_and_tails_of_t_are_those_of_scipy(df: int) -> None:
    for q in (0.5, 0.5001, 0.6, 0.9, 0.975, 0.995, 0.9999, 0.999999):
        assert t_quantile(q, df) == approx(stats.t.ppf(q, df), rel=1e-9, abs=1e-9)
        assert t_quantile(1 - q, df) == approx(-t_quantile(q, df), rel=1e-9, abs=1e-9)
    for t in (0.0, 1e-6, 0.3, 1.0, 2.0, 5.0, 20.0):
        assert t_two_sided(t, df) == approx(2 * stats.t.sf(t, df), rel=1e-9, abs=1e-250)
    assert t_two_sided(float("inf"), df) == 0.0


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 30), (5, 6), (20, 1_000), (300, 100_000)])
def test_the_beta_distribution_is_that_of_scipy(k: int, n: int) -> None:
    a, b = k + 1, n - k
    for q in (0.025, 0.5, 0.975):
        assert beta_quantile(q, a, b) == approx(stats.beta.ppf(q, a, b), rel=1e-9)
    for x in (-1, 0, 0.001, 0.3, 0.999, 1, 2):
        assert beta_cdf(x, a, b) == approx(stats.beta.cdf(x, a, b), rel=1e-9, abs=1e-250)


@pytest.mark.parametrize(("q", "df"), [(0.0, 5), (1.0, 5), (0.5, 0), (0.5, float("nan"))])
def test_a_quantile_of_nothing_is_refused(q: float, df: float) -> None:
    with pytest.raises(Invalid, match="a quantile of t needs"):
        t_quantile(q, df)


@pytest.mark.parametrize("gaps", [[1.0, 2.0, 4.0, 4.5], [0.1, 0.0, 0.0, -0.3, 0.2, 0.9], [1e90, -2e90, 3e90, 5e89]])
def test_the_interval_of_a_mean_and_the_skewness_are_those_of_scipy(gaps: list[float]) -> None:
    oracle = stats.ttest_rel(gaps, [0.0] * len(gaps)).confidence_interval()
    interval = t_interval(gaps)
    assert (interval.low, interval.high) == approx((oracle.low, oracle.high), rel=1e-9)
    assert skewness(gaps) == approx(stats.skew(gaps), rel=1e-9)


def test_values_without_spread_have_no_skewness() -> None:
    assert skewness([0.1 + 0.2, 0.3, 0.3]) == 0.0
    assert skewness([]) == 0.0
