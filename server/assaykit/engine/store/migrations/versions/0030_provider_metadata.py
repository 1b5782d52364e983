"""An integration of Bedrock or Vertex AI has a role and a region, or a project and a location."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Add a column. Integrations of before call their base URL with the machine's own credentials, as they did."""
    op.add_column("integrations", sa.Column("provider_metadata", sa.JSON(), nullable=True))
