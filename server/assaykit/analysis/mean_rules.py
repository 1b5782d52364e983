"""Rules of a release policy about means without bounds of 0 and 1: scores, latency, tokens and cost.

Each rule is about an excess: the amount by which an example is on the wrong side of the limit. It ships if even the
upper end of the 95 % t interval of the mean excess is at most 0, and holds if even the lower end is above 0.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from assaykit.analysis.candidates import Figures
from assaykit.analysis.cluster_means import cluster_mean
from assaykit.analysis.clusters import Clusters, Groups, grouped
from assaykit.analysis.distributions import t_two_sided
from assaykit.analysis.means import has_spread, skewness, t_interval, widened
from assaykit.analysis.policy_rules import PolicyRule
from assaykit.analysis.release import UNDECIDED, RuleOutcome, Weighed
from assaykit.analysis.rows import short
from assaykit.analysis.sentences import FEW_PAIRS
from assaykit.analysis.statistics import Interval, standard_deviation
from assaykit.analysis.verdicts import SKEWED, SKEWED_FROM
from assaykit.errors import Invalid
from assaykit.figures import digits

Amounts = Mapping[str, Sequence[float | None]]
"""By example id, the latency, tokens or cost of each run; None where it is not known."""

_NOTHING: Mapping[str, float] = MappingProxyType({})
_TAIL = 0.025
_UNITS = {"latency": "ms", "cost": "$", "tokens": "tokens"}


class _Excess(NamedTuple):
    """By example, the excess of the complete ones, that of the others at its worst and its best; the ends possible."""

    whole: Mapping[str, float]
    worst: Mapping[str, float]
    best: Mapping[str, float]
    low: float
    high: float
    clusters: Clusters | None = None

    @property
    def groups(self) -> Groups | None:
        """The clusters of the complete examples; None if no two are of one."""
        return grouped(self.whole, self.clusters)

    def weighed(self, some: Mapping[str, float] = _NOTHING) -> Weighed:
        """The outcome with some of the others beside the complete examples."""
        every = {**self.whole, **some}
        return _weighed(list(every.values()), self.low, self.high, grouped(every, self.clusters))


def decide_mean(
    rule: PolicyRule, figures: Figures, reach: tuple[float, float], clusters: Clusters | None = None
) -> RuleOutcome:
    """Decide 'NAME: at least 3.5' of a score: the mean over examples, each the mean of its runs.

    `reach` has the smallest and the largest score that can stand in for a missing one.
    """
    limit, sign = rule.size or 0.0, -1 if rule.at_least else 1
    limits = _Limits(reach, limit, sign, short(rule.evaluator or ""))
    return _of_one(rule, figures, limits, clusters)


def decide_amount(rule: PolicyRule, amounts: Amounts, clusters: Clusters | None = None) -> RuleOutcome:
    """Decide 'latency: at most 2 s', and so for cost and tokens: the mean over examples.

    An amount that is not known is taken from the smallest to the largest one seen.

    Raises:
        Invalid: no run has the amount.
    """
    seen = _seen(amounts)
    if not seen:
        raise Invalid(f"No run of the candidate has {_known(rule)}.", "Record it, or leave the rule out.")
    limit = rule.size or 0.0
    # All-equal amounts tell no bounds, so the range then reaches twice as far as the limit.
    reach = (min(seen), max(seen)) if len(set(seen)) > 1 else (0.0, max(2 * limit, *seen))
    limits = _Limits(reach, limit, 1, f"Mean {rule.evaluator}", f" {_UNITS[rule.evaluator or '']}")
    return _of_one(rule, amounts, limits, clusters)


def decide_amount_change(
    rule: PolicyRule, before: Amounts, after: Amounts, clusters: Clusters | None = None
) -> RuleOutcome:
    """Decide 'latency: not worse by more than 10 %', and so for cost and tokens, over the paired examples.

    Latency is compared on a log scale, so the change is that of the geometric mean. The change of cost and tokens is
    that of the mean: after - (1 + margin) before has a mean of at most 0.

    Raises:
        Invalid: no example has the amount on both sides.
    """
    seen = [*_seen(before), *_seen(after)]
    ids = sorted(before.keys() & after.keys())
    paired = [one for one in ids if None not in before[one] and None not in after[one]]
    if not paired:
        raise Invalid(f"No example has {_known(rule)} in both experiments.", "Record it, or leave the rule out.")
    factor, is_log = 1 + (rule.size or 0.0), rule.evaluator == "latency"
    least, most = min(seen), max(seen)

    def excess(one: str, old: float, new: float) -> float:
        first, second = _mean(before[one], old), _mean(after[one], new)
        return _log(second) - _log(first) - math.log(factor) if is_log else second - factor * first

    parts = [one for one in ids if None in before[one] or None in after[one]]
    found = _Excess(
        {one: excess(one, 0.0, 0.0) for one in paired},
        {one: excess(one, least, most) for one in parts},
        {one: excess(one, most, least) for one in parts},
        _log(least) - _log(most) - math.log(factor) if is_log else least - factor * most,
        _log(most) - _log(least) - math.log(factor) if is_log else most - factor * least,
        clusters,
    )
    old, new = (math.fsum(_mean(some[one], 0.0) for one in paired) / len(paired) for some in (before, after))
    unit = _UNITS[rule.evaluator or ""]
    told = f"{rule.evaluator}: mean {digits(new, 3)} against {digits(old, 3)} {unit} over {_examples(paired)}"
    interval = _interval(list(found.whole.values()), found.low, found.high, found.groups)
    if interval is not None:

        def scale(x: float) -> float:
            return math.exp(x) * factor - 1 if is_log else x / old + factor - 1 if old else 0.0

        middle = scale(math.fsum(found.whole.values()) / len(paired))
        ends = " to ".join(f"{100 * scale(end):+.1f}" for end in (interval.low, interval.high))
        of = "geometric mean" if is_log else "mean"
        told += f", change of the {of} {100 * middle:+.1f} % (95 % interval {ends})"
    return _decided(rule, found, f"{told}.", f"from {digits(least, 3)} to {digits(most, 3)} {unit}")


class _Limits(NamedTuple):
    """The smallest and largest value possible, the limit of the mean, and the words for its subject and unit.

    `sign` is 1 for an upper limit, -1 for a lower one.
    """

    reach: tuple[float, float]
    limit: float
    sign: int
    subject: str
    unit: str = ""


def _of_one(rule: PolicyRule, figures: Figures, limits: _Limits, clusters: Clusters | None) -> RuleOutcome:
    """Decide a mean against its limit."""
    reach, limit, sign, subject, unit = limits
    whole = {key: _mean(runs, 0.0) for key, runs in figures.items() if None not in runs}
    parts = {key: runs for key, runs in figures.items() if None in runs}
    if not whole:
        return RuleOutcome(rule.text, "undecided", f"None of {_examples(parts)} has every value.")
    bad, good = (reach[1], reach[0]) if sign > 0 else reach
    found = _Excess(
        {key: sign * (one - limit) for key, one in whole.items()},
        {key: sign * (_mean(runs, bad) - limit) for key, runs in parts.items()},
        {key: sign * (_mean(runs, good) - limit) for key, runs in parts.items()},
        *sorted(sign * (end - limit) for end in reach),
        clusters=clusters,
    )
    told = f"{subject} {digits(math.fsum(whole.values()) / len(whole), 4)}{unit} over {_examples(whole)}"
    interval = _interval(list(found.whole.values()), found.low, found.high, found.groups)
    if interval is not None:
        ends = sorted(sign * end + limit for end in (interval.low, interval.high))
        told += f" (95 % interval {' to '.join(digits(end, 4) for end in ends)}{unit})"
    return _decided(rule, found, f"{told}.", f"from {digits(reach[0], 3)} to {digits(reach[1], 3)}{unit}")


def _decided(rule: PolicyRule, found: _Excess, told: str, taken: str) -> RuleOutcome:
    first, groups = found.weighed(), found.groups
    n, missing = len(found.whole), len(found.worst)
    if groups is not None:
        told += f" Interval and test are of {len(groups)} cluster{'' if len(groups) == 1 else 's'} of examples."
    if first.outcome == "undecided":
        needed = _needed(list(found.whole.values()), groups)
        few = f"With n = {n} that is too few to say."
        more = f"About {needed:,} examples would decide it if this mean is the true one." if needed else ""
        parts = [told, few, more, *([f"{_lack(missing)}."] if missing else [])]
        return RuleOutcome(rule.text, "undecided", " ".join(part for part in parts if part), None, needed)
    if not missing:
        return RuleOutcome(rule.text, first.outcome, told, first.p)
    ends = [found.weighed(some) for some in (found.worst, found.best)]
    side, end = ("worst", ends[0]) if first.outcome == "ship" else ("best", ends[1])
    holds = end.outcome == first.outcome
    lead = "" if holds else f"Undecided, because {_lack(missing)}. "
    bounds = (
        f"{_lack(missing)}; with them at their {side} ({taken}, the smallest and the largest possible), the rule would "
        f"{'still' if holds else 'not'} {first.outcome}."
    )
    ps = [one.p for one in (first, end) if one.p is not None]
    outcome = first.outcome if holds else "undecided"
    return RuleOutcome(rule.text, outcome, f"{lead}{told} {bounds}", max(ps, default=None) if holds else None)


def _weighed(excess: Sequence[float], low: float, high: float, groups: Groups | None) -> Weighed:
    interval, n = _interval(excess, low, high, groups), len(excess if groups is None else groups)
    lean = skewness(excess if groups is None else cluster_mean(excess, groups).away)
    if interval is None or n < FEW_PAIRS or (n < SKEWED_FROM and abs(lean) > SKEWED):
        return UNDECIDED
    if interval.high <= 0:
        return Weighed("ship")
    return Weighed("hold", _p(excess, low, groups)) if interval.low > 0 else UNDECIDED


def _interval(excess: Sequence[float], low: float, high: float, groups: Groups | None) -> Interval | None:
    """The t interval, widened if the values are skewed.

    That of values that are all alike is the mean if a share of up to 1 - 0.025^(1/n) lies at an end.

    With clusters the interval is theirs, and n is their number.
    """
    n, found = len(excess), None if groups is None else cluster_mean(excess, groups)
    if found is not None:
        n = found.clusters
        if n > 1 and found.has_spread:
            return widened(found.interval(), n, skewness(found.away))
    elif n > 1 and has_spread(excess):
        return widened(t_interval(excess), n, skewness(excess))
    if n < 2 or high <= low:  # noqa: PLR2004  (one value has no interval)
        return None
    room, one = 1 - _TAIL ** (1 / n), excess[0]
    return Interval(one - room * (one - low), one + room * (high - one), 0.95)


def _p(excess: Sequence[float], low: float, groups: Groups | None) -> float:
    """The two-sided p of a mean of 0, if the mean seen is above it."""
    n, mean = len(excess if groups is None else groups), math.fsum(excess) / len(excess)
    found = None if groups is None else cluster_mean(excess, groups)
    if found is not None and found.has_spread:
        return t_two_sided(mean / found.error, n - 1)
    if found is None and has_spread(excess):
        return t_two_sided(mean * math.sqrt(n) / standard_deviation(excess), n - 1)
    # A share of the examples beyond this one would bring the mean down to 0.
    share = mean / (mean - low)
    return min(1.0, 2 * (1 - share) ** n)


def _needed(excess: Sequence[float], groups: Groups | None) -> int | None:
    """The examples with which the t interval of such a mean leaves out 0; None if the mean is on the wrong side."""
    mean = math.fsum(excess) / len(excess)
    if len(excess) < 2 or mean >= 0 or not has_spread(excess):  # noqa: PLR2004  (a spread needs two values)
        return None
    sd = standard_deviation(excess)
    if groups is not None:
        # More examples of clusters as large as these.
        sd = max(sd, cluster_mean(excess, groups).error * math.sqrt(len(excess))) if len(groups) > 1 else math.inf
    if math.isinf(sd):
        return None
    n = math.ceil((1.96 * sd / mean) ** 2 + 2)
    n = max(n, SKEWED_FROM if abs(skewness(excess)) > SKEWED else FEW_PAIRS)
    return n if n > len(excess) else None


def _seen(amounts: Amounts) -> list[float]:
    return [one for runs in amounts.values() for one in runs if one is not None]


def _mean(runs: Sequence[float | None], instead: float) -> float:
    return math.fsum(instead if one is None else one for one in runs) / len(runs)


def _log(amount: float) -> float:
    # A latency of 0 is below the resolution of its clock.
    return math.log(max(amount, 1e-3))


def _known(rule: PolicyRule) -> str:
    return "tokens" if rule.evaluator == "tokens" else f"a {rule.evaluator}"


def _examples(some: Collection[object]) -> str:
    return "1 example" if len(some) == 1 else f"{len(some)} examples"


def _lack(missing: int) -> str:
    return f"{missing} more example{' lacks' if missing == 1 else 's lack'} a value"
