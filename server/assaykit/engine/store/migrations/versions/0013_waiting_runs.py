"""A run may wait for a key that no open process has, and counts its heartbeats."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add columns; no row is touched. A run at work is found silent and taken over as before."""
    op.add_column("task_runs", sa.Column("beat", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("task_runs", sa.Column("waits_for", sa.String(), nullable=True))
