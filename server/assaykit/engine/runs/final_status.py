"""The final status of a run that has processed its rows."""

from collections.abc import Mapping

import sqlalchemy as sa

from assaykit.engine.runs.selection import Selection
from assaykit.engine.store.queue import left_rows, run_reports, runs
from assaykit.wire.runs import RunStatus


def ending(connection: sa.Connection, run_id: str, done: str = "scored") -> tuple[RunStatus, str | None]:
    """The status, and the reason if no row succeeded. `done` is the participle in that reason."""
    number = runs.counts(connection, run_id)
    if number.get("SCORED"):
        return "COMPLETED", _left(connection, run_id)
    report = run_reports.report(connection, run_id)
    if report.errors:
        return "FAILED", f"No row was {done}. Most common cause: {report.errors[0].reason}"
    first = report.skipped[0].reason if report.skipped else "no reason given"
    return "COMPLETED", f"No row was {done}: all {report.total} were skipped. Most common cause: {first}"


def _left(connection: sa.Connection, run_id: str) -> str | None:
    """The sentence about rows that failed for a cause outside of them; None without such rows."""
    number = sum(left_rows.left_by(connection, run_id).values())
    if not number:
        return None
    rows = "1 row" if number == 1 else f"{number} rows"
    cause = run_reports.report(connection, run_id).errors[0].reason
    return f"{rows} failed for a cause outside the data, and the next run tries again. Most common cause: {cause}"


def ending_of_given_up(
    connection: sa.Connection, run_id: str, selection: Selection, given_up: Mapping[str, str]
) -> tuple[RunStatus, str]:
    """The status and the reason of a run with evaluators that were given up; `given_up` has their reasons by id."""
    kept = [scorer.column for scorer in selection.scorers if scorer.evaluator_id not in given_up]
    if not kept or not runs.has_scored(connection, run_id):
        return "FAILED", next(iter(given_up.values()))
    lost = [scorer.column for scorer in selection.scorers if scorer.evaluator_id in given_up]
    reasons = " ".join(dict.fromkeys(given_up.values()))
    return "COMPLETED", f"Without all verdicts of {', '.join(map(repr, lost))}. {reasons}"
