"""Whole columns of an experiment, and the counts of each evaluator in them."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from assaykit.engine.store.definitions.column_parts import RowPart
from assaykit.wire.run_columns import ERROR, REPETITION, place_of

_LARGEST_SCORE = 1e100
"""The largest score that comparisons accept. The engine counts no larger one."""


class OddValue(Exception):
    """A score is no number, or a label is no text."""


class WholeColumns:
    """Whole columns of an experiment: `scores` and `labels` by evaluator, in the order in which evaluators appear."""

    def __init__(self) -> None:
        self.ns: list[int] = []
        self.example_ids: list[str | None] = []
        self.failed: list[Any] = []
        self.repetitions: list[str] = []
        self.scores: dict[str, list[float | None]] = {}
        self.labels: dict[str, list[str | None]] = {}
        self.groups: list[tuple[list[str], Sequence[int]]] = []
        """The evaluators and the positions of rows with the same columns."""

    def add(self, part: RowPart) -> None:
        """Add the rows of the next part.

        Raises:
            OddValue: a score is no number, or a label is no text.
        """
        start = len(self.ns)
        self.ns += part.ns
        self.example_ids += part.example_ids
        count = len(part.ns)
        for column in (self.failed, *self.scores.values(), *self.labels.values()):
            column.extend([None] * count)
        self.repetitions.extend([""] * count)
        for group in part.groups:
            places = [start + place for place in group.places] if group.places else range(start, start + count)
            named = dict.fromkeys(place[0] for name in group.names if (place := place_of(name)))
            self.groups.append((list(named), places))
            for name, column in zip(group.names, group.columns, strict=True):
                self._add(name, column, places)

    def _add(self, name: str, column: Sequence[Any] | None, places: Sequence[int]) -> None:
        place = place_of(name)
        if place is not None:
            if column is not None:
                values = _scores(column) if place[1] == "score" else _labels(column)
                kept = self.scores if place[1] == "score" else self.labels
                _put(kept.setdefault(place[0], [None] * len(self.ns)), values, places)
        elif name == ERROR:
            _put(self.failed, column or (), places)
        elif name == REPETITION:
            _put(self.repetitions, [str(value) for value in column or ()], places)


def summary_of(part: RowPart) -> dict[str, Any]:
    """The counts of a part: its `rows`, the `failed` ones, and each evaluator's counts in order of appearance.

    An evaluator has the count of each label in order of appearance, the `low` and `high` of its `scored` rows, the
    scores of rows that did not fail (`tried`), and how many of them are 1 (`passed`, null unless all are 0 or 1).
    If a value is not of the usual type, `is_plain` is false and there are only the names of the evaluators.
    """
    named = dict.fromkeys(place[0] for one in part.groups for name in one.names if (place := place_of(name)))
    try:
        columns = WholeColumns()
        columns.add(part)
    except OddValue:
        return {"is_plain": False, "rows": len(part.ns), "failed": 0, "evaluators": dict.fromkeys(named)}
    failed = sum(value is not None for value in columns.failed)
    counts = {name: counts_in(columns, name) for name in named}
    return {"is_plain": True, "rows": len(part.ns), "failed": failed, "evaluators": counts}


def counts_in(columns: WholeColumns, name: str, past: AbstractSet[int] = frozenset()) -> dict[str, Any]:
    """The counts of one evaluator over the rows whose positions are not `past`."""
    labels, scores = columns.labels.get(name, []), columns.scores.get(name, [])
    if past:
        labels, scores = ([None if place in past else one for place, one in enumerate(of)] for of in (labels, scores))
    given = [one for one in labels if one is not None]
    scored = [one for one in scores if one is not None]
    good = scored
    if any(columns.failed):
        good = [one for one, failed in zip(scores, columns.failed, strict=False) if failed is None and one is not None]
    return {
        "labels": dict(Counter(given)),
        "scored": len(scored),
        "low": min(scored, default=None),
        "high": max(scored, default=None),
        "tried": len(good),
        "passed": good.count(1) if set(good) <= {0, 1} else None,
    }


def added(counts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The counts of one evaluator over several parts."""
    labels: Counter[str] = Counter()
    for one in counts:
        labels.update(one["labels"])
    passed = [one["passed"] for one in counts]
    return {
        "labels": dict(labels),
        "scored": sum(one["scored"] for one in counts),
        "low": min((one["low"] for one in counts if one["low"] is not None), default=None),
        "high": max((one["high"] for one in counts if one["high"] is not None), default=None),
        "tried": sum(one["tried"] for one in counts),
        "passed": None if None in passed else sum(passed),
    }


def _put(kept: list[Any], values: Sequence[Any], places: Sequence[int]) -> None:
    if isinstance(places, range):
        kept[places.start : places.stop] = values
    else:
        for place, value in zip(places, values, strict=True):
            kept[place] = value


def _scores(column: Sequence[Any]) -> Sequence[float | None]:
    kinds = set(map(type, column))
    if not kinds <= {int, float, type(None)}:
        raise OddValue
    numbers = column if type(None) not in kinds else [value for value in column if value is not None]
    if not numbers:
        return column
    if not (min(numbers) >= -_LARGEST_SCORE and max(numbers) <= _LARGEST_SCORE and math.isfinite(sum(numbers))):
        raise OddValue
    return [None if value is None else float(value) for value in column] if int in kinds else column


def _labels(column: Sequence[Any]) -> Sequence[str | None]:
    kinds = set(map(type, column))
    if not kinds <= {str, type(None)}:
        raise OddValue
    return [value or None for value in column] if "" in column else column
