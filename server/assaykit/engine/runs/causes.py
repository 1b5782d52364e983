"""The cause of a run that scored nothing: the first that applies, computed while the run executes."""

from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa

from assaykit.column_paths import Row, reader_of
from assaykit.engine.clock import Clock
from assaykit.engine.runs.selection import Selection, whole_rows
from assaykit.engine.runs.units import UNITS_PER_READ
from assaykit.engine.store.definitions import experiments
from assaykit.engine.store.queue import run_reports, runs
from assaykit.engine.store.queue.leases import Lease, is_held
from assaykit.engine.store.times import moment
from assaykit.engine.store.traces import spans
from assaykit.engine.store.traces.spans import Arrivals, TimeRange
from assaykit.engine.store.traces.verdicts import VerdictLevel
from assaykit.errors import quote
from assaykit.filters.fields import row_tree
from assaykit.filters.memory import matches
from assaykit.filters.parse import parse
from assaykit.filters.text import conditions
from assaykit.judge.missing_values import unread as find_unread
from assaykit.judge.missing_values import unread_units
from assaykit.judge.units import NOUNS, UNITS
from assaykit.wire.bodies import rfc3339
from assaykit.wire.local import RunCause
from assaykit.wire.runs import TriggerEvaluationRequest
from assaykit.wire.tasks import Task

CONDITIONS_TRIED = 8
SAMPLE = 50
"""The number of rows on which a mapping is tried if every row was skipped."""


def start(connection: sa.Connection, lease: Lease, selection: Selection, cause: RunCause | None, clock: Clock) -> bool:
    """Start a run with its selection. Returns False if it was cancelled or the lease is lost."""
    plan = {**selection.plan, "reason": cause and cause.message}
    if not runs.start(connection, lease, selection.items, plan, clock):
        return False
    run_reports.keep(connection, lease.run_id, selection=selection.counted, cause=cause)
    return True


def of_selection(connection: sa.Connection, run_id: str, selection: Selection) -> RunCause:
    """The cause of an empty selection."""
    counted = selection.counted
    task, request, window = runs.details(connection, run_id)
    if counted.matched == 0:
        if window is None:
            return _without_runs(connection, task, request, selection.deleted)
        return _without_spans(connection, task, window, selection.level)
    things = _things(selection.level)
    sampled = counted.matched - counted.sampled_out
    if sampled == 0:
        text = f"No data to score: the sampling rate takes none of the {counted.matched} matching {things}. Raise it."
        return RunCause(code="sampling", message=text)
    if counted.labelled == 0:
        text = f"No data to score: no evaluator's own filter matches any of the {sampled} {things}. Widen it."
        return RunCause(code="own_filter", message=text)
    text = (
        f"All {counted.labelled} matching {things} are labelled by these evaluators already. "
        "Trigger again with override_evaluations=true to score them anew."
    )
    return RunCause(code="labelled", message=text)


def unread(connection: sa.Connection, lease: Lease, selection: Selection, reason: str) -> str:
    """Add to `reason`, for a run that skipped every row, the column without a value and similar columns."""
    if not is_held(connection, lease):
        return reason
    # The selection of a resumed run has only the remaining items, so read the first ones from the store.
    some = runs.first_items(connection, lease.run_id, UNITS_PER_READ if selection.level in UNITS else SAMPLE)
    sample: Sequence[Row] = list(whole_rows(connection, selection, some).values())
    for scorer in selection.scorers:
        if selection.level in UNITS:
            found = unread_units(scorer.readings, [row.get(scorer.evaluator_id, {}) for row in sample])
        else:
            found = find_unread(scorer.config, scorer.column_mappings, sample)
        if found is not None and (done := selection.counted.labelled):
            # The mapping worked for the labelled rows, so a similar column would be the wrong advice for the others.
            message = f"{reason} The {done} other {_things(selection.level)} that match are labelled already."
            cause = RunCause(code="left_over", message=message, variable=found.variable, column=found.column)
            run_reports.keep(connection, lease.run_id, cause=cause)
            return message
        if found is not None:
            column = f" {scorer.column!r} reads {found.variable!r} from column {quote(found.column)!r}, which is empty."
            listed = ", ".join(repr(quote(one)) for one in found.near)
            message = f"{reason}{column}{f' Near columns that rows have: {listed}.' if listed else ''}"
            cause = RunCause(
                code="no_value", message=message, variable=found.variable, column=found.column, near=found.near
            )
            run_reports.keep(connection, lease.run_id, cause=cause)
            return message
    return reason


def _things(level: VerdictLevel) -> str:
    return f"{NOUNS[level]}s" if level in UNITS else "rows"


def _without_spans(
    connection: sa.Connection, task: Task, window: TimeRange | Arrivals, level: VerdictLevel
) -> RunCause:
    project = task.project_id or ""
    number = spans.count_matching(connection, project, window)
    if number and (task.query_filters is not None or (level == "SESSION" and task.query_filter is None)):
        return _without_units(task, number, level)
    if number:
        return _filtered(
            task, number, "spans in the window", lambda text: spans.count_matching(connection, project, window, text)
        )
    ends = spans.bounds(connection, project)
    if ends is None:
        text = "No data to score: the project has no span. Send spans to it, then trigger again."
        return RunCause(code="no_rows", message=text, rows=0)
    oldest, newest = moment(ends.start_ns), moment(ends.end_ns)
    text = (
        f"No data to score: no span started in the window{_bounds(window)}. The project's spans started from "
        f"{_seconds(ends.start_ns)} to {_seconds(ends.end_ns)}. Widen the window."
    )
    return RunCause(code="no_rows", message=text, rows=0, oldest=oldest, newest=newest)


def _without_units(task: Task, number: int, level: VerdictLevel) -> RunCause:
    """The cause if the window has spans, but no unit that the task covers."""
    if task.query_filters is None:
        text = f"No data to score: none of the {number} spans in the window has attributes.session.id."
        return RunCause(code="no_rows", message=f"{text} Send spans with session.id, or score traces.", rows=number)
    noun = NOUNS[level]
    text = f"No data to score: no {noun} of the {number} spans in the window matches the task's filters."
    return RunCause(code="filter", message=f"{text} Widen them.", rows=number)


def of_deleted(selection: Selection) -> str | None:
    """The sentence about experiments of the task that are deleted; None without such."""
    if not selection.deleted:
        return None
    if (number := len(selection.deleted)) == 1:
        return "One experiment of the task is deleted and was not scored."
    return f"{number} experiments of the task are deleted and were not scored."


def _without_runs(
    connection: sa.Connection, task: Task, request: TriggerEvaluationRequest, deleted: Sequence[str]
) -> RunCause:
    chosen = [one for one in dict.fromkeys(request.experiment_ids or task.experiment_ids or ()) if one not in deleted]
    if not chosen:
        text = "No data to score: the task's experiments are deleted. Trigger with experiment_ids, or make a new task."
        return RunCause(code="no_rows", message=text, rows=0)
    found = [row for one in chosen for row in experiments.full_rows(connection, one)]
    if not found:
        text = "No data to score: the experiments have no run. Upload rows to them, or name other experiments."
        return RunCause(code="no_rows", message=text, rows=0)
    return _filtered(task, len(found), "runs of the experiments", lambda text: _count(found, text))


def _count(found: Iterable[Row], text: str) -> int:
    tree = row_tree(text)
    return sum(matches(tree, reader_of(row)) for row in found)


def _filtered(task: Task, number: int, things: str, count: Callable[[str], int]) -> RunCause:
    """The cause if the task's filter matches no row, with the conditions that match no row by themselves."""
    text = task.query_filter or ""
    parts = conditions(parse(text)) if text else []
    alone = [part for part in parts[:CONDITIONS_TRIED] if count(part) == 0]
    said = f"No data to score: none of the {number} {things} matches the task's filter {quote(text)!r}."
    if alone:
        verb = "matches" if len(alone) == 1 else "match"
        said += f" {' and '.join(repr(quote(part)) for part in alone)} {verb} none by itself."
    elif parts and len(parts) <= CONDITIONS_TRIED:
        said += " Each of its conditions matches some, but no row matches all."
    return RunCause(code="filter", message=f"{said} Widen the filter.", rows=number, conditions=alone)


def _bounds(window: TimeRange | Arrivals) -> str:
    if isinstance(window, Arrivals):
        return ""
    return f", {_seconds(window.start_ns)} to {_seconds(window.end_ns)}"


def _seconds(ns: int) -> str:
    found = moment(ns)
    return "the beginning" if found is None else rfc3339(found.replace(microsecond=0))
