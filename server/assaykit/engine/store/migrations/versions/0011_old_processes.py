"""Two columns get other names, so that a process of an earlier version cannot store verdicts or take over runs."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Rename columns; no row is touched. Processes before this version do not look at the schema when they write."""
    op.execute("ALTER TABLE evals RENAME COLUMN metadata TO made_by")
    op.execute("ALTER TABLE task_runs RENAME COLUMN tries TO attempts")
