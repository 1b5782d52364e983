"""A judge's agreement with people on each side of a comparison. If the sides differ, the difference is biased."""

from collections.abc import Mapping, Sequence
from math import comb

from assaykit.analysis.corrected_rates import JudgeAccuracy
from assaykit.analysis.formats import percent
from assaykit.analysis.rows import short

_LEVEL = 0.05


def differing_agreement(sides: Mapping[str, JudgeAccuracy], names: Sequence[str]) -> str | None:
    """A sentence if the judge catches failures, or clears passes, at different rates on the first and another side.

    Each is tested by Fisher's exact test at 5 %. None if no side differs, or if people labelled fewer than two.
    """
    known = [name for name in names if name in sides]
    for other in known[1:]:
        one, two = sides[known[0]], sides[other]
        for verb, noun, counts in (
            ("catches", "failures", (one.caught, one.failures, two.caught, two.failures)),
            ("clears", "passes", (one.cleared, one.passes, two.cleared, two.passes)),
        ):
            some, of, others, of_others = counts
            if of and of_others and fisher_exact(*counts) < _LEVEL:
                return (
                    "The judge agrees differently on the two sides: "
                    f"it {verb} {percent(some / of, of)} of the {noun} on "
                    f"{short(known[0])} and {percent(others / of_others, of_others)} on {short(other)}."
                )
    return None


def fisher_exact(hits: int, n: int, other_hits: int, other_n: int) -> float:
    """The two-sided p of Fisher's exact test for `hits` of `n` against `other_hits` of `other_n`, 0 to 1."""
    total = hits + other_hits
    low, high = max(0, total - other_n), min(n, total)
    ways = [comb(n, k) * comb(other_n, total - k) for k in range(low, high + 1)]
    seen = ways[hits - low]
    # The numbers are whole, so only the last division rounds.
    return min(1.0, sum(one for one in ways if one <= seen) / sum(ways))
