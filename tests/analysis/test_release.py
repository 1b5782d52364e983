"""The decision on a release from the outcomes of its rules."""

import itertools

import pytest

from assaykit.analysis.calibration import UNKNOWN, Standing
from assaykit.analysis.release import ReleaseOutcome, RuleOutcome, combined, corrected, exit_code, reviewed

OUTCOMES: list[ReleaseOutcome] = ["ship", "hold", "error", "undecided", "needs review"]
RANKS = {2: 0, 1: 1, 4: 2, 3: 3, 0: 4}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_worst_exit_code_wins_in_any_order(number: int) -> None:
    for some in itertools.product(OUTCOMES, repeat=number):
        codes = [exit_code([one]) for one in some]
        assert exit_code(some) == min(codes, key=RANKS.__getitem__)


def test_no_rule_at_all_is_an_error() -> None:
    assert combined([]) == "error"
    assert exit_code([]) == 2


def hold(p: float | None) -> RuleOutcome:
    return RuleOutcome("q: better", "hold", "It is worse.", p)


def test_holds_are_corrected_by_holm_over_all_rules() -> None:
    ship = RuleOutcome("q: better", "ship", "It is better.")
    assert [one.outcome for one in corrected([hold(0.02)])] == ["hold"]
    # Of three rules, 3 * 0.02 is above 5 %.
    found = corrected([ship, hold(0.02), ship])
    assert [one.outcome for one in found] == ["ship", "undecided", "ship"]
    assert "Corrected for 3 rules" in found[1].why
    # Holm: 3 * 0.01, then 2 * 0.02, then 0.04, none below the one before it.
    assert [one.outcome for one in corrected([hold(0.01), hold(0.02), hold(0.04)])] == ["hold"] * 3
    assert [one.outcome for one in corrected([hold(0.01), hold(0.03), hold(0.04)])] == [
        "hold",
        "undecided",
        "undecided",
    ]


def test_a_hold_that_is_a_plain_fact_needs_no_correction() -> None:
    assert [one.outcome for one in corrected([hold(None)] * 20)] == ["hold"] * 20


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_judge_without_calibration_is_told_and_blocks_only_on_request(outcome: ReleaseOutcome) -> None:
    one = RuleOutcome("q: better", outcome, "So it is.")
    told = reviewed(one, by_judge=True, standing=UNKNOWN, required=False)
    assert told.outcome == outcome
    asked = reviewed(one, by_judge=True, standing=UNKNOWN, required=True)
    if outcome == "error":
        assert told == asked == one
        return
    assert told.why == asked.why == "So it is. The judge is not calibrated."
    assert asked.outcome == "needs review"
    assert reviewed(one, by_judge=False, standing=UNKNOWN, required=True) == one
    known = reviewed(one, by_judge=True, standing=Standing(is_calibrated=True, sentence="It is."), required=True)
    assert (known.outcome, known.why) == (outcome, "So it is. It is.")
