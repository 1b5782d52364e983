"""A continuous task can leave rows with long values unscored, as a triggered run can."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Add a column. Tasks of before shorten long values, as they did."""
    op.add_column("tasks", sa.Column("on_too_long", sa.String(), nullable=True))
