"""The columns that comparisons read of all runs stand beside the runs, in parts of about 1,000 runs."""

import sqlalchemy as sa
from alembic import op

from assaykit.engine.store.definitions.run_columns import keep

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add the parts of the runs that are there.

    Whoever changes the table later can leave the filling to the last migration, because the parts repeat the runs.
    """
    op.create_table(
        "run_columns",
        sa.Column("experiment_id", sa.String(), sa.ForeignKey("experiments.id", ondelete="CASCADE"), nullable=False),
        sa.Column("last_n", sa.Integer(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("ns", sa.String(), nullable=False),
        sa.Column("example_ids", sa.String(), nullable=False),
        sa.Column("row_groups", sa.String(), nullable=False),
    )
    op.create_index("run_columns_of", "run_columns", ["experiment_id", "last_n"], unique=True)
    connection = op.get_bind()
    for experiment_id in connection.execute(sa.text("SELECT id FROM experiments")).scalars().all():
        keep(connection, experiment_id)
