"""Triggers of the store's file: counts of a run's rows by state, and verdicts that newer ones replace.

A trigger sees every write, so no writer can forget them.
"""

from collections.abc import Sequence

from sqlalchemy import DDL, Table
from sqlalchemy.event import listen

_CHANGES = (
    ("INSERT", "NEW", "+ (NEW.state = '{0}')"),
    ("DELETE", "OLD", "- (OLD.state = '{0}')"),
    ("UPDATE", "NEW", "+ (NEW.state = '{0}') - (OLD.state = '{0}')"),
)
_TARGET = ("scope_id", "level", "target_id", "name")
_MAKER = ("version_id", "model")


def count_rows(run_items: Table, states: Sequence[str]) -> None:
    """Keep with each run the counts of its rows by state."""
    for event, row, change in _CHANGES:
        columns = {state: f"{state.lower()}_rows" for state in states}
        sums = ", ".join(f"{column} = {column} {change.format(state)}" for state, column in columns.items())
        written = f"UPDATE task_runs SET {sums} WHERE id = {row}.run_id"  # noqa: S608  (names from above)
        trigger = f"CREATE TRIGGER run_items_{event.lower()} AFTER {event} ON run_items BEGIN {written}; END"
        listen(run_items, "after_create", DDL(trigger))


def keep_earlier(evals: Table, earlier: Table) -> None:
    """Keep the verdict that one of another maker replaces, and forget earlier verdicts with the last one."""
    names = [column.name for column in evals.columns]
    for trigger in earlier_triggers(names):
        listen(earlier, "after_create", DDL(trigger))


def earlier_triggers(names: Sequence[str]) -> Sequence[str]:
    """The triggers of `keep_earlier` as SQL, for verdicts with these columns.

    One verdict of each maker stays: a maker's own older verdict goes.
    """
    differs = " OR ".join(f"OLD.{name} <> NEW.{name}" for name in _MAKER)
    kept = ", ".join(f"OLD.{name}" for name in names)
    replaced = f"{_forgotten('NEW', _MAKER)}; {_forgotten('OLD', _MAKER)}; "
    replaced += f"INSERT INTO earlier_evals ({', '.join(names)}) VALUES ({kept})"  # noqa: S608  (names of columns)
    return (
        f"CREATE TRIGGER evals_replaced AFTER UPDATE ON evals WHEN {differs} BEGIN {replaced}; END",
        f"CREATE TRIGGER evals_deleted AFTER DELETE ON evals BEGIN {_forgotten('OLD')}; END",
    )


def _forgotten(row: str, maker: Sequence[str] = ()) -> str:
    keys = " AND ".join(f"{name} = {row}.{name}" for name in (*_TARGET, *maker))
    return f"DELETE FROM earlier_evals WHERE {keys}"  # noqa: S608  (names from above)
