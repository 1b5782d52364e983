"""Waiting for runs, and the report on a run while it works and after it has ended."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import anyio

from assaykit import figures
from assaykit.api.client import path
from assaykit.errors import NotFound
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.session import Session
from assaykit.toolkit.listing import plain
from assaykit.toolkit.parameters import ToolContext
from assaykit.toolkit.replies import fenced, one_line, quoted
from assaykit.tools.runs.rates import judged_by
from assaykit.tools.runs.why_nothing_scored import derived, step_after
from assaykit.tools.tasks.run_lines import one_run, verb
from assaykit.wire.local import RunCause, RunReport, RunSelection, RunTokens
from assaykit.wire.runs import TaskRun

_NOBODY = "The process that executed the run has ended. The run continues while an assaykit server or engine is open."
CAUSES_SHOWN = 5
LABELS_SHOWN = 20
"""Rows a second from which a rate is shown without decimals."""


async def run_of(here: Session, wanted: str) -> TaskRun:
    """The run with this id.

    Raises:
        NotFound: no run has the id.
        Invalid: the text is not the id of a run.
    """
    try:
        return await here.api.get(path("v2", "task-runs", here.names.run(wanted)), TaskRun)
    except NotFound:
        raise NotFound(
            f"No run has the id {exactly(wanted)}.", "`get_task` shows the ids of a task's last runs."
        ) from None


def joined(given: object) -> object:
    """Convert a list of ids, which some models send, to the text that the schema asks for."""
    return ",".join(map(str, cast("list[object]", given))) if isinstance(given, list) else given


async def runs_of(here: Session, wanted: str) -> list[TaskRun]:
    """The runs with these ids, which are separated by commas.

    Raises:
        NotFound: no run has one of the ids.
        Invalid: a part of the text is not the id of a run.
    """
    ids = dict.fromkeys(part.strip() for part in wanted.split(",") if part.strip()) or [wanted]
    return [await run_of(here, one) for one in ids]


async def wait_for(
    here: Session, ctx: ToolContext, runs: Sequence[TaskRun], wait_s: float, every_s: float = 1.0
) -> list[TaskRun]:
    """Wait until all runs have ended, or `wait_s` seconds, and return their last state. Reports progress meanwhile."""
    found = list(runs)
    total = None
    with anyio.move_on_after(wait_s):
        # The first requests come quickly, so that a short run does not cost a whole interval.
        pause = min(0.05, every_s)
        while not all(run.is_final for run in found):
            total = total or await _total(here, found)
            done = sum(run.rows_done for run in found)
            await ctx.report_progress(done, total, f"{done} rows done")
            await anyio.sleep(pause)
            pause = min(pause * 1.5, every_s)
            for place, run in enumerate(found):
                if not run.is_final:
                    found[place] = await here.api.get(path("v2", "task-runs", run.id), TaskRun)
    done = sum(run.rows_done for run in found)
    await ctx.report_progress(done, total, f"{', '.join(sorted({run.status for run in found}))}: {done} rows done")
    return found


def ids_of(runs: Sequence[TaskRun]) -> str:
    """The ids of the runs as the argument of a call."""
    return ",".join(run.id for run in runs)


_NOTES = {
    "shortened": "on a value of which the judge saw only the beginning and the end",
    "silent_turns": "on a conversation with a turn that has no output",
}
"""Sentences about the counts of `RunReport` by their names."""

_ON_REQUEST = "Cancelled on request"
"""The beginning of the reason of a run that somebody cancelled."""


async def told_of_all(here: Session, runs: Sequence[TaskRun]) -> tuple[str, dict[str, Any]]:
    """The report on runs: the full report on a single run, or a line for each of several and their sum."""
    if len(runs) == 1:
        return await told_of(here, runs[0])
    is_going_on = not all(run.is_final for run in runs)
    data = {"runs": [plain(run) for run in runs], "still_running": is_going_on}
    names = ("num_successes", "num_errors", "num_skipped")
    scored, failed, skipped = (sum(getattr(run, name) or 0 for run in runs) for name in names)
    lines = [f"Run {one_run(run)}" for run in runs]
    succeeded = verb(is_experiment=all(run.experiment_id for run in runs))
    lines.append(f"Together {scored} {succeeded}, {failed} failed, {skipped} skipped")
    going = [run for run in runs if not run.is_final]
    if going:
        lines.append(f"Still running. Next: wait_for_run(run={ids_of(going)!r}) again.")
    elif lost := next((run for run in runs if run.num_errors or run.status != "COMPLETED"), None):
        lines.append(f"Next: get_run(run={exactly(lost.id)}) tells why; the same backfill again scores what is left.")
    elif not scored:
        lines.append(f"Nothing was scored. Next: get_run(run={exactly(runs[0].id)}) tells why.")
    else:
        lines.append(_usual(next(run for run in runs if run.num_successes)))
    return "\n".join(lines), {**data, "scored": scored, "failed": failed, "skipped": skipped}


async def _total(here: Session, runs: Sequence[TaskRun]) -> int | None:
    """The number of rows of all runs. None until each run has chosen its rows, or if the backend has no reports."""
    if not await here.api.has_engine_routes():
        return None
    totals = [(await here.api.get(path("x", "task-runs", run.id, "report"), RunReport)).total for run in runs]
    return sum(total or 0 for total in totals) if all(totals) else None


async def told_of(here: Session, run: TaskRun) -> tuple[str, dict[str, Any]]:
    """A run in words and as data, with its causes if the backend reports them."""
    data: dict[str, Any] = {
        "run": run.model_dump(mode="json", exclude_none=True),
        "still_running": not run.is_final,
    }
    lines = [one_run(run)]
    if run.experiment_id is not None:
        made = await here.api.get(path("v2", "experiments", run.experiment_id), Named)
        data["experiment"] = {"id": made.id, "name": made.name}
        lines.append(f"Experiment {quoted(made.name)} ({made.id})")
    if run.failure_reason:
        lines.append(f"Reason: {one_line(run.failure_reason, 1200)}")
    report = RunReport()
    if await here.api.has_engine_routes():
        report = await here.api.get(path("x", "task-runs", run.id, "report"), RunReport)
        said, told = await _report(here, report)
        # A run that waits for a key has told so above.
        if report.is_executed is False and not run.is_final and not run.failure_reason:
            said.append(_NOBODY)
        cause = report.cause
    else:
        said, told, cause = await _derived(here, run)
    paced, pace = _pace(run, report.total, here.now())
    data |= {**told, **pace}
    lines += [*paced, *said]
    following, call = await _next(here, run, cause)
    return "Run " + "\n".join([*lines, following]), {**data, **call}


async def _derived(here: Session, run: TaskRun) -> tuple[list[str], dict[str, Any], RunCause | None]:
    """The report on a run from the contract's lists alone, with a cause if the run scored nothing."""
    lines: list[str] = []
    if run.num_errors or run.num_skipped:
        lines.append("Arize AX tells no causes over REST: they are in the run's log, on the task's page.")
    cause = await derived(here, run) if run.is_final and not run.num_successes else None
    if cause is None:
        return lines, {}, None
    return [*lines, f"As the project is now: {one_line(cause.message, 900)}"], {"cause": plain(cause)}, cause


async def _report(here: Session, report: RunReport) -> tuple[list[str], dict[str, Any]]:
    every = await judged_by(here, report)
    labels = {one.name: one.labels for one in every}
    rates = {one.name: rate for one in every if (rate := one.rate) is not None}
    data: dict[str, Any] = {
        "labels": labels,
        "judges": {one.name: plain(one.made_by) for one in every if one.made_by is not None},
        **({"rates": {name: rate.as_dict() for name, rate in rates.items()}} if rates else {}),
        "errors": [one.model_dump() for one in report.errors],
        "skipped": [one.model_dump() for one in report.skipped],
    }
    told = {"selection": report.selection, "tokens": report.tokens, "cause": report.cause}
    data |= {name: plain(body) for name, body in told.items() if body is not None}
    lines = [] if report.selection is None else _selected(report.selection)
    if report.tokens is not None:
        lines += _spent(report.tokens)
    for one in every:
        lines.append(f"{quoted(one.name)}: {_counted(one.labels)}{one.maker_told}")
        if one.rate is not None:
            lines.append(f"{quoted(one.name)}: {one.rate.as_text()}")
    for name, sentence in _NOTES.items():
        if number := getattr(report, name):
            data[name] = number
            lines.append(f"{figures.things(number, 'verdict')} {sentence}")
    causes = [
        one_line(f"{word} {one.rows}: {one.reason} (e.g. {one.example})", 400)
        for word, some in (("failed", report.errors), ("skipped", report.skipped))
        for one in some[:CAUSES_SHOWN]
    ]
    return [*lines, *([fenced(causes)] if causes else [])], data


def _counted(labels: Mapping[str, int]) -> str:
    """The labels of an evaluator with their numbers."""
    parts = [f"{quoted(label, 60)} {number}" for label, number in sorted(labels.items())]
    others = f" and {len(parts) - LABELS_SHOWN} more labels" if len(parts) > LABELS_SHOWN else ""
    return ", ".join(parts[:LABELS_SHOWN]) + others


def _spent(tokens: RunTokens) -> list[str]:
    """The tokens of a run's model calls, and their cost as far as prices are known."""
    lines: list[str] = []
    if tokens.answers:
        known = "" if tokens.cost is None else f", {figures.dollars(tokens.cost, 4)} by list prices"
        if tokens.unpriced:
            known += f"; the price of {tokens.unpriced} is not known (prices.json in the data folder can tell it)"
        lines.append(
            f"Tokens: {tokens.prompt} prompt, {tokens.completion} completion, "
            f"in {figures.things(tokens.answers, 'answer')}{known}"
        )
    if tokens.remembered:
        lines.append(f"{figures.things(tokens.remembered, 'row')} repeated an earlier question and cost nothing")
    return lines


def _pace(run: TaskRun, total: int | None, now: datetime) -> tuple[list[str], dict[str, Any]]:
    """The rate of a run, and the time left. A row counts once for each evaluator, as in the run's counts."""
    done = run.rows_done
    known = f" of {total}" if total else ""
    if run.run_started_at is None or not done:
        return ([f"{done}{known} done"] if total and not run.is_final else []), {}
    seconds = max(((run.run_finished_at or now) - run.run_started_at).total_seconds(), 0.001)
    rate = done / seconds
    pace: dict[str, Any] = {"rows_per_second": float(f"{rate:.3g}")}
    fast = figures.rate(rate)
    if run.is_final:
        return [f"{figures.things(done, 'row')} in {seconds:.2f} s, {fast} a second"], {"pace": pace}
    if not total:
        return [f"{done} done, {fast} rows a second"], {"pace": pace}
    pace["seconds_left"] = round((total - done) / rate, 1)
    return [f"{done}{known} done, {fast} rows a second, about {pace['seconds_left']:.0f} s left"], {"pace": pace}


def _selected(counted: RunSelection) -> list[str]:
    """A line with the reasons why matching rows were not chosen. Empty if all were chosen."""
    left = {
        "left out by the sampling rate": counted.sampled_out,
        "that pass no evaluator's own filter": counted.filtered_out,
        "labelled already": counted.labelled,
    }
    if counted.outdated:
        left[f"labelled already, {counted.outdated} of them by another version"] = left.pop("labelled already")
    parts = [f"{number} {what}" for what, number in left.items() if number]
    if counted.capped:
        parts.append("older rows not read because of max_spans")
    return [f"Of {counted.matched} rows that match, {counted.chosen} chosen; {', '.join(parts)}"] if parts else []


async def _next(here: Session, run: TaskRun, cause: RunCause | None) -> tuple[str, dict[str, Any]]:
    """The next step in words, and as data if it is a single call."""
    if run.is_final and not run.num_successes and cause is not None:
        step = await step_after(here, run, cause)
        if step is not None:
            return f"Nothing was scored. Next: {step}", {"next": step.as_dict()}
    return _usual(run), {}


def _usual(run: TaskRun) -> str:
    if not run.is_final:
        return f"Still running. Next: wait_for_run(run={exactly(run.id)}) again."
    if not run.num_successes:
        if (run.failure_reason or "").startswith(_ON_REQUEST):
            return "It was cancelled before it scored a row. Trigger again to score the rows."
        nothing = "No example was answered" if run.experiment_id is not None else "Nothing was scored"
        return f"{nothing}. Correct the cause above, then trigger again."
    if run.experiment_id is not None:
        return "Next: get_experiment shows the rows, compare_experiments says whether it is better than another."
    # Only a run over spans has a window.
    if run.data_start_time is None:
        return "Next: compare_experiments reads the verdicts."
    return "Next: search_spans shows the verdicts; a filter like eval.<name>.label = '...' narrows them."
