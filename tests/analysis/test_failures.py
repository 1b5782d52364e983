"""Failed runs, missing verdicts and abstentions in a comparison."""

from collections.abc import Sequence

import pytest
from tests.analysis.variants import approx, labelled, outcome, rising, scored

from assaykit.analysis.compare import Failures, Variant, VerdictReading, compare
from assaykit.analysis.findings import Finding
from assaykit.analysis.rows import Judgement, Outcome
from assaykit.report.html import comparison_html
from assaykit.report.text import comparison_text
from assaykit.wire.evaluators import Direction

GOOD = [int(place % 5 != 0) for place in range(100)]


def crashed(name: str, scores: Sequence[float], upto: int) -> Variant:
    """A variant whose first runs failed."""
    rows = scored(name, scores).outcomes
    failed = [Outcome(row.example_id, None, "boom", {}) for row in rows[:upto]]
    return Variant(name, [*failed, *rows[upto:]])


def only(
    baseline: Variant, challenger: Variant, failures: Failures = "count", direction: Direction = "MAXIMIZE"
) -> Finding:
    reading = VerdictReading(directions={"quality": direction}, failures=failures)
    (finding,) = compare(baseline, [challenger], reading=reading).findings
    return finding


def test_a_failed_run_is_a_failure_of_a_rate() -> None:
    finding = only(scored("old", GOOD), crashed("new", GOOD, 36))
    assert (finding.n, finding.baseline_value, finding.challenger_value) == (100, 0.8, 0.52)
    assert finding.verdict == "worse"
    assert finding.absent == ("36 of 100 runs of new failed; they count as failures.",)
    assert not finding.gaps


def test_the_failure_of_a_rate_to_minimize_is_the_bad_thing_itself() -> None:
    finding = only(scored("old", [0] * 40), crashed("new", [0] * 40, 12), direction="MINIMIZE")
    assert (finding.challenger_value, finding.verdict) == (0.3, "worse")


def test_a_verdict_on_a_failed_run_does_not_count() -> None:
    rows = [outcome(f"e{place:03}", score=1, error="boom" if place < 12 else None) for place in range(40)]
    finding = only(scored("old", [1] * 40), Variant("new", rows))
    assert finding.challenger_value == 0.7


def test_a_candidate_that_always_fails_is_compared_all_the_same() -> None:
    finding = only(scored("old", GOOD), crashed("new", GOOD, 100))
    assert (finding.n, finding.challenger_value, finding.verdict) == (100, 0, "worse")


def test_failed_runs_left_out_are_missing_and_could_turn_the_verdict() -> None:
    finding = only(scored("old", GOOD), crashed("new", GOOD, 36), "exclude")
    assert (finding.n, finding.difference, finding.verdict) == (64, 0, "undecided")
    assert finding.worst is not None
    assert finding.best is not None
    assert (finding.worst.difference, finding.worst.verdict) == (approx(-0.28), "worse")
    assert (finding.best.difference, finding.best.verdict) == (approx(0.08), "better")
    assert finding.sentence.startswith(
        "quality: undecided between new and old, because 36 of 100 examples have no verdict in new: 81 % vs 81 % of 64"
    )
    assert finding.sentence.endswith(
        " With the missing verdicts at their worst for new: difference -28 points (95 % interval -37 to -20), worse; "
        "at their best: difference +8 points (95 % interval +4 to +15), better."
    )
    assert finding.absent == (
        "36 of 100 runs of new failed; they have no verdict.",
        "36 of 100 examples have no verdict in new.",
        "Verdicts are missing on one side more often, so the pairs are no fair sample of the examples.",
    )


def test_a_failed_run_of_a_score_is_missing() -> None:
    scores = [3.0 + place % 3 for place in range(60)]
    finding = only(scored("old", scores), crashed("new", scores, 20))
    assert (finding.kind, finding.n, finding.verdict, finding.reach) == ("numeric", 40, "undecided", (3, 5))
    assert "(from 3 to 5, the smallest and the largest score seen)" in finding.sentence
    declared = compare(
        scored("old", scores), [crashed("new", scores, 20)],
        reading=VerdictReading(directions={"quality": "MAXIMIZE"}, ranges={"quality": (1.0, 5.0)}),
    ).findings[0]  # fmt: skip
    assert declared.reach == (1, 5)
    assert "(from 1 to 5, the declared range)" in declared.sentence
    assert declared.worst is not None
    assert finding.worst is not None
    assert declared.worst.difference < finding.worst.difference


def test_missing_verdicts_that_cannot_turn_the_verdict_leave_it_and_are_told() -> None:
    before, after = scored("old", [0] * 40), scored("new", [1] * 38 + [None] * 2)
    finding = only(before, after)
    assert finding.verdict == "better"
    assert finding.absent == ("2 of 40 examples have no verdict in new.",)
    assert finding.missing_p == 0.25


def test_repetitions_that_fail_count_in_the_mean_of_their_example() -> None:
    rows = [outcome(f"e{place}", score=1) for place in range(30)]
    failed = [row._replace(error="boom", evaluations={}) for row in rows]
    finding = only(Variant("old", [*rows, *rows, *rows]), Variant("new", [*rows, *rows, *failed]))
    assert finding.challenger_value == approx(2 / 3)
    assert finding.verdict == "worse"


def abstaining(name: str, labels: Sequence[tuple[str, float | None]]) -> Variant:
    return Variant(name, [outcome(f"e{n:03}", label=label, score=score) for n, (label, score) in enumerate(labels)])


def test_an_abstention_is_counted_apart_and_is_no_failure() -> None:
    before = abstaining("old", [("good", 1.0)] * 20 + [("bad", 0.0)] * 10 + [("unsure", None)] * 4)
    after = abstaining("new", [("good", 1.0)] * 20 + [("bad", 0.0)] * 10 + [("unsure", None)] * 4)
    finding = only(before, after)
    assert (finding.n, finding.challenger_side.abstained, finding.challenger_side.unscored) == (30, 4, 0)
    assert not finding.gaps
    assert finding.absent == ("Examples without a judgement because the evaluator abstained: 4 of old, 4 of new.",)


def test_an_abstention_on_one_side_enters_the_bounds() -> None:
    before = abstaining("old", [("good", 1.0)] * 34)
    after = abstaining("new", [("good", 1.0)] * 24 + [("unsure", None)] * 10)
    finding = only(before, after)
    assert (len(finding.gaps), finding.verdict) == (10, "undecided")


def test_a_positive_label_changes_no_pair() -> None:
    before = abstaining("old", [("good", 1.0)] * 20 + [("fair", 0.5)] * 6 + [("unsure", None)] * 8)
    after = abstaining("new", [("good", 1.0)] * 18 + [("unsure", None)] * 6 + [("fair", 0.5)] * 10)
    plain = compare(before, [after]).findings[0]
    counted = compare(before, [after], reading=VerdictReading(positive={"quality": ["good"]})).findings[0]
    assert plain.pairs.keys() == counted.pairs.keys()
    assert plain.gaps.keys() == counted.gaps.keys()


@pytest.mark.parametrize("label", ["n/a", "N/A ", "not applicable", "skipped"])
def test_labels_without_scores_abstain_by_their_words(label: str) -> None:
    before, after = (
        labelled("old", ["pass"] * 30 + [label] * 5),
        labelled("new", ["pass"] * 29 + ["fail"] + [label] * 5),
    )
    finding = compare(before, [after]).findings[0]
    assert (finding.kind, finding.n, finding.positives) == ("binary", 30, ("pass",))
    assert finding.baseline_side.abstained == 5


def test_twelve_criteria_tell_the_failed_rows_first_and_once() -> None:
    def judged(name: str, failed: int) -> Variant:
        verdicts = {f"criterion {n}": Judgement(name=f"criterion {n}", score=n % 2) for n in range(12)}
        rows = [Outcome(f"e{n}", "x", None, verdicts) for n in range(60)]
        return Variant(name, [row._replace(error="boom", evaluations={}) for row in rows[:failed]] + rows[failed:])

    reading = rising(*(f"criterion {n}" for n in range(12)))
    comparison = compare(judged("old", 0), [judged("new", 25)], reading=reading)
    text = comparison_text(comparison)
    assert text.startswith("Missing: 25 of 60 runs of new failed; they count as failures.\n")
    assert text.count("25 of 60 runs") == 1
    page = comparison_html(comparison)
    assert "<strong>Missing: 25 of 60 runs of new failed; they count as failures.</strong>" in page


def test_a_difference_without_a_better_side_is_undecided_if_its_sign_could_turn() -> None:
    before = scored("old", [0, 1] * 30)
    after = crashed("new", [1, 1] * 30, 30)
    finding = only(before, after, "exclude", "NONE")
    assert finding.worst is not None
    assert finding.best is not None
    assert (finding.worst.verdict, finding.best.verdict) == ("no difference shown", "different")
    wide = only(scored("old", [0] * 30 + [1] * 30), crashed("new", [1] * 60, 20), "exclude", "NONE")
    assert wide.verdict == "different"
    gaps = [None] * 40 + [1.0] * 12 + [0.0] * 8
    sides = only(scored("old", [None] * 40 + [0.0] * 20), scored("new", gaps), direction="NONE")
    assert sides.worst is not None
    assert sides.best is not None
    assert (sides.worst.verdict, sides.best.verdict, sides.verdict) == ("different", "different", "undecided")
