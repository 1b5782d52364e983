"""The test of a finding's pairs: values, interval, test and verdict."""

import math
from collections.abc import Sequence
from dataclasses import replace
from operator import mul

from assaykit.analysis.cluster_means import cluster_mean
from assaykit.analysis.clusters import Groups, grouped
from assaykit.analysis.findings import ComparisonVerdict, Finding, Table
from assaykit.analysis.means import (
    SKEWED,
    SKEWED_FROM,
    alike_interval,
    has_spread,
    mean_interval,
    moments,
    skewness,
    widened,
)
from assaykit.analysis.paired_rates import mcnemar_mid_p, tango_interval
from assaykit.analysis.pairs import columns_of, moves_of
from assaykit.analysis.permutation import sign_flip
from assaykit.analysis.statistics import (
    ALPHA,
    FEWEST_PAIRS,
    Interval,
    smallest_detectable_difference,
    standard_deviation,
)

_ROUNDING = 1e-12
_ZERO_AND_ONE = frozenset({0.0, 1.0})


def tested(finding: Finding) -> Finding:
    """The finding with its values, interval and test. `pairs`, `reach`, `kind` and `clusters` must be set."""
    befores, afters = columns_of(finding.pairs)
    n, moves = len(befores), moves_of(finding.pairs)
    mean = math.fsum(moves) / n
    finding = replace(
        finding,
        baseline_value=math.fsum(befores) / n,
        challenger_value=math.fsum(afters) / n,
        # Averages of repetitions are rounded, so differences that cancel out leave a trace.
        difference=mean if abs(mean) > _ROUNDING * max(map(abs, moves)) else 0.0,
        table=_table(finding, befores, afters),
        units=n,
        standard_error=None,
    )
    groups = grouped(finding.pairs, finding.clusters)
    if groups is not None:
        return _of_clusters(finding, moves, groups)
    return _of_means(finding, moves) if finding.table is None else _of_single_runs(finding, finding.table)


def _table(finding: Finding, befores: Sequence[float], afters: Sequence[float]) -> Table | None:
    """The 2x2 table of a rate; None if averages of repetitions lie between 0 and 1, as there is none then."""
    if finding.kind != "binary" or not all(map(_ZERO_AND_ONE.issuperset, (befores, afters))):
        return None
    old, new, both = befores.count(1.0), afters.count(1.0), int(sum(map(mul, befores, afters)))
    return Table(both, baseline_only=old - both, challenger_only=new - both, neither=len(befores) - old - new + both)


def _of_single_runs(finding: Finding, table: Table) -> Finding:
    lost, gained = table.baseline_only, table.challenger_only
    return replace(
        finding,
        interval=tango_interval(finding.units, gained=gained, lost=lost),
        test="mid-p McNemar",
        p=mcnemar_mid_p(lost, gained),
        effect_size=None,
        skewness=None,
        spread=None,
    )


def _of_means(finding: Finding, moves: Sequence[float]) -> Finding:
    known = moments(moves)
    sd = known.sd if known.has_spread else 0.0
    mean, skew = finding.difference or 0.0, skewness(moves, known)
    spread = known.has_spread
    return replace(
        finding,
        interval=widened(mean_interval(known), known.n, skew) if spread else _of_the_alike(finding, mean),
        test="sign flips",
        p=sign_flip(moves),
        effect_size=mean / sd if spread else None,
        skewness=skew,
        spread=sd,
    )


def _of_clusters(finding: Finding, moves: Sequence[float], groups: Groups) -> Finding:
    """The finding tested by whole clusters. One cluster alone gives neither interval nor test."""
    found = cluster_mean(moves, groups)
    finding = replace(finding, units=found.clusters, test="sign flips of clusters")
    if found.clusters == 1:
        return replace(finding, test=None, p=None, interval=None)
    spread, sd, mean = found.has_spread, standard_deviation(moves), finding.difference or 0.0
    skew = skewness(found.away)
    interval = _of_the_alike(finding, mean)
    if spread:
        interval = _within_rates(finding, widened(found.interval(), found.clusters, skew))
    return replace(
        finding,
        interval=interval,
        p=found.p(),
        effect_size=mean / sd if finding.table is None and has_spread(moves) else None,
        skewness=skew,
        spread=sd,
        standard_error=found.error if spread else 0.0,
    )


def _within_rates(finding: Finding, interval: Interval) -> Interval:
    """The interval, cut at the ends of the scale if the finding is a rate."""
    if finding.kind != "binary":
        return interval
    return Interval(max(-1.0, interval.low), min(1.0, interval.high), interval.level)


def _of_the_alike(finding: Finding, mean: float) -> Interval | None:
    """The interval of pairs that all differ by the same amount; None if there is one pair, or one score alone."""
    low, high = finding.reach
    return alike_interval(finding.units, mean, high - low) if finding.units > 1 and high > low else None


def detectable(finding: Finding, tests: int) -> float | None:
    """The smallest true difference that such pairs would show four times of five, as one of `tests` tests."""
    if finding.p is None:
        return None
    alpha = ALPHA / max(1, tests)
    if finding.standard_error is not None:
        sd = finding.standard_error * math.sqrt(finding.units)
        return smallest_detectable_difference(finding.units, sd=sd, alpha=alpha)
    if finding.table is not None:
        changed = finding.table.baseline_only + finding.table.challenger_only
        return smallest_detectable_difference(finding.n, discordant_rate=changed / finding.n, alpha=alpha)
    return smallest_detectable_difference(finding.n, sd=finding.spread or 0.0, alpha=alpha)


def is_too_small(finding: Finding) -> bool:
    """Whether the pairs allow no verdict: fewer than `FEWEST_PAIRS`, or fewer than `SKEWED_FROM` with strong skewness.

    Clusters count in place of pairs. Source: no test of the mean keeps its level there; the sign-flip test of skewed
    differences gives 18 % false verdicts at n = 20.
    """
    is_skewed = finding.skewness is not None and abs(finding.skewness) > SKEWED
    return finding.units < FEWEST_PAIRS or (is_skewed and finding.units < SKEWED_FROM)


def leaves_out_zero(interval: Interval | None) -> bool:
    """Whether zero lies outside the interval; False without an interval."""
    return interval is not None and not interval.low <= 0 <= interval.high


def shown(finding: Finding) -> tuple[ComparisonVerdict, float]:
    """The verdict, with the sign of a difference that has no better side. Two findings that differ in it contradict."""
    sign = math.copysign(1.0, finding.difference or 0.0) if finding.verdict == "different" else 0.0
    return finding.verdict, sign


def verdict(finding: Finding) -> ComparisonVerdict:
    """The verdict that follows from the corrected p, the interval and the direction.

    A difference counts as shown if the corrected p is at most `ALPHA` and the interval leaves out zero. If the test
    and the interval contradict each other, the verdict is "too close to call".
    """
    if finding.p is None or finding.p_adjusted is None or finding.difference is None:
        return "not tested"
    if is_too_small(finding):
        return "too few to say"
    beyond = leaves_out_zero(finding.interval)
    if finding.p_adjusted > ALPHA:
        return "too close to call" if beyond and finding.p > ALPHA else "no difference shown"
    if not beyond:
        return "too close to call"
    if finding.direction == "NONE":
        return "different"
    return "better" if (finding.difference > 0) == (finding.direction == "MAXIMIZE") else "worse"
