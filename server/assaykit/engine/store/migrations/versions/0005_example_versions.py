"""An example may be in several versions of its dataset."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table anew, for SQLite cannot drop a constraint; rows keep their places and ids."""
    op.drop_index("examples_of", "examples")
    op.rename_table("examples", "examples_before")
    op.create_table(
        "examples",
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created_ns", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("updated_ns", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["dataset_versions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("n"),
        sa.UniqueConstraint("version_id", "id"),
        sqlite_autoincrement=True,
    )
    columns = "n, id, created_ns, version_id, data, updated_ns"
    op.execute(f"INSERT INTO examples ({columns}) SELECT {columns} FROM examples_before")  # noqa: S608  (our own names)
    # A cursor of a list that is being read must not come to mean another row: the count goes on where it was.
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'examples'")
    op.execute("UPDATE sqlite_sequence SET name = 'examples' WHERE name = 'examples_before'")
    op.drop_table("examples_before")
    op.create_index("examples_of", "examples", ["version_id", "n"])
    op.create_index("examples_by_id", "examples", ["id"])
