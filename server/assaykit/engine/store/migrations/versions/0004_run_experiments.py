"""Tasks that run experiments: what they do, what a run made, and where its spans went."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add columns; no row is touched."""
    op.add_column("tasks", sa.Column("run_configuration", sa.JSON(), nullable=True))
    op.add_column("task_runs", sa.Column("experiment_id", sa.String(), nullable=True))
    op.add_column("experiments", sa.Column("traces_project_id", sa.String(), nullable=True))
