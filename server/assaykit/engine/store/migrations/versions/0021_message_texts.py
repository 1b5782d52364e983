"""`input` and `output` stand for the text of messages, and of a trace for those of its root."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_BEFORE = {"input": "attributes.input.value", "output": "attributes.output.value"}


def upgrade() -> None:
    """Write the paths that `input` and `output` stood for into the tasks that name no path. So they read the same.

    Runs that have begun keep a copy of their task and read by it, so those copies get the paths too. A span gets a time
    of change, which is null for the spans that are there.
    """
    op.add_column("spans", sa.Column("changed_ns", sa.Integer(), nullable=True))
    connection = op.get_bind()
    configs: dict[str, str] = {}
    versions = sa.text("SELECT evaluator_id, config FROM evaluator_versions")
    for evaluator_id, config in connection.execute(versions):
        configs[evaluator_id] = configs.get(evaluator_id, "") + _variables(json.loads(config))
    tasks = sa.text("SELECT id, evaluators FROM tasks WHERE project_id IS NOT NULL")
    for task_id, told in connection.execute(tasks).fetchall():
        entries: list[dict[str, Any]] = json.loads(told) or []
        if _explicit(entries, configs):
            changed = sa.text("UPDATE tasks SET evaluators = :told WHERE id = :id")
            connection.execute(changed, {"told": json.dumps(entries), "id": task_id})
    plans = sa.text("SELECT id, plan FROM task_runs WHERE plan IS NOT NULL AND status IN ('PENDING', 'RUNNING')")
    for run_id, told in connection.execute(plans).fetchall():
        plan: dict[str, Any] = json.loads(told) or {}
        task: dict[str, Any] | None = plan.get("task")
        if task and task.get("project_id") and _explicit(task.get("evaluators") or [], configs):
            changed = sa.text("UPDATE task_runs SET plan = :told WHERE id = :id")
            connection.execute(changed, {"told": json.dumps(plan), "id": run_id})


def _variables(config: dict[str, Any]) -> str:
    """A text that names each variable of an evaluator in single braces."""
    named = "".join(f"{{{name}}}" for name in config.get("variables") or ())
    return f"{config.get('template') or ''}{named}"


def _explicit(entries: list[dict[str, Any]], configs: dict[str, str]) -> bool:
    """Write the paths into the entries of a task; whether any entry changed."""
    has_changed = False
    for entry in entries:
        read = configs.get(str(entry.get("evaluator_id")), "")
        if entry.get("query_mappings"):
            for mapping in entry["query_mappings"]:
                if mapping.get("attribute_path") in _BEFORE:
                    mapping["attribute_path"] = _BEFORE[mapping["attribute_path"]]
                    has_changed = True
            continue
        mapped: dict[str, str] = dict(entry.get("column_mappings") or {})
        for name, path in _BEFORE.items():
            if f"{{{name}}}" in read and name not in mapped:
                mapped[name] = path
        mapped = {name: _BEFORE.get(path, path) for name, path in mapped.items()}
        if mapped != (entry.get("column_mappings") or {}):
            entry["column_mappings"] = mapped
            has_changed = True
    return has_changed
