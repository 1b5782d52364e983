"""Rules about the candidate alone, against statsmodels and first principles."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.variants import approx
from tests.oracles import Oracle

from assaykit.analysis.candidates import Tally
from assaykit.analysis.policy_rules import policy_rule
from assaykit.analysis.shares import at_least, at_most, clopper_pearson
from assaykit.analysis.thresholds import decide_examples, decide_must_pass, decide_pass_hat_k, decide_share
from assaykit.errors import Invalid

proportion = Oracle("statsmodels.stats.proportion")
stats = Oracle("scipy.stats")
numpy = Oracle("numpy")


@given(n=st.integers(1, 400), share=st.floats(0, 1))
def test_the_exact_interval_is_that_of_statsmodels(n: int, share: float) -> None:
    k = round(n * share)
    low, high = proportion.proportion_confint(k, n, method="beta")
    found = clopper_pearson(k, n)
    assert found.low == approx(0.0 if k == 0 else low, rel=1e-9, abs=1e-12)
    assert found.high == approx(1.0 if k == n else high, rel=1e-9, abs=1e-12)


@given(n=st.integers(1, 5000), part=st.floats(0, 1), share=st.floats(0.001, 0.999))
def test_the_tails_are_those_of_scipy(n: int, part: float, share: float) -> None:
    k = round(n * part)
    assert at_most(k, n, share) == approx(stats.binom.cdf(k, n, share), rel=1e-7, abs=1e-12)
    assert at_least(k, n, share) == approx(stats.binom.sf(k - 1, n, share), rel=1e-7, abs=1e-12)


def test_a_large_share_has_an_exact_interval_too() -> None:
    low, high = proportion.proportion_confint(100, 100_000, method="beta")
    found = clopper_pearson(100, 100_000)
    assert (found.low, found.high) == (approx(low, rel=1e-8), approx(high, rel=1e-8))
    for k, n in ((-1, 5), (6, 5), (0, 0)):
        with pytest.raises(Invalid):
            clopper_pearson(k, n)


@pytest.mark.parametrize(
    ("text", "passed", "failed", "missing", "outcome"),
    [
        # 80 of 90: exact interval 80.5 to 94.5. 79 of 90: 79.2 to 93.7.
        ("q: at least 80 %", 80, 10, 0, "ship"),
        ("q: at least 80 %", 79, 11, 0, "undecided"),
        ("q: at least 80 %", 60, 40, 0, "hold"),
        ("q: at least 80 %", 99, 1, 1, "ship"),
        ("q: at least 80 %", 80, 10, 5, "undecided"),
        ("q: at least 80 %", 70, 30, 30, "undecided"),
        ("q: at least 80 %", 20, 80, 30, "hold"),
        ("q: at least 80 %", 0, 0, 30, "undecided"),
        ("q: at least 80 %", 10, 0, 0, "undecided"),
        # All of 17 pass: 0.025^(1/17) = 0.805.
        ("q: at least 80 %", 17, 0, 0, "ship"),
        ("q: at most 20 %", 10, 80, 0, "ship"),
        ("q: at most 20 %", 40, 60, 0, "hold"),
        ("q: at most 20 %", 10, 80, 5, "undecided"),
    ],
)
def test_a_share_is_decided_by_its_exact_interval_and_by_both_ends_of_what_is_missing(
    text: str, passed: int, failed: int, missing: int, outcome: str
) -> None:
    found = decide_share(policy_rule(text), Tally(passed, passed + failed, missing, 0, missing))
    assert found.outcome == outcome, found.why
    assert (found.p is None) == (outcome != "hold")
    assert (f"{missing} more examples lack a verdict" in found.why) == (missing > 1 and passed + failed > 0)
    if found.p is not None:
        limit, side = (0.8, "less") if "least" in text else (0.2, "greater")
        assert found.p == approx(2 * exact(passed, failed, missing, limit, side), rel=1e-7)


def exact(passed: int, failed: int, missing: int, limit: float, side: str) -> float:
    """The largest p of the exact test, with the missing verdicts left out and at either end."""
    ends = [(passed, passed + failed), *((passed + more, passed + failed + missing) for more in (0, missing))]
    return max(stats.binomtest(k, n, limit, alternative=side).pvalue for k, n in ends)


@pytest.mark.parametrize("limit", [2, 20, 50, 80, 95])
def test_a_candidate_at_the_limit_ships_and_holds_seldom_at_any_number_of_rows(limit: int) -> None:
    rules = policy_rule(f"q: at least {limit} %"), policy_rule(f"q: at most {limit} %")
    # Every undecided count looks for the number that would decide it, which takes long for many rows.
    for n in (1, 5, 20, 60, *([150] if limit == 80 else [])):
        chances = stats.binom.pmf(range(n + 1), n, limit / 100)
        for rule in rules:
            outcomes = [decide_share(rule, Tally(k, n)).outcome for k in range(n + 1)]
            for outcome in ("ship", "hold"):
                assert sum(chance for chance, one in zip(chances, outcomes, strict=True) if one == outcome) <= 0.025


def test_an_undecided_share_tells_how_many_examples_would_decide_it() -> None:
    found = decide_share(policy_rule("q: at least 80 %"), Tally(17, 19))
    assert found.outcome == "undecided"
    n = found.examples_needed
    assert n is not None
    assert f"About {n} examples would decide it" in found.why
    assert clopper_pearson(math.floor(17 / 19 * n + 1e-9), n).low >= 0.8
    assert decide_share(policy_rule("q: at least 80 %"), Tally(15, 19)).examples_needed is None


@pytest.mark.parametrize(
    ("failed", "n", "outcome", "needed"),
    [(0, 183, "ship", None), (0, 182, "undecided", 183), (3, 1000, "ship", None), (10, 100, "hold", None),
     (3, 100, "undecided", None)],
)  # fmt: skip
def test_failed_rows_are_decided_by_the_exact_interval(failed: int, n: int, outcome: str, needed: int | None) -> None:
    """No failure in n rows shows at most 2 % from ln(0.025) / ln(0.98) = 182.6 rows on."""
    found = decide_share(policy_rule("failed rows: at most 2 %"), Tally(failed, n))
    assert (found.outcome, found.examples_needed) == (outcome, needed), found.why


@pytest.mark.parametrize(("failed", "missing", "outcome"), [(0, 0, "ship"), (1, 0, "hold"), (0, 1, "undecided")])
def test_a_limit_of_nothing_is_about_these_examples_alone(failed: int, missing: int, outcome: str) -> None:
    """No sample shows that a share is 0, so the interval could decide no such rule."""
    none = decide_share(policy_rule("failed rows: at most 0 %"), Tally(failed, 10, missing, 0, missing))
    every = decide_share(policy_rule("q: at least 100 %"), Tally(10 - failed, 10, missing, 0, missing))
    assert [none.outcome, every.outcome] == [outcome] * 2


def test_fewer_examples_than_wanted_are_undecided() -> None:
    rule = policy_rule("at least 200 examples")
    assert [decide_examples(rule, n).outcome for n in (0, 1, 199, 200)] == ["undecided"] * 3 + ["ship"]
    assert decide_examples(rule, 1).why == "There is only 1 example; 200 would decide it."


def test_examples_that_must_pass_hold_the_release_if_one_run_of_one_fails() -> None:
    rule = policy_rule("q: must pass")
    runs = {"a": [1.0, 1.0], "b": [1.0, 0.0], "c": [1.0, None], "d": [None, 0.0]}
    for ids, outcome in ((["a"], "ship"), (["a", "c"], "undecided"), (["b", "c"], "hold"), (["d"], "hold")):
        found = decide_must_pass(replace(rule, examples=tuple(ids)), runs, 1.0)
        assert found.outcome == outcome
        assert found.p is None
    assert decide_must_pass(replace(rule, examples=("a",)), runs, 0.0).outcome == "hold", "lower is better"
    for unknown in ("x", "e"):
        with pytest.raises(Invalid, match="has no row of"):
            decide_must_pass(replace(rule, examples=(unknown,)), {**runs, "e": []}, 1.0)


def test_pass_hat_k_is_decided_over_examples() -> None:
    rule = policy_rule("q: pass^3 at least 75 %")
    good = {f"e{n}": [1.0] * 3 for n in range(60)}
    assert decide_pass_hat_k(rule, good, 1.0).outcome == "ship"
    assert "(pass^3) in 100.0 %, 60 of 60 examples" in decide_pass_hat_k(rule, good, 1.0).why
    # A run of three that fails once fails as a whole; of five runs with four good ones, 4 of 10 triples are good.
    mixed = {f"e{n}": [1.0, 0.0, 1.0] for n in range(60)}
    assert decide_pass_hat_k(rule, mixed, 1.0).outcome == "hold"
    five = {f"e{n}": [1.0] * 4 + [0.0] for n in range(10)}
    assert "40.0 %" in decide_pass_hat_k(rule, five, 1.0).why
    few = {f"m{n}": [1.0] for n in range(3)}
    assert decide_pass_hat_k(rule, {**good, **few}, 1.0).outcome == "ship"
    many = {f"m{n}": [None, 1.0, 1.0] for n in range(30)}
    assert decide_pass_hat_k(rule, {**good, **many}, 1.0).outcome == "undecided"
    assert decide_pass_hat_k(rule, {"a": [1.0, 1.0, None]}, 1.0).outcome == "undecided"
    with pytest.raises(Invalid, match="No example has 3 runs"):
        decide_pass_hat_k(rule, {"a": [1.0, 1.0]}, 1.0)
