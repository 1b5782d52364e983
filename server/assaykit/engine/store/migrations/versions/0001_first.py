"""The first schema: everything of the main job."""

from alembic import op

from assaykit.engine.store import tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    tables.metadata.create_all(op.get_bind())
