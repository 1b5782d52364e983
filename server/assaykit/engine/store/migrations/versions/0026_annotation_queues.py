"""Queues of items that people label."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Add the tables. No annotation that is there changes."""
    op.create_table(
        "annotation_queues",
        sa.Column("n", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(), nullable=False, unique=True),
        sa.Column("created_ns", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.String(), sa.ForeignKey("spaces.id"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.UniqueConstraint("space_id", "name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "annotation_queue_records",
        sa.Column("n", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(), nullable=False, unique=True),
        sa.Column("created_ns", sa.Integer(), nullable=False),
        sa.Column("queue_id", sa.String(), sa.ForeignKey("annotation_queues.id", ondelete="CASCADE"), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("scope_id", sa.String(), nullable=False),
        sa.Column("target_id", sa.String(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("annotation_queue_records_of", "annotation_queue_records", ["queue_id", "n"])
