"""Every kind of row that figures rest on carries a checksum, as verdicts do."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

_TABLES = (
    "spans", "examples", "experiment_runs", "evaluator_versions", "prompt_versions", "annotations", "tasks",
    "run_items",
)  # fmt: skip


def upgrade() -> None:
    """Add a column to each table. A row of before has no checksum until it is written again."""
    for table in _TABLES:
        op.add_column(table, sa.Column("checksum", sa.Integer(), nullable=True))
