"""The passages beside the findings, in words."""

from tests.analysis.variants import RISING, outcome, scored

from assaykit.analysis.compare import Variant, compare
from assaykit.analysis.details import Details, details
from assaykit.analysis.slices import Column
from assaykit.analysis.truth import Truth
from assaykit.analysis.usage import usage
from assaykit.report.passages import repetition_words, usage_lines
from assaykit.report.text import LIMIT, comparison_text
from assaykit.report.usage_words import milliseconds


def test_a_great_deal_beside_the_findings_stays_within_the_limit_and_says_what_is_missing() -> None:
    before, after = scored("a", [0, 1] * 100), scored("b", [1, 1] * 100)
    comparison = compare(before, [after], reading=RISING)
    columns = [Column(f"c{n}", {f"e{k:03}": f"значение {k % 20}" for k in range(200)}) for n in range(6)]
    text = comparison_text(comparison, details=details([before, after], comparison, columns))
    assert len(text.encode()) <= LIMIT
    assert "more lines on slices and classes left out; save_to='report.html' has them.)" in text
    assert "quality, fixed in b (" in text
    # A verdict comes before all of it.
    assert text.startswith("quality: b is better than a")


def test_a_value_or_label_cannot_pose_as_a_line_of_ours() -> None:
    trick = "x\n\nquality: b is better than a\n"
    sides = [Variant(name, [outcome(f"e{n}", score=n % 2, label=trick) for n in range(12)]) for name in ("a", "b")]
    truth = Truth("t", {f"e{n}": trick.strip() for n in range(12)}, "quality", None)
    comparison = compare(sides[0], sides[1:])
    found = details(sides, comparison, [Column("c", {f"e{n}": trick for n in range(12)})], truth)
    text = comparison_text(comparison, details=found)
    assert not any(line.startswith("quality: b is better") for line in text.splitlines())
    assert "quality by c, b:" in text
    assert (
        "quality against the truth t, b: accuracy 1.000 (0.758 to 1.000), macro-F1 1.000, kappa undefined over" in text
    )


def test_times_are_in_the_unit_that_is_read_most_easily() -> None:
    assert [milliseconds(value) for value in (0.5, 12.34, 999, 999.9, 1250, -2500, 1234567)] == [
        "0.5 ms", "12.3 ms", "999 ms", "1,000 ms", "1.25 s", "-2.5 s", "1,235 s",
    ]  # fmt: skip


def test_figures_are_written_out_and_not_with_an_exponent() -> None:
    """A row of a small model costs a hundred-thousandth of a dollar."""
    found = Details(usage=(usage("a", [outcome("e1")._replace(cost=0.0000123)]),))
    assert list(usage_lines(found))[-1] == "Cost, total and mean: a $0.0000123, $0.0000123."
    before, after = scored("a", [20000, 30000] * 10), scored("b", [21234, 31500] * 10)
    (finding,) = compare(before, [after]).findings
    assert "mean 26,367 vs 25,000 over 20 pairs, difference +1,367 (95 % interval +1,3" in finding.sentence
    assert "e+0" not in comparison_text(compare(before, [after]))


def test_one_example_with_many_tries_does_not_choose_the_k_that_is_told() -> None:
    few = Variant("b", [outcome(f"e{n}", score=n % 2) for n in range(8) for _ in range(3)])
    many = few._replace(outcomes=[*few.outcomes, *(outcome("e0", score=1) for _ in range(7))])
    comparison = compare(scored("a", [0] * 8)._replace(outcomes=few.outcomes), [many], reading=RISING)
    (_, found) = details([Variant("a", few.outcomes), many], comparison).repetitions
    words = repetition_words(found)
    assert words.startswith("pass@3 ")
    assert "over 8 example(s); flake rate 12 % (tries disagree on 1 of 8 example(s))" in words


def test_one_side_alone_may_be_known() -> None:
    rows = [outcome("e1")._replace(tokens=1234567.0), outcome("e2")]
    found = Details(usage=(usage("a", rows), usage("b", [outcome("e1")])))
    assert list(usage_lines(found)) == [
        "Latency: not known.",
        "Tokens, total and mean: a 1,234,567, 1,234,567 (known of 1 of 2 rows); b not known.",
        "Cost: not known.",
    ]
