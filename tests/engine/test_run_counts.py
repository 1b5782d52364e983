"""The counts that a run keeps of its rows, against the rows themselves."""

import random
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from tests.engine.rest import opened
from tests.store_files import connected

from assaykit.engine.engine import STORE
from assaykit.engine.store import migrations
from assaykit.engine.store.tables import ROW_STATES, run_items, task_runs

SPACE = {"n": 1, "id": "sp", "created_ns": 1, "name": "default"}
TASK = {
    "n": 1, "id": "ta", "created_ns": 1, "space_id": "sp", "name": "tone on shop", "type": "TEMPLATE_EVALUATION",
    "is_continuous": 0, "evaluators": "[]", "updated_ns": 1,
}  # fmt: skip
RUNS = [
    {"n": n, "id": f"run{n}", "created_ns": n, "task_id": "ta", "status": "COMPLETED", "request": "{}"} for n in (1, 2)
]


def store_of(path: Path, schema: str) -> None:
    """A file of an older schema with two runs: one with three rows in two states, and one without rows."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with connected(path) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, schema)
        put(connection, "spaces", SPACE)
        put(connection, "tasks", TASK)
        for run in RUNS:
            put(connection, "task_runs", run)
        for place, state in enumerate(("SCORED", "SCORED", "FAILED")):
            put(connection, "run_items", row("run1", place, state))


def put(connection: sa.Connection, table: str, values: dict[str, Any]) -> None:
    marks = ", ".join(f":{column}" for column in values)
    connection.execute(sa.text(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"), values)  # noqa: S608  (our own names)


def row(run: str, place: int, state: str) -> dict[str, Any]:
    return {"run_id": run, "position": place, "evaluator_id": "ev", "target_id": f"s{place}", "state": state}


def kept(connection: sa.Connection) -> dict[str, list[int]]:
    columns = [task_runs.c[f"{state.lower()}_rows"] for state in ROW_STATES]
    return {run: list(numbers) for run, *numbers in connection.execute(sa.select(task_runs.c.id, *columns))}


def counted(connection: sa.Connection) -> dict[str, list[int]]:
    found = {run: dict.fromkeys(ROW_STATES, 0) for run in connection.scalars(sa.select(task_runs.c.id))}
    for run, state in connection.execute(sa.select(run_items.c.run_id, run_items.c.state)):
        found[run][state] += 1
    return {run: list(numbers.values()) for run, numbers in found.items()}


async def test_runs_of_an_older_store_are_counted_when_it_is_migrated(tmp_path: Path) -> None:
    store_of(tmp_path / STORE, "0016")
    async with opened(tmp_path) as rest:
        first, second = [await rest.get(f"/v2/task-runs/{run['id']}") for run in RUNS]
    assert [first[f"num_{part}"] for part in ("successes", "errors", "skipped")] == [2, 1, 0]
    assert [second[f"num_{part}"] for part in ("successes", "errors", "skipped")] == [0, 0, 0]


async def test_the_counts_follow_every_change_of_the_rows(tmp_path: Path) -> None:
    store_of(tmp_path / STORE, "0016")
    async with opened(tmp_path) as rest:
        rng = random.Random(5)  # noqa: S311  (no secret)

        def change(connection: sa.Connection) -> None:
            for place in range(10, 60):
                connection.execute(run_items.insert(), [row(f"run{n}", place, "PENDING") for n in (1, 2)])
            for _ in range(200):
                c = run_items.c
                some = (c.run_id == f"run{rng.randint(1, 2)}") & c.position.in_(rng.sample(range(60), 5))
                if rng.random() < 0.2:
                    connection.execute(run_items.delete().where(some))
                else:
                    connection.execute(run_items.update().where(some).values(state=rng.choice(ROW_STATES)))
                assert kept(connection) == counted(connection)
            connection.execute(task_runs.delete().where(task_runs.c.id == "run2"))
            assert kept(connection) == counted(connection)
            assert set(kept(connection)) == {"run1"}

        await rest.door.engine.database.write(change)
