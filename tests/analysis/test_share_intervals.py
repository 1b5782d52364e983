"""Intervals of pass@k, precision, recall and F1: against statsmodels where one exists, and by their coverage."""

import importlib
from typing import Any

import pytest
from tests.analysis.variants import approx
from tests.oracles import Oracle

from assaykit.analysis.classification import Agreement, agreement
from assaykit.analysis.means import share_interval
from assaykit.analysis.repetition import pass_at_k, pass_hat_k
from assaykit.analysis.statistics import Interval

numpy = importlib.import_module("numpy")
proportion = Oracle("statsmodels.stats.proportion")

RUNS = 400
LEAST = 0.93 - 3 * (0.93 * 0.07 / RUNS) ** 0.5
"""Coverage of 93 %, less three standard errors of the simulation."""


def wilson(k: int, n: int) -> tuple[float, float]:
    return proportion.proportion_confint(k, n, method="wilson")


def ends(interval: Interval | None) -> tuple[float, float]:
    assert interval is not None
    return interval.low, interval.high


def agreed(pairs: list[tuple[str, str]], **more: Any) -> Agreement:
    found = agreement([true for true, _ in pairs], [said for _, said in pairs], **more)
    assert found is not None
    return found


def test_examples_that_all_pass_leave_room_for_one_that_does_not() -> None:
    assert ends(share_interval([1.0] * 8)) == approx(wilson(8, 8), rel=1e-9)
    assert ends(share_interval([0.5])) == approx(wilson(1, 2), abs=0.2)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("estimate", [pass_at_k, pass_hat_k])
@pytest.mark.parametrize("n", [10, 30])
def test_intervals_of_pass_at_k_hold_the_truth(estimate: Any, k: int, n: int) -> None:
    """Examples of difficulty Beta(4, 1), five tries each."""
    rng = numpy.random.default_rng([n, k, len(estimate.__name__)])
    chances = rng.beta(4, 1, 200_000)
    truth = float(numpy.mean(1 - (1 - chances) ** k if estimate is pass_at_k else chances**k))
    table = [estimate(5, passed, k) for passed in range(6)]
    passed = rng.binomial(5, rng.beta(4, 1, (RUNS, n)))
    found = [share_interval([table[one] for one in row]) for row in passed.tolist()]
    assert numpy.mean([one.low <= truth <= one.high for one in found]) >= LEAST


def test_precision_and_recall_of_independent_rows_are_wilsons() -> None:
    found = agreed([("a", "a")] * 17 + [("a", "b")] * 5 + [("b", "a")] * 3 + [("b", "b")] * 25)
    one = found.of("a")
    assert one is not None
    assert ends(one.precision_interval) == approx(wilson(17, 20), rel=1e-9)
    assert ends(one.recall_interval) == approx(wilson(17, 22), rel=1e-9)
    assert ends(found.accuracy_interval) == approx(wilson(42, 50), rel=1e-9)


def test_a_figure_that_is_undefined_has_no_interval_and_a_perfect_one_is_not_certain() -> None:
    found = agreed([("a", "a")] * 10 + [("b", "a")])
    one, other = found.of("a"), found.of("b")
    assert one is not None
    assert other is not None
    assert (other.precision, other.precision_interval) == (None, None)
    assert ends(one.recall_interval) == approx(wilson(10, 10), rel=1e-9)
    assert ends(other.f1_interval)[1] > 0.5


@pytest.mark.parametrize(("n", "runs"), [(40, 1), (150, 1), (30, 5)])
def test_intervals_hold_the_truth_also_where_rows_repeat_an_example(n: int, runs: int) -> None:
    """40 % of the examples are positive; a row is right with a chance that is the example's own, Beta(8, 2)."""
    rng = numpy.random.default_rng([n, runs])
    hits = {"precision": 0, "recall": 0, "f1": 0, "accuracy": 0}
    precision, recall = 0.4 * 0.8 / (0.4 * 0.8 + 0.6 * 0.2), 0.8
    truths = {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)}
    for _ in range(RUNS):
        true = (rng.random(n) < 0.4).repeat(runs)
        right = rng.random(n * runs) < rng.beta(8, 2, n).repeat(runs)
        pairs = [("yn"[not one], "yn"[bool(one != good)]) for one, good in zip(true, right, strict=True)]
        found = agreed(pairs, examples=[f"e{place // runs}" for place in range(n * runs)])
        one = found.of("y")
        assert one is not None
        for name, truth in truths.items():
            interval = getattr(one, f"{name}_interval")
            hits[name] += interval is None or interval.low <= truth <= interval.high
        low, high = ends(found.accuracy_interval)
        hits["accuracy"] += low <= 0.8 <= high
    assert {name: count / RUNS for name, count in hits.items() if count / RUNS < LEAST} == {}
