"""Latency, tokens and cost of the runs of an experiment, as far as they are known."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assaykit.analysis.rows import Outcome
from assaykit.analysis.statistics import quantile

OutcomeRows = Sequence[Outcome]

_SHORT_MS = 100
"""Few calls of a model take less time."""


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
    others. Tokens and cost (US dollars) cover all `rows`. `unit_assumed` marks latencies of a column without a unit
    that are so short that they may be seconds.
    """

    name: str
    rows: int
    succeeded: int
    latency_ms: Amount | None
    tokens: Amount | None
    cost: Amount | None
    unit_assumed: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def usage(name: str, rows: OutcomeRows) -> Usage:
    """Sum up the latency, tokens and cost of the rows."""
    good = [row for row in rows if row.error is None]
    latency = _amount(row.latency_ms for row in good)
    return Usage(
        name=name,
        rows=len(rows),
        succeeded=len(good),
        latency_ms=latency,
        tokens=_amount(row.tokens for row in rows),
        cost=_amount(row.cost for row in rows),
        unit_assumed=latency is not None and latency.median < _SHORT_MS and any(row.unit_assumed for row in good),
    )


def _amount(values: Iterable[float | None]) -> Amount | None:
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    total = math.fsum(known)
    return Amount(len(known), total, total / len(known), quantile(known, 0.5), quantile(known, 0.95))
