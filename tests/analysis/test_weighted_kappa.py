"""Weighted kappa against scikit-learn and statsmodels."""

import importlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.variants import approx, outcome
from tests.oracles import Oracle

from assaykit.analysis.classification import agreement
from assaykit.analysis.compare import Variant, compare
from assaykit.analysis.details import details
from assaykit.analysis.truth import Truth
from assaykit.analysis.weighted_kappa import WeightedKappa
from assaykit.report.passages import classification_lines

numpy = importlib.import_module("numpy")
metrics = Oracle("sklearn.metrics")
raters = Oracle("statsmodels.stats.inter_rater")

GRADES = [str(grade) for grade in range(1, 6)]
grades = st.lists(st.tuples(st.sampled_from(GRADES), st.sampled_from(GRADES)), min_size=5, max_size=60)


def weighted(pairs: list[tuple[str, str]], **values: float) -> WeightedKappa | None:
    found = agreement([one for one, _ in pairs], [other for _, other in pairs], values=values)
    assert found is not None
    return found.weighted


@given(pairs=grades)
def test_both_weights_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    """Distances are those of the grades, so the oracle is given all five, and not those alone that occur."""
    found = weighted(pairs)
    truth, predicted = zip(*pairs, strict=True)
    if found is None:
        assert len({*truth, *predicted}) < 3 or len(set(truth)) == len(set(predicted)) == 1
        return
    for weights, value in (("linear", found.linear), ("quadratic", found.quadratic)):
        expected = metrics.cohen_kappa_score(truth, predicted, labels=GRADES, weights=weights)
        assert value == approx(float(expected), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("weights", ["linear", "quadratic"])
def test_the_interval_is_that_of_statsmodels(weights: str) -> None:
    rng = random.Random(6)  # noqa: S311  (a repeatable sample)
    truth = [rng.randint(0, 4) for _ in range(200)]
    pairs = [(GRADES[one], GRADES[min(4, max(0, one + rng.choice([-1, 0, 0, 0, 1])))]) for one in truth]
    found = weighted(pairs)
    table = [[pairs.count((one, other)) for other in GRADES] for one in GRADES]
    expected = raters.cohens_kappa(table, wt=weights)
    assert found is not None
    interval = getattr(found, f"{weights}_interval")
    assert (interval.low, interval.high) == approx((float(expected.kappa_low), float(expected.kappa_upp)), rel=1e-9)


def test_words_have_the_order_of_their_scores_and_no_order_without_them() -> None:
    pairs = [("good", "good")] * 9 + [("bad", "bad")] * 9 + [("fair", "good")] * 3 + [("good", "bad")]
    assert weighted(pairs) is None
    found = weighted(pairs, bad=0, Fair=0.5, good=1)
    truth, predicted = zip(*pairs, strict=True)
    expected = metrics.cohen_kappa_score(truth, predicted, labels=["bad", "fair", "good"], weights="quadratic")
    assert found is not None
    assert found.quadratic == approx(float(expected), rel=1e-9)
    # "fair" close to "good" makes its confusion with it a small one.
    close = weighted(pairs, bad=0, fair=0.9, good=1)
    assert close is not None
    assert close.quadratic > found.quadratic


def test_two_classes_have_no_weights() -> None:
    assert weighted([("1", "1"), ("2", "1"), ("2", "2")]) is None


def test_the_text_has_both_and_repeated_rows_no_interval() -> None:
    rows = [outcome(f"e{place}", label=GRADES[(place + (place % 7 == 0)) % 5], score=1) for place in range(40)]
    truth = Truth("grade", {f"e{place}": GRADES[place % 5] for place in range(40)}, "quality")
    variants = [Variant("old", rows), Variant("new", rows)]
    comparison = compare(variants[0], variants[1:])
    line = next(iter(classification_lines(details(variants, comparison, truth=truth))))
    assert ", with quadratic weights 0." in line
    assert ", linear 0." in line
    twice = [Variant(one.name, [*one.outcomes, *one.outcomes]) for one in variants]
    repeats = details(twice, compare(twice[0], twice[1:]), truth=truth).classification
    assert repeats is not None
    found = repeats.experiments[0].agreement
    assert found is not None
    assert found.weighted is not None
    assert (found.weighted.linear_interval, found.weighted.quadratic_interval) == (None, None)
