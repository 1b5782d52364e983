"""Rows of an experiment as outcomes for a comparison: one outcome per run, with its verdicts by evaluator."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.errors import Invalid, quote
from assaykit.wire.experiments import ExperimentRun
from assaykit.wire.spans import Evaluation

LARGEST_SCORE = 1e100
"""Scores of a larger magnitude are refused, because their squares could exceed the range of a float."""

_BARE_LATENCY = "latency"
_LATENCIES = ("latency_ms", _BARE_LATENCY, "duration_ms")
_LATENCIES_S = ("latency_s", "duration_s", "seconds")
_TOKENS = ("token_count", "total_tokens", "tokens", "llm.token_count.total")
_TOKENS_IN = ("prompt_tokens", "input_tokens", "llm.token_count.prompt")
_TOKENS_OUT = ("completion_tokens", "output_tokens", "llm.token_count.completion")
_COSTS = ("total_cost", "cost", "cost_usd", "llm.cost.total")
"""Column names for latency, tokens and cost in Arize AX, in OpenInference and in user files; the first match counts."""

VERSION_KEYS = ("evaluator_version_id", "evaluator_version", "version", "code", "commit")
MODEL_KEYS = ("model", "model_name")
"""Keys of a verdict's metadata with the version and the model of its evaluator; the first that is there counts."""

MAKER_KEYS = frozenset({*VERSION_KEYS, *MODEL_KEYS})

_PREFIX = "eval."
_METADATA = ".metadata."
_FIELDS = frozenset({"label", "score", "explanation"})
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


class Outcome(NamedTuple):
    """One run of one example: its output or error, each evaluator's verdict, its latency, tokens and cost.

    `latency_ms`, `tokens` and `cost` (US dollars) are None if they are not known. `unit_assumed` marks a latency of a
    column without a unit that neither this project nor AX wrote.
    """

    example_id: str
    output: str | None
    error: str | None
    evaluations: Mapping[str, Evaluation]
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


def outcomes(runs: Iterable[ExperimentRun]) -> list[Outcome]:
    """Read the flat columns `eval.<name>.label|score|explanation` of each run, in the order given.

    A name may contain dots and spaces. Of `eval.<name>.metadata.<key>` the keys in `MAKER_KEYS` are read. An empty text
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
    """Read one run as an outcome; unlike `outcomes`, accept a run without an example id.

    Raises:
        Invalid: a score is not a number.
    """
    example_id = run.example_id or ""
    found: dict[str, dict[str, Any]] = {}
    made_by: dict[str, dict[str, Any]] = {}
    for column, value in (run.model_extra or {}).items():
        place = _place(column)
        if place:
            found.setdefault(place[0], {})[place[1]] = value
        elif column.startswith(_PREFIX) and _METADATA in column:
            name, _, key = column.removeprefix(_PREFIX).partition(_METADATA)
            if key in MAKER_KEYS and value not in (None, ""):
                made_by.setdefault(name, {})[key] = value
    return Outcome(
        example_id=example_id,
        output=run.output,
        error=run.error or None,
        evaluations={name: _evaluation(name, fields, example_id, made_by.get(name)) for name, fields in found.items()},
        repetition=str((run.model_extra or {}).get("repetition", "")),
        latency_ms=_latency(run.model_extra),
        tokens=_tokens(run.model_extra),
        cost=_amount(run.model_extra, _COSTS),
        unit_assumed=_has_no_unit(run.model_extra or {}),
    )


def evaluators_of(run: ExperimentRun) -> list[str]:
    """The names of the evaluators that have a value in this run, in the order of its columns."""
    places = ((_place(column), value) for column, value in (run.model_extra or {}).items())
    return list(dict.fromkeys(place[0] for place, value in places if place and value not in (None, "")))


def _latency(columns: Mapping[str, Any] | None) -> float | None:
    milliseconds, seconds = _amount(columns, _LATENCIES), _amount(columns, _LATENCIES_S)
    return milliseconds if milliseconds is not None or seconds is None else 1000 * seconds


def _has_no_unit(columns: Mapping[str, Any]) -> bool:
    """Whether the latency is that of a column `latency` in a file: a run of a task has a status beside it."""
    is_bare = _amount(columns, _LATENCIES[:1]) is None and _amount(columns, [_BARE_LATENCY]) is not None
    return is_bare and columns.get("execution_status") != "COMPLETED"


def _tokens(columns: Mapping[str, Any] | None) -> float | None:
    total = _amount(columns, _TOKENS)
    if total is not None:
        return total
    parts = [_amount(columns, names) for names in (_TOKENS_IN, _TOKENS_OUT)]
    return None if None in parts else sum(part for part in parts if part is not None)


def _amount(columns: Mapping[str, Any] | None, names: Iterable[str]) -> float | None:
    """The first of the columns with a number of at least zero. Numbers from a CSV file arrive as text."""
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
    """Split a column name into evaluator name and field; None if it is not an evaluator column."""
    if not column.startswith(_PREFIX):
        return None
    name, _, field = column.removeprefix(_PREFIX).rpartition(".")
    # A metadata key may be called "score" too, but no column below `metadata` is a field.
    return (name, field) if name and field in _FIELDS and ".metadata." not in column else None


def _evaluation(name: str, fields: Mapping[str, Any], example_id: str, made_by: dict[str, Any] | None) -> Evaluation:
    return Evaluation(
        name=name,
        metadata=made_by,
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


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) or None
