"""Classification figures against scikit-learn and statsmodels."""

import math
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.variants import approx, outcome
from tests.oracles import Oracle

from assaykit.analysis.classification import Agreement, agreement, cohens_kappa
from assaykit.analysis.compare import Variant
from assaykit.analysis.statistics import wilson
from assaykit.analysis.truth import Truth, classified

metrics = Oracle("sklearn.metrics")
raters = Oracle("statsmodels.stats.inter_rater")

rows = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcde")), min_size=1, max_size=60)


def agreed(pairs: list[tuple[str, str]]) -> Agreement:
    found = agreement([truth for truth, _ in pairs], [predicted for _, predicted in pairs])
    assert found is not None
    return found


def quietly(function: Any, *arguments: Any, **options: Any) -> Any:
    """The oracles warn of noughts below a line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


@settings(max_examples=50)
@given(pairs=rows)
def test_the_matrix_and_the_figures_of_each_class_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    found = agreed(pairs)
    truth, predicted = zip(*pairs, strict=True)
    labels = sorted({*truth, *predicted})
    assert list(found.labels) == labels
    matrix = quietly(metrics.confusion_matrix, truth, predicted, labels=labels)
    assert [list(row) for row in found.matrix] == matrix.tolist()
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    assert [one.precision or 0.0 for one in found.classes] == approx(precision.tolist(), rel=1e-9)
    assert [one.recall or 0.0 for one in found.classes] == approx(recall.tolist(), rel=1e-9)
    assert [one.f1 for one in found.classes] == approx(f1.tolist(), rel=1e-9)
    assert [one.support for one in found.classes] == support.tolist()


@settings(max_examples=50)
@given(pairs=rows)
def test_the_averages_and_kappa_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    found = agreed(pairs)
    truth, predicted = zip(*pairs, strict=True)
    macro = metrics.precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0)[:3]
    assert (found.macro_precision, found.macro_recall, found.macro_f1) == approx(macro, rel=1e-9, abs=1e-12)
    assert found.accuracy == approx(metrics.accuracy_score(truth, predicted), rel=1e-9)
    expected = quietly(metrics.cohen_kappa_score, truth, predicted)
    if found.kappa is None:
        assert math.isnan(expected) or len(found.labels) == 1
    else:
        assert found.kappa == approx(expected, rel=1e-9, abs=1e-12)


@given(pairs=rows)
def test_the_interval_of_kappa_is_that_of_statsmodels_but_for_its_cut_at_one(pairs: list[tuple[str, str]]) -> None:
    found = agreed(pairs)
    if found.kappa is None:
        return
    expected = quietly(raters.cohens_kappa, [list(row) for row in found.matrix])
    low, high = expected.kappa_low, expected.kappa_upp
    if found.kappa_interval is None:
        # A variance of nought is one of rounding errors there, which may lie below nought.
        assert math.isnan(low) or high - low < 1e-3
        return
    assert (found.kappa_interval.low, found.kappa_interval.high) == approx((low, min(1, high)), rel=1e-9, abs=1e-7)


def test_what_cannot_be_divided_is_none_and_not_zero() -> None:
    found = agreed([("a", "a"), ("b", "a"), ("a", "c")])
    b, c = found.of("b"), found.of("c")
    assert b is not None
    assert c is not None
    assert (b.precision, b.recall, b.f1) == (None, 0.0, 0.0)
    assert (c.precision, c.recall, c.f1) == (0.0, None, 0.0)
    assert found.of("d") is None


def test_where_all_is_one_class_kappa_says_nothing() -> None:
    found = agreed([("a", "a")] * 5)
    assert (found.kappa, found.kappa_interval) == (None, None)
    assert (found.accuracy, found.macro_f1) == (1.0, 1.0)


def test_kappa_of_a_textbook_table() -> None:
    """Fifty applications read by two: 20 both yes, 15 both no."""
    assert cohens_kappa([[20, 5], [10, 15]]) == approx(0.4)


def test_no_rows_are_no_agreement() -> None:
    assert agreement([], []) is None
    with pytest.raises(ValueError, match="shorter"):
        agreement(["a"], [])


def test_full_agreement_and_repeated_rows_do_not_claim_to_be_certain() -> None:
    perfect = agreement(["a", "b"] * 10, ["a", "b"] * 10)
    assert perfect is not None
    assert (perfect.kappa, perfect.kappa_interval) == (1, None)
    assert perfect.accuracy_interval is not None
    rows = [outcome(f"e{n}", label="ab"[n % 2]) for n in range(9) for _ in range(5)]
    truth = Truth("t", {f"e{n}": "ab"[n % 3 == 0] for n in range(9)}, "quality")
    (found,) = classified([Variant("v", rows)], truth).experiments
    assert found.agreement is not None
    assert (found.agreement.n, found.agreement.kappa_interval) == (45, None)
    # Nine examples of which four are right: 45 rows tell no more than nine.
    interval, of_nine = found.agreement.accuracy_interval, wilson(4, 9)
    assert interval is not None
    assert interval.high - interval.low > of_nine.high - of_nine.low
