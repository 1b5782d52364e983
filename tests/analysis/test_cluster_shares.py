"""Limits on the candidate alone, over examples in clusters: against statsmodels, and by how often a rule errs."""

import importlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.test_clusters import robust, sources
from tests.analysis.variants import approx
from tests.oracles import Oracle

from assaykit.analysis.candidates import tally
from assaykit.analysis.cluster_shares import independent
from assaykit.analysis.clusters import Clusters
from assaykit.analysis.mean_rules import decide_amount, decide_mean
from assaykit.analysis.policy_rules import policy_rule
from assaykit.analysis.thresholds import decide_pass_hat_k, decide_share

numpy = importlib.import_module("numpy")
stats = Oracle("scipy.stats")


def by_id(values: list[float]) -> dict[str, float]:
    return {f"e{place:03}": value for place, value in enumerate(values)}


def runs(values: list[float]) -> dict[str, list[float | None]]:
    return {key: [value] for key, value in by_id(values).items()}


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 6), min_size=2, max_size=30), data=st.data())
def test_the_variance_of_a_share_is_the_robust_one_of_statsmodels(sizes: list[int], data: st.DataObject) -> None:
    n, count = sum(sizes), len(sizes)
    values = [float(one) for one in data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))]
    number, clusters = independent(by_id(values), sources(sizes))
    assert clusters == (0 if count == n else count)
    assert 1 <= number <= n
    apart = min(sum(values), n - sum(values))
    groups = [place for place, size in enumerate(sizes) for _ in range(size)]
    error = robust(values, groups).bse[0]
    if count == n or apart < 5 or error < 1e-6:
        return
    share = sum(values) / n
    student = stats.t.ppf(0.975, n - 1) / stats.t.ppf(0.975, count - 1)
    assert number == approx(max(1.0, min(n, share * (1 - share) / error**2 * student**2)), rel=1e-9)


@pytest.mark.parametrize(("each", "size"), [(5, 20), (1, 100), (20, 5)])
def test_examples_that_repeat_each_other_count_once(each: int, size: int) -> None:
    """Whole clusters pass or fail together, so there are as many facts as clusters, less those that t allows for."""
    values = [float(place % 10 > 0) for place in range(size) for _ in range(each)]
    number, _ = independent(by_id(values), sources([each] * size))
    assert number <= size
    assert independent(by_id([1.0] * 100), sources([each] * size)) == (100 if each == 1 else size, (each > 1) * size)


def test_clusters_widen_every_limit_and_are_told() -> None:
    together = sources([10] * 10)
    share = runs([float(place >= 10) for place in range(100)])
    for clusters, outcome in ((None, "ship"), (together, "undecided")):
        found = decide_share(policy_rule("q: at least 80 %"), tally(share, clusters))
        assert (found.outcome, "10 clusters" in found.why) == (outcome, clusters is not None)
        whole = {key: [1.0, 1.0] for key in share}
        found = decide_pass_hat_k(policy_rule("q: pass^2 at least 80 %"), whole, 1.0, clusters)
        assert (found.outcome, "10 clusters" in found.why) == (outcome, clusters is not None)
        times = {key: [100.0 + 40 * (place // 10 % 2) + place % 3] for place, key in enumerate(share)}
        found = decide_amount(policy_rule("latency: at most 0.126 s"), times, clusters)
        assert (found.outcome, "10 clusters" in found.why) == (outcome, clusters is not None)
        scores = {key: [3.0 + (place // 10 % 2) + place % 3 / 10] for place, key in enumerate(share)}
        found = decide_mean(policy_rule("q: at least 3.45"), scores, (1.0, 5.0), clusters)
        assert (found.outcome, "10 clusters" in found.why) == (outcome, clusters is not None)


def test_one_cluster_decides_nothing() -> None:
    one = Clusters("doc", dict.fromkeys(by_id([1.0] * 200), "s"))
    assert decide_share(policy_rule("q: at least 80 %"), tally(runs([1.0] * 200), one)).outcome == "undecided"
    scores = runs([3.0 + place % 3 for place in range(200)])
    assert decide_mean(policy_rule("q: at least 2"), scores, (1.0, 5.0), one).outcome == "undecided"


@pytest.mark.slow
def test_a_share_at_its_limit_seldom_ships() -> None:
    """300 examples of 30 sources with an ICC of 0.6 and a true share of 80 %: at most 2.5 %, and not far below."""
    rng, rule, clusters = numpy.random.default_rng(7), policy_rule("q: at least 80 %"), sources([10] * 30)
    shipped = {None: 0, clusters.column: 0}
    for _ in range(200):
        chance = rng.beta(0.8 * 2 / 3, 0.2 * 2 / 3, 30).repeat(10)
        values = runs((rng.random(300) < chance).astype(float).tolist())
        for name, given_clusters in ((None, None), (clusters.column, clusters)):
            shipped[name] += decide_share(rule, tally(values, given_clusters)).outcome == "ship"
    assert shipped[clusters.column] <= 200 * 0.025 + 3 * (200 * 0.025) ** 0.5
    assert shipped[None] > 2 * 200 * 0.025
