"""From the rows of an experiment to outcomes: verdicts, latency, tokens and cost, by the names of the columns.

A comparison reads millions of cells. So the meaning of column names is found once for all rows that have the same
columns, and judgements that are alike are one object.
"""

import math
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.analysis.rows import LARGEST_SCORE, Judgement, Outcome, finite, short
from assaykit.errors import Invalid
from assaykit.wire.experiments import ExperimentRun, RunColumns
from assaykit.wire.run_columns import (
    BARE_LATENCY,
    COSTS,
    ERROR,
    LATENCIES,
    LATENCIES_S,
    REPETITION,
    STATUS,
    TOKENS,
    TOKENS_IN,
    TOKENS_OUT,
    maker_of,
    place_of,
)

_MOST_SHARED = 10_000
"""Limit on the judgements that are kept to be used again."""


class JudgedColumns(NamedTuple):
    """The columns of one evaluator, None if there is no such one; `made_by` has those of its metadata by key."""

    name: str
    score: str | None
    label: str | None
    explanation: str | None
    made_by: Sequence[tuple[str, str]]


class ColumnPlan(NamedTuple):
    """The columns of rows that have the same names, by meaning. Of several for one amount the first counts."""

    evaluators: Sequence[JudgedColumns]
    milliseconds: Sequence[str]
    seconds: Sequence[str]
    tokens: Sequence[str]
    tokens_in: Sequence[str]
    tokens_out: Sequence[str]
    costs: Sequence[str]
    has_bare_latency: bool


def outcomes(runs: Iterable[RunColumns]) -> list[Outcome]:
    """Read the flat columns `eval.<name>.label|score` of each run, in the order given. Explanations are left out.

    A name may contain dots and spaces. Of `eval.<name>.metadata.<key>` the keys in `MAKER_KEYS` are read. An empty text
    or NaN is a missing value. An evaluator whose columns are all empty in a row is kept, without a verdict.

    Raises:
        Invalid: a run has no example id, or a score is not a number.
    """
    return paired(unpaired_outcomes(runs))


async def outcomes_in(runs: AsyncIterable[RunColumns]) -> list[Outcome]:
    """Read runs as `outcomes` does, as they arrive: their columns take more memory than their outcomes.

    Raises:
        Invalid: a run has no example id, or a score is not a number.
    """
    reader = RowReader(explained=False)
    return paired([reader.outcome(run) async for run in runs])


def paired(rows: list[Outcome]) -> list[Outcome]:
    """The rows, each of which names its example.

    Raises:
        Invalid: a run has no example id.
    """
    lost = sum(not row.example_id for row in rows)
    if lost:
        raise Invalid(
            f"{lost} of {len(rows)} runs have no example_id, so they cannot be paired with other runs.",
            "Upload the experiment again with the dataset's example ids in the example_id column.",
        )
    return rows


def unpaired_outcomes(runs: Iterable[RunColumns]) -> list[Outcome]:
    """Read runs as `outcomes` does, and accept runs without an example id.

    Raises:
        Invalid: a score is not a number.
    """
    reader = RowReader(explained=False)
    return [reader.outcome(run) for run in runs]


def outcome(run: RunColumns) -> Outcome:
    """Read one run, with its explanations; it may have no example id.

    Raises:
        Invalid: a score is not a number.
    """
    return RowReader(explained=True).outcome(run)


class RowReader:
    """Reads rows one by one, with the plans and the judgements of earlier rows."""

    def __init__(self, *, explained: bool) -> None:
        self._explained = explained
        self._plans: dict[tuple[str, ...], ColumnPlan] = {}
        self._shared: dict[tuple[str, float | None, str | None, str], Judgement] = {}

    def outcome(self, row: RunColumns) -> Outcome:
        """The outcome of a row; it may have no example id.

        Raises:
            Invalid: a score is not a number.
        """
        names = tuple(row)
        plan = self._plans.get(names)
        if plan is None:
            plan = self._plans[names] = plan_of(names)
        example_id = row.get("example_id") or ""
        return Outcome(
            example_id=example_id,
            output=row.get("output"),
            error=row.get(ERROR) or None,
            evaluations={one[0]: self.judgement(one, row, example_id) for one in plan.evaluators},
            repetition=str(row.get(REPETITION, "")),
            latency_ms=_latency(row, plan),
            tokens=_tokens(row, plan),
            cost=_amount(row, plan.costs),
            unit_assumed=plan.has_bare_latency and has_no_unit(row),
        )

    def judgement(self, of: JudgedColumns, row: Mapping[str, Any], example_id: str) -> Judgement:
        """One evaluator's judgement of a row.

        Raises:
            Invalid: the score is not a number.
        """
        name, score_column, label_column, explanation_column, made_by_columns = of
        score = row[score_column] if score_column is not None else None
        # Most scores are plain numbers in range; the others are read with care.
        if score is not None and not (type(score) is float and -LARGEST_SCORE <= score <= LARGEST_SCORE):
            score = _score(score, name, example_id)
        label = _text(row[label_column]) if label_column is not None else None
        explained = self._explained and explanation_column is not None
        explanation = _text(row[explanation_column]) if explained and explanation_column is not None else None
        made_by = {key: value for key, column in made_by_columns if (value := row[column]) not in (None, "")} or None
        if explanation is not None:
            return Judgement(name, score, label, explanation, made_by)
        key = (name, score, label, "" if made_by is None else repr(made_by))
        known = self._shared.get(key)
        if known is None:
            known = Judgement(name, score, label, None, made_by)
            if len(self._shared) < _MOST_SHARED:
                self._shared[key] = known
        return known


def plan_of(names: Sequence[str]) -> ColumnPlan:
    """The plan of rows with columns of these names."""
    found: dict[str, dict[str, str]] = {}
    made_by: dict[str, list[tuple[str, str]]] = {}
    for column in names:
        if place := place_of(column):
            found.setdefault(place[0], {})[place[1]] = column
        elif maker := maker_of(column):
            made_by.setdefault(maker[0], []).append((maker[1], column))
    evaluators = [
        JudgedColumns(name, of.get("score"), of.get("label"), of.get("explanation"), tuple(made_by.get(name, ())))
        for name, of in found.items()
    ]
    there = frozenset(names)
    amounts = (LATENCIES, LATENCIES_S, TOKENS, TOKENS_IN, TOKENS_OUT, COSTS)
    present = ([one for one in every if one in there] for every in amounts)
    return ColumnPlan(evaluators, *present, has_bare_latency=BARE_LATENCY in there)


def evaluators_of(run: ExperimentRun) -> list[str]:
    """The names of the evaluators that have a value in this run, in the order of its columns."""
    places = ((place_of(column), value) for column, value in (run.model_extra or {}).items())
    return list(dict.fromkeys(place[0] for place, value in places if place and value not in (None, "")))


def _latency(row: Mapping[str, Any], plan: ColumnPlan) -> float | None:
    milliseconds = _amount(row, plan.milliseconds)
    if milliseconds is not None:
        return milliseconds
    seconds = _amount(row, plan.seconds)
    return None if seconds is None else 1000 * seconds


def has_no_unit(row: Mapping[str, Any]) -> bool:
    """Whether the latency is that of a column `latency` in a file: a run of a task has a status beside it."""
    is_bare = number_in(row.get(LATENCIES[0])) is None and number_in(row.get(BARE_LATENCY)) is not None
    return is_bare and row.get(STATUS) != "COMPLETED"


def _tokens(row: Mapping[str, Any], plan: ColumnPlan) -> float | None:
    total = _amount(row, plan.tokens)
    if total is not None:
        return total
    read, written = _amount(row, plan.tokens_in), _amount(row, plan.tokens_out)
    return None if read is None or written is None else read + written


def _amount(row: Mapping[str, Any], names: Sequence[str]) -> float | None:
    """The first of the columns with a number of at least zero. Numbers from a CSV file arrive as text."""
    for name in names:
        number = number_in(row[name])
        if number is not None:
            return number
    return None


def number_in(value: Any) -> float | None:
    """A number of at least zero, also from text; None for anything else."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number <= LARGEST_SCORE else None


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


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) or None
