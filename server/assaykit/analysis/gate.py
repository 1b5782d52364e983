"""Rules that a candidate has to meet beside a baseline, decided by what the pairs show, not by the mean alone.

    correctness: not worse by more than 2 points    even the bad end of the interval lies within the margin
    correctness: better                             it is shown better, and the bad end lies above none
    tone: not shown worse                           the comparison does not say that it is worse

A margin in points is of a rate in percent; without the word it is in the unit of the score.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal

from assaykit.analysis.findings import Finding
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import FEW_PAIRS
from assaykit.errors import Invalid

Want = Literal["within", "better", "not shown worse"]
Outcome = Literal["passed", "failed", "undecided"]

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
    outcome: Outcome
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


def decide(rule: Rule, finding: Finding) -> Ruling:
    """What the finding says of the rule.

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
    return Ruling(rule, outcome, _why(outcome, finding))


def _outcome(rule: Rule, finding: Finding) -> Outcome:
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


def _why(outcome: Outcome, finding: Finding) -> str:
    if outcome == "undecided":
        return f"{finding.sentence} With n = {finding.n} that is too few to say."
    return finding.sentence


def overall(rulings: list[Ruling]) -> Outcome:
    """What came of all rules together: one that failed counts for more than one that could not be decided."""
    outcomes = {one.outcome for one in rulings}
    return "failed" if "failed" in outcomes else "undecided" if "undecided" in outcomes else "passed"
