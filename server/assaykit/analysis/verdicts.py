"""The test of a finding's pairs: values, interval, exact test and verdict."""

import math
from collections.abc import Sequence
from dataclasses import replace

from assaykit.analysis.findings import ComparisonVerdict, Finding, Table
from assaykit.analysis.statistics import (
    ALPHA,
    bootstrap_interval,
    mcnemar_exact,
    sign_test,
    smallest_detectable_difference,
    standard_deviation,
)

# A standard deviation this small relative to the largest difference is rounding, not spread.
_ROUNDING = 1e-9


def difference(pair: tuple[float, float]) -> float:
    """Challenger less baseline; 0.0 if the two differ only by the rounding of averages."""
    before, after = pair
    return 0.0 if math.isclose(before, after, rel_tol=1e-9, abs_tol=1e-12) else after - before


def tested(finding: Finding) -> Finding:
    """The finding with its values, interval and test. `pairs`, `rose` and `fell` must be set."""
    pairs = list(finding.pairs.values())
    n, up, down = len(pairs), len(finding.rose), len(finding.fell)
    differences = [difference(pair) for pair in pairs]
    sd = standard_deviation(differences)
    mean = math.fsum(differences) / n
    spread = sd > _ROUNDING * max(map(abs, differences))
    finding = replace(
        finding,
        baseline_value=math.fsum(before for before, _ in pairs) / n,
        challenger_value=math.fsum(after for _, after in pairs) / n,
        difference=mean,
        interval=bootstrap_interval(differences) if spread else None,
    )
    if finding.kind == "numeric":
        return replace(
            finding,
            test="sign test",
            p=sign_test(up, down),
            effect_size=mean / sd if spread else None,
            smallest_detectable=smallest_detectable_difference(n, sd=sd if spread else 0.0),
        )
    # Averages of repetitions can lie between 0 and 1. Then there is no 2x2 table, but the same test of rises and falls.
    whole = all(value in {0.0, 1.0} for pair in pairs for value in pair)
    return replace(
        finding,
        test="McNemar" if whole else "sign test",
        p=mcnemar_exact(down, up),
        table=_table(pairs) if whole else None,
        smallest_detectable=smallest_detectable_difference(n, discordant_rate=(up + down) / n),
    )


def _table(pairs: Sequence[tuple[float, float]]) -> Table:
    return Table(
        both=pairs.count((1.0, 1.0)),
        baseline_only=pairs.count((1.0, 0.0)),
        challenger_only=pairs.count((0.0, 1.0)),
        neither=pairs.count((0.0, 0.0)),
    )


def verdict(finding: Finding) -> ComparisonVerdict:
    """The verdict that follows from the corrected p and the direction."""
    if finding.p_adjusted is None or finding.difference is None:
        return "not tested"
    if finding.p_adjusted >= ALPHA:
        return "no difference shown"
    # If test and mean point in opposite directions, they show a difference but not the better side.
    agree = finding.difference * (len(finding.rose) - len(finding.fell)) > 0
    if finding.direction == "NONE" or not agree:
        return "different"
    return "better" if (finding.difference > 0) == (finding.direction == "MAXIMIZE") else "worse"
