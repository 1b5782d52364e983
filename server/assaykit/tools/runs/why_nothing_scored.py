"""The reason why a run scored nothing, if the backend reports none, and the next call to make."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from assaykit.api.client import path
from assaykit.errors import Invalid
from assaykit.filters.parse import parse as parse_filter
from assaykit.filters.text import conditions
from assaykit.foreign import exactly
from assaykit.judge.missing_values import unread
from assaykit.names import Named
from assaykit.planning.periods import Period, parse
from assaykit.planning.queries import SpanQuery, WantedEvaluator
from assaykit.planning.spans import sample_rows
from assaykit.session import Session
from assaykit.toolkit.listing import name_or_id
from assaykit.toolkit.replies import one_line
from assaykit.tools.tasks.evaluators import wanted_of
from assaykit.tools.tasks.units import is_lettered
from assaykit.wire.bodies import rfc3339
from assaykit.wire.local import RunCause
from assaykit.wire.runs import TaskRun
from assaykit.wire.spans import ListSpansRequest, SpanPage
from assaykit.wire.tasks import Task

LOOKED_AT = 500
"""Spans that are counted at most: one page."""

CONDITIONS_TRIED = 8
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
"""A window within these years is written out. A longer one is written as 'everything'."""


class NextStep(NamedTuple):
    """The next step: a complete call, with the words before and after it."""

    tool: str
    arguments: Mapping[str, Any]
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.before}{written(self.tool, self.arguments)}{self.after}."

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"tool": self.tool, "arguments": dict(self.arguments)}


def written(tool: str, arguments: Mapping[str, Any]) -> str:
    """`tool(name='value', flag=true)`."""
    told = (f"{name}={str(value).lower() if value is True else repr(value)}" for name, value in arguments.items())
    return f"{tool}({', '.join(told)})"


def window_of(run: TaskRun) -> str | None:
    """The window of a run as a `window` argument; None for a run that has none."""
    if run.data_start_time is None or run.data_end_time is None:
        return None
    return window_between(run.data_start_time, run.data_end_time)


async def step_after(here: Session, run: TaskRun, cause: RunCause) -> NextStep | None:
    """The next step after a run that scored nothing. None if the cause alone says what to do."""
    if run.task_id is None:
        return None
    task = await here.api.get(path("v2", "tasks", run.task_id), Task)
    if task.type == "RUN_EXPERIMENT":
        return None
    if cause.code in {"no_rows", "filter", "left_over"} or (cause.code == "no_value" and not cause.near):
        return await _look(here, task, run, cause)
    again = _again(task, run)
    then = f", then {written(*again)}"
    match cause.code:
        case "labelled":
            step = NextStep(again[0], {**again[1], "override_evaluations": True})
        case "sampling":
            step = NextStep("update_task", {"task": task.name, "sampling_rate": 1.0}, after=then)
        case "no_value":
            mappings = {cause.variable: cause.near[0]}
            step = NextStep("update_task", {"task": task.name, "column_mappings": mappings}, after=then)
        case "own_filter":
            shown = " shows the evaluators' filters; correct them with update_task(evaluators=[...])"
            step = NextStep("get_task", {"task": name_or_id(task)}, after=shown)
        case _:
            step = NextStep(*again, before=_FIRST.get(cause.code, "Correct the cause above, then "))
    return step


_FIRST = {
    "key": "Set the variable named above where the server starts, start it again, then ",
    "model": "Give the judge an existing model, with create_judge(new_version=true, model=...), then ",
}
"""Steps by the user before a run is triggered again, by code of the cause."""


async def _look(here: Session, task: Task, run: TaskRun, cause: RunCause) -> NextStep:
    """The next step if the user has to look at the rows, or choose other rows."""
    if task.project_id is None:
        if cause.code == "no_rows" or not task.experiment_ids:
            return NextStep("get_task", {"task": name_or_id(task)}, after=" shows what it reads")
        shown = {"experiment": task.experiment_ids[0]}
        return NextStep(
            "get_experiment", shown, after=f" shows the columns, then update_task(task={name_or_id(task)!r}, ...)"
        )
    project = await here.api.get(path("v2", "projects", task.project_id), Named)
    if cause.code == "no_rows":
        if cause.newest is None:
            sent = f"Send spans to project {one_line(project.name, 60)!r}; "
            return NextStep(
                "search_spans", {"project": name_or_id(project)}, before=sent, after=" shows when they are there"
            )
        oldest = cause.oldest or cause.newest - timedelta(days=7)
        return NextStep("trigger_backfill", {"task": task.name, "window": window_between(oldest, cause.newest)})
    if cause.code == "left_over":
        left = {"project": project.name, "run": run.id}
        return NextStep(
            "search_spans", left, after=" shows what was left; there is nothing to correct if it has no output"
        )
    field = "query_filter" if cause.code == "filter" else "column_mappings"
    look = {"project": project.name, "window": window_of(run) or "everything"}
    return NextStep(
        "search_spans", look, after=f" shows what there is, then update_task(task={name_or_id(task)!r}, {field}=...)"
    )


def _again(task: Task, run: TaskRun) -> tuple[str, dict[str, Any]]:
    window = window_of(run)
    return "trigger_backfill", {"task": task.name, **({} if window is None else {"window": window})}


def window_between(start: datetime, end: datetime) -> str:
    """The two moments as a `window` argument."""
    if not (start.year >= _FIRST_YEAR and end.year < _LAST_YEAR):
        return "everything"
    return f"{rfc3339(start)}..{rfc3339(end)}"


async def derived(here: Session, run: TaskRun) -> RunCause | None:
    """The cause as the contract's lists show it now. None if they do not show it.

    It is for a run over single spans, on a backend that reports no cause.
    """
    if run.num_errors or run.num_successes or run.task_id is None:
        return None
    if run.data_start_time is None or run.data_end_time is None:
        return None
    task = await here.api.get(path("v2", "tasks", run.task_id), Task)
    if task.project_id is None or is_lettered(task):
        return None
    period = Period(run.data_start_time, run.data_end_time)
    if run.num_skipped:
        return await _unread(here, SpanQuery(task.project_id, period, task.query_filter), task)
    return await _unselected(here, task, task.project_id, period)


async def _unselected(here: Session, task: Task, project_id: str, period: Period) -> RunCause | None:
    there = await page_of(here, project_id, period)
    if not there.spans:
        return await no_rows(here, project_id)
    wanted = await wanted_of(here, task)
    columns = [f"eval.{name}.label" for name in _columns(wanted)]
    found = await page_of(here, project_id, period, task.query_filter, columns)
    if not found.spans:
        return await _filtered(here, task, project_id, period, there)
    if task.sampling_rate == 0:
        return RunCause(code="sampling", message="The task's sampling rate is 0, which takes no row.")
    given = [{verdict.name for verdict in span.evaluations} for span in found.spans]
    if not found.pagination.has_more and all(set(_columns(wanted)) <= names for names in given):
        text = f"All {len(given)} matching rows have labels of these evaluators by now, and a run skips such rows."
        return RunCause(code="labelled", message=text)
    return None


async def no_rows(here: Session, project_id: str, window: str = "the run's window") -> RunCause:
    """The cause that no span lies in the window, with the time of the project's newest span."""
    newest = await page_of(here, project_id, parse("everything", here.now()), limit=1)
    if not newest.spans:
        return RunCause(code="no_rows", message="The project has no span.", rows=0)
    started = newest.spans[0].start_time
    when = "" if started is None else f"; the newest of the project started at {rfc3339(started)}"
    return RunCause(code="no_rows", message=f"No span started in {window}{when}.", rows=0, newest=started)


async def _filtered(here: Session, task: Task, project_id: str, period: Period, there: SpanPage) -> RunCause:
    text = task.query_filter or ""
    alone = await matching_none(here, project_id, period, text)
    said = f"None of the {counted(there)} spans in the window matches the task's filter {one_line(text)!r}."
    return RunCause(code="filter", message=said + told_of_none(alone), rows=len(there.spans), conditions=alone)


async def matching_none(here: Session, project_id: str, period: Period, text: str) -> list[str]:
    """The conditions of an AND that no span in the window meets by itself, among the first eight."""
    try:
        parts = conditions(parse_filter(text))
    except Invalid:
        return []  # the backend's filter language may have syntax that ours lacks
    return [
        part for part in parts[:CONDITIONS_TRIED] if not (await page_of(here, project_id, period, part, limit=1)).spans
    ]


def told_of_none(alone: Sequence[str]) -> str:
    """The conditions that match nothing by themselves, in words. Empty if there are none."""
    if not alone:
        return ""
    verb = "matches" if len(alone) == 1 else "match"
    return f" {' and '.join(repr(one_line(part)) for part in alone)} {verb} none by itself."


def counted(there: SpanPage) -> str:
    """The number of spans on a page, with "or more" if another page follows."""
    return f"{len(there.spans)}{' or more' if there.pagination.has_more else ''}"


async def _unread(here: Session, query: SpanQuery, task: Task) -> RunCause | None:
    sample = await sample_rows(here.api, query)
    for one in await wanted_of(here, task):
        found = unread(one.config, one.column_mappings or {}, sample)
        if found is not None:
            listed = ", ".join(repr(one_line(name, 60)) for name in found.near)
            read = f"{exactly(found.variable)} from column {exactly(found.column)}"
            said = f"{exactly(one.config.name)} reads {read}, which is empty."
            near = f" Near columns that rows have: {listed}." if listed else ""
            message = said + near
            return RunCause(
                code="no_value", message=message, variable=found.variable, column=found.column, near=found.near
            )
    return None


def _columns(wanted: Sequence[WantedEvaluator]) -> list[str]:
    return [one.config.name for one in wanted]


async def page_of(
    here: Session,
    project_id: str,
    period: Period,
    filter_text: str | None = None,
    columns: Sequence[str] = (),
    limit: int = LOOKED_AT,
) -> SpanPage:
    """The newest spans of a window, with their ids and these columns."""
    body = ListSpansRequest(
        project_id=project_id,
        start_time=period.start,
        end_time=period.end,
        filter=filter_text,
        included_columns=["context.span_id", *columns],
    )
    return await here.api.post("/v2/spans", SpanPage, body, limit=limit)
