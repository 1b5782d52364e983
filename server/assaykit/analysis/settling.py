"""The number of examples that would show a smaller difference than the pairs at hand."""

import math

from assaykit.analysis.cluster_words import independent_rows
from assaykit.analysis.findings import Finding, Needed
from assaykit.analysis.power import Design, Noise, for_difference
from assaykit.errors import Invalid

_STEPS = (5.0, 2.0, 1.0)


def needed(finding: Finding, tests: int) -> Needed | None:
    """The examples for about half the difference that is usually missed, as one of `tests` tests.

    Examples in clusters are counted with the design effect of the clusters at hand.

    None if nothing is known of the variation, or the number is beyond any plan.
    """
    missed = finding.smallest_detectable
    if missed is None:
        return None
    size = _round_half(missed)
    if finding.table is not None:
        changed = finding.table.baseline_only + finding.table.challenger_only
        noise = Noise(discordant=changed / finding.n)
    else:
        noise = Noise(sd=finding.spread)
    try:
        n = for_difference(size, noise, Design(criteria=max(1, tests)))
    except Invalid:
        return None
    alike = independent_rows(finding)
    if alike is not None:
        n = math.ceil(n * max(1.0, finding.n / alike))
    return Needed(size, _rounded(n)) if n > finding.n else None


def _round_half(missed: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is at most half."""
    power = 10.0 ** math.floor(math.log10(missed / 2))
    return next((step * power for step in _STEPS if step * power <= missed / 2 * (1 + 1e-9)), power)


def _rounded(n: int) -> int:
    """Two digits, rounded up: the variation is only estimated."""
    unit = 10 ** max(0, len(str(n)) - 2)
    return math.ceil(n / unit) * unit
