"""Paired differences of latency, tokens and cost between two experiments, with interval, test and verdict.

Latency is compared on the log scale, because its tail is long: the ratio of geometric means, "1.3 times as long".
Tokens and cost add up, so their mean difference is compared. Repetitions of an example are averaged first, of latencies
the logarithms; the logarithm of an average would be larger on the side with more repetitions.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple, cast

from assaykit.analysis.cluster_means import cluster_mean
from assaykit.analysis.clusters import Clusters, Groups, grouped
from assaykit.analysis.differences import differences
from assaykit.analysis.means import SKEWED, SKEWED_FROM, mean_interval, moments, skewness, widened
from assaykit.analysis.permutation import sign_flip
from assaykit.analysis.rows import Outcome
from assaykit.analysis.statistics import ALPHA, Interval

Measure = Literal["latency", "tokens", "cost"]
UsageVerdict = Literal["higher", "lower", "no difference shown", "too close to call", "too few to say", "not tested"]

FEWEST_TESTED = 20
"""Fewer pairs, or clusters, are described and not tested."""

_OTHER_UNIT = 100
"""From this ratio on, latencies of which one has no unit are taken for seconds beside milliseconds."""

UsageRows = tuple[str, Sequence[Outcome]]
"""The name of an experiment and its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageChange:
    """One measure of a challenger against the baseline, over the `n` examples with a value on both sides.

    If `is_ratio`, the values are geometric means, and `change` and `interval` are the ratio challenger / baseline; else
    the values are means, and both are the difference challenger less baseline. Latency is in milliseconds, cost in US
    dollars. `unpaired` counts the shared examples without a value on both sides. `units` counts the clusters, else the
    pairs. p is None below `FEWEST_TESTED` units. The interval is None without spread. `question` says why there is no
    verdict although there are enough pairs.
    """

    measure: Measure
    baseline: str
    challenger: str
    n: int
    unpaired: int
    units: int
    is_ratio: bool
    baseline_value: float
    challenger_value: float
    change: float
    interval: Interval | None
    skewness: float
    p: float | None
    p_adjusted: float | None = None
    tests: int = 1
    verdict: UsageVerdict = "not tested"
    question: str | None = None

    @property
    def nothing(self) -> float:
        """The change that means that nothing differs: 1 for a ratio, 0 for a difference."""
        return 1.0 if self.is_ratio else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


class _Means(NamedTuple):
    """The mean of differences on the scale of the test."""

    mean: float
    interval: Interval | None
    p: float
    units: int
    skewness: float


class _Values(NamedTuple):
    """The first value of each example, and all values of an example that has several."""

    first: Mapping[str, float]
    more: Mapping[str, Sequence[float]]

    def is_positive(self, ids: Sequence[str]) -> bool:
        """Whether every value of these examples is above zero."""
        return min(map(self.first.__getitem__, ids)) > 0 and all(
            min(self.more[one]) > 0 for one in ids if one in self.more
        )

    def averages(self, ids: Sequence[str], scale: Callable[[float], float]) -> list[float]:
        """The average of each example's values on a scale."""
        if not self.more:
            return list(map(scale, map(self.first.__getitem__, ids)))
        every = (self.more.get(one, (self.first[one],)) for one in ids)
        return [_arithmetic([scale(value) for value in values]) for values in every]


def usage_changes(
    baseline: UsageRows, challengers: Sequence[UsageRows], clusters: Clusters | None = None
) -> list[UsageChange]:
    """The changes of every measure that both sides of a pair have, without correction and verdict."""
    found = (_change(measure, baseline, one, clusters) for one in challengers for measure in _READ)
    return [one for one in found if one is not None]


def corrected_change(change: UsageChange, p_adjusted: float | None, tests: int) -> UsageChange:
    """The change with its corrected p, one of `tests`, and the verdict that follows."""
    one = replace(change, p_adjusted=p_adjusted, tests=tests)
    return replace(one, verdict=_verdict(one))


def _verdict(one: UsageChange) -> UsageVerdict:
    if one.question is not None:
        return "not tested"
    is_skewed = abs(one.skewness) > SKEWED and one.units < SKEWED_FROM
    if one.p_adjusted is None or is_skewed:
        return "too few to say"
    # Pairs that all differ alike have no interval, and leave no doubt.
    beyond = one.interval is None or not one.interval.low <= one.nothing <= one.interval.high
    if one.p_adjusted > ALPHA:
        return "no difference shown"
    if not beyond:
        return "too close to call"
    return "higher" if one.change > one.nothing else "lower"


def _change(
    measure: Measure, baseline: UsageRows, challenger: UsageRows, clusters: Clusters | None
) -> UsageChange | None:
    (old, rows), (new, others) = baseline, challenger
    before, after = (_by_example(each, _READ[measure](each)) for each in (rows, others))
    paired = sorted(one for one in before.first if one in after.first)
    if not paired:
        return None
    is_ratio = measure == "latency" and all(each.is_positive(paired) for each in (before, after))
    sides = [each.averages(paired, math.log if is_ratio else float) for each in (before, after)]
    found = _means(differences(*sides), grouped(paired, clusters))
    shown: Callable[[float], float] = _exp if is_ratio else float
    baseline_value, challenger_value = (shown(_arithmetic(side)) for side in sides)
    question = _unit_question(challenger_value / baseline_value, rows, others) if is_ratio else None
    shared = {row.example_id for row in rows} & {row.example_id for row in others}
    return UsageChange(
        measure=measure,
        baseline=old,
        challenger=new,
        n=len(paired),
        unpaired=len(shared) - len(paired),
        units=found.units,
        is_ratio=is_ratio,
        baseline_value=baseline_value,
        challenger_value=challenger_value,
        change=shown(found.mean),
        interval=found.interval and Interval(shown(found.interval.low), shown(found.interval.high), 0.95),
        skewness=found.skewness,
        p=None if found.units < FEWEST_TESTED or question is not None else found.p,
        question=question,
    )


def _means(moves: Sequence[float], groups: Groups | None) -> _Means:
    known = moments(moves)
    mean = known.mean
    if groups is None:
        skew = skewness(moves, known)
        interval = widened(mean_interval(known), known.n, skew) if known.has_spread else None
        return _Means(mean, interval, sign_flip(moves), known.n, skew)
    found = cluster_mean(moves, groups)
    if found.clusters == 1:
        return _Means(mean, None, 1.0, 1, 0.0)
    skew = skewness(found.away)
    interval = widened(found.interval(), found.clusters, skew) if found.has_spread else None
    return _Means(mean, interval, found.p(), found.clusters, skew)


def _unit_question(ratio: float, rows: Sequence[Outcome], others: Sequence[Outcome]) -> str | None:
    """The question about the unit, if one side has no unit and the two are far apart."""
    if 1 / _OTHER_UNIT < ratio < _OTHER_UNIT or not any(row.unit_assumed for row in (*rows, *others)):
        return None
    return "are both in one unit? A column `latency` is read as milliseconds; name it latency_s if it holds seconds"


def _by_example(rows: Sequence[Outcome], values: Sequence[float | None]) -> _Values:
    ids = [row.example_id for row in rows]
    if None not in values:
        found = dict(zip(reversed(ids), reversed(values), strict=True))
        if len(found) == len(ids):
            return _Values(cast("dict[str, float]", found), {})
    known = [(one, value) for one, value in zip(ids, values, strict=True) if value is not None]
    first = dict(reversed(known))
    more: dict[str, list[float]] = {}
    if len(first) < len(known):
        for key, value in known:
            more.setdefault(key, []).append(value)
    return _Values(first, {key: every for key, every in more.items() if len(every) > 1})


def _latencies(rows: Sequence[Outcome]) -> list[float | None]:
    """The latencies of rows that succeeded: the time of a failure says nothing about the others."""
    return [row.latency_ms if row.error is None else None for row in rows]


_READ: Mapping[Measure, Callable[[Sequence[Outcome]], list[float | None]]] = {
    "latency": _latencies,
    "tokens": lambda rows: [row.tokens for row in rows],
    "cost": lambda rows: [row.cost for row in rows],
}


def _arithmetic(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _exp(value: float) -> float:
    """The number of a natural logarithm, within the range of a float."""
    return math.exp(max(-700.0, min(700.0, value)))
