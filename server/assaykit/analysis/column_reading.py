"""From the columns of an experiment to outcomes: as `analysis.reading` reads rows, for whole columns at once."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

from assaykit.analysis.reading import (
    ColumnPlan,
    JudgedColumns,
    RowReader,
    has_no_unit,
    number_in,
    plan_of,
)
from assaykit.analysis.rows import LARGEST_SCORE, Judgement, Outcome
from assaykit.wire.run_columns import BARE_LATENCY, ERROR, LATENCIES, REPETITION, STATUS, ColumnPart, RowGroup

_Columns = Mapping[str, Sequence[Any]]
_Numbers = Sequence[float | None]

_MOST_KNOWN = 10_000
"""Limit on the judgements of one evaluator that are kept to be used again."""

_HASHED = frozenset({int, float, bool, str, type(None)})
_TEXTS = frozenset({str, type(None)})


class _RowVerdicts(Mapping[str, Judgement]):
    """The judgements of one row, by evaluator: a place in columns. It takes a quarter of the memory of a dict."""

    __slots__ = ("_columns", "_place")

    def __init__(self, columns: Mapping[str, Sequence[Judgement]], place: int) -> None:
        self._columns = columns
        self._place = place

    def __getitem__(self, name: str) -> Judgement:
        return self._columns[name][self._place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


class ColumnReader:
    """Reads parts one by one, with the plans and the judgements of earlier parts.

    The outcomes have no output, and "failed" stands for each error. Readers that share `ids` keep one text for equal
    example ids.
    """

    def __init__(self, ids: dict[str, str] | None = None) -> None:
        self._rows = RowReader(explained=False)
        self._plans: dict[tuple[str, ...], ColumnPlan] = {}
        self._known: dict[JudgedColumns, dict[Any, Judgement]] = {}
        self._ids = {} if ids is None else ids

    def outcomes(self, part: ColumnPart) -> list[Outcome]:
        """The outcomes of a part, in order. A run without an example id has an empty one.

        Raises:
            Invalid: a score is not a number.
        """
        ids = [self._ids.setdefault(one, one) if one else "" for one in part.example_ids]
        if len(part.groups) == 1 and part.groups[0].places is None:
            return self._group(part.groups[0], ids)
        found: dict[int, Outcome] = {}
        for group in part.groups:
            places = range(len(ids)) if group.places is None else group.places
            found.update(zip(places, self._group(group, [ids[place] for place in places]), strict=True))
        return [found[place] for place in range(len(ids))]

    def _group(self, group: RowGroup, ids: Sequence[str]) -> list[Outcome]:
        names, count = tuple(group.names), len(ids)
        plan = self._plans.get(names)
        if plan is None:
            plan = self._plans[names] = plan_of(names)
        columns = {
            name: [None] * count if column is None else column
            for name, column in zip(names, group.columns, strict=True)
        }
        judged = {one.name: self._judged(one, columns, ids) for one in plan.evaluators}
        rows = zip(
            ids,
            repeat(None),
            columns.get(ERROR, repeat(None)),
            map(_RowVerdicts, repeat(judged), range(count)),
            map(str, columns.get(REPETITION, [""] * count)),
            _latencies(columns, plan) or repeat(None),
            _tokens(columns, plan) or repeat(None),
            _amounts(columns, plan.costs) or repeat(None),
            _units(columns, plan, count),
            strict=False,
        )
        return list(map(Outcome._make, rows))

    def _judged(self, of: JudgedColumns, columns: _Columns, ids: Sequence[str]) -> list[Judgement]:
        """One evaluator's judgements. Judgements that are alike are mostly one object."""
        scores = None if of.score is None else columns[of.score]
        labels = [of.label] if of.label is not None else []
        texts = {name: columns[name] for name in (*labels, *(column for _, column in of.made_by))}
        own = texts if of.score is None or scores is None else {**texts, of.score: scores}
        keys: Iterable[Any] = scores or repeat(None, len(ids))
        if texts:
            keys = zip(keys, *texts.values(), strict=True)

        def judgement(place: int) -> Judgement:
            return self._rows.judgement(of, {name: column[place] for name, column in own.items()}, ids[place])

        if not set(map(type, scores or ())) <= _HASHED or not all(
            set(map(type, one)) <= _TEXTS for one in texts.values()
        ):
            return [judgement(place) for place in range(len(ids))]
        known = self._known.setdefault(of, {})
        if not of.made_by and scores is not None and not texts and _are_plain(scores):
            return _made(known, keys, lambda place: Judgement(of.name, scores[place]))
        return _made(known, keys, judgement)


def _are_plain(scores: Sequence[Any]) -> bool:
    """Whether all scores are floats in range, which need no care."""
    if set(map(type, scores)) != {float} or not math.isfinite(sum(scores)):
        return False
    return min(scores) >= -LARGEST_SCORE and max(scores) <= LARGEST_SCORE


def _made(known: dict[Any, Judgement], keys: Iterable[Any], make: Callable[[int], Judgement]) -> list[Judgement]:
    found: list[Judgement] = []
    for place, key in enumerate(keys):
        one = known.get(key)
        if one is None:
            one = make(place)
            if len(known) < _MOST_KNOWN:
                known[key] = one
        found.append(one)
    return found


def _latencies(columns: _Columns, plan: ColumnPlan) -> _Numbers | None:
    milliseconds, seconds = _amounts(columns, plan.milliseconds), _amounts(columns, plan.seconds)
    if seconds is None:
        return milliseconds
    told = [None if one is None else 1000 * one for one in seconds]
    return told if milliseconds is None else _firsts([milliseconds, told])


def _tokens(columns: _Columns, plan: ColumnPlan) -> _Numbers | None:
    total = _amounts(columns, plan.tokens)
    read, written = _amounts(columns, plan.tokens_in), _amounts(columns, plan.tokens_out)
    if read is None or written is None:
        return total
    both = [None if one is None or more is None else one + more for one, more in zip(read, written, strict=True)]
    return both if total is None else _firsts([total, both])


def _amounts(columns: _Columns, names: Sequence[str]) -> _Numbers | None:
    """The first of the columns with a number of at least zero, for each row; None if there is no such column."""
    found = [_numbers(columns[name]) for name in names]
    return _firsts(found) if len(found) > 1 else found[0] if found else None


def _firsts(every: Sequence[_Numbers]) -> _Numbers:
    return [next((one for one in row if one is not None), None) for row in zip(*every, strict=True)]


def _numbers(column: Sequence[Any]) -> _Numbers:
    is_plain = set(map(type, column)) == {float} and math.isfinite(sum(column))
    if is_plain and min(column) >= 0 and max(column) <= LARGEST_SCORE:
        return column
    return list(map(number_in, column))


def _units(columns: _Columns, plan: ColumnPlan, count: int) -> list[bool]:
    if not plan.has_bare_latency:
        return [False] * count
    named = [name for name in (LATENCIES[0], BARE_LATENCY, STATUS) if name in columns]
    rows = zip(*(columns[name] for name in named), strict=True)
    return [has_no_unit(dict(zip(named, row, strict=True))) for row in rows]
