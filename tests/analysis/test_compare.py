"""Comparing variants: pairs, kinds of score, direction, verdicts and what is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.variants import RISING, approx, labelled, outcome, scored

from assaykit.analysis.compare import Variant, VerdictReading, compare
from assaykit.analysis.findings import Comparison, Finding, Table
from assaykit.analysis.paired_rates import mcnemar_mid_p
from assaykit.analysis.rows import Judgement, Outcome
from assaykit.analysis.statistics import holm
from assaykit.errors import Invalid
from assaykit.wire.evaluators import Direction

# 60 pairs: 31 right on both sides, 3 only in the baseline, 17 only in the challenger, 9 on neither.
BEFORE = scored("variant-a", [1] * 31 + [1] * 3 + [0] * 17 + [0] * 9)
AFTER = scored("variant-b", [1] * 31 + [0] * 3 + [1] * 17 + [0] * 9)


def only(comparison: Comparison) -> Finding:
    (finding,) = comparison.findings
    return finding


def ids(finding: Finding, way: str) -> list[str]:
    return [change.example_id for change in getattr(finding, way) or ()]


def test_a_binary_gain_is_better_with_its_table_test_and_interval() -> None:
    finding = only(compare(BEFORE, [AFTER], reading=VerdictReading(directions={"quality": "MAXIMIZE"})))
    assert finding.kind == "binary"
    assert finding.table == Table(both=31, baseline_only=3, challenger_only=17, neither=9)
    assert (finding.n, finding.test, finding.p) == (60, "mid-p McNemar", mcnemar_mid_p(3, 17))
    assert (finding.baseline_value, finding.challenger_value) == (34 / 60, 48 / 60)
    assert finding.difference == approx(14 / 60)
    assert finding.interval is not None
    assert 0 < finding.interval.low < 14 / 60 < finding.interval.high
    assert finding.verdict == "better"
    assert ids(finding, "broken") == ["e031", "e032", "e033"]
    assert len(ids(finding, "fixed")) == 17
    assert finding.cautions == ()


def test_the_sentence_carries_the_figures() -> None:
    assert only(compare(BEFORE, [AFTER], reading=VerdictReading(directions={"quality": "MAXIMIZE"}))).sentence == (
        "quality: variant-b is better than variant-a: 80 % vs 57 % of 60 pairs, difference +23 points "
        "(95 % interval +10 to +37), p = 0.0015; 17 fixed, 3 broken, 40 unchanged."
    )


def test_a_point_estimate_alone_is_no_verdict() -> None:
    before, after = scored("a", [0] * 30 + [1] * 30), scored("b", [1] * 2 + [0] * 26 + [1] * 31 + [0])
    finding = only(compare(before, [after], reading=RISING))
    assert finding.verdict == "no difference shown"
    assert finding.sentence == (
        "quality: no difference between b and a can be shown: 55 % vs 50 % of 60 pairs, difference +5 points (95 % "
        "interval -3 to +15), p = 0.22; 4 fixed, 1 broken, 55 unchanged. A true difference under 13 points would "
        "usually be missed; for 5 points you need about 260 examples."
    )


@pytest.mark.parametrize(
    ("direction", "verdict"), [("MAXIMIZE", "better"), ("MINIMIZE", "worse"), ("NONE", "different")]
)
def test_the_direction_decides_which_way_is_better(direction: Direction, verdict: str) -> None:
    finding = only(compare(BEFORE, [AFTER], reading=VerdictReading(directions={"quality": direction})))
    assert finding.verdict == verdict
    assert not finding.direction_assumed


def test_minimising_turns_fixed_and_broken_round() -> None:
    finding = only(compare(BEFORE, [AFTER], reading=VerdictReading(directions={"quality": "MINIMIZE"})))
    assert len(ids(finding, "fixed")) == 3
    assert len(ids(finding, "broken")) == 17


def test_without_direction_nothing_is_fixed_or_broken_and_the_changes_are_still_told() -> None:
    facts = only(compare(BEFORE, [AFTER], reading=VerdictReading(directions={"quality": "NONE"}))).as_dict()
    assert (facts["fixed"], facts["broken"]) == (None, None)
    assert (len(facts["rose"]), len(facts["fell"])) == (17, 3)


def test_scores_of_unknown_direction_only_differ_and_the_call_to_make_is_told() -> None:
    finding = only(compare(BEFORE, [AFTER]))
    assert (finding.direction, finding.direction_assumed, finding.verdict) == ("NONE", True, "different")
    assert any('compare with directions={"quality": "MAXIMIZE"}' in caution for caution in finding.cautions)
    assert "17 higher, 3 lower, 40 unchanged" in finding.sentence


@pytest.mark.parametrize(
    ("low", "high", "direction"),
    [
        (("fail", 0.0), ("pass", 1.0), "MAXIMIZE"),
        (("correct", 0.2), ("incorrect", 0.9), "MINIMIZE"),
        (("no", 0.0), ("yes", 1.0), "NONE"),
        (("fail", 1.0), ("pass", 1.0), "NONE"),
    ],
)
def test_labels_beside_scores_give_them_their_direction(
    low: tuple[str, float], high: tuple[str, float], direction: Direction
) -> None:
    def marked(name: str, upto: int) -> Variant:
        marks = [high] * upto + [low] * (40 - upto)
        return Variant(name, [outcome(f"e{i}", label=label, score=score) for i, (label, score) in enumerate(marks)])

    finding = only(compare(marked("a", 10), [marked("b", 30)]))
    assert (finding.direction, finding.direction_assumed) == (direction, direction == "NONE")


def test_scores_of_a_ready_made_name_have_its_direction_only_with_its_labels() -> None:
    reading = VerdictReading(
        directions={"quality": "MAXIMIZE"},
        choices={"quality": {"factual": 1.0, "hallucinated": 0.0}},
        by_name=frozenset({"quality"}),
    )
    before, after = [0.0] * 30 + [1.0] * 10, [1.0] * 40
    assert only(compare(scored("a", before), [scored("b", after)], reading=reading)).verdict == "different"
    own = {0.0: "factual", 1.0: "hallucinated"}
    sides = [
        Variant(name, [outcome(f"e{i}", label=own[score], score=score) for i, score in enumerate(scores)])
        for name, scores in (("a", before), ("b", after))
    ]
    assert only(compare(sides[0], sides[1:], reading=reading)).verdict == "worse"


def test_a_given_positive_label_whose_rows_score_lower_is_a_question() -> None:
    sides = [
        Variant(name, [outcome(f"e{i}", label="bad" if i < bad else "good", score=float(i >= bad)) for i in range(40)])
        for name, bad in (("a", 5), ("b", 25))
    ]
    finding = only(compare(sides[0], sides[1:], reading=VerdictReading(positive={"quality": ["bad"]})))
    assert (finding.direction, finding.verdict) == ("NONE", "different")
    assert any("The rows with the label 'bad' have the lower scores." in caution for caution in finding.cautions)


def test_labels_of_unknown_direction_are_only_different() -> None:
    before, after = labelled("a", ["no"] * 30), labelled("b", ["yes"] * 20 + ["no"] * 10)
    finding = only(compare(before, [after]))
    assert (finding.direction, finding.positives, finding.scale.positive_assumed) == ("NONE", ("yes",), True)
    assert finding.verdict == "different"
    assert any('compare with directions={"quality": "MAXIMIZE"}' in caution for caution in finding.cautions)


def test_a_positive_label_makes_any_labels_binary() -> None:
    before, after = labelled("a", ["x", "y", "z"] * 10), labelled("b", ["y", "y", "z"] * 10)
    finding = only(compare(before, [after], reading=VerdictReading(positive={"quality": ["y"]})))
    assert finding.table == Table(both=10, baseline_only=0, challenger_only=10, neither=10)
    assert finding.verdict == "better"


def test_a_positive_label_with_the_lower_score_turns_the_direction_round() -> None:
    def judged(name: str, hallucinated: int) -> Variant:
        marks = [("hallucinated", 0.0)] * hallucinated + [("factual", 1.0)] * (40 - hallucinated)
        return Variant(name, [outcome(f"e{i}", label=label, score=score) for i, (label, score) in enumerate(marks)])

    finding = only(
        compare(
            judged("a", 5),
            [judged("b", 25)],
            reading=VerdictReading(positive={"quality": ["hallucinated"]}, directions={"quality": "MAXIMIZE"}),
        )
    )
    assert (finding.direction, finding.verdict) == ("MINIMIZE", "worse")


def test_labels_without_order_are_shares_and_no_verdict() -> None:
    before, after = labelled("a", ["x", "y", "z", "x"] * 5), labelled("b", ["x", "y", "y", "y"] * 5)
    finding = only(compare(before, [after], reading=VerdictReading(directions={"quality": "MAXIMIZE"})))
    assert (finding.kind, finding.direction, finding.verdict, finding.p) == (
        "categorical",
        "NONE",
        "not tested",
        None,
    )
    assert {share.label: (share.baseline, share.challenger) for share in finding.shares} == {
        "x": approx((0.5, 0.25)),
        "y": approx((0.25, 0.75)),
        "z": approx((0.25, 0.0)),
    }
    assert finding.sentence.endswith('name the good labels, such as positive={"quality": "y"}.')


def test_numeric_scores_get_means_a_test_of_the_mean_and_an_effect_size() -> None:
    before = scored("a", [0.1 * (i % 7) for i in range(40)])
    after = scored("b", [0.1 * (i % 7) + (0.05 if i % 4 else -0.02) for i in range(40)])
    finding = only(compare(before, [after], reading=RISING))
    assert (finding.kind, finding.test) == ("numeric", "sign flips")
    assert (len(finding.rose), finding.ties, len(finding.fell)) == (30, 0, 10)
    assert finding.difference == approx(0.0325)
    assert finding.effect_size == approx(0.0325 / 0.030697, rel=1e-3)
    assert finding.verdict == "better"
    assert "30 better, 10 worse, 0 unchanged" in finding.sentence


def test_the_largest_change_comes_first() -> None:
    finding = only(compare(scored("a", [0.5, 0.5, 0.5, 0.5]), [scored("b", [0.4, 0.0, 0.3, 0.9])], reading=RISING))
    assert ids(finding, "broken") == ["e001", "e002", "e000"]


def test_the_mean_decides_and_not_the_count() -> None:
    finding = only(compare(scored("a", [0.5] * 30), [scored("b", [0.51] * 28 + [-9.0, -9.5])]))
    assert (len(finding.rose), len(finding.fell), finding.p) == (28, 2, 0.5)
    assert finding.verdict == "no difference shown"
    assert any("a few large changes decide it" in caution for caution in finding.cautions)


@pytest.mark.parametrize("size", [0.9, 1])
def test_a_test_and_an_interval_that_disagree_are_too_close_to_call(size: float) -> None:
    """Four of thirty changed: the test says 0.0625 or more, and the interval leaves out zero."""
    before, after = [0.0] * 30, [size] * (5 if size < 1 else 4) + [0.0] * (25 if size < 1 else 26)
    finding = only(compare(scored("a", before), [scored("b", after)]))
    assert finding.verdict == "too close to call"
    assert finding.p == 0.0625
    assert finding.interval is not None
    assert finding.interval.low > 0
    assert finding.sentence.startswith("quality: too close to call between b and a: ")
    assert finding.sentence.endswith(
        " The interval leaves out zero and the test says otherwise; a few more examples decide it."
    )


def test_equal_gaps_give_an_interval_of_their_number_rather_than_one_of_no_width() -> None:
    """With 97.5 % confidence at most 11.6 % of all examples differ otherwise, each by 0.4 at most."""
    finding = only(compare(scored("a", [0.1] * 30), [scored("b", [0.3] * 30)], reading=RISING))
    assert (finding.effect_size, finding.smallest_detectable) == (None, None)
    assert finding.interval is not None
    assert (finding.interval.low, finding.interval.high) == approx((0.2 - 0.4 * (1 - 0.025 ** (1 / 30)), 0.2))
    assert finding.verdict == "better"


def test_repetitions_count_as_one_example() -> None:
    rows = [outcome("e1", score=score) for score in (1, 1, 0)] + [outcome("e2", score=0)] * 3
    after = Variant("b", [outcome("e1", score=1)] * 3 + [outcome("e2", score=0)] * 3)
    finding = only(compare(Variant("a", rows), [after], reading=RISING))
    assert (finding.n, finding.baseline_side.rows, finding.baseline_side.examples) == (2, 6, 2)
    assert finding.baseline_value == approx(1 / 3)
    assert (finding.kind, finding.test, finding.table) == ("binary", "sign flips", None)
    assert ids(finding, "fixed") == ["e1"]


def test_equal_averages_in_another_order_are_a_tie() -> None:
    before = Variant("a", [outcome("e1", score=score) for score in (0.1, 0.2, 0.3)])
    after = Variant("b", [outcome("e1", score=score) for score in (0.3, 0.2, 0.1)])
    finding = only(compare(before, [after]))
    assert (finding.difference, finding.ties) == (0.0, 1)


def test_unscored_is_left_out_and_never_zero() -> None:
    before = scored("a", [1.0] * 25 + [None] * 5)
    after = Variant("b", [outcome(f"e{i:03}", score=1.0) for i in range(28)] + [
        outcome("e028", output=None, error="timed out"), outcome("e999", score=1.0)
    ])  # fmt: skip
    finding = only(compare(before, [after], reading=RISING))
    assert (finding.n, finding.dropped) == (25, 4)
    assert (finding.baseline_value, finding.challenger_value) == (1.0, 1.0)
    one, other = finding.baseline_side, finding.challenger_side
    assert (one.scored, one.unscored, one.errored, one.only_here) == (25, 5, 0, 1)
    assert (other.scored, other.unscored, other.errored, other.only_here) == (30, 0, 0, 1)
    assert finding.absent[0] == "1 of 30 runs of b failed; they count as failures."
    assert finding.absent[1].startswith("6 of 31 examples have no verdict (")
    assert any("1 in a, 1 in b" in caution for caution in finding.cautions)


def test_a_repetition_without_a_verdict_is_told() -> None:
    before = Variant("a", [outcome("e1", score=1), outcome("e1")])
    finding = only(compare(before, [Variant("b", [outcome("e1", score=1)] * 2)]))
    assert (finding.baseline_side.scored, finding.baseline_side.partial) == (1, 1)
    assert finding.absent == ("1 of 1 examples has repetitions without a verdict.",)


def test_few_pairs_carry_a_caution() -> None:
    finding = only(compare(scored("a", [0] * 19), [scored("b", [1] * 19)], reading=RISING))
    assert finding.verdict == "better"
    assert any("Only 19 pairs" in caution for caution in finding.cautions)


def test_five_pairs_can_show_nothing() -> None:
    finding = only(compare(scored("a", [0] * 5), [scored("b", [1] * 5)], reading=RISING))
    assert finding.verdict == "too few to say"
    assert finding.sentence == (
        "quality: 5 pairs are too few to say whether b differs from a: 100 % vs 0 % of 5 pairs, difference +100 points"
        "; 5 fixed, 0 broken, 0 unchanged. A verdict needs 6 pairs or more."
    )


def _two_evaluators(name: str, first: list[int], second: list[int]) -> Variant:
    return Variant(
        name,
        [
            Outcome(
                f"e{i}",
                "text",
                None,
                {"first": Judgement(name="first", score=a), "second": Judgement(name="second", score=b)},
            )
            for i, (a, b) in enumerate(zip(first, second, strict=True))
        ],
    )


def test_holm_runs_over_evaluators_and_challengers_and_can_take_a_verdict_back() -> None:
    baseline = _two_evaluators("a", [0] * 30, [0] * 30)
    barely = [1] * 6 + [0] * 24
    challengers = [_two_evaluators(name, barely, [0] * 30) for name in ("b", "c")]
    findings = compare(baseline, challengers).findings
    assert [(finding.evaluator, finding.challenger) for finding in findings] == [
        ("first", "b"),
        ("first", "c"),
        ("second", "b"),
        ("second", "c"),
    ]
    ps = [finding.p for finding in findings if finding.p is not None]
    assert [finding.p_adjusted for finding in findings] == holm(ps)
    assert ps[0] == 0.015625
    assert findings[0].verdict == "no difference shown"
    assert "p = 0.062 after the correction for 4 tests" in findings[0].sentence
    assert "the correction takes the verdict back" in findings[0].sentence


def test_only_the_named_evaluators_are_compared_and_corrected_for() -> None:
    baseline, challenger = _two_evaluators("a", [0] * 30, [0] * 30), _two_evaluators("b", [1] * 30, [1] * 30)
    finding = only(compare(baseline, [challenger], evaluators=["second"]))
    assert finding.evaluator == "second"
    assert finding.p_adjusted == finding.p


def test_an_evaluator_on_one_side_is_skipped_with_the_reason() -> None:
    rows = [outcome("e1", score=1)._replace(evaluations={
        "quality": Judgement(name="quality", score=1), "tone": Judgement(name="tone", score=1)
    })]  # fmt: skip
    comparison = compare(Variant("a", rows), [Variant("b", [outcome("e1", score=1)])])
    assert only(comparison).evaluator == "quality"
    assert [(skip.evaluator, skip.reason) for skip in comparison.skipped] == [
        ("tone", "'tone' has no verdict on the challenger")
    ]


def test_scores_against_labels_are_not_compared() -> None:
    with pytest.raises(Invalid, match="scores on one side and only labels on the other"):
        compare(scored("a", [1, 0]), [labelled("b", ["good", "bad"])])


def test_experiments_of_different_datasets_share_no_example() -> None:
    other = Variant("b", [outcome("x9", score=1)])
    with pytest.raises(Invalid, match=r"share no scored example.*such as 'e000' and 'x9'") as caught:
        compare(scored("a", [1, 0]), [other])
    assert "one dataset" in caught.value.next


def test_shared_examples_scored_on_different_rows_share_no_scored_example() -> None:
    with pytest.raises(Invalid, match="share 2 examples but no scored example"):
        compare(scored("a", [1, None]), [scored("b", [None, 1])])


def test_experiments_without_any_verdict_are_refused() -> None:
    bare = [Outcome("e1", "text", None, {})]
    with pytest.raises(Invalid, match="no scored example") as caught:
        compare(Variant("a", bare), [Variant("b", bare)])
    assert "eval.<name>.score" in caught.value.next


@pytest.mark.parametrize("argument", ["evaluators", "directions", "positive"])
def test_a_misspelt_evaluator_is_named_with_those_there_are(argument: str) -> None:
    with pytest.raises(Invalid, match="no experiment has an evaluator 'qualty'; there are 'quality'"):
        compare(
            BEFORE,
            [AFTER],
            evaluators=["qualty"] if argument == "evaluators" else None,
            reading=VerdictReading(
                directions={"qualty": "MAXIMIZE"} if argument == "directions" else {},
                positive={"qualty": ["yes"]} if argument == "positive" else {},
            ),
        )


def test_a_positive_label_that_nobody_gave_is_refused_with_those_seen() -> None:
    with pytest.raises(Invalid, match=r"'fine'.* occurs in no experiment; labels seen: 'bad', 'good'"):
        compare(
            labelled("a", ["good"]), [labelled("b", ["bad"])], reading=VerdictReading(positive={"quality": ["fine"]})
        )


def test_a_name_given_twice_or_no_challenger_is_refused() -> None:
    with pytest.raises(Invalid, match="'variant-a' is named twice"):
        compare(BEFORE, [BEFORE])
    with pytest.raises(Invalid, match="nothing to compare"):
        compare(BEFORE, [])


score = st.one_of(st.none(), st.sampled_from([0.0, 1.0]), st.floats(min_value=-1e100, max_value=1e100))
binary = st.one_of(st.none(), st.sampled_from([0.0, 1.0]))
pairs = st.one_of(*(st.lists(st.tuples(one, one), min_size=1, max_size=40) for one in (score, binary))).filter(
    lambda rows: any(before is not None and after is not None for before, after in rows)
)
OPPOSITE = {"better": "worse", "worse": "better"}


@settings(max_examples=60)
@given(rows=pairs)
def test_swapping_the_sides_turns_every_figure_round(rows: list[tuple[float | None, float | None]]) -> None:
    first, second = scored("a", [before for before, _ in rows]), scored("b", [after for _, after in rows])
    wide = VerdictReading(ranges={"quality": (-1e100, 1e100)})
    forth, back = only(compare(first, [second], reading=wide)), only(compare(second, [first], reading=wide))
    assert forth.p is not None
    assert 0 <= forth.p <= 1
    assert (back.p, back.n, back.dropped) == (forth.p, forth.n, forth.dropped)
    assert back.difference == -(forth.difference or 0.0)
    assert (back.baseline_value, back.challenger_value) == (forth.challenger_value, forth.baseline_value)
    assert (ids(back, "fixed"), ids(back, "broken")) == (ids(forth, "broken"), ids(forth, "fixed"))
    assert back.verdict == OPPOSITE.get(forth.verdict, forth.verdict)
    if forth.interval and back.interval:
        assert (back.interval.low, back.interval.high) == approx((-forth.interval.high, -forth.interval.low))


@settings(max_examples=60)
@given(rows=pairs)
def test_the_facts_are_plain_json_without_nan(rows: list[tuple[float | None, float | None]]) -> None:
    first, second = scored("a", [before for before, _ in rows]), scored("b", [after for _, after in rows])
    facts = compare(first, [second]).as_dict()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_the_order_of_rows_changes_nothing() -> None:
    shuffled = Variant("variant-b", list(reversed(AFTER.outcomes)))
    assert only(compare(BEFORE, [shuffled])).as_dict() == only(compare(BEFORE, [AFTER])).as_dict()


def test_a_third_experiment_decides_with_the_others_on_what_scale_every_pair_is_read() -> None:
    """One scale for all pairs: else a rate would stand beside a mean, and a clean pair would be refused."""
    clean, other = labelled("a", ["ok"] * 8), labelled("b", ["ok"] * 8)
    bad = labelled("c", ["invented"] * 8)
    found = compare(clean, [other, bad], reading=VerdictReading(positive={"quality": ["invented"]})).findings
    assert [(one.kind, one.baseline_value, one.challenger_value) for one in found] == [
        ("binary", 0, 0),
        ("binary", 0, 1),
    ]
    passing, same, failing = labelled("a", ["pass"] * 8), labelled("b", ["pass"] * 8), labelled("c", ["fail"] * 8)
    assert [one.positives for one in compare(passing, [same, failing]).findings] == [("pass",), ("pass",)]
    halves = compare(scored("a", [0, 1]), [scored("b", [1, 1]), scored("c", [0.5, 1])])
    assert [one.kind for one in halves.findings] == ["numeric", "numeric"]


def test_that_no_pair_differs_is_not_said_to_be_a_difference_and_not_to_be_equality() -> None:
    (same,) = compare(scored("a", [1] * 30), [scored("b", [1] * 30)]).findings
    assert "No pair differs; that does not show that the two are equal." in same.cautions
    (one,) = compare(scored("a", [1]), [scored("b", [0])]).findings
    assert not any("differs" in caution for caution in one.cautions)
