"""A schedule remembers which spans have rows that a run left, and the keys that it waits for."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add columns; no row is touched. Rows that earlier runs left are not looked for."""
    op.add_column("schedules", sa.Column("waits_for", sa.String(), nullable=True))
    for name in ("owed_n", "owed_up_to_n", "owed_due_ns"):
        op.add_column("schedules", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column("schedules", sa.Column("owed_failures", sa.Integer(), nullable=False, server_default=sa.text("0")))
