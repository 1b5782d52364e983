"""A continuous task has a limit of cost, and its schedule stops at it."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add columns; no row is touched. Tasks from before have no limit."""
    op.add_column("tasks", sa.Column("max_cost", sa.Float(), nullable=True))
    op.add_column("tasks", sa.Column("spent", sa.Float(), nullable=False, server_default=sa.text("0")))
    op.add_column("task_runs", sa.Column("at_limit", sa.Boolean(), nullable=False, server_default=sa.text("0")))
    op.add_column("schedules", sa.Column("at_limit", sa.Boolean(), nullable=False, server_default=sa.text("0")))
