"""The spans of one trace are read in time order from an index."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Replace an index; no row is touched. The old one left the order out, so SQLite walked the project instead."""
    op.drop_index("spans_by_trace", "spans")
    op.create_index("spans_by_trace", "spans", ["project_id", "trace_id", "start_ns", "n"])
