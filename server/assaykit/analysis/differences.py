"""Paired differences, in which averages that are alike but for rounding differ by nothing."""

import math
from collections.abc import Sequence
from operator import sub

_RELATIVE, _ABSOLUTE = 1e-9, 1e-12


def difference(before: float, after: float) -> float:
    """After less before; 0.0 if the two differ only by the rounding of averages."""
    if before == after or math.isclose(before, after, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE):
        return 0.0
    return after - before


def differences(befores: Sequence[float], afters: Sequence[float]) -> list[float]:
    """The `difference` of each pair."""
    found = list(map(sub, afters, befores))
    smallest = min(map(abs, filter(None, found)), default=math.inf)
    # If even the smallest one is no rounding of the largest value, none is a rounding.
    largest = max(max(map(abs, side), default=0.0) for side in (befores, afters))
    if smallest > max(_RELATIVE * largest, _ABSOLUTE):
        return found
    return list(map(difference, befores, afters))
