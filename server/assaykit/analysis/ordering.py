"""The rows of an experiment in the order in which a person would look at them."""

import math
from collections.abc import Iterable, Mapping, Sequence

from assaykit.analysis.rows import Outcome
from assaykit.wire.evaluators import Direction


def worst_first(outcomes: Sequence[Outcome], directions: Mapping[str, Direction]) -> list[int]:
    """The positions of the outcomes: errors, then by the worst score of each, then what has no score.

    A score counts by its place between the lowest and the highest of its evaluator, so that evaluators of different
    scales can be held against each other. Higher is better unless the direction says otherwise; an evaluator whose
    direction is NONE does not count. Equal ones stay in the order given.
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
    """From 0, the worst that there is, to 1; all are equal where the evaluator gave one score only."""
    if lowest == highest:
        return 1.0
    share = (score - lowest) / (highest - lowest)
    return 1 - share if falling else share
