"""Prompts, annotations, and integrations that are written over the API."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add tables and columns; no row is touched but to mark the integrations, which all came from the environment."""
    _annotations()
    _prompts()
    op.add_column("integrations", sa.Column("headers", sa.JSON(), nullable=True))
    for name, default in (("function_calling", "1"), ("default_models", "1"), ("follows_environment", "0")):
        op.add_column("integrations", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.text(default)))
    op.execute("UPDATE integrations SET follows_environment = 1")


def _annotations() -> None:
    op.create_table(
        "annotations",
        sa.Column("scope_id", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("target_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("annotator", sa.String(), nullable=True),
        sa.Column("updated_ns", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope_id", "level", "target_id", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "annotation_configs",
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created_ns", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"]),
        sa.PrimaryKeyConstraint("n"),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("space_id", "name"),
        sqlite_autoincrement=True,
    )


def _prompts() -> None:
    op.create_table(
        "prompts",
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created_ns", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("updated_ns", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["space_id"], ["spaces.id"]),
        sa.PrimaryKeyConstraint("n"),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("space_id", "name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "prompt_versions",
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created_ns", sa.Integer(), nullable=False),
        sa.Column("prompt_id", sa.String(), nullable=False),
        sa.Column("commit_hash", sa.String(), nullable=False),
        sa.Column("commit_message", sa.String(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("n"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("prompt_versions_of", "prompt_versions", ["prompt_id", "n"], unique=False)
    op.create_table(
        "prompt_labels",
        sa.Column("prompt_id", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("version_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["version_id"], ["prompt_versions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("prompt_id", "label"),
        sqlite_with_rowid=False,
    )
    op.create_index("prompt_labels_of", "prompt_labels", ["version_id"], unique=False)
