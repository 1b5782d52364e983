"""A verdict tells the number of its evaluator's version, and stays when a verdict of another version replaces it."""

import sqlalchemy as sa
from alembic import op

from assaykit.engine.store.triggers import earlier_triggers

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
    for trigger in earlier_triggers([column.name for column in _VERDICT]):
        op.execute(trigger)
