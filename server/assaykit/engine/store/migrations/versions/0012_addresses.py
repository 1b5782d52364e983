"""An integration from the environment keeps the name of the variable with its base URL, not the URL of one process."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Replace the base URL that the process started last has stored; each process reads its own from now on."""
    for provider, variable in (("OPEN_AI", "OPENAI_BASE_URL"), ("ANTHROPIC", "ANTHROPIC_BASE_URL")):
        op.execute(
            f"UPDATE integrations SET base_url = 'env:{variable}' "  # noqa: S608  (our own names)
            f"WHERE follows_environment AND provider = '{provider}'"
        )
    op.drop_column("integrations", "follows_environment")
