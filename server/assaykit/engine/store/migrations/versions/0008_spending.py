"""Tokens and cost of each row of a run, limits for a run, and answers that later runs take instead of asking again."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add columns and a table; no row is touched."""
    for name in ("prompt_tokens", "completion_tokens"):
        op.add_column("run_items", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column("run_items", sa.Column("cost", sa.Float(), nullable=True))
    op.add_column("run_items", sa.Column("remembered", sa.Boolean(), nullable=False, server_default=sa.text("0")))
    op.add_column("task_runs", sa.Column("max_rows", sa.Integer(), nullable=True))
    op.add_column("task_runs", sa.Column("max_cost", sa.Float(), nullable=True))
    op.create_table(
        "answers",
        sa.Column("n", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("key", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("explanation", sa.String(), nullable=True),
        sa.Column("model", sa.String(), nullable=True),
        sqlite_autoincrement=True,
    )
