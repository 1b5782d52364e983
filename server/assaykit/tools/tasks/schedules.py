"""The report on a continuous task: the times of its runs, the rows that wait, and the process that runs it."""

from datetime import datetime
from typing import Any

from assaykit.api.client import path
from assaykit.figures import dollars
from assaykit.filters.fields import span_tree
from assaykit.filters.tree import And, IsNull, Node, Not, Or
from assaykit.judge.units import NOUNS, plural
from assaykit.session import Session
from assaykit.toolkit.listing import name_or_id, plain
from assaykit.toolkit.replies import one_line
from assaykit.wire.evaluators import Granularity
from assaykit.wire.local import TaskSchedule
from assaykit.wire.tasks import Task

_JUDGED = ("eval.", "trace_eval.", "session_eval.", "annotation.", "trace_annotation.")
_WORKERS = {
    "this": "in this process",
    "another": "in another process that has the store open",
    "nobody": "but no process runs it now: `assaykit engine` or a server without --read-only does, "
    "if it can use the lock file in the data folder",
}


_TOO_EARLY = (
    " Warning: a filter asks for verdicts or annotations. A span is checked once, soon after it arrives, and is "
    "skipped if it has none by then."
)


async def schedule_of(here: Session, task: Task) -> tuple[str, dict[str, Any]]:
    """The schedule of a continuous task, as a sentence and as data. Both are empty for a task that runs on trigger."""
    if not task.is_continuous:
        return "", {}
    if not await here.api.has_engine_routes():
        said = "Runs continuously: AX has a rolling schedule for it and does not tell when."
        return said, {"schedule": {"worker": "Arize AX", "last_run_at": plain(task).get("last_run_at")}}
    found = await here.api.get(path("x", "tasks", task.id, "schedule"), TaskSchedule)
    filters = [task.query_filter, *(entry.query_filter for entry in task.evaluators or ())]
    asks = any(_asks_for_verdicts(span_tree(text)) for text in filters if text)
    return _sentence(found, task) + (_TOO_EARLY if asks else ""), {"schedule": plain(found)}


async def what_it_does(here: Session, task: Task, level: Granularity) -> str:
    """A sentence about the rows that a new or newly continuous task scores, and the call for the other rows."""
    if not task.is_continuous:
        return f"It runs when triggered: trigger_backfill(task={name_or_id(task)!r})."
    rows = plural(level)
    taken = f"It scores {rows} that arrive from now on"
    if await here.api.has_engine_routes():
        taken += f", while a server or `assaykit engine` is open, and catches up on {rows} that arrived in between"
    return f"{taken}. For existing {rows}: trigger_backfill(task={name_or_id(task)!r})."


def _asks_for_verdicts(node: Node) -> bool:
    """True if a filter passes only rows that have a verdict or annotation. A filter for rows without one is fine."""
    match node:
        case And(items) | Or(items):
            return any(_asks_for_verdicts(item) for item in items)
        case Not(IsNull(field)):
            return field.startswith(_JUDGED)
        case Not(item):
            return _asks_for_verdicts(item)
        case IsNull():
            return False
        case _:
            return node.field.startswith(_JUDGED)


def _sentence(found: TaskSchedule, task: Task) -> str:
    now = "running now, " if found.is_running else ""
    upcoming = "" if found.next_run_at is None else f"next at about {_time(found.next_run_at)}, "
    last = "none yet" if found.last_run_at is None else _time(found.last_run_at)
    given_up = "" if not found.given_up else f", {found.given_up} given up after many tries (trigger_run asks again)"
    said = f"Runs continuously, {_WORKERS[found.worker]}: {now}{upcoming}last run {last}, {_waiting(found)}{given_up}"
    if found.max_cost is not None:
        said += f", {dollars(found.spent or 0.0, 4)} spent of max_cost {dollars(found.max_cost, 4)}"
    if found.on_too_long:
        said += ", leaves rows with a value over 32 KiB unscored (on_too_long)"
    if found.at_max_cost:
        cause = "" if found.last_failure is None else f" {one_line(found.last_failure, 600)}"
        call = f"update_task(task={name_or_id(task)!r}, max_cost=...)"
        again = f"{call} goes on with the spans that wait, and counts from 0"
        return f"{said}. It has stopped at max_cost.{cause} {again}; clear=['max_cost'] ends the limit."
    if not found.failures:
        # A task waits for a key that no open process has.
        return f"{said}." if found.last_failure is None else f"{said}. {one_line(found.last_failure, 600)}"
    keys = ", which reads keys from its own environment" if found.worker == "another" else ""
    return (
        f"{said}. {found.failures} run(s) in a row failed, so it waits longer each time, at most 10 minutes, and takes "
        f"the same spans again{keys}. Cause: {one_line(found.last_failure or 'not told', 600)}"
    )


def _waiting(found: TaskSchedule) -> str:
    if found.unit is None:
        return f"{found.spans_waiting or 0} new span(s) waiting"
    noun = NOUNS[found.unit]
    return (
        f"{found.units_waiting or 0} {noun}(s) waiting, and {found.units_open or 0} to which something was added in "
        f"the last {found.quiet_s or 0:.0f} s"
    )


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
