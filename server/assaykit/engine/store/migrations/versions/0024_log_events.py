"""GenAI events from the logs signal, kept for spans that are not there yet or are sent again."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Add the table. No span that is there changes."""
    op.create_table(
        "log_events",
        sa.Column("n", sa.Integer(), primary_key=True),
        sa.Column("span_id", sa.String(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("time_ns", sa.Integer(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("arrived_ns", sa.Integer(), nullable=False),
        sa.UniqueConstraint("span_id", "trace_id", "digest"),
        sqlite_autoincrement=True,
    )
