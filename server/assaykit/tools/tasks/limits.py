"""The limits of a continuous task, of cost and of long values: their checks, and the requests that set them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.api.client import path
from assaykit.errors import Invalid, Unsupported
from assaykit.planning.disclosures import Disclosure, refuse_unpriced
from assaykit.planning.forecasts import forecast
from assaykit.planning.queries import SpanQuery, WantedEvaluator
from assaykit.session import Session
from assaykit.wire.local import TaskSchedule
from assaykit.wire.task_limits import LimitedTask, LimitedTaskUpdate
from assaykit.wire.tasks import CreateTaskRequest, Task, UpdateTaskRequest


class _Refusal(NamedTuple):
    """The errors for a limit that nothing would hold: on a task that runs when triggered, and on Arize AX."""

    triggered: str
    on_ax: str
    instead: str


_REFUSALS = {
    "max_cost": _Refusal(
        "max_cost limits a continuous task, and this one runs when triggered.",
        "Arize AX does not stop a task at max_cost.",
        "Lower its sampling_rate instead.",
    ),
    "on_too_long": _Refusal(
        "on_too_long of a task is for one that runs continuously, and this one runs when triggered.",
        "Arize AX has no on_too_long.",
        "Filter long rows out, or leave on_too_long away.",
    ),
}


async def refuse(here: Session, limits: Mapping[str, Any], *, is_continuous: bool) -> None:
    """Refuse limits that nothing would hold, before anything is written. One that is None is taken away.

    Raises:
        Invalid: the task is not continuous.
        Unsupported: the backend is AX.
    """
    for name, limit in limits.items():
        refusal = _REFUSALS[name]
        if limit is not None and not is_continuous:
            raise Invalid(
                refusal.triggered, f"Pass is_continuous=true, or give {name} to trigger_backfill or trigger_run."
            )
        if not await here.api.has_engine_routes():
            raise Unsupported(refusal.on_ax, refusal.instead)


def given(limits: Mapping[str, Any]) -> dict[str, Any]:
    """The limits that have a value."""
    return {name: limit for name, limit in limits.items() if limit is not None}


async def week_of(
    here: Session,
    query: SpanQuery,
    wanted: Sequence[WantedEvaluator],
    limited: Mapping[str, Any],
    *,
    is_continuous: bool,
) -> Disclosure:
    """The disclosure of a week of a new task. Empty for a task that runs when triggered.

    Raises:
        Invalid, Unsupported: as `refuse` and `within`.
    """
    await refuse(here, given(limited), is_continuous=is_continuous)
    return within(here, await forecast(here, query, wanted), limited["max_cost"]) if is_continuous else Disclosure()


def within(here: Session, week: Disclosure, max_cost: float | None) -> Disclosure:
    """The disclosure of a week with the limit of its task.

    Raises:
        Invalid: there is a limit, and the price of a model is not known.
    """
    limited = week._replace(stops_at=max_cost)
    refuse_unpriced(limited, here.settings.home)
    return limited


async def rest(here: Session, task: Task) -> float | None:
    """The dollars that a task has left of its limit, at least 0; None without a limit."""
    if not task.is_continuous or not await here.api.has_engine_routes():
        return None
    found = await here.api.get(path("x", "tasks", task.id, "schedule"), TaskSchedule)
    return None if found.max_cost is None else max(0.0, found.max_cost - (found.spent or 0.0))


async def create(here: Session, body: CreateTaskRequest, limits: Mapping[str, Any]) -> Task:
    """A new task, with those of the limits that have a value."""
    limits = given(limits)
    if not limits:
        return await here.api.post("/v2/tasks", Task, body)
    return await here.api.post(path("x", "tasks"), Task, LimitedTask(task=body, **limits))


async def change(here: Session, task_id: str, body: UpdateTaskRequest, limits: Mapping[str, Any]) -> Task:
    """The changed task. A limit that is not given stays, and None ends it."""
    if not limits:
        return await here.api.patch(path("v2", "tasks", task_id), Task, body)
    return await here.api.patch(path("x", "tasks", task_id), Task, LimitedTaskUpdate(task=body, **limits))
