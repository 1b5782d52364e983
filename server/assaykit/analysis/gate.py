"""Rules that a candidate has to meet against a baseline, decided by intervals and tests, not by the mean alone.

    correctness: not worse by more than 2 points    even the worse end of the interval lies within the margin
    correctness: better                             the verdict is better, and even the worse end is a gain
    tone: not shown worse                           there are enough pairs, and the verdict is not worse

A margin in points is in percentage points of a rate. Without the word `points` it is in the unit of the score.

A rule passes or fails only if no missing verdict could change the outcome. `decide` fills in the missing verdicts at
their worst for the candidate (for a pass) or at their best (for a fail) and decides again; a different outcome makes
the rule undecided.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

from assaykit.analysis.findings import Finding
from assaykit.analysis.missing import absences, at_best, at_worst, counted, taken
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import FEW_PAIRS, change, sentence
from assaykit.analysis.verdicts import is_too_small, verdict
from assaykit.errors import Invalid

Want = Literal["within", "better", "not shown worse"]
Decision = Literal["passed", "failed", "undecided"]

_RULE = re.compile(
    r"\s*(?P<evaluator>.+?)\s*:\s*"
    r"(?:(?P<within>not worse by more than\s+(?P<margin>\d+(?:\.\d+)?)\s*(?P<points>points?|%)?)"
    r"|(?P<better>better)|(?P<shown>not shown worse))\s*",
    re.IGNORECASE,
)
_FORMS = "'NAME: not worse by more than 2 points', 'NAME: better' or 'NAME: not shown worse'"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `margin` is in the unit of the figure; for a rate it is a fraction from 0 to 1."""

    text: str
    evaluator: str
    want: Want
    margin: float = 0.0
    in_points: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """The outcome of a rule, with its reason in one or more sentences."""

    rule: Rule
    outcome: Decision
    why: str


def read(text: str) -> Rule:
    """Parse a rule.

    Raises:
        Invalid: the text has none of the three forms.
    """
    found = _RULE.fullmatch(text)
    if found is None:
        raise Invalid(f"{short(text)!r} is not a rule.", f"Write {_FORMS}.")
    if found["within"] is None:
        return Rule(text, found["evaluator"], "better" if found["better"] else "not shown worse")
    points = found["points"] is not None
    return Rule(text, found["evaluator"], "within", float(found["margin"]) / (100 if points else 1), points)


def decide(rule: Rule, finding: Finding, tests: int = 1) -> Ruling:
    """Decide the rule on the finding. `tests` is the number of tests in the comparison.

    Raises:
        Invalid: the direction is not known or only assumed, the scores of the two sides may have different scales, or
            the margin has the wrong unit for the evaluator.
    """
    _refuse_unfit(rule, finding)
    # The pairs decide first. What the missing verdicts could turn is said of the rule, and not of the verdict too.
    plain = replace(finding, verdict=verdict(finding))
    outcome, said = _outcome(rule, plain), sentence(plain, tests)
    if not finding.gaps or outcome == "undecided":
        few = f"With n = {finding.n} that is too few to say." if outcome == "undecided" else ""
        return Ruling(rule, outcome, " ".join(part for part in (said, few, *absences(finding)) if part))
    return _held(Ruling(rule, outcome, said), finding, tests)


def _refuse_unfit(rule: Rule, finding: Finding) -> None:
    name = short(rule.evaluator)
    if finding.question is not None:
        raise Invalid(f"{name}: {finding.question}", "Score both experiments on one scale.")
    if finding.direction == "NONE" or finding.direction_assumed or finding.difference is None:
        raise Invalid(
            f"The direction of {name!r} is not known, and a gate does not assume one.",
            f"Pass --direction '{name}=MAXIMIZE' or MINIMIZE, or --positive '{name}=LABEL' if labels are counted.",
        )
    if rule.in_points and finding.kind == "numeric":
        raise Invalid(f"{name!r} is a score, not a rate, so it has no points.", "Give the margin without 'points'.")
    if rule.want == "within" and not rule.in_points and finding.kind == "binary":
        raise Invalid(f"{name!r} is a rate, so its margin must be in points.", f"Write '{rule.text} points'.")


def _held(ruling: Ruling, finding: Finding, tests: int) -> Ruling:
    """Return the ruling with its reason, as undecided if the missing verdicts could change its outcome."""
    passed = ruling.outcome == "passed"
    filled = _tested(at_worst(finding) if passed else at_best(finding), ruling, tests)
    holds = _outcome(ruling.rule, filled) == ruling.outcome
    extreme, word = ("worst", "pass") if passed else ("best", "fail")
    end = f"would still {word}" if holds else f"would not {word}"
    missing = f"{counted(finding)}."
    notes = [note for note in absences(finding) if holds or note != missing]
    bounds = (
        f"With the missing verdicts{taken(finding)} at their {extreme} for {short(finding.challenger)}, the rule "
        f"{end}: {change(filled)}."
    )
    why = " ".join([*([] if holds else [f"Undecided, because {missing}"]), ruling.why, *notes, bounds])
    return Ruling(ruling.rule, ruling.outcome if holds else "undecided", why)


def _tested(filled: Finding, ruling: Ruling, tests: int) -> Finding:
    """The finding with the verdict under which the ruling is hardest to keep.

    Holm's factor for p lies between 1 and the number of tests. It depends on the missing verdicts of the other
    findings, so the factor that is hardest on the ruling is used. A small p makes "not shown worse" harder to pass; a
    large p makes every other ruling harder to keep.
    """
    p = 1.0 if filled.p is None else filled.p
    small = ruling.rule.want == "not shown worse" and ruling.outcome == "passed"
    corrected = replace(filled, p_adjusted=p if small else min(1.0, p * tests))
    return replace(corrected, verdict=verdict(corrected))


def _outcome(rule: Rule, finding: Finding) -> Decision:
    if is_too_small(finding):
        return "undecided"
    if rule.want == "not shown worse":
        is_near = finding.verdict == "too close to call" and _gain(finding)[0] < 0
        return "failed" if finding.verdict == "worse" else "undecided" if is_near else "passed"
    low, high = _gain(finding)
    if rule.want == "within":
        return "passed" if low >= -rule.margin else "failed" if high < -rule.margin else "undecided"
    if finding.verdict == "better" and low > 0:
        return "passed"
    return "failed" if finding.verdict == "worse" or high <= 0 else "undecided"


def _gain(finding: Finding) -> tuple[float, float]:
    """The interval of the gain: that of the difference, negated if lower is better; infinite below `FEW_PAIRS` pairs.

    It is infinite as well where the pairs give no interval.
    """
    one = finding.interval
    if finding.n < FEW_PAIRS or one is None:
        return -math.inf, math.inf
    return (one.low, one.high) if finding.direction == "MAXIMIZE" else (-one.high, -one.low)


def overall(rulings: list[Ruling]) -> Decision:
    """The outcome of all rules together: failed if any rule failed, else undecided if any is undecided, else passed."""
    outcomes = {one.outcome for one in rulings}
    return "failed" if "failed" in outcomes else "undecided" if "undecided" in outcomes else "passed"
