"""Schedules of continuous tasks: due tasks, their next batch of arrivals, and the end of the run over a batch.

The transaction that processes the end of a run moves the cursor of the schedule, and only past spans that the run is
done with. If an engine dies, another engine resumes its run, and the schedule waits for the run. If a run fails for a
cause outside its rows, the next run covers the same spans and skips those that have labels.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.definitions import tasks
from assaykit.engine.store.queue import runs
from assaykit.engine.store.queue.leases import ACTIVE
from assaykit.engine.store.tables import schedules, task_runs
from assaykit.engine.store.times import moment
from assaykit.engine.store.traces import spans, units
from assaykit.engine.store.traces.spans import Arrivals
from assaykit.judge.units import Unit
from assaykit.wire.local import ScheduleWorker, TaskSchedule
from assaykit.wire.runs import DEFAULT_MAX_SPANS
from assaykit.wire.tasks import Task

LONGEST_PAUSE_NS = 600 * 1_000_000_000
"""The longest pause between two tries of a task whose runs fail."""

Mark = tuple[int, int]
"""A time in nanoseconds, and the end of the ingest sequence at that time."""

QUIET_NS: Mapping[Unit, int] = {"TRACE": 60 * 1_000_000_000, "SESSION": 600 * 1_000_000_000}
"""The quiet period: a trace or session without a new span for so long counts as complete."""

_MOST_DOUBLINGS = 30
"""The most doublings of a pause: more would exceed the longest pause anyway."""


class ArrivalBatch(NamedTuple):
    """The arrivals that a task takes next. `is_full` means that more may follow.

    A trace or session is among the arrivals if its last span is.
    """

    arrivals: Arrivals
    is_full: bool


def due(connection: sa.Connection, clock: Clock) -> Sequence[str]:
    """The tasks to look at: their time has come, or their run has ended and its end is not processed yet."""
    now = clock.now_ns()
    c = schedules.c
    # A due time beyond the longest pause shows that the clock has been set back since.
    is_time = (c.due_ns <= now) | (c.due_ns > now + LONGEST_PAUSE_NS)
    run = schedules.outerjoin(task_runs, task_runs.c.id == c.run_id)
    query = sa.select(c.task_id).select_from(run).where(sa.func.coalesce(task_runs.c.status.not_in(ACTIVE), is_time))
    return connection.execute(query).scalars().all()


def retry(connection: sa.Connection, clock: Clock) -> None:
    """End every pause after a failure: the process that runs the tasks now may have the missing key."""
    connection.execute(schedules.update().where(schedules.c.failures > 0).values(due_ns=clock.now_ns()))


def begin(connection: sa.Connection, task_id: str, period_ns: int, clock: Clock) -> ArrivalBatch | None:
    """Process the end of the last run, and return the next batch; None if there is nothing to do now."""
    now = clock.now_ns()
    row = _settled(connection, task_id, period_ns, now)
    if row is None or row.run_id is not None or now < row.due_ns <= now + LONGEST_PAUSE_NS:
        return None
    task = tasks.get(connection, task_id)
    project_id, level = task.project_id or "", tasks.level(connection, task)
    last = spans.last(connection)
    if level == "SPAN":
        found = spans.arrived(connection, project_id, row.cursor_n, DEFAULT_MAX_SPANS)
    else:
        marks = _marked(row.marks, last, now)
        _set(connection, task_id, marks=_still_needed(marks, now - QUIET_NS[level]))
        last = _horizon(marks, now - QUIET_NS[level])
        found = units.ended(connection, project_id, level, Arrivals(row.cursor_n, last), DEFAULT_MAX_SPANS)
    if not found:
        _set(connection, task_id, cursor_n=max(last, row.cursor_n), due_ns=now + period_ns)
        return None
    is_full = len(found) == DEFAULT_MAX_SPANS
    return ArrivalBatch(Arrivals(row.cursor_n, found[-1] if is_full else last), is_full)


def take(
    connection: sa.Connection,
    task_id: str,
    batch: ArrivalBatch,
    *,
    has_work: bool,
    owner: str,
    period_ns: int,
    clock: Clock,
) -> str | None:
    """Create a run over a batch and return its id. Without work in the batch, move the cursor past it.

    Nothing happens if the schedule has changed since `begin` found the batch.
    """
    row = _row(connection, task_id)
    if row is None or row.run_id is not None or row.cursor_n != batch.arrivals.after:
        return None
    due_ns = clock.now_ns() + (0 if batch.is_full else period_ns)
    if not has_work:
        _set(connection, task_id, cursor_n=batch.arrivals.up_to, due_ns=due_ns)
        return None
    run_id = runs.take(connection, tasks.get(connection, task_id), batch.arrivals, owner, clock)
    _set(connection, task_id, run_id=run_id, due_ns=due_ns)
    return run_id


def _marked(marks: Sequence[Mark] | None, last: int, now_ns: int) -> list[Mark]:
    """Add a mark if the sequence has grown. Marks after `now_ns` move to it, in case the clock was set back."""
    kept: list[Mark] = [(min(ns, now_ns), n) for ns, n in marks or ()]
    return kept if kept and kept[-1][1] == last else [*kept, (now_ns, last)]


def _horizon(marks: Sequence[Mark], before_ns: int) -> int:
    """The end of the sequence at `before_ns`, by the marks. A unit is quiet if its last span is not beyond it."""
    return max((n for ns, n in marks if ns <= before_ns), default=0)


def _still_needed(marks: Sequence[Mark], before_ns: int) -> list[Mark]:
    """The marks without those that are older than the last mark up to `before_ns`."""
    past = [mark for mark in marks if mark[0] <= before_ns]
    return [*past[-1:], *marks[len(past) :]]


def pause_ns(failures: int, period_ns: int) -> int:
    """The pause after consecutive failures: the period, doubled with each, up to `LONGEST_PAUSE_NS`."""
    return min(period_ns << min(failures, _MOST_DOUBLINGS), LONGEST_PAUSE_NS)


def get(connection: sa.Connection, task_id: str, worker: ScheduleWorker, clock: Clock) -> TaskSchedule:
    """The schedule of a task: its next look, the spans or units that wait, and the process that runs it.

    Raises:
        NotFound: there is no such task.
    """
    task = tasks.get(connection, task_id)
    row = _row(connection, task_id)
    if row is None:
        return TaskSchedule(is_continuous=False, worker=worker)
    last = _last_run(connection, task_id)
    at_work = last if last is not None and last.id == row.run_id else None
    # The spans of a run that has just ended count as taken before the cursor moves.
    is_taken = at_work is not None and not runs.leaves_rows(connection, at_work.id)
    taken = at_work.up_to_n if at_work is not None and is_taken else row.cursor_n
    return TaskSchedule(
        is_continuous=True,
        worker=worker,
        is_running=at_work is not None and at_work.status in ACTIVE,
        last_run_at=task.last_run_at,
        next_run_at=moment(row.due_ns) if worker != "nobody" else None,
        failures=row.failures,
        last_failure=_last_failure(connection, task_id) if row.failures else None,
        **_waiting(connection, task, row, taken, clock.now_ns()),
    )


def _waiting(
    connection: sa.Connection,
    task: Task,
    row: sa.Row[Any],
    taken: int,
    now_ns: int,
) -> dict[str, Any]:
    project_id, level = task.project_id or "", tasks.level(connection, task)
    if level == "SPAN":
        return {"spans_waiting": spans.count_arrived(connection, project_id, taken)}
    last = spans.last(connection)
    horizon = _horizon(_marked(row.marks, last, now_ns), now_ns - QUIET_NS[level])
    every = units.count_ended(connection, project_id, level, Arrivals(taken, last))
    quiet = units.count_ended(connection, project_id, level, Arrivals(taken, horizon))
    seconds = QUIET_NS[level] / 1_000_000_000
    return {"unit": level, "units_waiting": quiet, "units_open": every - quiet, "quiet_s": seconds}


def _settled(connection: sa.Connection, task_id: str, period_ns: int, now_ns: int) -> sa.Row[Any] | None:
    """Store the effect of an ended run, and return the schedule. `run_id` stays set while a run is active."""
    row = _row(connection, task_id)
    if row is None or row.run_id is None:
        return row
    run = runs.get(connection, row.run_id)
    if not run.is_final:
        return row
    if not runs.leaves_rows(connection, run.id):
        up_to = connection.execute(sa.select(task_runs.c.up_to_n).where(task_runs.c.id == run.id)).scalar_one()
        _set(connection, task_id, run_id=None, cursor_n=up_to, failures=0)
    else:
        failures = row.failures + 1
        due_ns = now_ns + pause_ns(failures, period_ns)
        _set(connection, task_id, run_id=None, failures=failures, due_ns=due_ns)
    return _row(connection, task_id)


def _last_run(connection: sa.Connection, task_id: str) -> sa.Row[Any] | None:
    """The newest run that a schedule of the task made."""
    return connection.execute(_runs(task_id).limit(1)).first()


def _last_failure(connection: sa.Connection, task_id: str) -> str | None:
    """Failure reason of the most recent finished run. A retry in progress is ignored."""
    ended = _runs(task_id).where(task_runs.c.finished_ns.is_not(None)).limit(1)
    found = connection.execute(ended).first()
    return None if found is None else found.failure_reason


def _runs(task_id: str) -> sa.Select[Any]:
    query = sa.select(task_runs).where(task_runs.c.task_id == task_id, task_runs.c.up_to_n.is_not(None))
    return query.order_by(task_runs.c.n.desc())


def _row(connection: sa.Connection, task_id: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(schedules).where(schedules.c.task_id == task_id)).first()


def _set(connection: sa.Connection, task_id: str, **values: Any) -> None:
    connection.execute(schedules.update().where(schedules.c.task_id == task_id).values(values))
