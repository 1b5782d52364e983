"""Runs on one line: the way they ended, and their counts."""

from assaykit.wire.runs import TaskRun

CANCELLED_BY_A_PERSON = "Cancelled on request"
"""The beginning of the engine's reason for a run that a person cancelled."""

STOPPED_AT_LIMIT = "Stopped at its max_"
"""The beginning of the engine's reason for a run that reached `max_rows` or `max_cost`."""


def one_run(run: TaskRun, *, makes_experiment: bool = False) -> str:
    """A run on one line. `makes_experiment` is set for a run of a RUN_EXPERIMENT task, which scores nothing."""
    succeeded = verb(is_experiment=makes_experiment or run.experiment_id is not None)
    counted = f"{run.num_successes or 0} {succeeded}, {run.num_errors or 0} failed, {run.num_skipped or 0} skipped"
    return f"{run.id} {ending(run)}: {counted}"


def verb(*, is_experiment: bool) -> str:
    """The participle for rows that succeeded."""
    return "answered" if is_experiment else "scored"


def ending(run: TaskRun) -> str:
    """The status, in words where CANCELLED would read as if a person had cancelled the run."""
    reason = run.failure_reason or ""
    if run.status != "CANCELLED" or not reason or reason.startswith(CANCELLED_BY_A_PERSON):
        return run.status
    if reason.startswith(STOPPED_AT_LIMIT):
        return "stopped at its own limit"
    return "had nothing to do" if not run.rows_done else run.status
