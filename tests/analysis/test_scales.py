"""Labels that are one class, scales that differ, directions that labels imply, and rates as text."""

import pytest
from tests.analysis.variants import labelled, outcome, rising, scored

from assaykit.analysis.compare import Variant, VerdictReading, compare
from assaykit.analysis.findings import Finding
from assaykit.analysis.formats import decimals_of, percent
from assaykit.wire.evaluators import Direction


def only(baseline: Variant, challenger: Variant, reading: VerdictReading = VerdictReading()) -> Finding:  # noqa: B008  (does not change)
    (finding,) = compare(baseline, [challenger], reading=reading).findings
    return finding


def test_labels_that_differ_in_case_or_outer_spaces_are_one_class_and_it_says_so() -> None:
    finding = only(
        labelled("old", ["pass"] * 60), labelled("new", ["Pass"] * 15 + ["pass "] * 15 + ["pass"] * 29 + ["fail"])
    )
    assert (finding.kind, finding.positives, len(finding.fell), finding.verdict) == (
        "binary", ("pass",), 1, "no difference shown",
    )  # fmt: skip
    assert [one for one in finding.cautions if "one class" in one] == [
        "Labels that are spellings of one value are one class: 'Pass', 'pass␣' count as 'pass'."
    ]


def test_labels_that_all_pass_are_a_rate() -> None:
    finding = only(labelled("old", ["pass"] * 30), labelled("new", ["Pass"] * 30))
    assert (finding.kind, finding.verdict, finding.challenger_value) == ("binary", "no difference shown", 1)


def test_a_positive_label_may_be_spelled_otherwise() -> None:
    before, after = labelled("old", ["Good"] * 30), labelled("new", ["bad"] * 30)
    assert only(before, after, VerdictReading(positive={"quality": [" good"]})).verdict == "worse"


def test_several_labels_can_be_good() -> None:
    before, after = labelled("old", ["poor"] * 30), labelled("new", ["good"] * 15 + ["fair"] * 15)
    finding = only(before, after, VerdictReading(positive={"quality": ["good", "fair"]}))
    assert (finding.verdict, finding.direction_assumed, len(finding.rose)) == ("better", False, 30)
    assert "'fair' or 'good' on 100 % vs 0 % of 30 pairs" in finding.sentence
    assert finding.as_dict()["positive"] == ["fair", "good"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([0.1, 0.5, 0.9] * 10, [20.0, 50.0, 95.0] * 10),
        ([0.0, 1.0] * 15, [40.0, 0.0] * 15),
        ([1.0, 2.0] * 15, [6.0, 9.0] * 15),
    ],
)
def test_scores_that_may_have_two_scales_are_a_question_and_no_verdict(before: list[float], after: list[float]) -> None:
    finding = only(scored("old", before), scored("new", after))
    assert (finding.verdict, finding.p, finding.interval) == ("not tested", None, None)
    assert "are the scores of new and old on one scale?" in finding.sentence
    assert 'range={"quality": [lowest, highest]}' in finding.sentence
    known = only(scored("old", before), scored("new", after), VerdictReading(ranges={"quality": (0.0, 100.0)}))
    assert known.question is None
    assert known.p is not None


@pytest.mark.parametrize(
    ("before", "after"), [([0, 1] * 15, [2, 3, 0] * 10), ([0.1] * 30, [0.3] * 30), ([1, 2, 3] * 10, [3, 4, 5] * 10)]
)
def test_scores_of_one_scale_are_no_question(before: list[float], after: list[float]) -> None:
    assert only(scored("old", before), scored("new", after)).question is None


@pytest.mark.parametrize(
    ("bad", "good", "direction", "assumed"),
    [
        ("fail", "pass", "MAXIMIZE", False),
        ("Failed", "passed ", "MAXIMIZE", False),
        ("incorrect", "correct", "MAXIMIZE", False),
        ("no", "yes", "NONE", True),
        ("false", "true", "NONE", True),
    ],
)
def test_labels_have_a_direction_if_they_say_which_is_good(
    bad: str, good: str, direction: Direction, assumed: bool
) -> None:
    finding = only(labelled("old", [bad] * 30), labelled("new", [good] * 20 + [bad] * 10))
    assert (finding.direction, finding.direction_assumed) == (direction, assumed)
    assert finding.verdict == ("different" if direction == "NONE" else "better")
    call = 'compare with directions={"quality": "MAXIMIZE"}'
    assert any(call in one for one in finding.cautions) == (direction == "NONE")


def test_the_scores_of_a_judges_choices_give_labels_their_direction_and_their_range() -> None:
    before, after = labelled("old", ["no"] * 30), labelled("new", ["yes"] * 20 + ["no"] * 10)
    reading = VerdictReading(directions={"quality": "MAXIMIZE"}, choices={"quality": {"yes": 0.0, "no": 1.0}})
    finding = only(before, after, reading)
    assert (finding.kind, finding.verdict, finding.reach) == ("binary", "worse", (0, 1))
    assert "'no' (good) on 33 % vs 100 % of 30 pairs" in finding.sentence
    graded = VerdictReading(choices={"quality": {"poor": 1.0, "good": 5.0}})
    assert only(labelled("old", ["poor"] * 30), labelled("new", ["poor"] * 30), graded).reach == (1, 5)


def test_a_primary_evaluator_is_corrected_for_itself_alone() -> None:
    def judged(name: str, up: int) -> Variant:
        rows = [
            outcome(f"e{n}", score=int(n < up))._replace(
                evaluations={key: outcome("x", score=int(n < up), evaluator=key).evaluations[key] for key in "abcd"}
            )
            for n in range(40)
        ]
        return Variant(name, rows)

    found = compare(judged("old", 0), [judged("new", 6)], reading=rising(*"abcd")._replace(primary="c")).findings
    assert [one.p_adjusted == one.p for one in found] == [False, False, True, False]
    assert [one.verdict for one in found] == [*["no difference shown"] * 2, "better", "no difference shown"]
    assert "after the correction" not in found[2].sentence


@pytest.mark.parametrize(
    ("rate", "parts", "told"),
    [
        (0.8, 100, "80 %"), (1 / 3, 60, "33 %"), (1 / 300, 300, "0.3 %"), (1 / 5000, 60, "0.02 %"),
        (0.9999, 100, "99.99 %"),
        (1.0, 60, "100 %"), (0.0, 7, "0 %"), (0.404, 250, "40.4 %"), (0.5, 1, "50 %"), (0.1234, 10_000, "12.34 %"),
    ],
)  # fmt: skip
def test_a_rate_has_the_decimals_of_its_finest_step_and_is_0_or_100_only_if_exact(
    rate: float, parts: int, told: str
) -> None:
    assert percent(rate, parts) == told


def test_the_decimals_follow_the_number_of_parts() -> None:
    assert [decimals_of(parts) for parts in (0, 1, 99, 100, 101, 1000, 1001)] == [0, 0, 0, 0, 1, 1, 2]
