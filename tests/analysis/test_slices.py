"""Findings by the values of a column."""

from typing import Any

import pytest
from tests.analysis.variants import RISING, approx, labelled, scored
from tests.oracles import Oracle

from assaykit.analysis.compare import compare
from assaykit.analysis.slices import MOST_VALUES, Column, column, sliced
from assaykit.errors import Invalid

stats = Oracle("scipy.stats")
multitest = Oracle("statsmodels.stats.multitest")


def by(sizes: dict[str | None, int]) -> Column:
    """The first examples have the first value, and so on."""
    values = [value for value, size in sizes.items() for _ in range(size)]
    return Column("tier", {f"e{n:03}": value for n, value in enumerate(values) if value is not None})


def test_each_value_is_a_comparison_of_its_own_and_p_is_corrected_over_all_of_them() -> None:
    # Ten of "a" become right, eight of "b" become wrong, "c" stays as it was.
    before, after = [0] * 10 + [1] * 8 + [1, 0] * 4, [1] * 10 + [0] * 8 + [1, 0] * 4
    findings = compare(scored("old", before), [scored("new", after)], reading=RISING).findings
    (found,) = sliced(findings, [by({"a": 10, "b": 8, "c": 8})])
    assert [(one.value, one.n, one.verdict) for one in found.slices] == [
        ("a", 10, "better"),
        ("b", 8, "worse"),
        ("c", 8, "no difference shown"),
    ]
    assert [(one.baseline_value, one.challenger_value, one.difference) for one in found.slices] == [
        (0, 1, 1), (1, 0, -1), (0.5, 0.5, 0),
    ]  # fmt: skip
    # The mid-p takes half of a tail that is one point of the distribution.
    raw = [stats.binomtest(10, 10).pvalue / 2, stats.binomtest(0, 8).pvalue / 2, 1.0]
    assert [one.p for one in found.slices] == approx(raw, rel=1e-9)
    assert [one.p_adjusted for one in found.slices] == approx(list(multitest.multipletests(raw, method="holm")[1]))
    assert [(one.rose, one.fell) for one in found.slices] == [(10, 0), (0, 8), (0, 0)]


def test_a_small_slice_has_values_and_no_verdict_and_is_no_test_of_the_correction() -> None:
    findings = compare(scored("old", [0] * 16), [scored("new", [1] * 15 + [0])]).findings
    (found,) = sliced(findings, [by({"large": 12, "small": 4})])
    large, small = found.slices
    assert (small.value, small.n, small.verdict) == ("small", 4, "too small")
    assert (small.interval, small.p, small.p_adjusted) == (None, None, None)
    assert (small.baseline_value, small.challenger_value) == (0, 0.75)
    assert large.p_adjusted == large.p


def test_examples_without_a_value_are_a_slice_of_their_own_and_come_last() -> None:
    findings = compare(scored("old", [0] * 14), [scored("new", [1] * 14)]).findings
    (found,) = sliced(findings, [by({"a": 5, None: 9})])
    assert [(one.value, one.n) for one in found.slices] == [("a", 5), (None, 9)]


def test_a_slice_is_read_on_the_scale_of_the_whole() -> None:
    """Scores of 0 and 1 alone in one slice do not make a numeric evaluator a rate there."""
    findings = compare(scored("old", [0, 1] * 5 + [0.5] * 6), [scored("new", [1, 1] * 5 + [0.7] * 6)]).findings
    (found,) = sliced(findings, [by({"whole": 10, "parts": 6})])
    assert found.finding.kind == "numeric"
    assert found.as_dict()["slices"][0]["value"] == "whole"
    assert found.slices[0].difference == approx(0.5)
    # Every pair of "parts" differs alike, so the number of pairs gives the interval.
    room = 1 - 0.025 ** (1 / 6)
    interval = found.slices[1].interval
    assert interval is not None
    assert (interval.low, interval.high) == approx((0.2 - 1.2 * room, 0.2 + 0.8 * room))


def test_labels_without_order_have_no_slices() -> None:
    findings = compare(labelled("old", ["x", "y", "z"] * 3), [labelled("new", ["x", "x", "z"] * 3)]).findings
    assert sliced(findings, [by({"a": 9})]) == ()


def rows(count: int, **cells: Any) -> dict[str, dict[str, Any]]:
    return {f"e{n}": {"n": n, "half": n % 2, **cells} for n in range(count)}


def test_values_of_any_kind_are_told_apart_by_what_they_mean() -> None:
    cells = ["a", " a ", 1, 1.0, "1", True, None, "", [1], {"x": 1}]
    found = column("c", {f"e{n}": {"c": cell} for n, cell in enumerate(cells)})
    assert list(found.values.values()) == ["a", "a", "1", "1", "1", "1", "[1]", '{"x": 1}']
    assert "e6" not in found.values


def test_a_column_of_many_values_is_refused_with_those_that_would_do() -> None:
    assert len(set(column("n", rows(MOST_VALUES)).values.values())) == MOST_VALUES
    with pytest.raises(Invalid) as refusal:
        column("n", rows(MOST_VALUES + 1, same="x"))
    assert refusal.value.message == "Column 'n' has 21 different values, and slices are made of at most 20."
    assert refusal.value.next == "Slice by a column of few values, such as 'half'."


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(Invalid, match="no column 'tire'; it has 'n', 'half'"):
        column("tire", rows(3))


def test_a_slice_that_could_show_nothing_does_not_weigh_on_the_others() -> None:
    """Five of five cannot reach p < 0.05; Holm would still count them."""
    findings = compare(scored("old", [0] * 11), [scored("new", [1] * 11)], reading=RISING).findings
    (found,) = sliced(findings, [by({"six": 6, "five": 5})])
    assert [(one.value, one.verdict) for one in found.slices] == [("six", "better"), ("five", "too small")]
