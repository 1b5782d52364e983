"""Schedules of continuous tasks: due tasks, their next batch of arrivals, and the end of the run over a batch.

The transaction that processes the end of a run moves the cursor of the schedule. If an engine dies, another engine
resumes its run, and the schedule waits for the run. Rows that a run left, such as those that failed for a cause outside
of them, are owed. If the run got nowhere, the cursor stays. If it scored some rows, the cursor moves on, and the owed
spans are looked at again by themselves. A row that is done, labelled or not, is not asked about again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.definitions import tasks
from assaykit.engine.store.queue import left_rows, runs, task_limits
from assaykit.engine.store.queue.leases import ACTIVE
from assaykit.engine.store.tables import schedules, task_runs
from assaykit.engine.store.times import moment
from assaykit.engine.store.traces import spans, units
from assaykit.engine.store.traces.spans import Arrivals
from assaykit.judge.units import Unit
from assaykit.wire.local import ScheduleWorker, TaskSchedule
from assaykit.wire.tasks import Task

LONGEST_PAUSE_NS = 600 * 1_000_000_000
"""The longest pause between two tries of a task whose runs fail."""

Mark = tuple[int, int]
"""A time in nanoseconds, and the end of the ingest sequence at that time."""

QUIET_NS: Mapping[Unit, int] = {"TRACE": 60 * 1_000_000_000, "SESSION": 600 * 1_000_000_000}
"""The quiet period: a trace or session without a new span for so long counts as complete."""

STEP_SPANS = 1_000
"""The most spans or units of one run. Other tasks have their turn between two steps."""

PROBE_SPANS = 20
"""The most spans or units of a run after a failure, until one gets on."""

OPEN_NS = 3600 * 1_000_000_000
"""The longest time that a trace or session without a new span waits for a parent that its spans name."""

_MOST_DOUBLINGS = 30
"""The most doublings of a pause: more would exceed the longest pause anyway."""


class ArrivalBatch(NamedTuple):
    """The arrivals that a task takes next. `is_full` means that more may follow.

    `is_owed` means that earlier runs left some of their rows. A trace or session is among the arrivals if its last span
    is.
    """

    arrivals: Arrivals
    is_full: bool
    is_owed: bool = False


class Due(NamedTuple):
    """A task to look at. `mark` changes with each look that moves something. `waits_for` names missing keys."""

    task_id: str
    mark: tuple[int | None, ...]
    waits_for: str | None


def due(connection: sa.Connection, clock: Clock, *, early: bool = False) -> Sequence[Due]:
    """The tasks to look at: their time has come, or their run has ended and its end is not processed yet.

    With `early`, tasks with rows that wait for a key are among them at any time.
    """
    now = clock.now_ns()
    c = schedules.c
    # A due time beyond the longest pause shows that the clock has been set back since.
    is_time = (c.due_ns <= now) | (c.due_ns > now + LONGEST_PAUSE_NS)
    owes = c.owed_n.is_not(None) & ((c.owed_due_ns <= now) | (c.owed_due_ns > now + LONGEST_PAUSE_NS))
    run = schedules.outerjoin(task_runs, task_runs.c.id == c.run_id)
    if early:
        owes |= c.owed_n.is_not(None) & c.waits_for.is_not(None)
    is_due = sa.func.coalesce(task_runs.c.status.not_in(ACTIVE), (is_time | owes) & sa.not_(c.at_limit))
    marks = c.cursor_n, c.due_ns, c.owed_n, c.owed_due_ns, task_runs.c.n
    query = sa.select(c.task_id, c.waits_for, *marks).select_from(run).where(is_due).order_by(c.due_ns)
    return [Due(task_id, tuple(mark), waits_for) for task_id, waits_for, *mark in connection.execute(query)]


def retry(connection: sa.Connection, clock: Clock) -> None:
    """End every pause after a failure: the process that runs the tasks now may have the missing key."""
    c, now = schedules.c, clock.now_ns()
    connection.execute(schedules.update().where(c.failures > 0).values(due_ns=now))
    connection.execute(schedules.update().where(c.owed_failures > 0).values(owed_due_ns=now))


def wait(connection: sa.Connection, task_id: str, waits_for: str | None) -> None:
    """Note the keys that the engine that looks does not have, so that another engine takes the task."""
    _set(connection, task_id, waits_for=waits_for)


def begin(
    connection: sa.Connection, task_id: str, period_ns: int, clock: Clock, *, early: bool = False
) -> ArrivalBatch | None:
    """Process the end of the last run, and return the next batch; None if there is nothing to do now.

    A task that has spent its `max_cost` stops here until it is changed. With `early`, owed rows are next at any time.
    """
    now = clock.now_ns()
    row = _settled(connection, task_id, period_ns, now)
    if row is None or row.run_id is not None or row.at_limit:
        return None
    if task_limits.rest(connection, task_id) == 0:
        _set(connection, task_id, at_limit=True)
        return None
    task = tasks.get(connection, task_id)
    level, last, closed = tasks.level(connection, task), spans.last(connection), None
    if level != "SPAN":
        marks = _marked(row.marks, last, now)
        last, closed = _horizon(marks, now - QUIET_NS[level]), _horizon(marks, now - OPEN_NS)
        changes = _closed(connection, task, row, level, closed, now)
        _set(connection, task_id, marks=_still_needed(marks, now - OPEN_NS), **changes)
        row = _row(connection, task_id) or row
    if row.owed_n is not None and (early or not now < row.owed_due_ns <= now + LONGEST_PAUSE_NS):
        most = PROBE_SPANS if row.owed_failures > 1 else STEP_SPANS
        found = _next(connection, task, Arrivals(row.owed_n, row.owed_up_to_n, closed), most)
        is_full = len(found) == most
        up_to = found[-1] if is_full else row.owed_up_to_n
        return ArrivalBatch(Arrivals(row.owed_n, up_to, closed), is_full, is_owed=True)
    if now < row.due_ns <= now + LONGEST_PAUSE_NS:
        return None
    most = PROBE_SPANS if row.failures else STEP_SPANS
    found = _next(connection, task, Arrivals(row.cursor_n, last, closed), most)
    is_full = len(found) == most
    arrivals = Arrivals(row.cursor_n, found[-1] if is_full else max(last, row.cursor_n), closed)
    if level != "SPAN" and (first := units.first_open(connection, task.project_id or "", level, arrivals)) is not None:
        _set(connection, task_id, open_n=min(first, row.open_n or first))
    if not found:
        _set(connection, task_id, cursor_n=arrivals.up_to, due_ns=now + period_ns)
        return None
    return ArrivalBatch(arrivals, is_full)


def _closed(
    connection: sa.Connection, task: Task, row: sa.Row[Any], level: Unit, closed: int, now_ns: int
) -> Mapping[str, int | None]:
    """The change of a schedule whose open units have waited for their parents long enough: it owes them."""
    if row.open_n is None or row.open_n > closed:
        return {}
    beyond = Arrivals(closed, row.cursor_n, closed)
    still = units.first_open(connection, task.project_id or "", level, beyond) if closed < row.cursor_n else None
    owed_n = row.open_n - 1 if row.owed_n is None else min(row.owed_n, row.open_n - 1)
    up_to = min(closed, row.cursor_n)
    owed_up_to = up_to if row.owed_up_to_n is None else max(row.owed_up_to_n, up_to)
    return {"open_n": still, "owed_n": owed_n, "owed_up_to_n": owed_up_to, "owed_due_ns": now_ns}


def _next(connection: sa.Connection, task: Task, arrivals: Arrivals, most: int) -> Sequence[int]:
    """The ingest places of the first `most` arrivals of the task's project, in order."""
    project_id, level = task.project_id or "", tasks.level(connection, task)
    if level == "SPAN":
        return spans.arrived(connection, project_id, arrivals, most)
    return units.ended(connection, project_id, level, arrivals, most)


def take(
    connection: sa.Connection,
    task_id: str,
    batch: ArrivalBatch,
    *,
    here: bool,
    elsewhere: bool,
    owner: str,
    period_ns: int,
    clock: Clock,
) -> str | None:
    """Create a run over a batch and return its id. Without work for this process (`here`), move on.

    `elsewhere` means that there is work for a process with other keys. Nothing happens if the schedule has changed
    since `begin` found the batch.
    """
    row, now = _row(connection, task_id), clock.now_ns()
    after = None if row is None else row.owed_n if batch.is_owed else row.cursor_n
    if row is None or row.run_id is not None or after != batch.arrivals.after:
        return None
    if here:
        within = runs.Limits(
            max_cost=task_limits.rest(connection, task_id), on_too_long=task_limits.on_too_long(connection, task_id)
        )
        run_id = runs.take(connection, tasks.get(connection, task_id), batch.arrivals, owner, clock, within)
        _set(connection, task_id, run_id=run_id)
        return run_id
    if batch.is_owed and elsewhere:
        _set(connection, task_id, **_postponed(row, period_ns, now))
    elif batch.is_owed:
        _set(connection, task_id, **_paid(row, batch.arrivals.up_to, now))
    else:
        owed = _owed(row, batch.arrivals, period_ns, now) if elsewhere else {}
        due_ns = now + (0 if batch.is_full else period_ns)
        _set(connection, task_id, cursor_n=batch.arrivals.up_to, due_ns=due_ns, **owed)
    return None


def _owed(row: sa.Row[Any], arrivals: Arrivals, period_ns: int, now_ns: int) -> dict[str, int]:
    """The change after which a schedule owes these arrivals too."""
    if row.owed_n is None:
        first = {"owed_n": arrivals.after, "owed_up_to_n": arrivals.up_to}
        return {**first, "owed_failures": 1, "owed_due_ns": now_ns + pause_ns(1, period_ns)}
    return {"owed_n": min(row.owed_n, arrivals.after), "owed_up_to_n": max(row.owed_up_to_n, arrivals.up_to)}


def _paid(row: sa.Row[Any], up_to: int, now_ns: int) -> dict[str, int | None]:
    """The change after which a schedule owes nothing up to this place."""
    if up_to >= row.owed_up_to_n:
        return {"owed_n": None, "owed_up_to_n": None, "owed_failures": 0, "owed_due_ns": None}
    return {"owed_n": up_to, "owed_failures": 0, "owed_due_ns": now_ns}


def _postponed(row: sa.Row[Any], period_ns: int, now_ns: int) -> dict[str, int]:
    """The change after which a schedule looks at the owed spans later."""
    failures = row.owed_failures + 1
    return {"owed_failures": failures, "owed_due_ns": now_ns + pause_ns(failures, period_ns)}


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
    is_running = at_work is not None and at_work.status in ACTIVE
    # The spans of a run that has just ended count as taken before the cursor moves.
    is_taken = at_work is not None and (is_running or not left_rows.left_by(connection, at_work.id))
    taken = max(at_work.up_to_n, row.cursor_n) if at_work is not None and is_taken else row.cursor_n
    failures = 0 if row.at_limit else max(row.failures, row.owed_failures)
    now = clock.now_ns()
    due_ns = row.due_ns if row.owed_due_ns is None else min(row.due_ns, row.owed_due_ns)
    cause = _last_failure(connection, task_id) if failures or row.at_limit else None
    limit = task_limits.of(connection, task_id)
    if row.waits_for is not None and not is_running and due_ns <= now:
        cause = f"The task is waiting for {row.waits_for}. It goes on when a process that has it opens the store."
    return TaskSchedule(
        is_continuous=True,
        worker=worker,
        is_running=is_running,
        last_run_at=task.last_run_at,
        next_run_at=moment(due_ns) if worker != "nobody" and not row.at_limit else None,
        failures=failures,
        last_failure=cause,
        given_up=len({target_id for _, target_id in left_rows.given_up(connection, task_id)}),
        max_cost=None if limit is None else limit[0],
        spent=None if limit is None else max(0.0, limit[1]),
        at_max_cost=row.at_limit,
        on_too_long=task_limits.on_too_long(connection, task_id),
        **_waiting(connection, task, row, taken, now),
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
        owed = (
            0
            if row.owed_n is None
            else left_rows.count_owed(connection, task.id, Arrivals(row.owed_n, row.owed_up_to_n))
        )
        return {"spans_waiting": spans.count_arrived(connection, project_id, taken) + owed}
    last = spans.last(connection)
    marks = _marked(row.marks, last, now_ns)
    horizon, closed = _horizon(marks, now_ns - QUIET_NS[level]), _horizon(marks, now_ns - OPEN_NS)
    # Units that lack a parent are open, also behind the cursor.
    first = taken if row.open_n is None else min(taken, row.open_n - 1)
    every = units.count_ended(connection, project_id, level, Arrivals(taken, last))
    every += units.count_open(connection, project_id, level, Arrivals(first, taken, closed))
    quiet = units.count_ended(connection, project_id, level, Arrivals(taken, horizon, closed))
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
    c = task_runs.c
    found = connection.execute(sa.select(c.after_n, c.up_to_n, c.at_limit).where(c.id == run.id)).one()
    arrivals = Arrivals(found.after_n, found.up_to_n)
    left = left_rows.left_by(connection, run.id)
    judges = {entry.evaluator_id for entry in tasks.get(connection, task_id).evaluators or ()}
    got_on = not left or found.at_limit or bool(run.num_successes) or not ("" in left or judges <= left.keys())
    _set(
        connection,
        task_id,
        run_id=None,
        **_effect(row, arrivals, left=bool(left), got_on=got_on, times=(period_ns, now_ns)),
    )
    if left and (not got_on or arrivals.up_to <= row.cursor_n):
        # The next run selects these rows anew.
        left_rows.drop_pending(connection, run.id)
    return _row(connection, task_id)


def _effect(
    row: sa.Row[Any], arrivals: Arrivals, *, left: bool, got_on: bool, times: tuple[int, int]
) -> Mapping[str, int | None]:
    """The change of a schedule when its run has ended. `times` are the period and the time now, in nanoseconds."""
    period_ns, now_ns = times
    if arrivals.up_to <= row.cursor_n:
        return _postponed(row, period_ns, now_ns) if left else _paid(row, arrivals.up_to, now_ns)
    if not got_on:
        failures = row.failures + 1
        return {"failures": failures, "due_ns": now_ns + pause_ns(failures, period_ns)}
    owed = _owed(row, arrivals, period_ns, now_ns) if left else {}
    return {"cursor_n": arrivals.up_to, "failures": 0, "due_ns": now_ns, **owed}


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
