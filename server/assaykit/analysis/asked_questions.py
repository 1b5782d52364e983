"""The questions behind a judge's verdicts: whether it answers the same question alike, and the cost of a row."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, NamedTuple

from assaykit.analysis.rows import Judgement, cell
from assaykit.analysis.statistics import Interval, wilson
from assaykit.wire.run_columns import ASKED_KEYS, COST_KEY, LABEL_BEFORE_KEY, METADATA, PREFIX, TOKEN_KEYS


class AskedQuestion(NamedTuple):
    """The label of a verdict, the label that the same question had before, and the tokens and US dollars of the answer.

    Each is None if it is not known. An answer that was remembered has neither tokens nor dollars.
    """

    said: str | None
    before: str | None = None
    tokens: float | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Consistency:
    """The rows that a judge was asked twice with the same question, and those of them with equal labels.

    `interval` is Wilson's 95 % interval of the share of equal labels. It caps the agreement with people.
    """

    rows: int
    equal: int
    interval: Interval

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"rows": self.rows, "equal": self.equal, "interval": self.interval.as_dict()}


@dataclass(frozen=True, slots=True)
class RowCost:
    """The mean tokens of the `rows` whose answer tells them, and the mean US dollars of the `priced` rows.

    `dollars` is by list prices when the answer was given; None if no price was known.
    """

    rows: int
    tokens: float
    priced: int
    dollars: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def asked_question(verdict: Judgement) -> AskedQuestion:
    """The question behind a verdict, as far as its metadata tells."""
    told = verdict.metadata or {}
    counts = [number for key in TOKEN_KEYS if (number := _number(told.get(key))) is not None]
    said = verdict.label if verdict.label is not None else verdict.score
    before = cell(told.get(LABEL_BEFORE_KEY))
    return AskedQuestion(cell(said), before, sum(counts) if counts else None, _number(told.get(COST_KEY)))


def with_question(verdict: Judgement, row: Mapping[str, Any]) -> Judgement:
    """The verdict on a run, with the metadata about its question that the columns of the run have."""
    places = {key: f"{PREFIX}{verdict.name}{METADATA}{key}" for key in ASKED_KEYS}
    told = {key: row[place] for key, place in places.items() if row.get(place) is not None}
    return verdict._replace(metadata={**(verdict.metadata or {}), **told}) if told else verdict


def consistency(asked: Iterable[AskedQuestion], label: Callable[[str | None], str | None]) -> Consistency | None:
    """The consistency of a judge; None if no question was asked twice. `label` gives the class of a label."""
    twice = [label(one.said) == label(one.before) for one in asked if one.before is not None and one.said is not None]
    return consistency_of(sum(twice), len(twice))


def consistency_of(equal: int, rows: int) -> Consistency | None:
    """The consistency by its counts; None without a row."""
    return Consistency(rows, equal, wilson(equal, rows)) if rows and equal <= rows else None


def row_cost(asked: Sequence[AskedQuestion]) -> RowCost | None:
    """The cost of judging a row; None if no answer tells its tokens."""
    tokens = [one.tokens for one in asked if one.tokens is not None]
    costs = [one.cost for one in asked if one.cost is not None]
    if not tokens:
        return None
    return RowCost(len(tokens), sum(tokens) / len(tokens), len(costs), sum(costs) / len(costs) if costs else None)


def _number(value: object) -> float | None:
    """A number that is not negative; None for other values, which a file may hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if isfinite(value) and value >= 0 else None
