"""Outcomes for a comparison: one for each run of an experiment, with its judgements by evaluator."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.errors import Invalid, quote

LARGEST_SCORE = 1e100
"""Scores of a larger magnitude are refused, because their squares could exceed the range of a float."""

VERSION_KEYS = ("evaluator_version_id", "evaluator_version", "version", "code", "commit")
MODEL_KEYS = ("model", "model_name")
"""Keys of a verdict's metadata with the version and the model of its evaluator; the first that is there counts."""

SHORTENED_KEY = "shortened"
"""The key of a verdict whose judge saw only the beginning and the end of a value."""

MAKER_KEYS = frozenset({*VERSION_KEYS, *MODEL_KEYS, SHORTENED_KEY})

_NAME_LIMIT = 60
_NAMES_TOLD = 12


def short(name: str) -> str:
    """A foreign name made fit for a sentence: one line, at most 60 characters."""
    return quote(name, _NAME_LIMIT)


def listed(names: Iterable[str]) -> str:
    """The first 12 foreign names in quotes, and the number of the rest."""
    every = list(names)
    more = f" and {len(every) - _NAMES_TOLD} more" if len(every) > _NAMES_TOLD else ""
    return (", ".join(repr(short(name)) for name in every[:_NAMES_TOLD]) or "none") + more


def cell(value: Any) -> str | None:
    """Return a cell as text for comparison with other cells; None if it is empty. 1 and 1.0 give the same text."""
    if value is None or isinstance(value, str):
        return (value or "").strip() or None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


class Judgement(NamedTuple):
    """One evaluator's verdict on a run. `metadata` has those of `MAKER_KEYS` that the run tells, None without any."""

    name: str
    score: float | None = None
    label: str | None = None
    explanation: str | None = None
    metadata: Mapping[str, Any] | None = None


class Outcome(NamedTuple):
    """One run of one example: its output or error, each evaluator's verdict, its latency, tokens and cost.

    `latency_ms`, `tokens` and `cost` (US dollars) are None if they are not known. `unit_assumed` marks a latency of a
    column without a unit that neither this project nor AX wrote.
    """

    example_id: str
    output: str | None
    error: str | None
    evaluations: Mapping[str, Judgement]
    repetition: str = ""
    latency_ms: float | None = None
    tokens: float | None = None
    cost: float | None = None
    unit_assumed: bool = False


def counting(rows: Iterable[Outcome]) -> list[Outcome]:
    """The rows in order, without failed rows for which a later retry exists."""
    every = list(rows)
    past = tried_again(every)
    return [row for place, row in enumerate(every) if place not in past]


def tried_again(rows: Sequence[Outcome]) -> set[int]:
    """The positions of failed rows with a later row of the same example and repetition, whatever its outcome."""
    later: set[tuple[str, str]] = set()
    past: set[int] = set()
    for place in range(len(rows) - 1, -1, -1):
        row = rows[place]
        call = (row.example_id, row.repetition)
        if row.error is not None and row.example_id and call in later:
            past.add(place)
        later.add(call)
    return past


def finite(score: float | None, name: str, example_id: str) -> float | None:
    """Return the score as a float, or None for None or NaN, which data frames use for a missing number.

    Raises:
        Invalid: the score is infinite or beyond `LARGEST_SCORE`.
    """
    if score is None or math.isnan(score):
        return None
    if abs(score) > LARGEST_SCORE:
        raise Invalid(
            f"the score of {short(name)!r} on example {short(example_id)!r} is {score!r}, which cannot be averaged.",
            "Correct the score, or leave it empty for a row that was not scored.",
        )
    return float(score)
