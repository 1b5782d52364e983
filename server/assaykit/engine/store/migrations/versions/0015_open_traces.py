"""A trace that lacks the parent of a span is open for longer, and a schedule comes back to it."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add columns; no row is touched. Verdicts from before do not tell whether their trace has grown since."""
    op.add_column("task_runs", sa.Column("closed_n", sa.Integer(), nullable=True))
    op.add_column("schedules", sa.Column("open_n", sa.Integer(), nullable=True))
