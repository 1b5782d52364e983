"""What stands beside the findings, in words."""

from tests.analysis.variants import outcome, scored

from assaykit.analysis.compare import Variant, compare
from assaykit.analysis.details import Details, details
from assaykit.analysis.slices import Column
from assaykit.analysis.truth import Truth
from assaykit.analysis.usage import usage
from assaykit.report.passages import milliseconds, usage_lines
from assaykit.report.text import LIMIT, comparison_text


def test_a_great_deal_beside_the_findings_stays_within_the_limit_and_says_what_is_missing() -> None:
    before, after = scored("a", [0, 1] * 100), scored("b", [1, 1] * 100)
    comparison = compare(before, [after])
    columns = [Column(f"c{n}", {f"e{k:03}": f"значение {k % 20}" for k in range(200)}) for n in range(6)]
    text = comparison_text(comparison, details=details([before, after], comparison, columns))
    assert len(text.encode()) <= LIMIT
    assert "more lines on slices and classes left out; the data has them.)" in text
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
    assert [milliseconds(value) for value in (0.5, 12.34, 999, 1250, -2500)] == [
        "0.5 ms", "12.3 ms", "999 ms", "1.25 s", "-2.5 s",
    ]  # fmt: skip


def test_one_side_alone_may_be_known() -> None:
    rows = [outcome("e1")._replace(tokens=1234567.0), outcome("e2")]
    found = Details(usage=(usage("a", rows), usage("b", [outcome("e1")])))
    assert list(usage_lines(found)) == [
        "Latency: not known.",
        "Tokens, total and mean: a 1,234,567, 1,234,567 (known of 1 of 2 rows); b not known.",
        "Cost: not known.",
    ]
