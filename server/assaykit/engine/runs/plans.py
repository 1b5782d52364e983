"""Plans of runs: the rows and the questions of runs that have not been started, by the selection of real runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from assaykit.engine.runs import counted_rows
from assaykit.engine.runs.counted_rows import CountedRows
from assaykit.engine.runs.planned_questions import IdentityOf, PlannedQuestions
from assaykit.engine.runs.selection import Scorer, Selection, candidates, scorer_of
from assaykit.engine.store.definitions import evaluators
from assaykit.engine.store.queue import runs
from assaykit.engine.store.times import moment
from assaykit.judge.selection import Part
from assaykit.judge.units import UNITS
from assaykit.wire.local import RunSelection
from assaykit.wire.plans import PlannedPart, PlannedRows, PlanRequest, RunPlan
from assaykit.wire.tasks import Task, TaskEvaluator

UNITS_READ = 1_000
"""Traces or sessions of a plan whose questions are compared; they have many spans."""


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
    level, found = candidates(connection, task, asked.trigger, window, scorers, outdated=asked.outdated)
    if level == "SPAN" and window is not None:
        counts = counted_rows.of_spans(connection, task, asked, window, scorers)
    else:
        counts = counted_rows.of_candidates(found, task, asked, window, scorers)
    of_runs = _of_runs(counts, asked.max_rows)
    selection = Selection(level, scorers, [], RunSelection(), task)
    most = UNITS_READ if level in UNITS else counted_rows.ROWS_READ
    questions = PlannedQuestions(connection, selection, identity_of, most)
    questions.ask(counts.first, of_runs, counts.wanted_of, anew=bool(asked.trigger.override_evaluations))
    return RunPlan(
        evaluators=_evaluators(
            counts, scorers, questions, counts.wanted_of(sum(of_runs)), _numbers(connection, counts, scorers)
        ),
        selection=RunSelection(chosen=counts.chosen, capped=counts.is_capped, **counts.fates),
        rows=sum(of_runs),
        start=None if window is None else moment(window.start_ns),
        end=None if window is None else moment(window.end_ns),
        parts=[_part(part, rows) for part, rows in zip(counts.parts, of_runs, strict=False)],
        looked_back_to=None if counts.cut is None else moment(counts.cut * 1000),
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
    return task, [scorer_of(task, entry, one.config, one.version_id or "-") for entry, one in pairs]


def _numbers(connection: sa.Connection, counts: CountedRows, scorers: Sequence[Scorer]) -> Mapping[str, int]:
    """The numbers of the versions of a plan, by their ids."""
    seen = {version for others in counts.others for version in others}
    return evaluators.numbers(connection, seen | {scorer.version_id for scorer in scorers})


def _by_number(others: Mapping[str, int], numbers: Mapping[str, int]) -> dict[str, int]:
    found = Counter[str]()
    for version, rows in others.items():
        found[str(numbers.get(version, "?"))] += rows
    return dict(sorted(found.items()))


def _evaluators(
    counts: CountedRows,
    scorers: Sequence[Scorer],
    questions: PlannedQuestions,
    rows: Sequence[int],
    numbers: Mapping[str, int],
) -> list[PlannedRows]:
    found: list[PlannedRows] = []
    for number, scorer in enumerate(scorers):
        calls, characters = questions.of(scorer)
        matched, labelled = counts.matched[number], counts.labelled[number]
        planned = PlannedRows(matched=matched, labelled=labelled, rows=rows[number], calls=calls, characters=characters)
        read, shortened, cut, silent = questions.lengths_of(scorer)
        others = _by_number(counts.others[number], numbers)
        told: dict[str, Any] = {"version": numbers.get(scorer.version_id), "others": others}
        told |= {"rows_read": read, "shortened": shortened, "cut": cut, "silent_turns": silent}
        found.append(planned.model_copy(update=told))
    return found


def _of_runs(counts: CountedRows, most: int | None) -> list[int]:
    """The number of rows of each run. `most` limits the rows of all runs together."""
    left = counts.chosen if most is None else min(most, counts.chosen)
    found: list[int] = []
    for rows in [part.rows for part in counts.parts] or [counts.chosen]:
        found.append(min(rows, left))
        left -= found[-1]
        if not left:
            break
    return found


def _part(part: Part, rows: int) -> PlannedPart:
    start, end = moment(part.start * 1000), moment(part.end * 1000)
    return PlannedPart.model_validate({"start": start, "end": end, "rows": rows})
