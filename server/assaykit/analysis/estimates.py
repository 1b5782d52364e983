"""The rate, the mean or the label shares of each evaluator on one experiment, with 95 % intervals.

The example is the unit: its runs are averaged first. Examples in clusters count as fewer. Sources: Wilson (1927) for
rates; Student (1908) for means; Liang and Zeger (1986) for clusters; Hall (1992) for skewed scores.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from assaykit.analysis.cluster_means import cluster_mean
from assaykit.analysis.cluster_shares import independent
from assaykit.analysis.clusters import Clusters, grouped
from assaykit.analysis.compare import VerdictReading
from assaykit.analysis.formats import percent
from assaykit.analysis.means import mean_interval, moments, share_interval, skewness, widened
from assaykit.analysis.pairing import (
    FAILED,
    Incomparable,
    figures,
    fitting,
    has_abstained,
    rows_of,
    scale,
    sheet,
    spellings,
)
from assaykit.analysis.rows import Outcome, short
from assaykit.analysis.statistics import Interval, wilson
from assaykit.figures import digits

EstimateKind = Literal["rate", "mean", "shares"]
_MOST_LABELS = 8
_FEWEST = 2


class LabelEstimate(NamedTuple):
    """The share of a label among the verdicts, 0 to 1, with its interval."""

    share: float
    interval: Interval | None


class EvaluatorEstimate(NamedTuple):
    """One evaluator on one experiment: a rate (0 to 1), a mean, or the shares of labels without an order.

    `examples` have a verdict. `failed` runs count against a rate. `missing` examples have no verdict and are left out.
    `interval` is None where too few examples, or scores that are all alike, tell none. `clusters` is 0 if all examples
    are independent.
    """

    evaluator: str
    kind: EstimateKind
    value: float | None
    interval: Interval | None
    examples: int
    failed: int = 0
    missing: int = 0
    abstained: int = 0
    clusters: int = 0
    positive: str | None = None
    labels: Mapping[str, LabelEstimate] = {}

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON. Intervals are lists of the lower and the upper end."""
        told = self._asdict() | {"interval": _ends(self.interval)}
        told["labels"] = {
            name: {"share": one.share, "interval": _ends(one.interval)} for name, one in self.labels.items()
        }
        del told["evaluator"]
        return told

    @property
    def words(self) -> str:
        """The estimate in words: "62 % (95 % interval 53 % to 70 %)"."""
        if self.kind == "shares":
            return ", ".join(f"{short(name)!r} {_share(one.share, one.interval)}" for name, one in self.labels.items())
        if self.value is None:
            return "no verdict"
        if self.kind == "rate":
            of = f" of {short(self.positive)!r}" if self.positive is not None else ""
            lost = f"; failed runs count against it: {self.failed}" if self.failed else ""
            return f"rate{of} {_share(self.value, self.interval)}{lost}{self._sources}"
        spread = "" if self.interval is None else f" (95 % interval {_number(self.interval)})"
        return f"mean {digits(self.value, 3)}{spread}{self._sources}"

    @property
    def _sources(self) -> str:
        return f"; {self.examples} examples from {self.clusters} sources" if self.clusters else ""


def estimates(
    outcomes: Sequence[Outcome], reading: VerdictReading, clusters: Clusters | None = None
) -> list[EvaluatorEstimate]:
    """The estimates of all evaluators of one experiment, in the order in which the rows have them.

    Raises:
        Invalid: a score is infinite, or a positive label occurs nowhere.
    """
    names = dict.fromkeys(name for row in outcomes for name in row.evaluations)
    return [one for name in names if (one := _estimate(name, outcomes, reading, clusters)) is not None]


def _estimate(
    name: str, outcomes: Sequence[Outcome], reading: VerdictReading, clusters: Clusters | None
) -> EvaluatorEstimate | None:
    rows = rows_of(outcomes)
    column = rows.verdicts(name)
    found = [one for one in column if one is not None and one is not FAILED]
    spelled, choices = spellings(found), fitting(found, reading.choices.get(name, {}))
    one = sheet(name, rows, spelled, choices, column)
    by = scale(name, one, one, reading.positive.get(name, ()), [one], reading.ranges.get(name))
    if isinstance(by, Incomparable):
        return None
    counts = {"failed": one.failed, "abstained": sum(has_abstained(verdict, by) for verdict in one.every)}
    if by.kind == "categorical":
        return _of_labels(name, [row.label for row in one.every if row is not None and row.label], counts)
    is_rate, direction = by.kind == "binary", reading.directions.get(name)
    if is_rate and reading.failures == "count" and direction != "NONE":
        by = by._replace(failure=float(direction == "MINIMIZE"))
    values = dict(figures(one, by).values)
    missing = len(one.verdicts) - len(values)
    if by.failure is None:
        counts["failed"] = 0
    positive = " or ".join(sorted(by.positives)) or None
    if not values:
        return None
    value, interval, sources = _rate(values, clusters) if is_rate else _mean(values, clusters)
    kind: EstimateKind = "rate" if is_rate else "mean"
    failed, abstained = counts["failed"], counts["abstained"]
    return EvaluatorEstimate(name, kind, value, interval, len(values), failed, missing, abstained, sources, positive)


def _rate(values: Mapping[str, float], clusters: Clusters | None) -> tuple[float, Interval, int]:
    every = list(values.values())
    rate = math.fsum(every) / len(every)
    number, sources = independent(values, clusters)
    if not sources and set(every) <= {0.0, 1.0}:
        return rate, wilson(math.fsum(every), len(every)), 0
    if not sources:
        return rate, share_interval(every), 0
    return rate, wilson(rate * number, number), sources


def _mean(values: Mapping[str, float], clusters: Clusters | None) -> tuple[float, Interval | None, int]:
    every = list(values.values())
    known, groups = moments(every), grouped(values, clusters)
    sources = 0 if groups is None else len(groups)
    if known.n < _FEWEST or not known.has_spread or sources == 1:
        return known.mean, None, sources
    if groups is None:
        return known.mean, widened(mean_interval(known), known.n, skewness(every, known)), 0
    found = cluster_mean(every, groups)
    if not found.has_spread:
        return known.mean, None, sources
    return known.mean, widened(found.interval(), sources, skewness(found.away)), sources


def _of_labels(name: str, labels: Sequence[str], counts: Mapping[str, int]) -> EvaluatorEstimate:
    found = Counter(labels)
    shares = {
        label: LabelEstimate(number / len(labels), wilson(number, len(labels)))
        for label, number in found.most_common(_MOST_LABELS)
    }
    return EvaluatorEstimate(name, "shares", None, None, len(labels), abstained=counts["abstained"], labels=shares)


def _share(share: float, interval: Interval | None) -> str:
    told = percent(share, 100)
    if interval is None:
        return told
    return f"{told} (95 % interval {percent(interval.low, 100)} to {percent(interval.high, 100)})"


def _number(interval: Interval) -> str:
    return f"{digits(interval.low, 3)} to {digits(interval.high, 3)}"


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
