"""Each verdict carries a checksum, so that `assaykit doctor` finds one that was damaged on the disk."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add a column; a verdict of before has no checksum until it is written again."""
    op.add_column("evals", sa.Column("checksum", sa.Integer(), nullable=True))
