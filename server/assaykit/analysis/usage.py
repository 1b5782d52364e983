"""Latency, tokens and cost of the runs of an experiment, as far as they are known."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assaykit.analysis.rows import Outcome
from assaykit.analysis.statistics import FEWEST_PAIRS, Interval, bootstrap_interval, quantile

OutcomeRows = Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class Amount:
    """Statistics over the `known` rows that have a value; at least one row has."""

    known: int
    total: float
    mean: float
    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Latency, tokens and cost of one experiment's runs. None means "not known", never zero.

    Latency is in milliseconds and covers only rows that succeeded, because the time of a failure says nothing about the
    others. Tokens and cost (US dollars) cover all `rows`.
    """

    name: str
    rows: int
    succeeded: int
    latency_ms: Amount | None
    tokens: Amount | None
    cost: Amount | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Slower:
    """The latency of a challenger less that of the baseline, in milliseconds: the mean over the `n` shared examples.

    The repetitions of an example are averaged first. `interval` is a paired bootstrap interval; None without spread.
    """

    baseline: str
    challenger: str
    n: int
    difference: float
    interval: Interval | None

    @property
    def is_shown(self) -> bool:
        """Whether the pairs show a difference: there are enough of them, and the interval, if any, excludes zero."""
        return (
            self.n >= FEWEST_PAIRS
            and self.difference != 0
            and not (self.interval and self.interval.low <= 0 <= self.interval.high)
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**asdict(self), "shown": self.is_shown}


def usage(name: str, rows: OutcomeRows) -> Usage:
    """Sum up the latency, tokens and cost of the rows."""
    good = [row for row in rows if row.error is None]
    return Usage(
        name=name,
        rows=len(rows),
        succeeded=len(good),
        latency_ms=_amount(row.latency_ms for row in good),
        tokens=_amount(row.tokens for row in rows),
        cost=_amount(row.cost for row in rows),
    )


def slower(baseline: tuple[str, OutcomeRows], challenger: tuple[str, OutcomeRows]) -> Slower | None:
    """The paired latency difference of two experiments, each as (name, rows); None if no example has both latencies."""
    (old, rows), (new, others) = baseline, challenger
    before, after = _by_example(rows), _by_example(others)
    paired = sorted(before.keys() & after.keys())
    if not paired:
        return None
    differences = [after[key] - before[key] for key in paired]
    interval = bootstrap_interval(differences) if len(set(differences)) > 1 else None
    return Slower(old, new, len(paired), math.fsum(differences) / len(paired), interval)


def _amount(values: Iterable[float | None]) -> Amount | None:
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    total = math.fsum(known)
    return Amount(len(known), total, total / len(known), quantile(known, 0.5), quantile(known, 0.95))


def _by_example(rows: OutcomeRows) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for row in rows:
        if row.error is None and row.latency_ms is not None:
            found.setdefault(row.example_id, []).append(row.latency_ms)
    return {key: math.fsum(values) / len(values) for key, values in found.items()}
