"""The statistics against their oracles: scipy and statsmodels."""

import importlib
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.variants import approx
from tests.oracles import Oracle

from assaykit.analysis.statistics import (
    holm,
    sign_test,
    smallest_detectable_difference,
    wilson,
)
from assaykit.errors import Invalid

numpy = importlib.import_module("numpy")
stats = Oracle("scipy.stats")
contingency = Oracle("statsmodels.stats.contingency_tables")
multitest = Oracle("statsmodels.stats.multitest")
power_solvers = Oracle("statsmodels.stats.power")
proportion = Oracle("statsmodels.stats.proportion")

counts = st.integers(min_value=0, max_value=400)


@given(b=counts, c=counts)
def test_mcnemar_is_the_exact_test_of_statsmodels(b: int, c: int) -> None:
    expected = contingency.mcnemar([[7, b], [c, 11]], exact=True).pvalue
    assert sign_test(b, c) == approx(expected, rel=1e-9, abs=1e-300)


@given(wins=counts, losses=counts)
def test_sign_test_is_the_binomial_test_and_lies_between_0_and_1(wins: int, losses: int) -> None:
    p = sign_test(wins, losses)
    assert 0 <= p <= 1
    assert p == sign_test(losses, wins)
    if wins + losses:
        assert p == approx(stats.binomtest(wins, wins + losses).pvalue, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(("b", "c"), [(50_000, 49_300), (51_000, 49_000), (70_000, 30_000), (12, 99_988)])
def test_a_hundred_thousand_pairs_are_tested_exactly(b: int, c: int) -> None:
    assert sign_test(b, c) == approx(stats.binomtest(b, b + c).pvalue, rel=1e-6, abs=1e-300)


def test_no_discordant_pair_gives_a_p_of_one() -> None:
    assert sign_test(0, 0) == 1.0


def test_five_pairs_one_way_do_not_reach_the_five_per_cent_level_and_six_do() -> None:
    assert sign_test(0, 5) == 0.0625
    assert sign_test(6, 0) == 0.03125


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(Invalid, match="-1"):
        sign_test(-1, 3)


@given(ps=st.lists(st.floats(min_value=0, max_value=1), min_size=1, max_size=12))
def test_holm_is_that_of_statsmodels_and_never_lowers_a_p(ps: list[float]) -> None:
    adjusted = holm(ps)
    # statsmodels collects all garbage at each call, which takes a hundred times as long as the figures.
    with mock.patch("gc.collect"):
        expected = multitest.multipletests(ps, method="holm")[1]
    assert adjusted == approx(list(expected), abs=1e-12)
    assert all(raw <= corrected <= 1 for raw, corrected in zip(ps, adjusted, strict=True))


def test_collecting_an_oracle_imports_nothing() -> None:
    assert not hasattr(Oracle("a_module_that_is_not_there"), "_pytestfixturefunction")
    with pytest.raises(ModuleNotFoundError):
        assert Oracle("a_module_that_is_not_there").figure


def test_holm_of_nothing_is_nothing() -> None:
    assert holm([]) == []


@given(data=st.data(), n=st.integers(min_value=1, max_value=5000), level=st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_that_of_statsmodels(data: st.DataObject, n: int, level: float) -> None:
    k = data.draw(st.integers(min_value=0, max_value=n))
    interval = wilson(k, n, level)
    low, high = proportion.proportion_confint(k, n, alpha=1 - level, method="wilson")
    assert (interval.low, interval.high) == approx((max(0.0, low), min(1.0, high)), abs=1e-9)
    assert interval.low <= k / n <= interval.high


@pytest.mark.parametrize(("k", "n", "level"), [(0, 0, 0.95), (3, 2, 0.95), (-1, 5, 0.95), (1, 5, 1.0)])
def test_a_share_of_nothing_or_beyond_the_whole_is_refused(k: int, n: int, level: float) -> None:
    with pytest.raises(Invalid):
        wilson(k, n, level)


def _mcnemar_power(n: int, discordant_rate: float, difference: float) -> float:
    """The exact power: over the number of discordant pairs, and how they fall."""
    rate = max(discordant_rate, difference)
    upward = (rate + difference) / (2 * rate)
    return sum(
        stats.binom.pmf(m, n, rate)
        * sum(stats.binom.pmf(c, m, upward) for c in range(m + 1) if sign_test(m - c, c) < 0.05)
        for m in range(n + 1)
    )


@pytest.mark.parametrize(("n", "rate"), [(30, 0.4), (60, 0.3), (60, 0.02), (150, 0.15)])
def test_the_smallest_detectable_rate_is_shown_in_about_four_tries_of_five(n: int, rate: float) -> None:
    size = smallest_detectable_difference(n, discordant_rate=rate)
    assert size is not None
    assert 0.68 <= _mcnemar_power(n, rate, size) <= 0.9


@pytest.mark.parametrize("n", [20, 60, 250])
def test_the_smallest_detectable_mean_is_shown_in_about_four_tries_of_five(n: int) -> None:
    size = smallest_detectable_difference(n, sd=2.5)
    assert size is not None
    power = power_solvers.TTestPower().power(size / 2.5, n, 0.05)
    assert 0.75 <= power <= 0.82


def test_fewer_than_six_pairs_detect_nothing() -> None:
    assert smallest_detectable_difference(5, discordant_rate=1.0) is None
    assert smallest_detectable_difference(5, sd=1.0) is None
    assert smallest_detectable_difference(6, discordant_rate=0.0) == 1.0


def test_a_spread_of_zero_says_nothing_of_what_is_detectable() -> None:
    assert smallest_detectable_difference(50, sd=0.0) is None


@given(n=st.integers(min_value=6, max_value=100_000), rate=st.floats(min_value=0, max_value=1))
def test_more_pairs_detect_smaller_differences(n: int, rate: float) -> None:
    few = smallest_detectable_difference(n, discordant_rate=rate)
    more = smallest_detectable_difference(2 * n, discordant_rate=rate)
    assert few is not None
    assert more is not None
    assert 0 < more < few <= 1


def test_both_or_neither_of_rate_and_spread_is_refused() -> None:
    with pytest.raises(Invalid, match="either"):
        smallest_detectable_difference(50)
    with pytest.raises(Invalid, match="either"):
        smallest_detectable_difference(50, discordant_rate=0.2, sd=0.2)
