"""A span tells its user in a column with an index, so a filter such as `user.id = 'u1'` reads no other spans."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Add the column and its index. Spans that are there get the user that their attributes tell."""
    op.add_column("spans", sa.Column("user_id", sa.String(), nullable=True))
    op.execute(
        """UPDATE spans SET user_id = json_extract(attributes, '$."user.id"') """
        """WHERE json_type(attributes, '$."user.id"') = 'text'"""
    )
    op.create_index(
        "spans_by_user",
        "spans",
        ["project_id", "user_id", "start_ns", "n"],
        sqlite_where=sa.text("user_id IS NOT NULL"),
    )
