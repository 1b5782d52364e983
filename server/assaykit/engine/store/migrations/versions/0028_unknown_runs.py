"""The number of runs of an experiment that name an example which its dataset never had."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Add the column. Experiments that are there have no such run, because the engine refused them."""
    unknown = sa.Column("unknown_runs", sa.Integer(), nullable=False, server_default=sa.text("0"))
    op.add_column("experiments", unknown)
