"""What is told of a continuous task: when it looks for new spans, how many wait, and who runs it."""

from datetime import datetime
from typing import Any

from assaykit.api.client import path
from assaykit.session import Session
from assaykit.tools.listing import plain
from assaykit.tools.replies import one_line
from assaykit.wire.local import TaskSchedule
from assaykit.wire.tasks import Task

_WORKERS = {
    "this": "in this process",
    "another": "in another process that has the store open",
    "nobody": "but no process can run it now, as the lock file in the data folder cannot be used",
}


async def schedule_of(here: Session, task: Task) -> tuple[str, dict[str, Any]]:
    """When a continuous task runs, as a sentence and as data; both are empty for a task that runs when triggered."""
    if not task.is_continuous:
        return "", {}
    if here.api.backend != "local":
        said = "Runs continuously: AX has a rolling schedule for it and does not tell when."
        return said, {"schedule": {"worker": "Arize AX", "last_run_at": plain(task).get("last_run_at")}}
    found = await here.api.get(path("x", "tasks", task.id, "schedule"), TaskSchedule)
    return _sentence(found), {"schedule": plain(found)}


def from_now_on(task: Task) -> str:
    """What a task that has become continuous will do and what it will not."""
    return (
        "It scores spans that arrive from now on, while a server or `assaykit engine` is open, and catches up on what "
        f"arrived in between. For spans that are there already: trigger_backfill(task={task.name!r})."
    )


def _sentence(found: TaskSchedule) -> str:
    now = "running now, " if found.is_running else ""
    upcoming = "" if found.next_run_at is None else f"next at about {_time(found.next_run_at)}, "
    last = "none yet" if found.last_run_at is None else _time(found.last_run_at)
    said = (
        f"Runs continuously, {_WORKERS[found.worker]}: {now}{upcoming}last run {last}, "
        f"{found.spans_waiting or 0} new span(s) waiting"
    )
    if not found.failures:
        return f"{said}."
    keys = ", which reads keys from its own environment" if found.worker == "another" else ""
    return (
        f"{said}. {found.failures} run(s) in a row failed, so it waits longer each time, at most 10 minutes, and takes "
        f"the same spans again{keys}. Cause: {one_line(found.last_failure or 'not told', 600)}"
    )


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
