"""The versions of its evaluators that a run is created with."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Add the column. A PENDING run of before has none, and takes the versions that are newest when it begins."""
    op.add_column("task_runs", sa.Column("pinned", sa.JSON(), nullable=True))
