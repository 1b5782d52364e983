"""Plans of runs: the rows and the questions of runs that have not been started, by the selection of real runs."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import sqlalchemy as sa

from assaykit.engine.runs.questions import key_of
from assaykit.engine.runs.selection import (
    Scorer,
    Selection,
    candidates,
    decided,
    items_of,
    rows,
    rows_per_read,
    scorer_of,
    values,
)
from assaykit.engine.store.queue import answers, runs
from assaykit.engine.store.queue.runs import Item
from assaykit.engine.store.times import moment
from assaykit.errors import NotFound
from assaykit.judge.selection import Decision, Part, Stretch, split
from assaykit.judge.units import UNITS
from assaykit.wire.evaluators import TemplateConfig
from assaykit.wire.local import PlannedPart, PlannedRows, PlanRequest, RunPlan, RunSelection
from assaykit.wire.runs import DEFAULT_MAX_SPANS
from assaykit.wire.tasks import Task, TaskEvaluator

MOST_ROWS = 400_000
"""Rows of a window that a plan looks at. Older rows are left for another call."""

ROWS_READ = 20_000
"""Rows of a plan whose questions are compared. Each further row counts as a question of its own."""

UNITS_READ = 1_000
"""The same for traces and sessions, which have many spans."""

IdentityOf = Callable[[sa.Connection, TemplateConfig], bytes]
"""From a judge's configuration to the digest of its model."""


def plan(connection: sa.Connection, asked: PlanRequest, identity_of: IdentityOf, now_ns: int) -> RunPlan:
    """The rows and the questions of the runs that a request describes.

    Raises:
        NotFound: an experiment or the task is deleted.
        Invalid: two evaluators write one column or judge different things, or a filter cannot be read.
    """
    task, scorers = _task(asked)
    window = None
    if asked.project_id is not None:
        window = runs.window_of(connection, asked.task_id, asked.trigger, now_ns)
    level, found = candidates(connection, task, asked.trigger, window, scorers)
    most = asked.trigger.max_spans or DEFAULT_MAX_SPANS
    counts = _Counts(scorers)
    every = decided(found, task, asked.trigger)
    last: Decision | None = None
    for decision in islice(every, MOST_ROWS):
        counts.add(decision)
        last = decision
        if not asked.in_parts and len(counts.chosen) == most:
            break
    more = next(every, None) is not None
    cut = last.candidate.newest if more and asked.in_parts and last is not None else None
    parts: Sequence[Part] = []
    if asked.in_parts and window is not None:
        start = window.start_ns // 1000 if cut is None else cut
        parts = split(counts.stretches, start, window.end_ns // 1000, most)
    runs_of = _runs_of(counts.chosen, parts, asked.max_rows)
    questions = _Questions(connection, Selection(level, scorers, [], RunSelection(), task), identity_of)
    for run in runs_of:
        questions.ask(run, anew=bool(asked.trigger.override_evaluations))
    return RunPlan(
        evaluators=[
            counts.of(scorer, number, questions, rows=sum(one.wanted[number] for run in runs_of for one in run))
            for number, scorer in enumerate(scorers)
        ],
        selection=RunSelection(chosen=len(counts.chosen), capped=more and not asked.in_parts, **counts.fates),
        rows=sum(map(len, runs_of)),
        start=None if window is None else moment(window.start_ns),
        end=None if window is None else moment(window.end_ns),
        parts=[_part(part, len(run)) for part, run in zip(parts, runs_of, strict=False)],
        looked_back_to=None if cut is None else moment(cut * 1000),
    )


def _task(asked: PlanRequest) -> tuple[Task, Sequence[Scorer]]:
    """The planned task, and its evaluators, whose ids are their places."""
    entries = [
        TaskEvaluator(
            evaluator_id=str(number),
            query_filter=one.query_filter,
            column_mappings=one.column_mappings,
            query_mappings=one.query_mappings,
        )
        for number, one in enumerate(asked.evaluators)
    ]
    task = Task(
        id="",
        name="",
        type="TEMPLATE_EVALUATION",
        project_id=asked.project_id,
        query_filter=asked.query_filter,
        query_filters=asked.query_filters,
        sampling_rate=asked.sampling_rate,
        evaluators=entries,
    )
    pairs = zip(entries, asked.evaluators, strict=True)
    return task, [scorer_of(task, entry, one.config) for entry, one in pairs]


class _Counts:
    """The counts of candidates, and the chosen ones, newest first."""

    def __init__(self, scorers: Sequence[Scorer]) -> None:
        self.fates = Counter[str]()
        self.chosen: list[Decision] = []
        self.stretches: list[Stretch] = []
        self._matched = [0] * len(scorers)
        self._labelled = [0] * len(scorers)

    def add(self, decision: Decision) -> None:
        candidate, fate, _ = decision
        self.fates["matched"] += 1
        if fate == "chosen":
            self.chosen.append(decision)
        else:
            self.fates[fate] += 1
        self.stretches.append(Stretch(candidate.newest, candidate.oldest, fate == "chosen"))
        for number, (may, done) in enumerate(zip(candidate.allowed, candidate.labelled, strict=True)):
            self._matched[number] += may
            self._labelled[number] += may and done

    def of(self, scorer: Scorer, number: int, questions: "_Questions", rows: int) -> PlannedRows:
        matched, labelled = self._matched[number], self._labelled[number]
        calls, characters = questions.of(scorer)
        return PlannedRows(matched=matched, labelled=labelled, rows=rows, calls=calls, characters=characters)


def _runs_of(chosen: Sequence[Decision], parts: Sequence[Part], most: int | None) -> list[Sequence[Decision]]:
    """The rows of each run. `most` limits the rows of all runs together."""
    left = len(chosen) if most is None else min(most, len(chosen))
    found: list[Sequence[Decision]] = []
    place = 0
    for rows_of_part in [part.rows for part in parts] or [len(chosen)]:
        found.append(chosen[place : place + min(rows_of_part, left - place)])
        place += len(found[-1])
        if place == left:
            break
    return found


def _part(part: Part, rows: int) -> PlannedPart:
    start, end = moment(part.start * 1000), moment(part.end * 1000)
    return PlannedPart.model_validate({"start": start, "end": end, "rows": rows})


class _Tally(NamedTuple):
    calls: int = 0
    characters: int = 0


class _Questions:
    """The questions of planned runs, counted once in each run. Two runs at work at once may both ask a question."""

    def __init__(self, connection: sa.Connection, selection: Selection, identity_of: IdentityOf) -> None:
        self._connection = connection
        self._selection = selection
        self._scorers: Mapping[str, Scorer] = {one.evaluator_id: one for one in selection.scorers}
        self._identities: dict[str, bytes] = {}
        for one in selection.scorers:
            if isinstance(one.config, TemplateConfig):
                try:
                    self._identities[one.evaluator_id] = identity_of(connection, one.config)
                except NotFound:
                    # The run ends with the same error, without a call.
                    self._identities[one.evaluator_id] = b""
        self._left = UNITS_READ if selection.level in UNITS else ROWS_READ
        self._found: dict[str, _Tally] = {one.evaluator_id: _Tally() for one in selection.scorers}

    def of(self, scorer: Scorer) -> _Tally:
        return self._found[scorer.evaluator_id]

    def ask(self, run: Sequence[Decision], *, anew: bool) -> None:
        """Count the questions of one run."""
        if not self._identities:
            return
        asked: set[bytes] = set()
        read, per_read = run[: self._left], rows_per_read(self._selection)
        for start in range(0, len(read), per_read):
            self._read(self._items(read[start : start + per_read]), asked, anew=anew)
        self._left -= len(read)
        for item in self._items(run[len(read) :]):
            calls, characters = self._found[item.evaluator_id]
            self._add(item.evaluator_id, characters // max(calls, 1))

    def _items(self, some: Sequence[Decision]) -> Sequence[Item]:
        """The items of some rows for judges."""
        every = (items_of(candidate, wanted, self._selection.scorers, 0) for candidate, _, wanted in some)
        return [item for items in every for item in items if item.evaluator_id in self._identities]

    def _read(self, items: Sequence[Item], asked: set[bytes], *, anew: bool) -> None:
        of_targets = rows(self._connection, self._selection, items)
        fresh: dict[bytes, tuple[str, int]] = {}
        for item in items:
            scorer = self._scorers[item.evaluator_id]
            given = values(self._selection, of_targets.get(item.target_id, {}), scorer)
            if isinstance(scorer.config, TemplateConfig):
                key = key_of(self._identities[item.evaluator_id], scorer.config, given)
                if key is not None and key not in asked:
                    fresh.setdefault(key, (item.evaluator_id, sum(len(text or "") for text in given.values())))
        known = answers.known(self._connection, () if anew else fresh)
        for key, (evaluator_id, characters) in fresh.items():
            asked.add(key)
            if key not in known:
                self._add(evaluator_id, characters)

    def _add(self, evaluator_id: str, characters: int) -> None:
        calls, before = self._found[evaluator_id]
        self._found[evaluator_id] = _Tally(calls + 1, before + characters)
