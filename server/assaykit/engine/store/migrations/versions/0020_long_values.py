"""A run tells which of its judges saw a value shortened, and can skip such rows."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add columns; no row is touched. Verdicts from before tell nothing about the length of their values.

    Text that was cut at 64 KiB stays as it is: the note at its end tells that it was cut.
    """
    op.add_column("task_runs", sa.Column("on_too_long", sa.String(), nullable=True))
    op.add_column("run_items", sa.Column("notes", sa.String(), nullable=True))
