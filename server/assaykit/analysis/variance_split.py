"""The variance of repeated runs, between examples and within them, and the advice on more examples or more runs.

Source: Fisher (1925) for the analysis of variance; the between component is estimated by its method of moments.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from assaykit.analysis.findings import Finding
from assaykit.analysis.rows import short
from assaykit.analysis.statistics import FEWEST_PAIRS, standard_deviation

Runs = Mapping[str, Sequence[float]]
"""The figures of the runs of each example."""

_HALF = 0.5
_TWO = 2


class VarianceSplit(NamedTuple):
    """The variance of the examples' true means (`between`) and that of the runs of one example (`within`)."""

    between: float
    within: float


@dataclass(frozen=True, slots=True)
class RunNoise:
    """The part of the variance of a mean difference that comes from the runs of one example, 0 to 1.

    The rest is between examples. The splits are those of each side; None for a side whose examples have one run.
    """

    evaluator: str
    challenger: str
    of_runs: float
    baseline_split: VarianceSplit | None
    challenger_split: VarianceSplit | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        splits = {"baseline_split": self.baseline_split, "challenger_split": self.challenger_split}
        return {**asdict(self), **{name: None if one is None else one._asdict() for name, one in splits.items()}}


def variance_split(runs: Runs) -> VarianceSplit | None:
    """Split the variance of runs; None without two examples, or without an example that has two runs."""
    groups = [values for values in runs.values() if values]
    total = sum(map(len, groups))
    if len(groups) < _TWO or total == len(groups):
        return None
    means = [math.fsum(values) / len(values) for values in groups]
    grand = math.fsum(map(math.fsum, groups)) / total
    inside = math.fsum((value - mean) ** 2 for values, mean in zip(groups, means, strict=True) for value in values) / (
        total - len(groups)
    )
    outside = math.fsum(len(values) * (mean - grand) ** 2 for values, mean in zip(groups, means, strict=True)) / (
        len(groups) - 1
    )
    # The number of runs that counts if examples have unequal numbers.
    each = (total - sum(len(values) ** 2 for values in groups) / total) / (len(groups) - 1)
    return VarianceSplit(max(0.0, (outside - inside) / each), inside)


def run_noise(finding: Finding, baseline: Runs, challenger: Runs) -> RunNoise | None:
    """The noise of runs in the mean difference of a finding; None without repetitions or without spread.

    A side with single runs is taken to have the variance within an example of the other side.
    """
    splits = variance_split(baseline), variance_split(challenger)
    known = [one.within for one in splits if one is not None]
    variance = standard_deviation([after - before for before, after in finding.pairs.values()]) ** 2
    if not known or not variance or finding.n < FEWEST_PAIRS:
        return None
    within = [one.within if one is not None else known[0] for one in splits]
    shares = [
        math.fsum(1 / len(side[key]) for key in finding.pairs if side.get(key)) / finding.n
        for side in (baseline, challenger)
    ]
    noise = sum(each * share for each, share in zip(within, shares, strict=True))
    return RunNoise(finding.evaluator, finding.challenger, min(1.0, noise / variance), *splits)


def advice(one: RunNoise) -> str:
    """The sentence on the use of more repetitions."""
    name = f"{short(one.evaluator)}, {short(one.challenger)}"
    if one.of_runs < _HALF:
        between = f"{100 * (1 - one.of_runs):.0f} % of the variance of the difference is between examples"
        return f"{name}: more repetitions would help little: {between}. More examples help"
    narrower = 100 * (1 - math.sqrt(1 - one.of_runs / 2))
    within = f"{100 * one.of_runs:.0f} % of the variance of the difference is between runs of one example"
    return f"{name}: more repetitions would help: {within}. Twice as many narrow the interval by {narrower:.0f} %"
