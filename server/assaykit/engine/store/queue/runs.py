"""Task runs and their items in the store. Every count of a run comes from its items."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.problems import Malformed
from assaykit.engine.store import checksums
from assaykit.engine.store.change_times import touch_run
from assaykit.engine.store.definitions import experiments, tasks
from assaykit.engine.store.keys import next_id, row_of
from assaykit.engine.store.pages import PageRequest, by_arrival
from assaykit.engine.store.queue import pins, run_costs
from assaykit.engine.store.queue.leases import ACTIVE, Lease, held
from assaykit.engine.store.queue.left_rows import left_by
from assaykit.engine.store.tables import ROW_STATES, run_items, task_runs
from assaykit.engine.store.tables import tasks as task_table
from assaykit.engine.store.times import earlier, moment, nanoseconds
from assaykit.engine.store.traces import spans
from assaykit.engine.store.traces.spans import Arrivals, TimeRange
from assaykit.errors import Invalid, Unsupported
from assaykit.judge.providers.prices import Spent
from assaykit.wire.bodies import RequestBody
from assaykit.wire.local import RowState
from assaykit.wire.runs import RunStatus, TaskRun, TaskRunPage, TriggerEvaluationRequest
from assaykit.wire.tasks import Task

FIRST_WINDOW_NS = 7 * 24 * 3600 * 1_000_000_000
"""The length of a first run's window if no start is given."""

_GOES_ON = " The task continues with spans that arrive later. Trigger a run to score the rest of these spans."

_NOTHING = Spent(None, None, None)

_ITEMS_PER_INSERT = 5_000

# Written out, because binding by position takes half the time of binding by name.
_ADD = (
    f"INSERT INTO {run_items.name} (run_id, position, target_id, evaluator_id, scope_id, checksum, state) "  # noqa: S608
    "VALUES (?, ?, ?, ?, ?, ?, 'PENDING')"
)
_RECORD = (
    f"UPDATE {run_items.name} SET state = ?, label = ?, reason = ?, detail = ?, remembered = ?, notes = ?, "  # noqa: S608
    "prompt_tokens = ?, completion_tokens = ?, cost = ? WHERE run_id = ? AND position = ? AND evaluator_id = ?"
)

KEPT = "report"
"""The key in a run's stored request for the counts and the cause from its selection; see `run_reports`."""


class Item(NamedTuple):
    """One row and evaluator of a run. `position` orders rows, newest first from 0. The verdict is in `scope_id`."""

    position: int
    target_id: str
    evaluator_id: str
    scope_id: str = ""


class Limits(NamedTuple):
    """The limits that end a run early, its number of rows and its cost in US dollars, and its ways with some rows."""

    max_rows: int | None = None
    max_cost: float | None = None
    on_too_long: Literal["skip"] | None = None
    """`skip` leaves a row unscored whose judge would see a value shortened; None shortens the value."""
    outdated: bool = False
    """Rows whose verdict is of another version of the evaluator are scored too."""


UNLIMITED = Limits()


class ItemOutcome(NamedTuple):
    """The outcome of an item."""

    item: Item
    state: RowState
    label: str | None = None
    reason: str | None = None
    detail: str | None = None
    spent: Spent | None = None
    remembered: bool = False
    notes: str | None = None


def trigger(
    connection: sa.Connection,
    task_id: str,
    wanted: TriggerEvaluationRequest,
    owner: str,
    clock: Clock,
    limits: Limits = UNLIMITED,
) -> TaskRun:
    """A new run in PENDING, owned by this engine.

    Raises:
        NotFound: no such task, or no such experiment.
        Invalid: a field does not fit the task's target.
    """
    task = tasks.get(connection, task_id)
    _check(connection, task, wanted)
    now = clock.now_ns()
    window = window_of(connection, task.id, wanted, now) if task.project_id is not None else None
    return add(connection, task_id, wanted, owner, clock, now, window, limits)


def add(
    connection: sa.Connection,
    task_id: str,
    wanted: RequestBody,
    owner: str,
    clock: Clock,
    now: int,
    window: TimeRange | None = None,
    limits: Limits = UNLIMITED,
) -> TaskRun:
    """A new run in PENDING for a checked request. `now` is the time of its creation, in nanoseconds."""
    made = _new(connection, task_id, wanted, window, owner, clock, created_ns=now, **limits._asdict())
    return _run(made)


def take(
    connection: sa.Connection,
    task: Task,
    arrivals: Arrivals,
    owner: str,
    clock: Clock,
    limits: Limits = UNLIMITED,
) -> str:
    """Create a run in PENDING over arrivals, and return its id. Its window covers their start times."""
    wanted = TriggerEvaluationRequest()
    window = spans.extent(connection, task.project_id or "", arrivals)
    places = {"after_n": arrivals.after, "up_to_n": arrivals.up_to, "closed_n": arrivals.closed}
    return _new(
        connection, task.id, wanted, window, owner, clock, created_ns=clock.now_ns(), **places, **limits._asdict()
    ).id


def _new(
    connection: sa.Connection,
    task_id: str,
    wanted: RequestBody,
    window: TimeRange | None,
    owner: str,
    clock: Clock,
    *,
    created_ns: int,
    **columns: float | str | None,
) -> sa.Row[Any]:
    connection.execute(task_table.update().where(task_table.c.id == task_id).values(last_run_ns=created_ns))
    pinned = pins.of_task(connection, tasks.get(connection, task_id))
    return connection.execute(
        task_runs.insert()
        .values(
            id=next_id(connection, "TaskRun", clock),
            task_id=task_id,
            status="PENDING",
            request=wanted.model_dump(mode="json", exclude_none=True),
            data_start_ns=window.start_ns if window else None,
            data_end_ns=window.end_ns if window else None,
            pinned=dict(pinned),
            owner=owner,
            heartbeat_ns=created_ns,
            created_ns=created_ns,
            **columns,
        )
        .returning(task_runs)
    ).one()


def page(connection: sa.Connection, task_id: str, status: RunStatus | None, at: PageRequest) -> TaskRunPage:
    """A task's runs, newest first.

    Raises:
        NotFound: no such task.
    """
    row_of(connection, task_table, task_id, "task", "/v2/tasks")
    query = sa.select(task_runs).where(task_runs.c.task_id == task_id)
    if status is not None:
        query = query.where(task_runs.c.status == status)
    rows, pagination = by_arrival(connection, query, task_runs.c.n, at)
    return TaskRunPage(task_runs=[_run(row) for row in rows], pagination=pagination)


def get(connection: sa.Connection, run_id: str) -> TaskRun:
    """One run with its counts.

    Raises:
        NotFound: there is none with this id.
    """
    return _run(_row(connection, run_id))


def task_of(connection: sa.Connection, run_id: str) -> Task:
    """The task that a run belongs to, with the versions of evaluators that the run was created with.

    Raises:
        NotFound: there is no such run.
    """
    return _task(connection, _row(connection, run_id))


def _task(connection: sa.Connection, row: sa.Row[Any]) -> Task:
    return pins.applied(connection, tasks.get(connection, row.task_id), row.pinned)


def details(
    connection: sa.Connection, run_id: str
) -> tuple[Task, TriggerEvaluationRequest, TimeRange | Arrivals | None]:
    """The task of a run, its request, and its range of spans; None in place of a range if it reads experiments."""
    row = _row(connection, run_id)
    window: TimeRange | Arrivals | None = None
    if row.up_to_n is not None:
        window = Arrivals(row.after_n, row.up_to_n, row.closed_n)
    elif row.data_start_ns is not None:
        window = TimeRange(row.data_start_ns, row.data_end_ns)
    asked = {key: value for key, value in row.request.items() if key != KEPT}
    return _task(connection, row), TriggerEvaluationRequest.model_validate(asked), window


def start(
    connection: sa.Connection, lease: Lease, items: Sequence[Item], plan: Mapping[str, Any], clock: Clock
) -> bool:
    """Start a PENDING run and store its items. Returns False if it was cancelled or the lease is lost.

    `plan` is stored for an engine that may have to resume the run.
    """
    moved = connection.execute(
        task_runs.update()
        .where(held(lease), task_runs.c.status == "PENDING")
        .values(
            status="RUNNING",
            started_ns=clock.now_ns(),
            heartbeat_ns=clock.now_ns(),
            beat=task_runs.c.beat + 1,
            plan=plan,
            attempts=0,
        )
    )
    if moved.rowcount == 0:
        return False
    for first in range(0, len(items), _ITEMS_PER_INSERT):
        some = items[first : first + _ITEMS_PER_INSERT]
        connection.exec_driver_sql(_ADD, [(lease.run_id, *item, _checksum(lease.run_id, item)) for item in some])
    return True


def _checksum(run_id: str, item: Item) -> int:
    """The checksum of the columns that `SUMMED` names."""
    return checksums.of((run_id, item.position, item.evaluator_id, item.target_id, item.scope_id))


def left(connection: sa.Connection, run_id: str) -> tuple[Mapping[str, Any], Sequence[Item]] | None:
    """The plan and the PENDING items of a run, in order; None if the run has not started.

    Raises:
        Unsupported: the run was started by a version that stored no plan.
    """
    row = _row(connection, run_id)
    if row.status == "PENDING":
        return None
    if row.plan is None:
        raise Unsupported(
            "The process that executed this run ended. An older version started the run, so it cannot be resumed.",
            "Earlier results stay; trigger the task again.",
        )
    query = _items(run_id).where(run_items.c.state == "PENDING")
    return row.plan, [Item(*found) for found in connection.execute(query)]


def work_left(connection: sa.Connection, run_id: str) -> tuple[Mapping[str, Any], Sequence[str]] | None:
    """The plan of a run, and the evaluators that have PENDING items; None if the run has not started.

    The plan is empty if a version that stored no plan started the run.
    """
    row = _row(connection, run_id)
    if row.status == "PENDING":
        return None
    c = run_items.c
    query = sa.select(c.evaluator_id).where(c.run_id == run_id, c.state == "PENDING").distinct()
    return row.plan or {}, connection.execute(query).scalars().all()


def leave(connection: sa.Connection, lease: Lease, evaluator_id: str, reason: str, detail: str) -> None:
    """End the PENDING items of one evaluator as FAILED."""
    c = run_items.c
    if connection.execute(sa.select(task_runs.c.id).where(held(lease))).first() is not None:
        of_it = (c.run_id == lease.run_id) & (c.evaluator_id == evaluator_id) & (c.state == "PENDING")
        connection.execute(run_items.update().where(of_it).values(state="FAILED", reason=reason, detail=detail))


def limits(connection: sa.Connection, run_id: str) -> tuple[Limits, float]:
    """The limits of a run, and its cost so far in US dollars, counting only items with a known price."""
    return limits_alone(connection, run_id), run_costs.cost(connection, run_id)


def limits_alone(connection: sa.Connection, run_id: str) -> Limits:
    """The limits of a run."""
    row = _row(connection, run_id)
    return Limits(row.max_rows, row.max_cost, row.on_too_long, row.outdated)


def has_rows_left(connection: sa.Connection, run_id: str) -> bool:
    """Whether some of a run's items have no outcome."""
    query = sa.select(run_items.c.run_id).where(run_items.c.run_id == run_id, run_items.c.state == "PENDING").limit(1)
    return connection.execute(query).first() is not None


def has_scored(connection: sa.Connection, run_id: str) -> bool:
    """Whether some of a run's items have a verdict or an answer."""
    return bool(counts(connection, run_id).get("SCORED"))


def first_items(connection: sa.Connection, run_id: str, number: int) -> Sequence[Item]:
    """The first `number` items of a run, in any state."""
    return [Item(*found) for found in connection.execute(_items(run_id).limit(number))]


def _items(run_id: str) -> sa.Select[Any, Any, Any, Any]:
    c = run_items.c
    query = sa.select(c.position, c.target_id, c.evaluator_id, c.scope_id).where(c.run_id == run_id)
    return query.order_by(c.position, c.evaluator_id)


def record(connection: sa.Connection, lease: Lease, outcomes: Sequence[ItemOutcome], now_ns: int) -> bool:
    """Store outcomes with a heartbeat. Returns False and stores nothing if the run has ended or the lease is lost."""
    alive = connection.execute(
        task_runs.update().where(held(lease)).values(heartbeat_ns=now_ns, beat=task_runs.c.beat + 1, attempts=0)
    )
    if alive.rowcount == 0:
        return False
    if outcomes:
        connection.exec_driver_sql(_RECORD, [_recorded(lease.run_id, outcome) for outcome in outcomes])
    return True


def _recorded(run_id: str, outcome: ItemOutcome) -> tuple[Any, ...]:
    item, state, label, reason, detail, spent, remembered, notes = outcome
    cost = spent or _NOTHING
    return (state, label, reason, detail, remembered, notes, *cost, run_id, item.position, item.evaluator_id)


def finish(connection: sa.Connection, lease: Lease, status: RunStatus, reason: str | None, clock: Clock) -> TaskRun:
    """End a run. Nothing changes if it has ended or the lease is lost."""
    return _end(connection, lease.run_id, held(lease), status, reason, clock)


def _end(
    connection: sa.Connection,
    run_id: str,
    still: sa.ColumnElement[bool],
    status: RunStatus,
    reason: str | None,
    clock: Clock,
) -> TaskRun:
    change = {"status": status, "finished_ns": clock.now_ns(), "failure_reason": reason}
    if connection.execute(task_runs.update().where(task_runs.c.id == run_id, still).values(change)).rowcount:
        touch_run(connection, run_id, clock.now_ns())
        run_costs.count(connection, run_id)
    return get(connection, run_id)


def cancel(connection: sa.Connection, run_id: str, clock: Clock) -> TaskRun:
    """Cancel a PENDING or RUNNING run. Its verdicts stay.

    Raises:
        NotFound: no such run.
        Malformed: the run has ended already.
    """
    row = _row(connection, run_id)
    if row.status not in ACTIVE:
        raise Malformed(f"The run is {row.status} already and cannot be cancelled.", "Trigger a new run if needed.")
    goes_on = "" if row.up_to_n is None else _GOES_ON
    reason = f"Cancelled on request; earlier results stay.{goes_on}"
    return _end(connection, run_id, task_runs.c.status.in_(ACTIVE), "CANCELLED", reason, clock)


def active(connection: sa.Connection) -> int:
    """The number of runs that have not ended."""
    query = sa.select(sa.func.count()).where(task_runs.c.status.in_(ACTIVE))
    return connection.execute(query).scalar_one()


def counts(connection: sa.Connection, run_id: str) -> Mapping[str, int]:
    """Items by state; states without items are left out."""
    return _counts(_row(connection, run_id))


def _counts(row: sa.Row[Any]) -> Mapping[str, int]:
    found = {state: getattr(row, f"{state.lower()}_rows") for state in ROW_STATES}
    return {state: number for state, number in found.items() if number}


def _check(connection: sa.Connection, task: Task, wanted: TriggerEvaluationRequest) -> None:
    if task.project_id is not None:
        if wanted.experiment_ids:
            raise Invalid("experiment_ids belong to a dataset task; this one reads a project.")
        if wanted.data_start_time and wanted.data_end_time and wanted.data_start_time > wanted.data_end_time:
            raise Invalid("data_start_time lies after data_end_time.", "Swap them.")
        return
    if wanted.data_start_time or wanted.data_end_time:
        raise Invalid("A window belongs to a project task; this one reads experiments.", "Leave it out.")
    for experiment_id in wanted.experiment_ids or ():
        experiment = experiments.get(connection, experiment_id)
        if experiment.dataset_id != task.dataset_id:
            raise Invalid(f"Experiment {experiment.name!r} belongs to another dataset than this task.")


def window_of(
    connection: sa.Connection, task_id: str | None, wanted: TriggerEvaluationRequest, now_ns: int
) -> TimeRange:
    """The requested window. Without a start, it begins where runs of the task ended, or a week before its end."""
    end_ns = nanoseconds(wanted.data_end_time)
    end_ns = now_ns if end_ns is None else end_ns + 999
    start_ns = nanoseconds(wanted.data_start_time)
    if start_ns is None:
        start_ns = None if task_id is None else _seen_up_to(connection, task_id)
        if start_ns is None or start_ns > end_ns:
            start_ns = earlier(end_ns, FIRST_WINDOW_NS)
    return TimeRange(start_ns, end_ns)


def _seen_up_to(connection: sa.Connection, task_id: str) -> int | None:
    """The end of the gap-free stretch of time that the task's runs cover; None if it is not known.

    The stretch begins where the first run began that covered its window, or that named no start and left rows. A run
    extends it if it covered its window and begins within the stretch. A run that is at work is trusted for now, and the
    run after it begins at its end. If it fails later, the stretch ends before it again. Runs of a schedule do not
    count, because they cover arrivals instead of a window.
    """
    c = task_runs.c
    query = sa.select(task_runs).where(c.task_id == task_id, c.up_to_n.is_(None), c.data_start_ns.is_not(None))
    found = connection.execute(query.order_by(c.n)).fetchall()
    covering = [(row, row.status in ACTIVE or _covers(connection, row)) for row in found]
    opening = [row for row, covers in covering if covers or _leaves(row)]
    if not opening:
        return None
    end = opening[0].data_start_ns
    for start_ns, end_ns in sorted(
        (row.data_start_ns, min(row.data_end_ns, row.created_ns)) for row, one in covering if one
    ):
        if start_ns <= end:
            end = max(end, end_ns)
    return end


def _covers(connection: sa.Connection, row: sa.Row[Any]) -> bool:
    """Whether a run is done with every row of its window."""
    capped = row.request.get(KEPT, {}).get("selection", {}).get("capped", False)
    return row.status == "COMPLETED" and not capped and not left_by(connection, row.id)


def _leaves(row: sa.Row[Any]) -> bool:
    """Whether a run without a start has ended before it covered its window. A run without work left nothing."""
    return "data_start_time" not in row.request and (row.plan is None or bool(_counts(row)))


def _row(connection: sa.Connection, run_id: str) -> sa.Row[Any]:
    return row_of(connection, task_runs, run_id, "task run", "/v2/tasks/{id}/runs")


def _waiting(row: sa.Row[Any]) -> str | None:
    """The sentence about a run that no open process can do."""
    if row.waits_for is None or row.status not in ACTIVE:
        return None
    return f"The run is waiting for {row.waits_for}. It goes on when a process that has it opens the store."


def _run(row: sa.Row[Any]) -> TaskRun:
    return TaskRun(
        id=row.id,
        task_id=row.task_id,
        experiment_id=row.experiment_id,
        status=row.status,
        run_started_at=moment(row.started_ns),
        run_finished_at=moment(row.finished_ns),
        data_start_time=moment(row.data_start_ns),
        data_end_time=moment(row.data_end_ns),
        num_successes=row.scored_rows,
        num_errors=row.failed_rows,
        num_skipped=row.skipped_rows,
        created_at=moment(row.created_ns),
        failure_reason=row.failure_reason or _waiting(row),
    )
