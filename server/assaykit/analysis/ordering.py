"""An order for the rows of an experiment that puts failures and bad scores first."""

import math
from collections.abc import Iterable, Mapping, Sequence

from assaykit.analysis.rows import Outcome
from assaykit.wire.evaluators import Direction


def worst_first(outcomes: Sequence[Outcome], directions: Mapping[str, Direction]) -> list[int]:
    """Return the positions of the outcomes: errors first, then rows by their worst score, then rows without a score.

    A score counts by its place between the lowest and the highest score of its evaluator, so that evaluators with
    different scales can be compared. Higher is better unless `directions` has MINIMIZE; an evaluator with the direction
    NONE does not count. Rows that compare equal keep the order given.
    """
    ranges = {name: _range(outcomes, name) for name in _names(outcomes) if directions.get(name) != "NONE"}

    def key(position: int) -> tuple[int, float]:
        outcome = outcomes[position]
        if outcome.error:
            return (0, 0.0)
        goods = [
            _good(verdict.score, *ranges[name], falling=directions.get(name) == "MINIMIZE")
            for name, verdict in outcome.evaluations.items()
            if name in ranges and verdict.score is not None
        ]
        return (1, min(goods)) if goods else (2, 0.0)

    return sorted(range(len(outcomes)), key=key)


def _names(outcomes: Iterable[Outcome]) -> set[str]:
    return {name for outcome in outcomes for name in outcome.evaluations}


def _range(outcomes: Iterable[Outcome], name: str) -> tuple[float, float]:
    scores = [
        verdict.score
        for outcome in outcomes
        if (verdict := outcome.evaluations.get(name)) is not None and verdict.score is not None
    ]
    return (min(scores), max(scores)) if scores else (math.nan, math.nan)


def _good(score: float, lowest: float, highest: float, *, falling: bool) -> float:
    """Scale a score from 0 (the evaluator's worst) to 1 (its best). It is 1 if all its scores are equal."""
    if lowest == highest:
        return 1.0
    share = (score - lowest) / (highest - lowest)
    return 1 - share if falling else share
