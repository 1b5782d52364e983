"""The best of several experiments that are compared each with each."""

import json

from tests.analysis.variants import RISING, approx, scored

from assaykit.analysis.compare import Variant, compare
from assaykit.analysis.statistics import holm
from assaykit.report.html import comparison_html
from assaykit.report.text import comparison_text


def of(*right: int) -> list[Variant]:
    """Variants with so many of 100 rows right."""
    return [scored(f"v{place}", [1] * n + [0] * (100 - n)) for place, n in enumerate(right)]


def test_each_pair_is_compared_under_one_correction() -> None:
    first, *others = of(40, 48, 56)
    found = compare(first, others, reading=RISING, all_pairs=True)
    assert [(one.baseline, one.challenger) for one in found.findings] == [("v0", "v1"), ("v0", "v2"), ("v1", "v2")]
    ps = [one.p or 0.0 for one in found.findings]
    assert [one.p_adjusted for one in found.findings] == approx(holm(ps))
    assert "after the correction for 3 tests" in found.findings[0].sentence


def test_the_best_of_nine_is_named_first_in_text_and_page() -> None:
    first, *others = of(30, 32, 34, 36, 38, 40, 42, 44, 90)
    found = compare(first, others, reading=RISING, all_pairs=True)
    assert len(found.findings) == 36
    told = "quality: v8 is the best: better than each of the 8 others."
    assert found.ranking == (told,)
    assert comparison_text(found).startswith(told)
    page = comparison_html(found)
    assert f"<strong>{told}</strong>" in page
    assert "v8, each with each</h1>" in page
    json.dumps(found.as_dict(), allow_nan=False)


def test_experiments_that_may_be_the_best_are_named_together() -> None:
    first, *others = of(20, 80, 82)
    found = compare(first, others, reading=RISING, all_pairs=True)
    (told,) = found.ranking
    assert told == (
        "quality: no single best of 3 can be shown. v1, v2 are not shown worse than any other; "
        "the other one is worse than at least one."
    )
    first, *others = of(80, 81, 82)
    found = compare(first, others, reading=RISING, all_pairs=True)
    assert found.ranking == ("quality: no best of 3 can be shown: none of 3 pairs shows which one is better.",)


def test_no_best_is_named_without_a_direction() -> None:
    first, *others = of(20, 80, 82)
    assert compare(first, others, all_pairs=True).ranking == ()
    assert compare(first, others, reading=RISING).ranking == ()
