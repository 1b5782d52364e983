"""Rules of a release policy about the difference of two experiments, decided by the interval and the test.

    correctness: not worse by more than 2 points     even the worse end of the interval lies within the margin
    correctness: the same within 2 points            both ends do
    correctness: better                              the verdict is better, and even the worse end is a gain
    correctness: not shown worse by 5 points         the verdict is not worse, and a loss of 5 points would be seen

A rule ships or holds only if no missing verdict could change the outcome. It is decided again with the missing verdicts
at their worst and at their best for the candidate; a different outcome makes the rule undecided.
"""

import math
from dataclasses import replace

from assaykit.analysis.distributions import t_quantile
from assaykit.analysis.findings import Finding
from assaykit.analysis.missing import absences, at_best, at_worst, counted, taken
from assaykit.analysis.paired_rates import score_p, tango_interval
from assaykit.analysis.policy_rules import PolicyRule
from assaykit.analysis.power import Design, Noise, for_difference, for_equivalence, for_margin
from assaykit.analysis.release import UNDECIDED, RuleOutcome, Weighed
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import FEW_PAIRS, change, sentence
from assaykit.analysis.statistics import Interval
from assaykit.analysis.verdicts import SKEWED, SKEWED_FROM, is_too_small, tested, verdict
from assaykit.errors import Invalid
from assaykit.figures import digits

DIFFERENCES = frozenset({"within", "better", "not shown worse", "same"})
"""The kinds of rules that need a baseline."""

_BY_VERDICT = frozenset({"better", "not shown worse"})

USUAL_LOSS = 0.1
"""The loss that 'not shown worse' rules out if it states none: a share of a rate, or of the range of a score."""

_RARE = 5
"""Rows expected in the rarer tail from which the interval of a mean keeps its level."""

_FAR = 2
"""Standard deviations below the mean from which a loss is far."""

_NEEDS = "that is too few to say."


def decide_difference(rule: PolicyRule, finding: Finding, rules: int = 1) -> RuleOutcome:
    """Decide the rule on the finding. `rules` is the number of rules, over which a hold is corrected.

    Raises:
        Invalid: the direction is not known or only assumed, the scores of the two sides may have different scales, or
            the number has the wrong unit for the evaluator.
    """
    refuse_unfit(rule, finding)
    alone = _uncorrected(finding)
    first = weighed(rule, alone, rules)
    said = sentence(alone, 1)
    if first.outcome == "undecided":
        # So few pairs tell nothing of the variation that a larger number rests on; the sentence has the least number.
        is_told = alone.verdict == "too few to say"
        needed = None if is_told else needed_for(rule, finding, rules)
        short_of = "" if is_told else f"With n = {finding.n} {_NEEDS}"
        parts = (said, short_of, _would_decide(rule, finding, needed), *absences(finding))
        return RuleOutcome(rule.text, "undecided", " ".join(part for part in parts if part), None, needed)
    loss = f"{_loss_seen(rule, alone)} {_rare_losses(finding)}".strip() if first.outcome == "ship" else ""
    if not finding.gaps:
        parts = (said, loss, *absences(finding))
        return RuleOutcome(rule.text, first.outcome, " ".join(part for part in parts if part), first.p)
    return _with_gaps(rule, finding, rules, first, f"{said} {loss}".strip())


def refuse_unfit(rule: PolicyRule, finding: Finding) -> None:
    """Check that the rule can be decided on the finding.

    Raises:
        Invalid: it cannot.
    """
    name = short(rule.evaluator or "")
    if finding.question is not None:
        raise Invalid(f"{name}: {finding.question}", "Score both experiments on one scale.")
    ran = not (finding.baseline_side.failed_runs or finding.challenger_side.failed_runs)
    if finding.difference is None or not (is_directed(finding) or (rule.kind == "same" and ran)):
        raise Invalid(
            f"The direction of {name!r} is not known, and a gate does not assume one.",
            f"Pass --direction '{name}=MAXIMIZE' or MINIMIZE, or --positive '{name}=LABEL' if labels are counted. A "
            "policy file has the tables [directions] and [positive] for it.",
        )
    if rule.size is None:
        return
    if rule.unit == "points" and finding.kind == "numeric":
        raise Invalid(f"{name!r} is a score, not a rate, so it has no points.", "Give the margin without 'points'.")
    if rule.unit != "points" and finding.kind == "binary":
        raise Invalid(f"{name!r} is a rate, so its margin must be in points.", f"Write '{rule.text} points'.")


def is_directed(finding: Finding) -> bool:
    """Whether somebody gave the better direction."""
    return finding.direction != "NONE" and not finding.direction_assumed


def weighed(rule: PolicyRule, finding: Finding, rules: int = 1) -> Weighed:
    """Decide the rule on the pairs of the finding, which has its verdict without a correction."""
    if is_too_small(finding):
        return UNDECIDED
    return _by_verdict(rule, finding, rules) if rule.kind in _BY_VERDICT else _by_margin(rule, finding)


def _by_verdict(rule: PolicyRule, finding: Finding, rules: int) -> Weighed:
    """A loss that is shown holds. 'Better' needs a gain that is shown, 'not shown worse' a loss that would be seen."""
    if finding.verdict == "worse":
        return Weighed("hold", finding.p)
    low, _ = gain(finding)
    if rule.kind == "better":
        ships = finding.verdict == "better" and low > 0
    else:
        is_near = finding.verdict == "too close to call" and low < 0
        ships = _is_ruled_out(rule, finding) or (not is_near and _is_seen(rule, finding, rules))
    return Weighed("ship") if ships else UNDECIDED


def _is_ruled_out(rule: PolicyRule, finding: Finding) -> bool:
    """Whether the pairs show that there is no such loss: by a gain, or by the interval."""
    return finding.verdict == "better" or gain(finding)[0] >= -stated_loss(rule, finding)


def _is_seen(rule: PolicyRule, finding: Finding, rules: int) -> bool:
    """Whether a true loss of the size stated would usually have been shown."""
    return finding.units >= _seen_from(stated_loss(rule, finding), finding, rules)


def _by_margin(rule: PolicyRule, finding: Finding) -> Weighed:
    """The interval within the margin ships; the interval beyond it holds."""
    both, margin = rule.kind == "same", rule.size or 0.0
    low, high = gain(finding, rule.level if both else None)
    if low >= -margin and not (both and high > margin):
        return Weighed("ship")
    if high < -margin:
        return Weighed("hold", beyond_p(finding, -margin))
    return Weighed("hold", beyond_p(finding, margin)) if both and low > margin else UNDECIDED


def gain(finding: Finding, level: float | None = None) -> tuple[float, float]:
    """The interval of the gain: that of the difference, negated if lower is better.

    It is infinite below `FEW_PAIRS` pairs, or clusters of pairs.

    It is infinite as well where the pairs give no interval. `level` is another level than that of the finding.
    """
    one = finding.interval if level is None else _at_level(finding, level)
    if finding.units < FEW_PAIRS or one is None:
        return -math.inf, math.inf
    return (-one.high, -one.low) if finding.direction == "MINIMIZE" else (one.low, one.high)


def _at_level(finding: Finding, level: float) -> Interval | None:
    """The interval at another level. That of pairs that are all alike stays at 95 %, which is never narrower."""
    one = finding.interval
    if one is None or level == one.level:
        return one
    if finding.test == "mid-p McNemar" and finding.table is not None:
        lost, gained = finding.table.baseline_only, finding.table.challenger_only
        return tango_interval(finding.n, gained=gained, lost=lost, level=level)
    if not finding.spread:
        return one if level < one.level else Interval(-math.inf, math.inf, level)
    middle, df = (one.low + one.high) / 2, finding.units - 1
    half = (one.high - one.low) / 2 * t_quantile((1 + level) / 2, df) / t_quantile((1 + one.level) / 2, df)
    return Interval(middle - half, middle + half, level)


def beyond_p(finding: Finding, gained: float) -> float:
    """The two-sided p of the hypothesis that the true gain is `gained`."""
    difference = -gained if finding.direction == "MINIMIZE" else gained
    if finding.test == "mid-p McNemar" and finding.table is not None:
        lost, up = finding.table.baseline_only, finding.table.challenger_only
        return score_p(finding.n, gained=up, lost=lost, difference=difference)
    moved = {key: (before + difference, after) for key, (before, after) in finding.pairs.items()}
    return tested(replace(finding, pairs=moved)).p or 0.0


def stated_loss(rule: PolicyRule, finding: Finding) -> float:
    """The loss that 'not shown worse' has to rule out, in the unit of the figure."""
    low, high = finding.reach
    return rule.size if rule.size is not None else USUAL_LOSS * (high - low)


def needed_for(rule: PolicyRule, finding: Finding, rules: int) -> int | None:
    """The examples that would decide an undecided rule, as `_would_decide` says it; None if no number is known."""
    noise, size = _noise(finding, _gained(finding) if rule.kind == "better" else rule.size or 0.0)
    try:
        if rule.kind == "not shown worse":
            found = _seen_from(stated_loss(rule, finding), finding, rules)
        elif rule.kind == "better":
            found = max(FEW_PAIRS, for_difference(size, noise))
        else:
            found = for_equivalence(size, noise) if rule.kind == "same" else for_margin(size, noise)
    except Invalid:
        return None
    if finding.skewness is not None and is_too_small(finding):
        found = max(found, SKEWED_FROM)
    # Clusters of the same size are wanted in the same proportion.
    found = math.ceil(found * finding.n / finding.units)
    return found if found > finding.n else None


def _gained(finding: Finding) -> float:
    """The gain seen, or 0 for a loss."""
    seen = finding.difference or 0.0
    return max(0.0, -seen if finding.direction == "MINIMIZE" else seen)


def _would_decide(rule: PolicyRule, finding: Finding, needed: int | None) -> str:
    if needed is None:
        return ""
    about = f"About {needed:,} examples would decide it"
    if rule.kind == "not shown worse":
        return f"{about}: a loss of {amount(finding, stated_loss(rule, finding))}{_taken_loss(rule)} would be seen."
    return f"{about} if {'the gain seen is the true one' if rule.kind == 'better' else 'there is no true change'}."


def _loss_seen(rule: PolicyRule, finding: Finding) -> str:
    if rule.kind != "not shown worse":
        return ""
    loss = amount(finding, stated_loss(rule, finding))
    if _is_ruled_out(rule, finding):
        return f"The pairs rule out a loss of {loss}{_taken_loss(rule)}."
    return f"A true loss of {loss}{_taken_loss(rule)} would have been seen in 4 of 5 such comparisons."


def _rare_losses(finding: Finding) -> str:
    """A caution where a few large losses of a score decide: intervals of a mean see them from 5 expected on."""
    if finding.kind != "numeric" or not finding.spread or finding.skewness is None:
        return ""
    sign = -1 if finding.direction == "MINIMIZE" else 1
    moves = [sign * (after - before) for before, after in finding.pairs.values()]
    lowest = math.fsum(moves) / len(moves) - _FAR * finding.spread
    rare = sum(one < lowest for one in moves)
    if sign * finding.skewness >= -SKEWED or not 0 < rare < _RARE:
        return ""
    needed = math.ceil(_RARE * finding.n / rare)
    return (
        f"Caution: {rare} of {finding.n} pairs lost far more than the others. Losses as rare as this are judged well "
        f"from about {needed:,} examples on."
    )


def _taken_loss(rule: PolicyRule) -> str:
    return "" if rule.size is not None else " (taken because the rule states none)"


def amount(finding: Finding, size: float) -> str:
    """A size in the unit of the figure."""
    return digits(size, 3) if finding.kind == "numeric" else f"{digits(100 * size, 3)} points"


def _seen_from(loss: float, finding: Finding, rules: int) -> int:
    """The examples from which the test, corrected for the rules, would usually see a loss of this size."""
    noise, size = _noise(finding, loss)
    return for_difference(size, noise, Design(criteria=max(1, rules)))


def _noise(finding: Finding, size: float) -> tuple[Noise, float]:
    """The variation of the pairs, and the size in its unit.

    Scores that are all alike vary as little as a rate does where no pair differs, in units of their range.
    """
    if finding.is_clustered and finding.standard_error:
        return Noise(sd=finding.standard_error * math.sqrt(finding.units)), size
    if finding.table is not None and not finding.is_clustered:
        changed = finding.table.baseline_only + finding.table.challenger_only
        return Noise(discordant=changed / finding.n), size
    if finding.spread:
        return Noise(sd=finding.spread), size
    low, high = finding.reach
    return Noise(discordant=0.0), min(1.0, size / (high - low)) if high > low else size


def _with_gaps(rule: PolicyRule, finding: Finding, rules: int, first: Weighed, said: str) -> RuleOutcome:
    """The outcome with its reason, undecided if the missing verdicts could change it."""
    worst, best = ("worst", _uncorrected(at_worst(finding))), ("best", _uncorrected(at_best(finding)))
    # The end that is harder on the outcome decides; a rule of two margins is hard at both.
    hard = (worst, best) if rule.kind == "same" else (best,) if first.outcome == "hold" else (worst,)
    ends = [(word, filled, weighed(rule, filled, rules)) for word, filled in hard]
    turned = [end for end in ends if end[2].outcome != first.outcome]
    word, filled, _ = (turned or ends)[0]
    verb = "ship" if first.outcome == "ship" else "hold"
    missing = f"{counted(finding)}."
    notes = [note for note in absences(finding) if not turned or note != missing]
    bounds = (
        f"With the missing verdicts{taken(finding)} at their {word} for {short(finding.challenger)}, the rule would "
        f"{'not' if turned else 'still'} {verb}: {change(filled)}."
    )
    why = " ".join([*([f"Undecided, because {missing}"] if turned else []), said, *notes, bounds])
    if turned:
        return RuleOutcome(rule.text, "undecided", why)
    ps = [one.p for one in (first, *(end[2] for end in ends)) if one.p is not None]
    return RuleOutcome(rule.text, first.outcome, why, max(ps, default=None))


def _uncorrected(finding: Finding) -> Finding:
    """The finding with the verdict of its test alone. A release corrects over its rules, not over evaluators."""
    alone = replace(finding, p_adjusted=finding.p)
    return replace(alone, verdict=verdict(alone))
