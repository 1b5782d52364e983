"""Rules of a release policy about the candidate alone: shares, failed rows, minimum sizes, and single examples."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from assaykit.analysis.policy_rules import PolicyRule
from assaykit.analysis.release import ReleaseOutcome, RuleOutcome
from assaykit.analysis.repetition import Tries, pass_hat_k
from assaykit.analysis.rows import listed, short
from assaykit.analysis.shares import at_least, at_most, clopper_pearson
from assaykit.analysis.statistics import Interval
from assaykit.errors import Invalid

MOST_NEEDED = 1_000_000
_ROUNDING = 1e-9


class Tally(NamedTuple):
    """Examples that passed and that failed, and those without a verdict, which could have gone either way."""

    passed: int
    failed: int
    missing: int = 0


def decide_share(rule: PolicyRule, tally: Tally) -> RuleOutcome:
    """Decide 'at least' or 'at most' a share by the exact 95 % interval. Missing verdicts must not turn the outcome.

    Ship: the whole interval is on the right side, even with the missing verdicts on the wrong one. Hold: the whole
    interval is on the wrong side, even with them on the right one; p is that of the exact binomial test.

    Raises:
        Invalid: the rule has no share, or no example should have a verdict.
    """
    limit = _limit(rule)
    outcome = _turned(tally, lambda one: _side(clopper_pearson(one.passed, one.passed + one.failed), limit, rule))
    n = tally.passed + tally.failed
    if n == 0:
        return RuleOutcome(rule.text, "undecided", f"None of {_count(tally.missing, 'example')} has a verdict.")
    share = f"{_percent(tally.passed / n)}, 95 % interval {_between(clopper_pearson(tally.passed, n))}"
    why = f"{tally.passed} of {n} passed ({share}).{_gaps(tally)}"
    p = at_most(tally.passed, n, limit) if rule.at_least else at_least(tally.passed, n, limit)
    return _told(rule, outcome, why, p, _more(rule, outcome, tally.passed / n))


def decide_failed_rows(rule: PolicyRule, failed: int, n: int) -> RuleOutcome:
    """Decide 'failed rows: at most X %' by the exact interval of Clopper and Pearson.

    Raises:
        Invalid: the rule has no share, or there are no rows.
    """
    limit, interval = _limit(rule), clopper_pearson(failed, n)
    outcome: ReleaseOutcome = "ship" if interval.high <= limit else "hold" if interval.low > limit else "undecided"
    why = f"{failed} of {n} rows failed ({_percent(failed / n)}, 95 % interval {_between(interval)})."
    return _told(rule, outcome, why, at_least(failed, n, limit), _more(rule, outcome, failed / n))


def decide_examples(rule: PolicyRule, n: int) -> RuleOutcome:
    """Decide 'at least N examples': ship or undecided, because more examples can be had."""
    wanted = int(rule.size or 0)
    if n >= wanted:
        return RuleOutcome(rule.text, "ship", f"There are {n} examples.")
    return RuleOutcome(rule.text, "undecided", f"There are only {_count(n, 'example')}.", None, wanted)


def decide_must_pass(rule: PolicyRule, tries: Mapping[str, Sequence[bool | None]]) -> RuleOutcome:
    """Decide 'NAME: must pass': each named example passes in every run.

    `tries` has the runs by id, None for a run without a verdict.

    Raises:
        Invalid: an example is not among the tries.
    """
    absent = [one for one in rule.examples if not tries.get(one)]
    if absent:
        raise Invalid(f"The candidate has no row of {listed(absent)}.", "Correct the ids in `examples`, or run them.")
    failed = [one for one in rule.examples if False in tries[one]]
    if failed:
        return RuleOutcome(rule.text, "hold", f"{listed(failed)} failed.")
    unknown = [one for one in rule.examples if None in tries[one]]
    if unknown:
        return RuleOutcome(rule.text, "undecided", f"{listed(unknown)} lacks a verdict in at least one run.")
    return RuleOutcome(rule.text, "ship", f"All {len(rule.examples)} passed.")


def decide_pass_hat_k(rule: PolicyRule, tries: Mapping[str, Tries], missing: int = 0) -> RuleOutcome:
    """Decide 'NAME: pass^3 at least X %' over the examples: the chance that all of k runs pass.

    The interval is the exact one of a share, which is wider than need be where estimates of examples lie between 0 and
    1. `missing` counts examples with fewer than k verdicts; they could be 0 or 1.

    Raises:
        Invalid: the rule has no share, or no example has k verdicts.
    """
    limit = _limit(rule)
    found = [pass_hat_k(*one, rule.k) for one in tries.values() if one.n >= rule.k]
    if not found:
        raise Invalid(f"No example has {rule.k} verdicts.", "Run the examples more often, or give a smaller k.")
    total, n = math.fsum(found), len(found)
    worst = _side(_of_mean(total, n + missing), limit, rule)
    best = _side(_of_mean(total + missing, n + missing), limit, rule)
    outcome: ReleaseOutcome = best if best == worst else "undecided"
    gaps = f" {_count(missing, 'example')} without {rule.k} verdicts." if missing else ""
    interval = f"95 % interval {_between(_of_mean(total, n))}"
    why = f"pass^{rule.k} is {_percent(total / n)} over {_count(n, 'example')} ({interval}).{gaps}"
    p = at_most(math.floor(total), n, limit) if rule.at_least else at_least(math.ceil(total), n, limit)
    return _told(rule, outcome, why, p, _more(rule, outcome, total / n))


def exact_matches(outputs: Mapping[str, Sequence[str | None]], truth: Mapping[str, str | None]) -> Tally:
    """Count the examples whose output is the true answer in every run, whatever the number of distinct answers.

    Both are compared without outer spaces. An example without a truth is left out; one with a run without an output
    (None) is a failure if another run differs, else missing.
    """
    passed = failed = missing = 0
    for example_id, answer in truth.items():
        given = outputs.get(example_id, ())
        if answer is None or not answer.strip():
            continue
        same = [None if one is None else one.strip() == answer.strip() for one in given]
        if False in same:
            failed += 1
        elif None in same or not same:
            missing += 1
        else:
            passed += 1
    return Tally(passed, failed, missing)


def _limit(rule: PolicyRule) -> float:
    if rule.size is None or rule.unit != "points":
        raise Invalid(f"{short(rule.text)!r} has no share.", "Write a percentage, such as 80 %.")
    return rule.size


def _turned(tally: Tally, side: Callable[[Tally], ReleaseOutcome]) -> ReleaseOutcome:
    """The outcome that both ends of the missing verdicts have; undecided if they differ."""
    if not tally.missing:
        return side(tally) if tally.passed + tally.failed else "undecided"
    best = side(Tally(tally.passed + tally.missing, tally.failed))
    worst = side(Tally(tally.passed, tally.failed + tally.missing))
    return best if best == worst else "undecided"


def _side(interval: Interval, limit: float, rule: PolicyRule) -> ReleaseOutcome:
    above, below = interval.low >= limit, interval.high <= limit
    right, wrong = (above, interval.high < limit) if rule.at_least else (below, interval.low > limit)
    if right:
        return "ship"
    return "hold" if wrong else "undecided"


def _of_mean(total: float, n: int) -> Interval:
    """The exact interval of a share, widened to whole counts; `total` is a sum of values between 0 and 1."""
    low, high = clopper_pearson(math.floor(total + _ROUNDING), n), clopper_pearson(math.ceil(total - _ROUNDING), n)
    return Interval(low.low, high.high, low.level)


def _more(rule: PolicyRule, outcome: ReleaseOutcome, share: float) -> int | None:
    """The examples with which a share like the one seen would ship; None if it is not on the right side."""
    limit = _limit(rule)
    if outcome != "undecided" or share == limit or (share > limit) != rule.at_least:
        return None

    def is_enough(n: int) -> bool:
        passed = math.floor(share * n + _ROUNDING) if rule.at_least else math.ceil(share * n - _ROUNDING)
        return _side(clopper_pearson(passed, n), limit, rule) == "ship"

    low, high = 1, 2
    while not is_enough(high):
        low, high = high, 2 * high
        if high > MOST_NEEDED:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def _told(rule: PolicyRule, outcome: ReleaseOutcome, why: str, p: float, needed: int | None) -> RuleOutcome:
    more = "" if needed is None else f" About {needed:,} examples would decide it if this share is the true one."
    return RuleOutcome(rule.text, outcome, f"{why}{more}", p if outcome == "hold" else None, needed)


def _gaps(tally: Tally) -> str:
    return f" {_count(tally.missing, 'example')} without a verdict." if tally.missing else ""


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _between(interval: Interval) -> str:
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"
