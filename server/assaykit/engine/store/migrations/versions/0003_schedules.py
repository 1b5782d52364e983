"""Continuous tasks: their schedules, and which arrivals a run takes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a table and two columns; no row is touched, since no task could be continuous before."""
    op.create_table(
        "schedules",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("cursor_n", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("due_ns", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task_id"),
    )
    for name in ("after_n", "up_to_n"):
        op.add_column("task_runs", sa.Column(name, sa.Integer(), nullable=True))
