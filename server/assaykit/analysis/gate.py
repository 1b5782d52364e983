"""Rules that a candidate has to meet beside a baseline, decided by what the pairs show, not by the mean alone.

    correctness: not worse by more than 2 points    even the bad end of the interval lies within the margin
    correctness: better                             it is shown better, and the bad end lies above none
    tone: not shown worse                           the comparison does not say that it is worse

A margin in points is of a rate in percent; without the word it is in the unit of the score.

A rule has passed or failed only if no verdict that is missing could change that: the rule is decided again with the
missing verdicts at their worst for the candidate, or at their best, and is undecided if that comes out otherwise.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

from assaykit.analysis.findings import Finding
from assaykit.analysis.missing import at_best, at_worst, counted, taken
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import FEW_PAIRS, change
from assaykit.analysis.verdicts import verdict
from assaykit.errors import Invalid

Want = Literal["within", "better", "not shown worse"]
Decision = Literal["passed", "failed", "undecided"]

_RULE = re.compile(
    r"\s*(?P<evaluator>.+?)\s*:\s*"
    r"(?:(?P<within>not worse by more than\s+(?P<margin>\d+(?:\.\d+)?)\s*(?P<points>points?|%)?)"
    r"|(?P<better>better)|(?P<shown>not shown worse))\s*",
    re.IGNORECASE,
)
_TAIL = 0.025
"""What a 95 % interval leaves out at either end."""

_FORMS = "'NAME: not worse by more than 2 points', 'NAME: better' or 'NAME: not shown worse'"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `margin` is in the unit of the figure, a rate from 0 to 1."""

    text: str
    evaluator: str
    want: Want
    margin: float = 0.0
    in_points: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """What came of a rule, and why in one sentence."""

    rule: Rule
    outcome: Decision
    why: str


def read(text: str) -> Rule:
    """A rule.

    Raises:
        Invalid: it is none.
    """
    found = _RULE.fullmatch(text)
    if found is None:
        raise Invalid(f"{short(text)!r} is no rule.", f"Write {_FORMS}.")
    if found["within"] is None:
        return Rule(text, found["evaluator"], "better" if found["better"] else "not shown worse")
    points = found["points"] is not None
    return Rule(text, found["evaluator"], "within", float(found["margin"]) / (100 if points else 1), points)


def decide(rule: Rule, finding: Finding, tests: int = 1) -> Ruling:
    """What the finding says of the rule; `tests` is how many were made in the comparison.

    Raises:
        Invalid: it cannot be said, since nobody knows which way is better, or the margin is of another kind.
    """
    name = short(rule.evaluator)
    if finding.direction == "NONE" or finding.difference is None:
        raise Invalid(f"Which way {name!r} is better is not known.", "Pass --direction NAME=MAXIMIZE, or --positive.")
    if rule.in_points and finding.kind == "numeric":
        raise Invalid(f"{name!r} is a score and no rate, so it has no points.", "Give the margin without 'points'.")
    if rule.want == "within" and not rule.in_points and finding.kind == "binary":
        raise Invalid(f"{name!r} is a rate, so its margin is in points.", f"Write '{rule.text} points'.")
    outcome = _outcome(rule, finding)
    why = _why(outcome, finding)
    if not finding.gaps:
        return Ruling(rule, outcome, why)
    why = f"{why} {counted(finding)}"
    return Ruling(rule, outcome, why) if outcome == "undecided" else _held(Ruling(rule, outcome, why), finding, tests)


def _held(ruling: Ruling, finding: Finding, tests: int) -> Ruling:
    """The ruling if the missing verdicts could not change it, else that the rule is undecided."""
    passed = ruling.outcome == "passed"
    filled = _tested(at_worst(finding) if passed else at_best(finding), ruling, tests)
    holds = _outcome(ruling.rule, filled) == ruling.outcome
    extreme, word = ("worst", "pass") if passed else ("best", "fail")
    end = f"would still {word}" if holds else f"would not {word}"
    why = (
        f"{ruling.why} With the missing verdicts at their {extreme} for {short(finding.challenger)}{taken(finding)}, "
        f"the rule {end}: {change(filled)}."
    )
    return Ruling(ruling.rule, ruling.outcome if holds else "undecided", why)


def _tested(filled: Finding, ruling: Ruling, tests: int) -> Finding:
    """The finding with the verdict under which the ruling is hardest to keep.

    Holm's factor for p lies between 1 and the number of tests, and depends on what the other findings miss. A small p
    makes it harder to pass "not shown worse". A large p makes every other ruling harder to keep.
    """
    p = 1.0 if filled.p is None else filled.p
    small = ruling.rule.want == "not shown worse" and ruling.outcome == "passed"
    corrected = replace(filled, p_adjusted=p if small else min(1.0, p * tests))
    return replace(corrected, verdict=verdict(corrected))


def _outcome(rule: Rule, finding: Finding) -> Decision:
    if rule.want == "not shown worse":
        return "failed" if finding.verdict == "worse" else "passed"
    low, high = _gain(finding)
    if rule.want == "within":
        return "passed" if low >= -rule.margin else "failed" if high < -rule.margin else "undecided"
    # The interval of few changed examples is narrower than the exact test allows, so the test has to agree.
    if finding.verdict == "better" and low > 0:
        return "passed"
    return "failed" if finding.verdict == "worse" or high <= 0 else "undecided"


def _gain(finding: Finding) -> tuple[float, float]:
    """The interval of the gain: of the difference, turned round where less is better."""
    low, high = _ends(finding)
    return (low, high) if finding.direction == "MAXIMIZE" else (-high, -low)


def _ends(finding: Finding) -> tuple[float, float]:
    """The interval of the difference, everything where the pairs tell none.

    Rates that differ alike in all of n pairs still leave room: with 97.5 % confidence no more than b = 1 - 0.025^(1/n)
    of all examples would not do so.
    """
    if finding.n < FEW_PAIRS:
        return -math.inf, math.inf
    if finding.interval is not None:
        return finding.interval.low, finding.interval.high
    middle = finding.difference or 0.0
    if finding.kind == "numeric":
        return middle, middle
    room = 1 - _TAIL ** (1 / finding.n)
    # From a tie an example can go either way; from a whole point it can fall to a loss of one, and go no further.
    if middle == 0:
        return -room, room
    back = middle * (1 - 2 * room)
    return min(middle, back), max(middle, back)


def _why(outcome: Decision, finding: Finding) -> str:
    if outcome == "undecided":
        return f"{finding.sentence} With n = {finding.n} that is too few to say."
    return finding.sentence


def overall(rulings: list[Ruling]) -> Decision:
    """What came of all rules together: one that failed counts for more than one that could not be decided."""
    outcomes = {one.outcome for one in rulings}
    return "failed" if "failed" in outcomes else "undecided" if "undecided" in outcomes else "passed"
