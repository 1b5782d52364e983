"""The number of examples that a smaller difference needs, beside the difference that would be missed."""

from collections.abc import Sequence

import pytest
from tests.analysis.variants import RISING, scored

from assaykit.analysis.compare import compare
from assaykit.analysis.findings import Finding
from assaykit.analysis.power import Design, Noise, for_difference


def only(before: Sequence[float], after: Sequence[float]) -> Finding:
    (finding,) = compare(scored("a", before), [scored("b", after)], reading=RISING).findings
    return finding


def test_the_number_is_that_of_a_plan_by_the_pairs_at_hand() -> None:
    finding = only([0, 1] * 30 + [1] * 40, [1, 0] * 30 + [1] * 40)
    assert finding.needed is not None
    assert finding.needed.difference == pytest.approx(0.1)
    exact = for_difference(0.1, Noise(discordant=0.6))
    assert exact <= finding.needed.examples < 1.1 * exact


def test_the_number_is_corrected_as_the_verdict_is() -> None:
    first, *others = (scored(name, [n % 2 for n in range(60)]) for name in "abc")
    alone = compare(first, others[:1], reading=RISING).findings[0].needed
    both = compare(first, others, reading=RISING).findings[0].needed
    assert alone is not None
    assert both is not None
    exact = for_difference(both.difference, Noise(discordant=0.0), Design(criteria=2))
    assert exact <= both.examples < 1.1 * exact


def test_scores_have_it_in_their_own_unit() -> None:
    finding = only([0.1 * (n % 7) for n in range(40)], [0.1 * ((n + 3) % 7) for n in range(40)])
    assert finding.needed is not None
    assert f"for {finding.needed.difference:g} you need about {finding.needed.examples:,} examples." in finding.sentence


def test_pairs_without_a_change_need_no_size_that_was_missed() -> None:
    finding = only([1] * 100, [1] * 100)
    assert finding.sentence.endswith("100 unchanged. To see a difference of 2 points you need about 400 examples.")


def test_changes_that_cancel_out_are_told() -> None:
    finding = only([0.5] * 50, [0.6] * 40 + [0.1] * 10)
    assert finding.difference == 0
    assert any("The changes cancel out" in one for one in finding.cautions)
