"""Schedules note how far spans had come when, so that traces and sessions are scored once they are quiet."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add a column and rename one; no row is touched."""
    op.add_column("schedules", sa.Column("marks", sa.JSON(), nullable=True))
    op.execute("ALTER TABLE task_runs RENAME COLUMN takeovers TO tries")
