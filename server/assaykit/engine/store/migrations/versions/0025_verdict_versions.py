"""A verdict tells the number of its evaluator's version, and stays when a verdict of another version replaces it."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

_VERDICT = (
    sa.Column("scope_id", sa.String(), nullable=False),
    sa.Column("level", sa.String(), nullable=False),
    sa.Column("target_id", sa.String(), nullable=False),
    sa.Column("name", sa.String(), nullable=False),
    sa.Column("label", sa.String()),
    sa.Column("score", sa.Float()),
    sa.Column("explanation", sa.String()),
    sa.Column("made_by", sa.JSON(), nullable=False),
    sa.Column("updated_ns", sa.Integer(), nullable=False),
    sa.Column("checksum", sa.Integer()),
    sa.Column("version_id", sa.String(), nullable=False),
    sa.Column("model", sa.String(), nullable=False),
)


_REPLACED = (
    "CREATE TRIGGER evals_replaced AFTER UPDATE ON evals "
    "WHEN OLD.version_id <> NEW.version_id OR OLD.model <> NEW.model BEGIN "
    "DELETE FROM earlier_evals WHERE scope_id = NEW.scope_id AND level = NEW.level AND target_id = NEW.target_id "
    "AND name = NEW.name AND version_id = NEW.version_id AND model = NEW.model; "
    "DELETE FROM earlier_evals WHERE scope_id = OLD.scope_id AND level = OLD.level AND target_id = OLD.target_id "
    "AND name = OLD.name AND version_id = OLD.version_id AND model = OLD.model; "
    "INSERT INTO earlier_evals (scope_id, level, target_id, name, label, score, explanation, made_by, updated_ns, "
    "checksum, version_id, model) VALUES (OLD.scope_id, OLD.level, OLD.target_id, OLD.name, OLD.label, OLD.score, "
    "OLD.explanation, OLD.made_by, OLD.updated_ns, OLD.checksum, OLD.version_id, OLD.model); END"
)
_DELETED = (
    "CREATE TRIGGER evals_deleted AFTER DELETE ON evals BEGIN "
    "DELETE FROM earlier_evals WHERE scope_id = OLD.scope_id AND level = OLD.level AND target_id = OLD.target_id "
    "AND name = OLD.name; END"
)


def upgrade() -> None:
    """Number the versions of each evaluator by age, and the verdicts by the version that they name.

    A verdict of before that names no version, or a deleted one, has no number.
    """
    number = sa.Column("number", sa.Integer(), nullable=False, server_default=sa.text("0"))
    op.add_column("evaluator_versions", number)
    last = sa.Column("last_number", sa.Integer(), nullable=False, server_default=sa.text("0"))
    op.add_column("evaluators", last)
    outdated = sa.Column("outdated", sa.Boolean(), nullable=False, server_default=sa.text("0"))
    op.add_column("task_runs", outdated)
    op.execute(
        "UPDATE evaluator_versions SET number = (SELECT count(*) FROM evaluator_versions AS older "
        "WHERE older.evaluator_id = evaluator_versions.evaluator_id AND older.n <= evaluator_versions.n)"
    )
    op.execute(
        "UPDATE evaluators SET last_number = "
        "(SELECT count(*) FROM evaluator_versions WHERE evaluator_id = evaluators.id)"
    )
    version = "(SELECT number FROM evaluator_versions WHERE id = json_extract(made_by, '$.evaluator_version_id'))"
    op.execute(
        f"UPDATE evals SET made_by = json_set(made_by, '$.version', {version}) "  # noqa: S608  (the text above)
        f"WHERE json_extract(made_by, '$.evaluator_version_id') IS NOT NULL AND {version} IS NOT NULL"
    )
    for column in ("version_id", "model"):
        op.add_column("evals", sa.Column(column, sa.String(), nullable=False, server_default=sa.text("''")))
    op.execute(
        "UPDATE evals SET version_id = coalesce(json_extract(made_by, '$.evaluator_version_id'), ''), "
        "model = coalesce(json_extract(made_by, '$.model'), '')"
    )
    op.create_table(
        "earlier_evals",
        *_VERDICT,
        sa.PrimaryKeyConstraint("scope_id", "level", "target_id", "name", "version_id", "model"),
        sqlite_with_rowid=False,
    )
    op.execute(_REPLACED)
    op.execute(_DELETED)
