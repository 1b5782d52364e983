"""Verdicts and annotations go with their target, and an experiment names no project that is deleted."""

from alembic import op

revision = "0016"
down_revision = "0015"

_SPAN_KEYS = {"SPAN": "span_id", "TRACE": "trace_id", "SESSION": "session_id"}


def upgrade() -> None:
    """Remove rows that a deletion left behind. A later span of the same id would have inherited them."""
    for table in ("evals", "annotations"):
        for level, key in _SPAN_KEYS.items():
            op.execute(
                f"DELETE FROM {table} WHERE level = '{level}' AND NOT EXISTS "  # noqa: S608  (names from above)
                f"(SELECT 1 FROM spans WHERE spans.project_id = scope_id AND spans.{key} = target_id)"
            )
        op.execute(
            f"DELETE FROM {table} WHERE level = 'RUN' AND NOT EXISTS "  # noqa: S608
            "(SELECT 1 FROM experiment_runs WHERE experiment_id = scope_id AND experiment_runs.id = target_id)"
        )
    op.execute(
        "UPDATE experiments SET traces_project_id = NULL "
        "WHERE traces_project_id NOT IN (SELECT projects.id FROM projects)"
    )
