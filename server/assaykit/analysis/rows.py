"""Rows of an experiment as a comparison needs them: one outcome per run, its verdicts by evaluator."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.errors import Invalid, quote
from assaykit.wire.experiments import ExperimentRun
from assaykit.wire.spans import Evaluation

LARGEST_SCORE = 1e100
"""Scores beyond this are refused: their squares would leave the range of a float."""

_LATENCIES = ("latency_ms", "latency", "duration_ms")
_LATENCIES_S = ("latency_s", "duration_s", "seconds")
_TOKENS = ("token_count", "total_tokens", "tokens", "llm.token_count.total")
_TOKENS_IN = ("prompt_tokens", "input_tokens", "llm.token_count.prompt")
_TOKENS_OUT = ("completion_tokens", "output_tokens", "llm.token_count.completion")
_COSTS = ("total_cost", "cost", "cost_usd", "llm.cost.total")
"""The columns in which experiments of AX, of OpenInference and of people's own files have these; the first counts."""

_PREFIX = "eval."
_FIELDS = frozenset({"label", "score", "explanation"})
_NAME_LIMIT = 60
_NAMES_TOLD = 12


def short(name: str) -> str:
    """A name from outside as our sentences carry it: one line, clipped."""
    return quote(name, _NAME_LIMIT)


def listed(names: Iterable[str]) -> str:
    """The first names from outside, in quotes, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - _NAMES_TOLD} more" if len(every) > _NAMES_TOLD else ""
    return (", ".join(repr(short(name)) for name in every[:_NAMES_TOLD]) or "none") + more


def cell(value: Any) -> str | None:
    """A cell as the text by which it is told apart from others, None where it is empty: 1 and 1.0 are one."""
    if value is None or isinstance(value, str):
        return (value or "").strip() or None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


class Outcome(NamedTuple):
    """One run of one example: what came out or went wrong, each evaluator's verdict on it, and what it took.

    `latency_ms`, `tokens` and `cost` (US dollars) are None where they are not known.
    """

    example_id: str
    output: str | None
    error: str | None
    evaluations: Mapping[str, Evaluation]
    repetition: str = ""
    latency_ms: float | None = None
    tokens: float | None = None
    cost: float | None = None


def counting(rows: Iterable[Outcome]) -> list[Outcome]:
    """The rows, in order, without those that failed and were tried again."""
    every = list(rows)
    past = tried_again(every)
    return [row for place, row in enumerate(every) if place not in past]


def tried_again(rows: Sequence[Outcome]) -> set[int]:
    """The positions of rows that failed and of which a later run of the same call counts, however that one ended."""
    later: set[tuple[str, str]] = set()
    past: set[int] = set()
    for place in range(len(rows) - 1, -1, -1):
        row = rows[place]
        call = (row.example_id, row.repetition)
        if row.error is not None and row.example_id and call in later:
            past.add(place)
        later.add(call)
    return past


def outcomes(runs: Iterable[ExperimentRun]) -> list[Outcome]:
    """Reads the flat columns `eval.<name>.label|score|explanation` of each run, in the order given.

    A name may hold dots and spaces; `eval.<name>.metadata.<key>` and other fields are ignored. An empty text
    or NaN is a missing value. An evaluator whose columns are all empty in a row is kept, without a verdict.

    Raises:
        Invalid: a run has no example id, or a score is not a number.
    """
    rows = list(runs)
    lost = sum(not run.example_id for run in rows)
    if lost:
        raise Invalid(
            f"{lost} of {len(rows)} runs have no example_id, so they cannot be paired with other runs.",
            "Upload the experiment again with the dataset's example ids in the example_id column.",
        )
    return [outcome(run) for run in rows]


def outcome(run: ExperimentRun) -> Outcome:
    """One run as an outcome, whether or not it can be paired.

    Raises:
        Invalid: a score is not a number.
    """
    example_id = run.example_id or ""
    found: dict[str, dict[str, Any]] = {}
    for column, value in (run.model_extra or {}).items():
        place = _place(column)
        if place:
            found.setdefault(place[0], {})[place[1]] = value
    return Outcome(
        example_id=example_id,
        output=run.output,
        error=run.error or None,
        evaluations={name: _evaluation(name, fields, example_id) for name, fields in found.items()},
        repetition=str((run.model_extra or {}).get("repetition", "")),
        latency_ms=_latency(run.model_extra),
        tokens=_tokens(run.model_extra),
        cost=_amount(run.model_extra, _COSTS),
    )


def _latency(columns: Mapping[str, Any] | None) -> float | None:
    milliseconds, seconds = _amount(columns, _LATENCIES), _amount(columns, _LATENCIES_S)
    return milliseconds if milliseconds is not None or seconds is None else 1000 * seconds


def _tokens(columns: Mapping[str, Any] | None) -> float | None:
    total = _amount(columns, _TOKENS)
    if total is not None:
        return total
    parts = [_amount(columns, names) for names in (_TOKENS_IN, _TOKENS_OUT)]
    return None if None in parts else sum(part for part in parts if part is not None)


def _amount(columns: Mapping[str, Any] | None, names: Iterable[str]) -> float | None:
    """The first of the columns that holds a number of at least zero. Cells of a CSV file are text."""
    found = (_number((columns or {}).get(name)) for name in names)
    return next((number for number in found if number is not None), None)


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number <= LARGEST_SCORE else None


def _place(column: str) -> tuple[str, str] | None:
    """The evaluator's name and the field that a column holds, if it holds one."""
    if not column.startswith(_PREFIX):
        return None
    name, _, field = column.removeprefix(_PREFIX).rpartition(".")
    # A metadata key may itself be called "score": nothing below metadata is a field.
    return (name, field) if name and field in _FIELDS and ".metadata." not in column else None


def _evaluation(name: str, fields: Mapping[str, Any], example_id: str) -> Evaluation:
    return Evaluation(
        name=name,
        score=_score(fields.get("score"), name, example_id),
        label=_text(fields.get("label")),
        explanation=_text(fields.get("explanation")),
    )


def _score(value: Any, name: str, example_id: str) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        score = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid(
            f"the score of {short(name)!r} on example {short(example_id)!r} is not a number: {short(str(value))!r}.",
            f"Put words in the column eval.{short(name)}.label and leave the score empty.",
        ) from error
    return finite(score, name, example_id)


def finite(score: float | None, name: str, example_id: str) -> float | None:
    """The score, or None where there is none: NaN is how tables write a missing number.

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


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) or None
