"""Variants built from plain lists, for the comparison's tests."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from assaykit.analysis.compare import Variant, VerdictReading
from assaykit.analysis.rows import Judgement, Outcome

approx: Callable[..., Any] = getattr(pytest, "approx")  # noqa: B009  (pytest left its type half unknown)


def outcome(
    example_id: str,
    *,
    score: float | None = None,
    label: str | None = None,
    output: str | None = "text",
    error: str | None = None,
    evaluator: str = "quality",
) -> Outcome:
    return Outcome(example_id, output, error, {evaluator: Judgement(name=evaluator, score=score, label=label)})


def scored(name: str, scores: Sequence[float | None]) -> Variant:
    rows = [outcome(f"e{index:03}", score=score, output=f"{name} {index}") for index, score in enumerate(scores)]
    return Variant(name, rows)


def labelled(name: str, labels: Sequence[str | None]) -> Variant:
    return Variant(name, [outcome(f"e{index:03}", label=label) for index, label in enumerate(labels)])


RISING = VerdictReading(directions={"quality": "MAXIMIZE"})
"""A higher score of `quality` is better."""


def rising(*evaluators: str) -> VerdictReading:
    """A higher score of each of these evaluators is better."""
    return VerdictReading(directions=dict.fromkeys(evaluators, "MAXIMIZE"))
