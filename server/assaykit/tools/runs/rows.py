"""The rows of a run: the outcome of each row, and the spans that the run selected."""

from collections.abc import AsyncGenerator
from typing import Any

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import Invalid, Unsupported
from assaykit.filters.text import written as filter_text
from assaykit.filters.tree import IsNull, Node, Not, Or
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.session import Session
from assaykit.toolkit.listing import page_of, plain, save
from assaykit.toolkit.replies import Reply, one_line, quoted
from assaykit.tools.runs.waiting import run_of
from assaykit.tools.runs.why_nothing_scored import window_of, written
from assaykit.tools.tasks.evaluators import wanted_of
from assaykit.tools.tasks.units import column_of
from assaykit.wire.local import RunRow, RunRowPage
from assaykit.wire.runs import TaskRun
from assaykit.wire.tasks import Task

ROWS_PER_PAGE = 500


async def rows_of(
    here: Session,
    wanted: str,
    state: str | None,
    limit: int,
    cursor: str | None,
    save_to: str | None,
    *,
    overwrite: bool,
) -> Reply:
    """A page of a run's rows, newest first, or all of them in a file.

    Raises:
        NotFound, Invalid: `wanted` is not the id of a run.
        Unsupported: the backend does not list the rows of runs.
    """
    run = await run_of(here, wanted)
    if not await here.api.has_engine_routes():
        raise Unsupported(
            "Arize AX shows the rows of a run only on the run's log page.",
            f"What was scored: {await _instead(here, run)}.",
        )
    at = path("x", "task-runs", run.id, "rows")
    facts = {**here.source(), "run": run.id}
    if save_to is not None:
        every: AsyncGenerator[RunRow] = rows(here.api, at, RunRowPage, {"state": state}, limit=ROWS_PER_PAGE)
        return await save(here, save_to, cursor, every, plain, "rows", facts, overwrite=overwrite)
    shown = await page_of(
        lambda most: here.api.get(at, RunRowPage, limit=most, cursor=cursor, state=state), limit, _line
    )
    text = f"{shown.number} row(s) of run {run.id}, newest first{shown.more}"
    if not shown.rows:
        of_state = "" if state is None else f" in state {quoted(state, 60)}"
        text = f"Run {run.id} has no row{of_state}. {written('get_run', {'run': run.id})} shows its counts and causes."
    data = {**facts, "rows": [plain(row) for row in shown.rows], "next_cursor": shown.following}
    return Reply(text, data, shown.lines)


async def spans_of(here: Session, wanted: str, project: Named | None) -> tuple[Named, str]:
    """The project of a run, and the path that lists the spans it selected.

    Raises:
        NotFound, Invalid: `wanted` is not the id of a run, or the run does not read spans of this project.
        Unsupported: the backend does not list the spans of runs.
    """
    run = await run_of(here, wanted)
    task = await _task_of(here, run)
    if task is None or task.project_id is None:
        raise Invalid(
            f"Run {exactly(run.id)} reads no spans.", f"{written('get_run', {'run': run.id, 'rows': True})} lists."
        )
    found = project or await here.api.get(path("v2", "projects", task.project_id), Named)
    if found.id != task.project_id:
        raise Invalid(f"Run {exactly(run.id)} reads another project than {exactly(found.name)}.", "Leave project out.")
    if not await here.api.has_engine_routes():
        raise Unsupported(
            "Arize AX does not tell over REST which spans a run selected.",
            f"What was scored: {await _instead(here, run)}.",
        )
    return found, path("x", "task-runs", run.id, "spans")


async def _instead(here: Session, run: TaskRun) -> str:
    """A call that shows the rows in a run's window with labels of its evaluators, from any run."""
    task = await _task_of(here, run)
    if task is None or task.project_id is None:
        return "get_experiment with one of the task's experiments"
    project = await here.api.get(path("v2", "projects", task.project_id), Named)
    every = await wanted_of(here, task)
    columns = [f"{column_of(one.granularity, one.config.name)}.label" for one in every]
    labelled: list[Node] = [Not(IsNull(column)) for column in columns]
    arguments: dict[str, Any] = {"project": project.name, "window": window_of(run) or "everything"}
    if labelled:
        arguments["filter"] = filter_text(labelled[0] if len(labelled) == 1 else Or(tuple(labelled)))
    return written("search_spans", arguments)


async def _task_of(here: Session, run: TaskRun) -> Task | None:
    return None if run.task_id is None else await here.api.get(path("v2", "tasks", run.task_id), Task)


def _line(row: RunRow) -> str:
    parts = [row.target_id, *([one_line(row.evaluator, 60)] if row.evaluator else []), row.state]
    if row.label is not None or row.score is not None:
        score = "" if row.score is None else f" ({row.score:g})"
        parts.append(f"{one_line('-' if row.label is None else row.label, 60)}{score}")
    if row.reason is not None:
        parts.append(one_line(row.reason))
    return " | ".join(parts)
