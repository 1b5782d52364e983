"""The rows of an experiment with the failed and the worst first, and the counts of all rows.

Each part has a summary. The counts are sums of the summaries. A part is read for the order only if it may hold one of
the rows on the page, so that the first pages cost the same in an experiment of any size. All columns are read if a
verdict was computed, if a failed row may have been tried again, and for a page far behind.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain
from typing import Any, NamedTuple

import sqlalchemy as sa

from assaykit.engine import json_text
from assaykit.engine.store.definitions import experiments, run_columns
from assaykit.engine.store.definitions.column_counts import OddValue, WholeColumns, added, counts_in
from assaykit.engine.store.definitions.run_columns import Summarised
from assaykit.engine.store.tables import run_columns as stored_columns
from assaykit.wire.evaluators import Direction
from assaykit.wire.run_columns import EvaluatorCounts, RankedRows, RankedRowsRequest

_FIRST, _WITHOUT, _PAST = -1.0, 2.0, 3.0
"""Ranks of a failed row, a row without a score, and a failed row that was tried again. A score has one from 0 to 1."""

_FAR = 5_000
_IDS_SHOWN = 10
"""A page that ends behind so many rows is cut from the order of all rows."""

_Counts = dict[str, dict[str, Any]]


class _Found(NamedTuple):
    """The counts of all rows, and the page: the numbers of its runs, and which were tried again."""

    total: int
    failed: int
    tried_again: int
    counts: _Counts
    ns: Sequence[int]
    past: Sequence[int] = ()


class _Scales:
    """The place of each score between the lowest and the highest score of its evaluator."""

    def __init__(self, counts: _Counts, directions: Mapping[str, Direction]) -> None:
        self._ends: dict[str, tuple[float, float, bool]] = {
            name: (one["low"], one["high"], directions.get(name) == "MINIMIZE")
            for name, one in counts.items()
            if one["low"] is not None and directions.get(name) != "NONE"
        }

    def goods(self, name: str, scores: Sequence[float | None]) -> list[float] | None:
        """Scale scores from 0 (the evaluator's worst) to 1 (its best); all are 1 if they are equal.

        None if the evaluator has no part in the order.
        """
        if name not in self._ends:
            return None
        low, high, is_falling = self._ends[name]
        width = high - low
        if not width:
            return [_WITHOUT if one is None else 1.0 for one in scores]
        if is_falling:
            return [_WITHOUT if one is None else 1 - (one - low) / width for one in scores]
        return [_WITHOUT if one is None else (one - low) / width for one in scores]

    def ranks(self, columns: WholeColumns, past: set[int]) -> list[float]:
        """The rank of each row, the worst first."""
        scaled = (self.goods(name, scores) for name, scores in columns.scores.items())
        goods = [one for one in scaled if one is not None]
        ranks = list(map(min, *goods)) if len(goods) > 1 else goods[0] if goods else [_WITHOUT] * len(columns.ns)
        for place, value in enumerate(columns.failed) if any(columns.failed) else ():
            if value is not None:
                ranks[place] = _PAST if place in past else _FIRST
        return ranks

    def lowest(self, summary: Mapping[str, Any]) -> float:
        """The lowest rank that a row of a part can have."""
        if summary["failed"]:
            return _FIRST
        ends = ((name, (one["low"], one["high"])) for name, one in summary["evaluators"].items())
        goods = (self.goods(name, both) for name, both in ends if both[0] is not None)
        return min(chain.from_iterable(one for one in goods if one is not None), default=_WITHOUT)


def ranked(connection: sa.Connection, wanted: RankedRowsRequest) -> RankedRows:
    """A page of an experiment's rows, and the counts of all.

    Raises:
        NotFound: there is no such experiment.
    """
    experiments.get(connection, wanted.experiment_id)
    try:
        found = _by_summaries(connection, wanted) or _by_columns(connection, wanted)
    except OddValue:
        return RankedRows(is_plain=False)
    evaluators = {
        name: EvaluatorCounts(
            labels=dict(sorted(one["labels"].items(), key=lambda each: -each[1])),
            labelled=sum(one["labels"].values()),
            scored=one["scored"],
            tried=one["tried"],
            passed=one["passed"],
        )
        for name, one in found.counts.items()
    }
    unknown, ids = experiments.unknown_examples(connection, wanted.experiment_id, _IDS_SHOWN)
    return RankedRows(
        unknown_runs=unknown,
        unknown_ids=ids,
        total=found.total,
        failed=found.failed,
        tried_again=found.tried_again,
        evaluators=evaluators,
        experiment_runs=experiments.runs_at(connection, wanted.experiment_id, found.ns),
        past=list(found.past),
    )


def _by_summaries(connection: sa.Connection, wanted: RankedRowsRequest) -> _Found | None:
    """The page and the counts by the summaries; None if all columns have to be read.

    Raises:
        OddValue: a part has one.
    """
    if run_columns.is_judged(connection, wanted.experiment_id) or wanted.offset + wanted.limit > _FAR:
        return None
    parts = run_columns.summaries(connection, wanted.experiment_id)
    if not all(one.summary["is_plain"] for one in parts):
        raise OddValue
    failed = sum(one.summary["failed"] for one in parts)
    if failed and _may_be_past(connection, wanted.experiment_id, parts):
        return None
    names = dict.fromkeys(name for one in parts for name in one.summary["evaluators"])
    every = {name: [one.summary["evaluators"].get(name) for one in parts] for name in names}
    counts = {name: added([one for one in of if one is not None]) for name, of in every.items()}
    ns = _page(connection, wanted, parts, _Scales(counts, wanted.directions))
    return _Found(sum(one.summary["rows"] for one in parts), failed, 0, counts, ns)


def _may_be_past(connection: sa.Connection, experiment_id: str, parts: Iterable[Summarised]) -> bool:
    """Whether an example has several runs."""
    c = stored_columns.c
    texts = connection.execute(sa.select(c.example_ids).where(c.experiment_id == experiment_id)).scalars()
    ids = [one for text in texts for one in json_text.read(text)]
    ids += [one for each in parts if each.part is not None for one in each.part.example_ids]
    named = [one for one in ids if one]
    return len(set(named)) < len(named)


def _page(
    connection: sa.Connection,
    wanted: RankedRowsRequest,
    parts: Sequence[Summarised],
    scales: _Scales,
) -> list[int]:
    """The numbers of the runs on the page."""
    end = wanted.offset + wanted.limit
    rows = [one.summary["rows"] for one in parts]
    starts = accumulate(rows, initial=0)
    bounds = [scales.lowest(one.summary) if wanted.worst_first else _WITHOUT for one in parts]
    best: list[tuple[float, int, int]] = []
    for bound, start, one in sorted(zip(bounds, starts, parts, strict=False), key=lambda each: each[:2]):
        if len(best) >= end and (bound, start) > best[-1][:2]:
            break
        columns = WholeColumns()
        columns.add(one.part or run_columns.part_at(connection, wanted.experiment_id, one.last_n))
        ranks = scales.ranks(columns, set()) if wanted.worst_first else [_WITHOUT] * len(columns.ns)
        places = range(start, start + len(ranks))
        best = heapq.nsmallest(end, chain(best, zip(ranks, places, columns.ns, strict=True)))
    return [n for _, _, n in best[wanted.offset :]]


def _by_columns(connection: sa.Connection, wanted: RankedRowsRequest) -> _Found:
    """The page and the counts by all columns.

    Raises:
        OddValue: a value is not of the usual type.
    """
    columns = WholeColumns()
    for part in run_columns.parts(connection, wanted.experiment_id):
        columns.add(part)
    past = _tried_again(columns)
    counts = {name: counts_in(columns, name, past) for name in _evaluators(columns, past)}
    order: Sequence[int] = range(len(columns.ns))
    if wanted.worst_first:
        order = sorted(order, key=_Scales(counts, wanted.directions).ranks(columns, past).__getitem__)
    page = order[wanted.offset : wanted.offset + wanted.limit]
    failed = sum(value is not None for value in columns.failed) - len(past)
    shown = [position for position, place in enumerate(page) if place in past]
    return _Found(len(columns.ns), failed, len(past), counts, [columns.ns[place] for place in page], shown)


def _tried_again(columns: WholeColumns) -> set[int]:
    """The positions of failed rows with a later row of the same example and repetition, whatever its outcome."""
    failed = {one for one, value in zip(columns.example_ids, columns.failed, strict=True) if value is not None and one}
    later: set[tuple[str | None, str]] = set()
    past: set[int] = set()
    for place in reversed([place for place, one in enumerate(columns.example_ids) if one in failed] if failed else []):
        call = (columns.example_ids[place], columns.repetitions[place])
        if columns.failed[place] is not None and call in later:
            past.add(place)
        later.add(call)
    return past


def _evaluators(columns: WholeColumns, past: set[int]) -> list[str]:
    """The evaluators of the rows that count, in the order in which the rows have them."""
    firsts = ((next((one for one in places if one not in past), None), names) for names, places in columns.groups)
    counted = sorted((first, names) for first, names in firsts if first is not None)
    return list(dict.fromkeys(name for _, names in counted for name in names))
