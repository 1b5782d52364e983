"""Figures over repeated runs of the same example: pass@k, pass^k and the rate of disagreement.

Sources: Chen et al. (2021) for the unbiased pass@k; Yao et al. (2024) for pass^k.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from assaykit.analysis.means import share_interval
from assaykit.analysis.statistics import Interval, wilson
from assaykit.errors import Invalid

TOLD_AT = (1, 2, 3, 5, 10, 20, 50, 100)
"""The values of k for which figures are computed, up to the largest number of repetitions, which is added."""


class Tries(NamedTuple):
    """The number of verdicts on one example, and the number that passed."""

    n: int
    passed: int


@dataclass(frozen=True, slots=True)
class AtK:
    """The chances that at least one of `k` runs passes and that all pass, over `examples` with k verdicts or more."""

    k: int
    examples: int
    pass_at_k: float
    pass_at_k_interval: Interval
    pass_hat_k: float
    pass_hat_k_interval: Interval


@dataclass(frozen=True, slots=True)
class Repeated:
    """Repeated verdicts of one evaluator on one experiment. The intervals treat the example as the sampling unit.

    `examples` counts the examples with at least two verdicts, `flaky` those of them with both passes and failures.
    `without_verdict` counts runs without a verdict, which count neither as passed nor as failed.
    """

    examples: int
    without_verdict: int
    flaky: int
    flake_rate: float
    flake_interval: Interval
    at: tuple[AtK, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def pass_at_k(n: int, passed: int, k: int) -> float:
    """The unbiased estimate of the chance that at least one of `k` runs passes, if `passed` of `n` runs did.

    Raises:
        Invalid: not 0 <= passed <= n, or not 1 <= k <= n.
    """
    _check(n, passed, k)
    return 1 - math.comb(n - passed, k) / math.comb(n, k)


def pass_hat_k(n: int, passed: int, k: int) -> float:
    """The unbiased estimate of the chance that all of `k` runs pass, if `passed` of `n` runs did.

    Raises:
        Invalid: not 0 <= passed <= n, or not 1 <= k <= n.
    """
    _check(n, passed, k)
    return math.comb(passed, k) / math.comb(n, k)


def _check(n: int, passed: int, k: int) -> None:
    if not (0 <= passed <= n and 1 <= k <= n):
        raise Invalid(
            f"pass@k needs 0 <= passed <= n and 1 <= k <= n, got {passed}, {n}, {k}.", "Count the runs again."
        )


def repeated(tries: Mapping[str, Tries], without_verdict: int = 0) -> Repeated | None:
    """Compute the figures from the tries of each example id; None if no example has two verdicts."""
    several = [one for one in tries.values() if one.n > 1]
    if not several:
        return None
    flaky = sum(0 < one.passed < one.n for one in several)
    most = max(one.n for one in several)
    # Sorted by id, so that the seeded intervals do not depend on the order of rows.
    ordered = [tries[key] for key in sorted(tries)]
    return Repeated(
        examples=len(several),
        without_verdict=without_verdict,
        flaky=flaky,
        flake_rate=flaky / len(several),
        flake_interval=wilson(flaky, len(several)),
        at=tuple(_at(k, [one for one in ordered if one.n >= k]) for k in sorted({*TOLD_AT, most}) if k <= most),
    )


def _at(k: int, tries: list[Tries]) -> AtK:
    some = [pass_at_k(*one, k) for one in tries]
    every = [pass_hat_k(*one, k) for one in tries]
    return AtK(k, len(tries), _mean(some), share_interval(some), _mean(every), share_interval(every))


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
