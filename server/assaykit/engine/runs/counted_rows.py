"""The rows that runs would take, counted: spans where they lie, and traces, sessions and experiment runs one by one."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa

from assaykit.engine.runs.selection import Scorer, decided, has_outdated
from assaykit.engine.store.traces import tallies
from assaykit.engine.store.traces.spans import TimeRange
from assaykit.engine.store.traces.tallies import CandidateQuery
from assaykit.judge.selection import Candidate, Decision, Part, Stretch, decide, join, split, standings
from assaykit.wire.plans import PlanRequest
from assaykit.wire.runs import DEFAULT_MAX_SPANS
from assaykit.wire.tasks import Task

MOST_UNITS = 400_000
"""Traces, sessions or experiment runs that a count looks at. Older ones are left for another call."""

ROWS_READ = 20_000
"""Rows to score that are listed. The questions of the others are not compared."""


class CountedRows(NamedTuple):
    """The counts of the candidates of some runs.

    `fates` counts all candidates as `matched`, and the others than the chosen ones by their fate. `matched` and
    `labelled` have a count for each evaluator, and `others` the rows with a verdict of another version by its id, which
    is empty if unknown. `first` are the newest chosen ones, at most `ROWS_READ`. `parts` are the
    windows of several runs. `is_capped` means that older candidates were not looked at, and `cut`, in microseconds
    since 1970, is the oldest one that was.
    """

    fates: Counter[str]
    matched: Sequence[int]
    labelled: Sequence[int]
    others: Sequence[Mapping[str, int]]
    chosen: int
    first: Sequence[Decision]
    wanted_of: Callable[[int], Sequence[int]]
    """From a number of the newest chosen rows to the number of them that each evaluator scores."""
    parts: Sequence[Part] = ()
    is_capped: bool = False
    cut: int | None = None


def of_spans(
    connection: sa.Connection, task: Task, asked: PlanRequest, window: TimeRange, scorers: Sequence[Scorer]
) -> CountedRows:
    """The counts of the spans of a window. Without `in_parts`, down to the last span of one run.

    Raises:
        Invalid: a filter cannot be read.
    """
    query = CandidateQuery(
        project_id=task.project_id or "",
        window=window,
        filter_text=task.query_filter,
        evaluators=[(scorer.column, scorer.filters) for scorer in scorers],
        sample=1.0 if task.sampling_rate is None else task.sampling_rate,
        override=bool(asked.trigger.override_evaluations),
        versions=[scorer.version_id for scorer in scorers] if asked.outdated else None,
    )
    most = asked.trigger.max_spans or DEFAULT_MAX_SPANS
    end = None if asked.in_parts else tallies.place_of(connection, query, most)
    every = _Sums(scorers, query)
    moments: list[int] = []
    for tally in tallies.tallies(connection, query, end, with_moments=asked.in_parts):
        every.add(tally)
        moments += tally.moments
    moments.sort(reverse=True)
    first = list(_decisions(query, scorers, tallies.newest(connection, query, min(every.chosen, ROWS_READ))))

    def wanted_of(number: int) -> Sequence[int]:
        if number >= every.chosen:
            return every.wanted
        if number <= len(first):
            return _wanted(first[:number], len(scorers))
        fewer = _Sums(scorers, query)
        for tally in tallies.tallies(connection, query, tallies.place_of(connection, query, number)):
            fewer.add(tally)
        return fewer.wanted

    parts = join(Counter(moments).items(), window.start_ns // 1000, window.end_ns // 1000, most)
    is_capped = end is not None and tallies.is_older(connection, query, end)
    counts = every.matched, every.labelled, every.others
    return CountedRows(every.fates, *counts, every.chosen, first, wanted_of, parts, is_capped)


class _Sums:
    """The sums of tallies."""

    def __init__(self, scorers: Sequence[Scorer], query: CandidateQuery) -> None:
        self._query = query
        self._versions = [scorer.version_id for scorer in scorers]
        self.others = [Counter[str]() for _ in scorers]
        self.fates = Counter[str]()
        self.chosen = 0
        self.matched, self.labelled, self.wanted = ([0] * len(scorers) for _ in range(3))

    def add(self, tally: tallies.AnswerTally) -> None:
        allowed, made_with, is_sampled, number, _ = tally
        labelled, others = standings(made_with, self._versions, outdated=self._query.versions is not None)
        fate, wanted = decide(allowed, labelled, is_sampled=is_sampled, override=self._query.override)
        self.fates["matched"] += number
        if fate == "chosen":
            self.chosen += number
        else:
            self.fates[fate] += number
        is_outdated = any(may and other is not None for may, other in zip(allowed, others, strict=True))
        self.fates["outdated"] += number * (fate == "labelled" and is_outdated)
        for place, (may, done) in enumerate(zip(allowed, labelled, strict=True)):
            self.matched[place] += number * may
            self.labelled[place] += number * (may and (done or others[place] is not None))
            self.wanted[place] += number * wanted[place]
            if may and (other := others[place]) is not None:
                self.others[place][other] += number


def _decisions(
    query: CandidateQuery, scorers: Sequence[Scorer], found: Iterator[tuple[Any, ...]]
) -> Iterator[Decision]:
    versions = [scorer.version_id for scorer in scorers]
    for target_id, newest_ns, oldest_ns, *answers in found:
        allowed = list(map(bool, answers[::2]))
        labelled, _ = standings(answers[1::2], versions, outdated=query.versions is not None)
        one = Candidate(query.project_id, target_id, allowed, labelled, newest_ns // 1000, oldest_ns // 1000)
        yield Decision(one, *decide(allowed, labelled, is_sampled=True, override=query.override))


def of_candidates(
    found: Iterator[Candidate], task: Task, asked: PlanRequest, window: TimeRange | None, scorers: Sequence[Scorer]
) -> CountedRows:
    """The counts of candidates, newest first. Without `in_parts`, down to the last one of one run."""
    most = asked.trigger.max_spans or DEFAULT_MAX_SPANS
    fates = Counter[str]()
    matched, labelled = [0] * len(scorers), [0] * len(scorers)
    others = [Counter[str]() for _ in scorers]
    chosen: list[Decision] = []
    stretches: list[Stretch] = []
    every = decided(found, task, asked.trigger)
    last: Decision | None = None
    for last in islice(every, MOST_UNITS):
        candidate, fate, _ = last
        fates["matched"] += 1
        if fate == "chosen":
            chosen.append(last)
        else:
            fates[fate] += 1
        fates["outdated"] += fate == "labelled" and has_outdated(candidate)
        stretches.append(Stretch(candidate.newest, candidate.oldest, fate == "chosen"))
        for number, (may, done) in enumerate(zip(candidate.allowed, candidate.labelled, strict=True)):
            matched[number] += may
            labelled[number] += may and (done or candidate.others[number] is not None)
            if may and (other := candidate.others[number]) is not None:
                others[number][other] += 1
        if not asked.in_parts and len(chosen) == most:
            break
    more = next(every, None) is not None
    cut = last.candidate.newest if more and asked.in_parts and last is not None else None
    parts: Sequence[Part] = []
    if asked.in_parts and window is not None:
        parts = split(stretches, window.start_ns // 1000 if cut is None else cut, window.end_ns // 1000, most)

    def wanted_of(number: int) -> Sequence[int]:
        return _wanted(chosen[:number], len(scorers))

    first = chosen[:ROWS_READ]
    is_capped = more and not asked.in_parts
    return CountedRows(fates, matched, labelled, others, len(chosen), first, wanted_of, parts, is_capped, cut)


def _wanted(some: Sequence[Decision], scorers: int) -> Sequence[int]:
    return [sum(one.wanted[number] for one in some) for number in range(scorers)]
