"""The decision on a release from the outcomes of its rules, and the exit code of it.

*Ship* needs no correction, because every rule must allow it: a candidate that breaks one rule is shipped with at most
the error rate of that rule. *Hold* is an alternative of many, so its p-values are corrected by Holm over the rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from assaykit.analysis.calibration import Standing
from assaykit.analysis.statistics import ALPHA, holm

ReleaseOutcome = Literal["ship", "hold", "error", "undecided", "needs review"]

RELEASE_CODES: dict[ReleaseOutcome, int] = {"ship": 0, "hold": 1, "error": 2, "undecided": 3, "needs review": 4}
"""The exit code of each outcome."""

_WORST_FIRST: tuple[ReleaseOutcome, ...] = ("error", "hold", "needs review", "undecided", "ship")


class Weighed(NamedTuple):
    """An outcome on given data. `p` is the two-sided p of a hold, None for a hold that is a plain fact."""

    outcome: ReleaseOutcome
    p: float | None = None


UNDECIDED = Weighed("undecided")


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """The outcome of one rule with its reason. `p` is the p-value of a hold, None for a hold that is a plain fact."""

    rule: str
    outcome: ReleaseOutcome
    why: str
    p: float | None = None
    examples_needed: int | None = None


def corrected(outcomes: Sequence[RuleOutcome]) -> list[RuleOutcome]:
    """The outcomes with Holm's correction over all rules that hold by a p-value, others unchanged.

    Rules that do not hold count as tests with a p of 1, so the number of rules does not depend on the data. A hold that
    the correction does not leave below 5 % is undecided.
    """
    tested = [1.0 if one.p is None or one.outcome != "hold" else one.p for one in outcomes]
    adjusted = holm(tested)
    return [
        replace(
            one,
            outcome="undecided",
            why=f"{one.why} Corrected for {len(outcomes)} rules, this is not sure enough to hold (p = {p:.2g}).",
        )
        if one.outcome == "hold" and one.p is not None and p > ALPHA
        else one
        for one, p in zip(outcomes, adjusted, strict=True)
    ]


def reviewed(outcome: RuleOutcome, *, by_judge: bool, standing: Standing, required: bool) -> RuleOutcome:
    """The outcome of a rule that rests on an LLM judge (`by_judge`), with the judge's standing in its reason.

    Without a calibration it needs review if one is `required`. An error stays an error.
    """
    if not by_judge or outcome.outcome == "error":
        return outcome
    kept: ReleaseOutcome = "needs review" if required and not standing.is_calibrated else outcome.outcome
    return replace(outcome, outcome=kept, why=f"{outcome.why} {standing.sentence}")


def combined(outcomes: Sequence[ReleaseOutcome]) -> ReleaseOutcome:
    """The outcome of all rules: error before hold, hold before needs review, that before undecided, and ship last.

    Without any rule it is an error, because nothing was decided.
    """
    for worst in _WORST_FIRST:
        if worst in outcomes:
            return worst
    return "error"


def exit_code(outcomes: Sequence[ReleaseOutcome]) -> int:
    """The exit code of all rules."""
    return RELEASE_CODES[combined(outcomes)]
