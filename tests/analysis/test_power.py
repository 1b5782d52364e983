"""Sizes of experiments against the power solvers of statsmodels, and against exact power by enumeration."""

import math
from functools import cache
from typing import Any

import pytest
from tests.analysis.variants import approx
from tests.oracles import Oracle

from assaykit.analysis.power import Design, Noise, for_difference, for_equivalence, for_margin, for_share, missed_below
from assaykit.errors import Invalid

numpy = Oracle("numpy")
stats = Oracle("scipy.stats")
solvers = Oracle("statsmodels.stats.power")
proportion = Oracle("statsmodels.stats.proportion")


@pytest.mark.parametrize("sd", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("difference", [0.1, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("criteria", [1, 12])
def test_scores_need_as_many_examples_as_a_t_test_does(sd: float, difference: float, criteria: int) -> None:
    solved = solvers.TTestPower().solve_power(effect_size=difference / sd, power=0.8, alpha=0.05 / criteria)
    wanted = max(6, math.ceil(float(numpy.ravel(solved)[0])))
    assert abs(for_difference(difference, Noise(sd=sd), Design(criteria=criteria)) - wanted) <= 1 + 0.02 * wanted


@cache
def shown(pairs: int, changed: int, alpha: float) -> Any:
    """By the number of fixed pairs among those that changed: whether the mid-p is at most alpha."""
    fixed = numpy.arange(changed + 1)
    even = stats.binom(changed, 0.5)
    fewer = numpy.minimum(fixed, changed - fixed)
    p = numpy.minimum(1, 2 * even.cdf(fewer) - even.pmf(fewer))
    return (p <= alpha) & (2 * fixed != changed)


def power_of_mid_p(n: int, discordant: float, difference: float, alpha: float) -> float:
    weights = stats.binom.pmf(numpy.arange(n + 1), n, discordant)
    up = (discordant + difference) / (2 * discordant)
    return sum(
        weight * stats.binom.pmf(numpy.arange(changed + 1), changed, up)[shown(n, changed, alpha)].sum()
        for changed, weight in enumerate(weights)
        if weight > 1e-9
    )


@pytest.mark.parametrize(
    ("discordant", "difference", "criteria"),
    [(0.05, 0.05, 1), (0.1, 0.05, 1), (0.2, 0.1, 12), (0.4, 0.1, 1), (0.4, 0.4, 12), (1.0, 0.4, 1), (0.6, 0.2, 1)],
)
def test_rates_have_the_power_by_enumeration_of_the_mid_p_test(
    discordant: float, difference: float, criteria: int
) -> None:
    n = for_difference(difference, Noise(discordant=discordant), Design(criteria=criteria))
    alpha = 0.05 / criteria
    assert 0.77 <= power_of_mid_p(n, discordant, difference, alpha) <= 0.97
    if discordant > 2 * difference:
        assert power_of_mid_p(math.floor(0.9 * n), discordant, difference, alpha) < 0.8


def test_a_margin_needs_so_many_examples_even_where_nothing_differs() -> None:
    alike = Noise(discordant=0.0)
    assert [for_margin(margin, alike) for margin in (0.05, 0.02)] == [73, 189]
    assert for_equivalence(0.05, alike) == 73


def test_a_margin_needs_the_examples_of_a_one_sided_test() -> None:
    solved = solvers.TTestPower().solve_power(effect_size=0.2, power=0.8, alpha=0.025, alternative="larger")
    assert for_margin(0.2, Noise(sd=1.0)) == approx(solved, abs=3)
    assert for_margin(0.3, Noise(sd=1.0), change=-0.1) == for_margin(0.2, Noise(sd=1.0))
    assert for_margin(0.2, Noise(sd=1.0), Design(criteria=9)) == for_margin(0.2, Noise(sd=1.0))
    assert for_margin(1.0, Noise(sd=0.1)) == 20, "a gate passes no margin below 20 pairs"


@pytest.mark.parametrize(("margin", "change"), [(0.2, 0.0), (0.3, 0.1), (0.5, -0.2)])
def test_equivalence_has_the_power_of_two_one_sided_tests(margin: float, change: float) -> None:
    def power(n: int) -> float:
        error = 1 / math.sqrt(n)
        z = stats.norm.ppf(0.975)
        return stats.norm.cdf((margin - change) / error - z) - stats.norm.cdf(-(margin + change) / error + z)

    n = for_equivalence(margin, Noise(sd=1.0), change=change)
    assert power(n) >= 0.8 > power(n - 1)


@pytest.mark.parametrize(("limit", "expected"), [(0.8, 0.9), (0.8, 0.85), (0.5, 0.7), (0.1, 0.04), (0.8, 1.0)])
def test_a_share_keeps_its_exact_interval_on_its_side(limit: float, expected: float) -> None:
    n = for_share(limit, expected)
    hits = numpy.arange(n + 1)
    low, high = proportion.proportion_confint(hits, n, method="beta")
    kept = low >= limit if expected > limit else high <= limit
    assert stats.binom.pmf(hits, n, expected)[kept].sum() >= 0.78
    assert n <= 1.1 * for_share(limit, expected, power=0.85)


def test_repetitions_and_clusters_change_the_variance_that_counts() -> None:
    noise = Noise(sd=1.0, within=0.5)
    # With two runs: 1 - 2 * 0.25 * 0.5 = 0.75. With many runs the differences between examples are left: 0.5.
    sizes = [for_difference(0.2, noise, Design(repetitions=runs)) for runs in (1, 2, 1000)]
    base = sizes[0] - 1.92
    assert sizes == [approx(1.92 + share * base, abs=2) for share in (1, 0.75, 0.5)]
    plain, clustered = (for_difference(0.2, Noise(sd=1.0), Design(size=size, icc=0.6)) for size in (1, 5))
    assert clustered == approx(plain * (1 + 4 * 0.6), abs=4)


@pytest.mark.parametrize("noise", [Noise(sd=1.0), Noise(discordant=0.2), Noise(discordant=0.0)])
def test_a_difference_just_above_the_smallest_is_shown_by_as_many_examples(noise: Noise) -> None:
    least = missed_below(100, noise)
    assert least is not None
    assert for_difference(least, noise) <= 100 < for_difference(0.97 * least, noise)
    assert missed_below(3, noise) is None
    assert missed_below(100, Noise(sd=0.0)) is None


@pytest.mark.parametrize(
    ("noise", "design", "difference"),
    [
        (Noise(), None, 0.1),
        (Noise(discordant=0.2, sd=1.0), None, 0.1),
        (Noise(discordant=1.2), None, 0.1),
        (Noise(discordant=math.nan), None, 0.1),
        (Noise(sd=-1.0), None, 0.1),
        (Noise(sd=math.inf), None, 0.1),
        (Noise(sd=1.0), None, 0.0),
        (Noise(sd=1.0), None, math.nan),
        (Noise(sd=1.0), None, 1e-9),
        (Noise(discordant=0.2), None, 1.5),
        (Noise(sd=1.0), Design(repetitions=0), 0.1),
        (Noise(sd=1.0), Design(criteria=0), 0.1),
        (Noise(sd=1.0), Design(repetitions=3), 0.1),
        (Noise(sd=1.0), Design(icc=1.5), 0.1),
        (Noise(sd=1.0), Design(size=0.5), 0.1),
    ],
)
def test_figures_out_of_range_are_refused(noise: Noise, design: Design | None, difference: float) -> None:
    with pytest.raises(Invalid):
        for_difference(difference, noise, design)


def test_limits_that_nothing_can_show_are_refused() -> None:
    with pytest.raises(Invalid, match="expected loss is the margin or more"):
        for_margin(0.02, Noise(discordant=0.1), change=-0.02)
    with pytest.raises(Invalid, match="expected change is the margin"):
        for_equivalence(0.02, Noise(discordant=0.1), change=0.02)
    with pytest.raises(Invalid, match="the limit itself"):
        for_share(0.8, 0.8)
    with pytest.raises(Invalid, match="between 0 and 1"):
        for_share(0.8, math.nan)
