"""A run keeps the counts of its rows by state, so looking at a run at work counts no rows."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_STATES = ("PENDING", "SCORED", "FAILED", "SKIPPED")
_SUMS = {
    "INSERT": "{column} = {column} + (NEW.state = '{state}')",
    "DELETE": "{column} = {column} - (OLD.state = '{state}')",
    "UPDATE": "{column} = {column} + (NEW.state = '{state}') - (OLD.state = '{state}')",
}


def upgrade() -> None:
    """Count the rows of the runs that are there. Triggers keep the counts, so no writer of rows can forget them."""
    for state in _STATES:
        column = _column(state)
        op.add_column("task_runs", sa.Column(column, sa.Integer(), nullable=False, server_default=sa.text("0")))
        op.execute(
            f"UPDATE task_runs SET {column} = (SELECT count(*) FROM run_items "  # noqa: S608  (names from above)
            f"WHERE run_id = task_runs.id AND state = '{state}')"
        )
    for event, term in _SUMS.items():
        sums = ", ".join(term.format(column=_column(state), state=state) for state in _STATES)
        run = "OLD" if event == "DELETE" else "NEW"
        written = f"UPDATE task_runs SET {sums} WHERE id = {run}.run_id"  # noqa: S608  (names from above)
        op.execute(f"CREATE TRIGGER run_items_{event.lower()} AFTER {event} ON run_items BEGIN {written}; END")


def _column(state: str) -> str:
    return f"{state.lower()}_rows"
