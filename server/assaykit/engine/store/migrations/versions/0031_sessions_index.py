"""The index of sessions holds the spans that have a session, and no others."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Replace the index. No row changes."""
    op.drop_index("spans_by_session", "spans")
    op.create_index(
        "spans_by_session",
        "spans",
        ["project_id", "session_id", "start_ns"],
        sqlite_where=sa.text("session_id IS NOT NULL"),
    )
