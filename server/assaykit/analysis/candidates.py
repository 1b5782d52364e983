"""The figures of one experiment alone: by example, one for each of its runs."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from assaykit.analysis.cluster_shares import independent
from assaykit.analysis.clusters import Clusters
from assaykit.analysis.compare import Variant, VerdictReading
from assaykit.analysis.findings import Finding
from assaykit.analysis.pairing import figure, fitting, has_abstained, rows_of, sheet
from assaykit.analysis.scales import FigureKind, Scale
from assaykit.wire.evaluators import Direction

Figures = Mapping[str, Sequence[float | None]]
"""By example id, the figure of each run; None for a run without a verdict."""

_MISSING: tuple[None] = (None,)


class OwnScale(NamedTuple):
    """The scale on which one evaluator's verdicts on an experiment are read, and the better direction."""

    evaluator: str
    scale: Scale
    direction: Direction
    is_assumed: bool = False
    spellings: Mapping[str, str] = MappingProxyType({})
    reach: tuple[float, float] = (0.0, 1.0)

    @property
    def kind(self) -> FigureKind:
        """The kind of the figures."""
        return self.scale.kind

    @property
    def is_directed(self) -> bool:
        """Whether somebody gave the better direction."""
        return self.direction != "NONE" and not self.is_assumed


def own_scale(finding: Finding) -> OwnScale:
    """The scale of a finding."""
    return OwnScale(
        finding.evaluator, finding.scale, finding.direction, finding.direction_assumed, finding.spellings, finding.reach
    )


class OwnFigures(NamedTuple):
    """The figures of every example that should have a verdict, and the number of those that the evaluator declined."""

    figures: Figures
    abstained: int


class Tally(NamedTuple):
    """Shares of examples, summed up: of `n` examples with every verdict, and of `missing` ones that lack some.

    `passed` is the sum over the first. `least` and `most` are the sums over the others with their missing verdicts at 0
    and at 1. `independent` is the number of independent examples as telling as one of these, at most 1; it is below 1
    for examples in `clusters`, whose number is 0 if no two examples are of one.
    """

    passed: float
    n: int
    missing: int = 0
    least: float = 0.0
    most: float = 0.0
    independent: float = 1.0
    clusters: int = 0

    @property
    def every(self) -> int:
        """All examples."""
        return self.n + self.missing


def own_figures(own: OwnScale, by: Scale, variant: Variant, reading: VerdictReading) -> OwnFigures:
    """The figures of the variant on the scale `by`.

    An example should have a verdict if it is in the dataset or was run.
    """
    name = own.evaluator
    given = [verdict for row in variant.outcomes if (verdict := row.evaluations.get(name)) is not None]
    choices = fitting(given, reading.choices.get(name, {}))
    verdicts = sheet(name, rows_of(variant.outcomes), own.spellings, choices).verdicts
    found: dict[str, Sequence[float | None]] = {}
    abstained = 0
    for example_id in expected(variant):
        kept = [figure(one, by) for one in verdicts.get(example_id, _MISSING) if not has_abstained(one, by)]
        abstained += not kept
        if kept:
            found[example_id] = kept
    return OwnFigures(found, abstained)


def expected(variant: Variant) -> list[str]:
    """The examples that should have a run: those of the dataset, and those that were run."""
    return sorted({row.example_id for row in variant.outcomes} | (variant.examples or frozenset()))


def failures(variant: Variant) -> Figures:
    """By example, 1 for each failed run and 0 for each other; None for an example without a run."""
    found: dict[str, list[float | None]] = {}
    for row in variant.outcomes:
        found.setdefault(row.example_id, []).append(float(row.error is not None))
    return {example_id: found.get(example_id, [None]) for example_id in expected(variant)}


def tally(figures: Figures, clusters: Clusters | None = None) -> Tally:
    """Sum up shares: the example is the unit, so its runs are averaged first."""
    known = {key: _mean(runs, 0.0) for key, runs in figures.items() if None not in runs}
    whole, (number, groups) = list(known.values()), independent(known, clusters)
    parts = [runs for runs in figures.values() if None in runs]
    least, most = (math.fsum(_mean(runs, instead) for runs in parts) for instead in (0.0, 1.0))
    each = number / len(whole) if whole else 1.0
    return Tally(math.fsum(whole), len(whole), len(parts), least, most, each, groups)


def _mean(runs: Sequence[float | None], instead: float) -> float:
    return math.fsum(instead if one is None else one for one in runs) / len(runs)
