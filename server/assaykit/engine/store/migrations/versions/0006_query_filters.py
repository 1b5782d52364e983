"""Tasks that score whole traces or sessions: the lettered filters that choose them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add a column; no row is touched."""
    op.add_column("tasks", sa.Column("query_filters", sa.JSON(), nullable=True))
