"""Rules of a release policy about the candidate alone: shares, failed rows, minimum sizes, and single examples."""

import math
from collections.abc import Sequence

from assaykit.analysis.candidates import Figures, Tally
from assaykit.analysis.cluster_shares import independent
from assaykit.analysis.clusters import Clusters
from assaykit.analysis.policy_rules import PolicyRule
from assaykit.analysis.release import UNDECIDED, RuleOutcome, Weighed
from assaykit.analysis.repetition import pass_hat_k
from assaykit.analysis.rows import listed, short
from assaykit.analysis.shares import at_least, at_most, interval_over
from assaykit.analysis.statistics import Interval
from assaykit.errors import Invalid

MOST_NEEDED = 1_000_000
_ROUNDING = 1e-9


def decide_share(rule: PolicyRule, found: Tally, subject: str = "") -> RuleOutcome:
    """Decide 'at least' or 'at most' a share by the exact 95 % interval. Missing verdicts must not turn the outcome.

    Ship: the whole interval is on the right side, even with the missing verdicts on the wrong one. Hold: the whole
    interval is on the wrong side, even with them on the right one; p is twice that of the exact binomial test.
    "At least 100 %" and "at most 0 %" are facts about these examples: one that fails holds the release.
    Averages over runs make the interval wider than need be, because it is widened to whole counts. Of examples in
    clusters the interval is that of as many independent examples as have the same standard error. `subject` stands
    before the figures.

    Raises:
        Invalid: the rule has no share.
    """
    _limit(rule)
    if not found.n:
        return RuleOutcome(rule.text, "undecided", f"None of {_count(found.missing, 'example')} has every verdict.")
    share = found.passed / found.n
    of = f", {round(found.passed)} of {_count(found.n, 'example')}" if _is_whole(found.passed) else ""
    over = "" if of else f" over {_count(found.n, 'example')}"
    told = f"{subject}{_percent(share)}{of}{over} ({_interval(_of_mean(found.passed, found.n, found.independent))})."
    first = _weighed(rule, found.passed, found.n, found.independent)
    ends = [_weighed(rule, found.passed + more, found.every, found.independent) for more in (found.least, found.most)]
    weighed = _kept(first, ends, found.missing)
    told += _of_clusters(found) + _gaps(rule, found, weighed, first)
    if first.outcome == "undecided":
        return _told(rule, told, share, found.independent)
    return RuleOutcome(rule.text, weighed.outcome, told, weighed.p)


def decide_examples(rule: PolicyRule, n: int) -> RuleOutcome:
    """Decide 'at least N examples': ship or undecided, because more examples can be had."""
    wanted = int(rule.size or 0)
    there = "There is" if n == 1 else "There are"
    if n >= wanted:
        return RuleOutcome(rule.text, "ship", f"{there} {_count(n, 'example')}.")
    why = f"{there} only {_count(n, 'example')}; {wanted:,} would decide it."
    return RuleOutcome(rule.text, "undecided", why, None, wanted)


def decide_must_pass(rule: PolicyRule, runs: Figures, good: float) -> RuleOutcome:
    """Decide 'NAME: must pass': each named example has the figure `good` in every run.

    Raises:
        Invalid: an example is not among the runs.
    """
    absent = [one for one in rule.examples if not runs.get(one)]
    if absent:
        raise Invalid(f"The candidate has no row of {listed(absent)}.", "Correct the ids in `examples`, or run them.")
    failed = [one for one in rule.examples if any(each not in {good, None} for each in runs[one])]
    if failed:
        return RuleOutcome(rule.text, "hold", f"{listed(failed)} failed.")
    unknown = [one for one in rule.examples if None in runs[one]]
    if unknown:
        lacks = "lacks" if len(unknown) == 1 else "lack"
        return RuleOutcome(rule.text, "undecided", f"{listed(unknown)} {lacks} a verdict in at least one run.")
    return RuleOutcome(rule.text, "ship", f"All {len(rule.examples)} passed.")


def decide_pass_hat_k(rule: PolicyRule, runs: Figures, good: float, clusters: Clusters | None = None) -> RuleOutcome:
    """Decide 'NAME: pass^3 at least X %' over the examples: the chance that all of k runs pass.

    The interval is the exact one of a share, which is wider than need be where estimates of examples lie between 0 and
    1. An example with a run without a verdict is taken at both ends; one with fewer than k runs could be 0 or 1.

    Raises:
        Invalid: the rule has no share, or no example has k runs.
    """
    if all(len(some) < rule.k for some in runs.values()):
        raise Invalid(f"No example has {rule.k} runs.", "Run the examples more often, or give a smaller k.")
    read = {key: [None if one is None else one == good for one in some] for key, some in runs.items()}
    known = {key: _all_of(some, rule.k) for key, some in read.items() if None not in some and len(some) >= rule.k}
    whole, (number, groups) = list(known.values()), independent(known, clusters)
    parts = [some for some in read.values() if None in some or len(some) < rule.k]
    least = [0.0 if len(some) < rule.k else _all_of(some, rule.k) for some in parts]
    most = [1.0 if len(some) < rule.k else _all_of([one is not False for one in some], rule.k) for some in parts]
    each = number / len(whole) if whole else 1.0
    found = Tally(math.fsum(whole), len(whole), len(parts), math.fsum(least), math.fsum(most), each, groups)
    return decide_share(
        rule, found, f"{short(rule.evaluator or '')}: all {rule.k} of {rule.k} runs pass (pass^{rule.k}) in "
    )


def _all_of(runs: Sequence[bool | None], k: int) -> float:
    return pass_hat_k(len(runs), sum(one is True for one in runs), k)


def _limit(rule: PolicyRule) -> float:
    if rule.size is None or rule.unit != "points":
        raise Invalid(f"{short(rule.text)!r} has no share.", "Write a percentage, such as 80 %.")
    return rule.size


def _weighed(rule: PolicyRule, total: float, n: int, independent: float) -> Weighed:
    limit = _limit(rule)
    if limit == float(rule.at_least):
        # No sample shows that none can fail, so such a limit is about these examples alone.
        return Weighed("ship" if abs(total - limit * n) < _ROUNDING else "hold")
    interval = _of_mean(total, n, independent)
    above, below = interval.low >= limit, interval.high <= limit
    right, wrong = (above, interval.high < limit) if rule.at_least else (below, interval.low > limit)
    if right:
        return Weighed("ship")
    if not wrong:
        return UNDECIDED
    low, high, n = _counts(total, n, independent)
    if rule.at_least:
        return Weighed("hold", min(1.0, 2 * at_most(high, n, limit)))
    return Weighed("hold", min(1.0, 2 * at_least(low, n, limit)))


def _kept(first: Weighed, ends: Sequence[Weighed], missing: int) -> Weighed:
    """The outcome that both ends of the missing verdicts have as well; undecided if one differs."""
    if not missing:
        return first
    if any(end.outcome != first.outcome for end in ends):
        return UNDECIDED
    return Weighed(first.outcome, max((end.p for end in (first, *ends) if end.p is not None), default=None))


def _of_mean(total: float, n: int, independent: float) -> Interval:
    """The exact interval of a share, widened to whole counts; `total` is a sum of values between 0 and 1."""
    return interval_over(*_counts(total, n, independent))


def _counts(total: float, n: int, independent: float) -> tuple[int, int, int]:
    """The whole counts below and above the share of as many examples as are independent, and their number."""
    number = n if independent == 1 else max(1, math.floor(n * independent + _ROUNDING))
    some = total / n * number if number < n else total
    return math.floor(some + _ROUNDING), math.ceil(some - _ROUNDING), number


def _is_whole(total: float) -> bool:
    return abs(total - round(total)) < _ROUNDING


def _of_clusters(found: Tally) -> str:
    if not found.clusters:
        return ""
    number = max(1, round(found.n * found.independent))
    return (
        f" The examples are of {_count(found.clusters, 'cluster')}, so the interval is that of "
        f"{_count(number, 'independent example')}."
    )


def _gaps(rule: PolicyRule, found: Tally, weighed: Weighed, first: Weighed) -> str:
    if not found.missing:
        return ""
    told = f" {_count(found.missing, 'more example')} lack{'s' if found.missing == 1 else ''} a verdict."
    if first.outcome == "undecided":
        return told
    is_worst = rule.at_least == (first.outcome == "ship")
    total = found.passed + (found.least if is_worst else found.most)
    end = f"{_percent(total / found.every)} ({_interval(_of_mean(total, found.every, found.independent))})"
    verb = "still" if weighed.outcome == first.outcome else "not"
    side = "worst" if first.outcome == "ship" else "best"
    return f"{told} With the missing verdicts at their {side} it would be {end}, which would {verb} {first.outcome}."


def _more(rule: PolicyRule, share: float, independent: float) -> int | None:
    """The examples with which a share like the one seen would ship; None if it is not on the right side."""
    limit = _limit(rule)
    if share == limit or (share > limit) != rule.at_least:
        return None

    def is_enough(n: int) -> bool:
        passed = math.floor(share * n + _ROUNDING) if rule.at_least else math.ceil(share * n - _ROUNDING)
        return _weighed(rule, passed, n, independent).outcome == "ship"

    low, high = 1, 2
    while not is_enough(high):
        low, high = high, 2 * high
        if high > MOST_NEEDED:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def _told(rule: PolicyRule, why: str, share: float, independent: float) -> RuleOutcome:
    """An undecided share, with the number of examples that would decide it."""
    needed = _more(rule, share, independent)
    more = "" if needed is None else f" About {needed:,} examples would decide it if this share is the true one."
    return RuleOutcome(rule.text, "undecided", f"{why}{more}", None, needed)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _interval(interval: Interval) -> str:
    return f"95 % interval {100 * interval.low:.1f} to {100 * interval.high:.1f}"
