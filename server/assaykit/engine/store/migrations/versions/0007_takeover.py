"""A run may go from one engine to another: how often it did, and what it goes on with."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add columns; no row is touched."""
    for name in ("fence", "takeovers"):
        op.add_column("task_runs", sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("task_runs", sa.Column("plan", sa.JSON(), nullable=True))
    op.add_column("run_items", sa.Column("scope_id", sa.String(), nullable=False, server_default=sa.text("''")))
