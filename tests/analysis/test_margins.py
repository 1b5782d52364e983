"""Rules about a difference, decided on findings."""

import math
from statistics import NormalDist

import pytest
from tests.analysis.variants import approx

from assaykit.analysis.compare import Variant, VerdictReading, compare
from assaykit.analysis.findings import Finding
from assaykit.analysis.margins import decide_difference
from assaykit.analysis.policy_rules import policy_rule
from assaykit.analysis.release import RuleOutcome, corrected
from assaykit.analysis.rows import Judgement, Outcome
from assaykit.errors import Invalid
from assaykit.wire.evaluators import Direction


def variant(name: str, scores: list[float]) -> Variant:
    return Variant(
        name,
        [
            Outcome(f"e{place}", "x", None, {"correctness": Judgement(name="correctness", score=score)})
            for place, score in enumerate(scores)
        ],
    )


def finding(before: list[float], after: list[float], direction: Direction = "MAXIMIZE") -> Finding:
    found = compare(
        variant("a", before), [variant("b", after)], reading=VerdictReading(directions={"correctness": direction})
    )
    return found.findings[0]


def decided(rule: str, found: Finding, rules: int = 1) -> RuleOutcome:
    return decide_difference(policy_rule(rule), found, rules)


UP = VerdictReading(directions={"correctness": "MAXIMIZE"})
HALF = [1.0, 0.0] * 100
WORSE = [0.0, 0.0] * 30 + [1.0, 0.0] * 70
BETTER = [1.0, 1.0] * 30 + [1.0, 0.0] * 70
MOVED = [0.0, 1.0] + [1.0, 0.0] * 99
"""One example broke and another was fixed."""


@pytest.mark.parametrize(
    ("rule", "after", "direction", "outcome"),
    [
        ("correctness: not worse by more than 3 points", MOVED, "MAXIMIZE", "ship"),
        ("correctness: not worse by more than 0 points", MOVED, "MAXIMIZE", "undecided"),
        ("correctness: not worse by more than 0 points", HALF, "MAXIMIZE", "undecided"),
        ("correctness: not worse by more than 2 points", HALF, "MAXIMIZE", "ship"),
        ("correctness: not worse by more than 1.8 points", HALF, "MAXIMIZE", "undecided"),
        ("correctness: not worse by more than 2%", WORSE, "MAXIMIZE", "hold"),
        ("correctness: NOT worse by more than 14.5 points", WORSE, "MAXIMIZE", "undecided"),
        ("correctness: not worse by more than 30 points", WORSE, "MAXIMIZE", "ship"),
        ("correctness: not worse by more than 2 points", WORSE, "MINIMIZE", "ship"),
        ("correctness: not worse by more than 2 points", BETTER, "MINIMIZE", "hold"),
        ("correctness: better", BETTER, "MAXIMIZE", "ship"),
        ("correctness: better", WORSE, "MAXIMIZE", "hold"),
        ("correctness: better", HALF, "MAXIMIZE", "undecided"),
        ("correctness: better", MOVED, "MAXIMIZE", "undecided"),
        ("correctness: not shown worse", MOVED, "MAXIMIZE", "ship"),
        ("correctness: not shown worse", WORSE, "MAXIMIZE", "hold"),
    ],
)
def test_a_rule_is_decided_by_the_interval(rule: str, after: list[float], direction: Direction, outcome: str) -> None:
    ruling = decided(rule, finding(HALF, after, direction))
    assert ruling.outcome == outcome
    assert ("too few" in ruling.why) == (outcome == "undecided")


@pytest.mark.parametrize(
    ("pairs", "rule", "outcome"),
    [
        (19, "better", "undecided"),
        (20, "better", "ship"),
        (19, "not worse by more than 50 points", "undecided"),
        (20, "not worse by more than 2 points", "ship"),
    ],
)
def test_few_pairs_decide_nothing_however_much_alike_they_are(pairs: int, rule: str, outcome: str) -> None:
    found = finding([0.0] * pairs, [1.0] * pairs)
    assert decided(f"correctness: {rule}", found).outcome == outcome


@pytest.mark.parametrize("pairs", [20, 73, 189])
def test_that_nothing_differs_shows_no_more_than_the_number_of_pairs_allows(pairs: int) -> None:
    """The two roots of Tango's equation are z² / (n + z²) away from zero if no pair differs."""
    found = finding([1.0] * pairs, [1.0] * pairs)
    square = NormalDist().inv_cdf(0.975) ** 2
    room = 100 * square / (pairs + square)
    wide, narrow = (f"correctness: not worse by more than {room + off:.4f} points" for off in (0.01, -0.01))
    assert decided(wide, found).outcome == "ship"
    assert decided(narrow, found).outcome == "undecided"


@pytest.mark.parametrize(
    ("change", "pairs", "verdict", "better", "not_shown_worse"),
    [
        (3, 30, "no difference shown", "undecided", "ship"),
        (-3, 30, "no difference shown", "undecided", "undecided"),
        (4, 30, "too close to call", "undecided", "ship"),
        (-4, 30, "too close to call", "undecided", "undecided"),
        (10, 10, "better", "undecided", "ship"),
        (-10, 10, "worse", "hold", "hold"),
    ],
)
def test_a_rule_never_says_other_than_the_verdict_beside_it(
    change: int, pairs: int, verdict: str, better: str, not_shown_worse: str
) -> None:
    """Four changed of thirty leave zero out of the interval, and have a p of 0.0625."""
    changed = [0.0] * (pairs - abs(change)) + [1.0] * abs(change)
    found = finding([0.0] * pairs, changed) if change > 0 else finding(changed, [0.0] * pairs)
    assert found.verdict == verdict
    assert decided("correctness: better", found).outcome == better
    assert decided("correctness: not shown worse", found).outcome == not_shown_worse


def test_a_margin_has_the_unit_of_its_figure() -> None:
    scores = finding([3.0, 4.0, 5.0] * 20, [3.5, 4.5, 5.0] * 20)
    assert decided("correctness: not worse by more than 0.2", scores).outcome == "ship"
    with pytest.raises(Invalid, match="has no points"):
        decided("correctness: not worse by more than 2 points", scores)
    with pytest.raises(Invalid, match="its margin must be in points"):
        decided("correctness: not worse by more than 0.2", finding(HALF, MOVED))
    with pytest.raises(Invalid, match="The direction of"):
        decided("correctness: better", finding(HALF, BETTER, "NONE"))


def test_a_repetition_without_a_verdict_is_counted_and_taken_at_its_worst() -> None:
    """Every example has a pair, by two of its three repetitions."""
    rows = variant("b", HALF).outcomes
    crashed = [row._replace(evaluations={}) for row in rows[:150]]
    before, after = Variant("a", [*rows, *rows, *rows]), Variant("b", [*rows, *rows, *rows[150:], *crashed])
    found = compare(before, [after], reading=UP).findings[0]
    ruling = decided("correctness: not worse by more than 5 points", found)
    assert ruling.outcome == "undecided"
    assert "150 of 200 examples have repetitions without a verdict." in ruling.why
    # A third of the 75 good examples of these 150 is lost.
    assert "the rule would not ship: difference -12.5 points" in ruling.why


@pytest.mark.parametrize(("known", "missing"), [(True, 30), (False, 10)])
def test_where_the_dataset_is_not_known_the_examples_are_those_that_were_run(known: bool, missing: int) -> None:
    ids = frozenset(f"e{place}" for place in range(220)) if known else None
    before, after = variant("a", HALF)._replace(examples=ids), variant("b", HALF[:190])._replace(examples=ids)
    found = compare(before, [after], reading=UP).findings[0]
    assert f"{missing} of {190 + missing} examples" in decided("correctness: better", found).why


def test_an_example_that_left_the_dataset_is_not_missing_unless_both_ran_it() -> None:
    ids = frozenset(f"e{place}" for place in range(180))
    before, after = variant("a", HALF)._replace(examples=ids), variant("b", HALF[:190])._replace(examples=ids)
    crash = [row._replace(evaluations={}) for row in after.outcomes[185:]]
    after = after._replace(outcomes=[*after.outcomes[:185], *crash])
    found = compare(before, [after], reading=UP).findings[0]
    why = decided("correctness: better", found).why
    assert "5 of 190 examples have no verdict in b." in why


def test_a_range_that_is_a_single_score_tells_no_bounds() -> None:
    """All scores are 0.9: a missing one is taken for 0, not for 0.9."""
    found = finding([0.9] * 100, [0.9] * 97)
    ruling = decided("correctness: not worse by more than 0.01", found)
    assert ruling.outcome == "undecided"
    assert "97 pairs" in ruling.why
    ruling = decided("correctness: not worse by more than 0.04", found)
    assert ruling.outcome == "undecided"
    assert (
        "With the missing verdicts (from 0 to 1, as all scores are alike) at their worst for b, the rule" in ruling.why
    )
    assert "the rule would not ship: difference -0.027 " in ruling.why


def test_a_few_large_losses_of_a_score_are_a_caution_with_the_number_of_examples() -> None:
    """Two of 50 lose 0.8: five such rows are expected in 125."""
    before = [3 + place % 5 / 10 for place in range(50)]
    after = [score - (0.8 if place < 2 else -0.01 * (place % 3)) for place, score in enumerate(before)]
    ruling = decided("correctness: not worse by more than 0.4", finding(before, after))
    assert ruling.outcome == "ship"
    assert "Caution: 2 of 50 pairs lost far more" in ruling.why
    assert "from about 125 examples on." in ruling.why
    turned = decided("correctness: not worse by more than 0.4", finding(after, before, "MINIMIZE"))
    assert "Caution" not in decided("correctness: better", finding(after, before)).why
    assert "Caution: 2 of 50" in turned.why


@pytest.mark.parametrize(("rules", "outcome"), [(1, "hold"), (2, "undecided")])
def test_a_hold_at_a_margin_is_corrected_over_the_rules(rules: int, outcome: str) -> None:
    """10 of 100 broke. At a loss of 5 points the likeliest rates are 0.25 and 5.25 %, so z is 5 / sqrt(5.25)."""
    found = decided("correctness: not worse by more than 5 points", finding([1.0] * 100, [0.0] * 10 + [1.0] * 90))
    assert (found.outcome, found.p) == ("hold", approx(math.erfc(5 / math.sqrt(5.25) / math.sqrt(2)), rel=1e-9))
    ships = [RuleOutcome("other", "ship", "")] * (rules - 1)
    assert corrected([found, *ships])[0].outcome == outcome
