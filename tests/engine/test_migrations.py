"""A store of an older schema is brought up to date with all its rows."""

import errno
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from tests.engine.door import NOW, counts, span_id, version
from tests.engine.door import span as said
from tests.engine.rest import Rest, at, opened, span
from tests.store_files import connected, schema_of

from assaykit.engine.engine import STORE
from assaykit.engine.store import migrations
from assaykit.engine.store.checksums import SUMMED
from assaykit.engine.store.definitions import run_columns
from assaykit.engine.store.tables import ROW_STATES, evals, examples
from assaykit.errors import Unavailable
from assaykit.filelock import FileLock

ROWS = {
    "spaces": {"n": 1, "id": "sp", "created_ns": 1, "name": "default"},
    "projects": {"n": 1, "id": "pr", "created_ns": 2, "space_id": "sp", "name": "shop"},
    "integrations": {
        "n": 4,
        "id": "in",
        "created_ns": 3,
        "name": "openai",
        "provider": "OPEN_AI",
        "base_url": "https://old.example.com",
        "secret_ref": "env:OPENAI_API_KEY",
        "model_names": "[]",
        "updated_ns": 3,
    },
    "spans": {
        "n": 5,
        "project_id": "pr",
        "trace_id": "t1",
        "span_id": "s1",
        "parent_id": None,
        "name": "call",
        "kind": "LLM",
        "start_ns": 4,
        "end_ns": 5,
        "latency_ms": 1e-6,
        "status_code": "OK",
        "status_message": None,
        "session_id": None,
        "model_name": None,
        "attributes": '{"user.id": "u1"}',
        "events": "[]",
    },
    "evals": {
        "scope_id": "pr",
        "level": "SPAN",
        "target_id": "s1",
        "name": "tone",
        "label": "good",
        "score": 1.0,
        "explanation": None,
        "metadata": "{}",
        "updated_ns": 5,
    },
    "datasets": {"n": 2, "id": "ds", "created_ns": 2, "space_id": "sp", "name": "questions", "updated_ns": 3},
    "dataset_versions": {"n": 3, "id": "dv", "created_ns": 2, "dataset_id": "ds", "name": "v1", "updated_ns": 3},
    "examples": {"n": 7, "id": "ex", "created_ns": 2, "version_id": "dv", "data": '{"q": 1}', "updated_ns": 3},
    "counters": {"kind": "LlmIntegration", "last": 4},
}
"""One row of some tables, as schema 0001 holds it."""


def old_store(path: Path) -> None:
    """A file at schema 0001 with those rows."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with connected(path) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for table, row in ROWS.items():
            marks = ", ".join(f":{column}" for column in row)
            connection.execute(sa.text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"), row)  # noqa: S608  (our own names)


async def test_a_store_of_schema_0001_keeps_its_rows_and_gets_the_new_columns(tmp_path: Path) -> None:
    old_store(tmp_path / STORE)
    async with opened(tmp_path) as rest:
        assert (await rest.get("/x/status"))["schema_version"] == migrations.HEAD
    with connected(tmp_path / STORE) as connection:
        found = {
            table: dict(connection.execute(sa.text(f"SELECT * FROM {table}")).mappings().one())  # noqa: S608  (our own names)
            for table in ROWS
            if table != "counters"
        }
    added = {"headers": None, "function_calling": 1, "default_models": 1, "base_url": "env:OPENAI_BASE_URL"}
    added["provider_metadata"] = None
    verdict = {"made_by" if name == "metadata" else name: value for name, value in ROWS["evals"].items()}
    verdict |= {"version_id": "", "model": ""}
    changed = {"integrations": ROWS["integrations"] | added, "evals": verdict}
    changed["spans"] = ROWS["spans"] | {"changed_ns": None, "user_id": "u1"}
    expected = ROWS | changed
    for table in ("evals", "spans", "examples"):
        expected[table] = {**expected[table], "checksum": None}
    del expected["counters"]
    assert found == expected


async def test_what_a_deletion_left_behind_in_an_older_store_is_removed(tmp_path: Path) -> None:
    old_store(tmp_path / STORE)
    with connected(tmp_path / STORE) as connection:
        for level, target in (
            ("SPAN", "gone"),
            ("TRACE", "t1"),
            ("TRACE", "gone"),
            ("SESSION", "gone"),
            ("RUN", "gone"),
        ):
            row = ROWS["evals"] | {"level": level, "target_id": target}
            marks = ", ".join(f":{column}" for column in row)
            connection.execute(sa.text(f"INSERT INTO evals VALUES ({marks})"), row)  # noqa: S608  (marks alone)
    async with opened(tmp_path):
        pass
    with connected(tmp_path / STORE) as connection:
        left = connection.execute(sa.text("SELECT level, target_id FROM evals ORDER BY level")).fetchall()
    assert [tuple(row) for row in left] == [("SPAN", "s1"), ("TRACE", "t1")]


async def test_an_older_integration_still_follows_the_environment(tmp_path: Path) -> None:
    old_store(tmp_path / STORE)
    environment = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://new.example.com"}
    async with opened(tmp_path, environment) as rest:
        (found,) = (await rest.get("/v2/ai-integrations"))["ai_integrations"]
    assert (found["id"], found["base_url"]) == ("in", "https://new.example.com")
    assert (found["enable_default_models"], found["function_calling_enabled"]) == (True, True)


async def test_examples_of_an_older_store_keep_their_places_and_may_get_further_versions(tmp_path: Path) -> None:
    old_store(tmp_path / STORE)
    async with opened(tmp_path) as rest:
        await rest.create("/v2/datasets/ds/examples", {"examples": [{"q": 2}]})
        change = {"examples": [{"id": "ex", "q": 3}], "new_version": "second"}
        await rest.ask("PATCH", "/v2/datasets/ds/examples", change)
        assert [row["q"] for row in (await rest.get("/v2/datasets/ds/examples"))["examples"]] == [3, 2]
        before = await rest.get("/v2/datasets/ds/examples", dataset_version_id="dv")
        assert [row["q"] for row in before["examples"]] == [1, 2]
        numbers = await rest.door.engine.database.read(numbers_of_examples)
    assert numbers == [7, 8, 9, 10]


def numbers_of_examples(connection: sa.Connection) -> list[int]:
    return list(connection.scalars(sa.select(examples.c.n).order_by(examples.c.n)))


def copies(folder: Path) -> list[Path]:
    return list(folder.glob(f"{STORE}.*schema*"))


def no_room(_: Path) -> SimpleNamespace:
    return SimpleNamespace(total=10, used=9, free=1)


async def test_a_store_is_copied_before_it_is_changed_and_one_copy_stays(tmp_path: Path) -> None:
    old_store(tmp_path / STORE)
    shutil.copy(tmp_path / STORE, tmp_path / f"{STORE}.schema-0000")
    async with opened(tmp_path):
        pass
    async with opened(tmp_path):
        pass
    (copy,) = copies(tmp_path)
    assert (copy.name, copy.stat().st_mode & 0o777) == (f"{STORE}.schema-0001", 0o600)
    assert schema_of(copy) == "0001"
    with connected(copy) as connection:
        assert connection.scalar(sa.select(evals.c.label)) == "good"


async def test_without_room_for_the_copy_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_store(tmp_path / STORE)
    monkeypatch.setattr(shutil, "disk_usage", no_room)
    with pytest.raises(Unavailable, match=r"needs \d+ MB, with a backup copy of it, but only 0 MB are free"):
        async with opened(tmp_path):
            pass
    assert schema_of(tmp_path / STORE) == "0001"


MIGRATE = """
import sys
from pathlib import Path
from assaykit.engine.store.database import Database
import anyio

async def main():
    database = await Database.open(Path(sys.argv[1]))
    await database.close()

sys.stdin.readline()
anyio.run(main)
"""


@pytest.mark.slow
def test_processes_that_migrate_at_once_leave_one_store_and_one_copy_of_the_old_one(tmp_path: Path) -> None:
    for turn in range(4):
        store = tmp_path / str(turn) / STORE
        store.parent.mkdir()
        old_store(store)
        (store.parent / f"{STORE}.1-0.part").write_bytes(b"left by a process that was killed")
        together = [
            subprocess.Popen(
                [sys.executable, "-c", MIGRATE, str(store)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for _ in range(3)
        ]
        for process in together:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.communicate(timeout=120)[0] for process in together]
        assert [process.returncode for process in together] == [0, 0, 0], said
        assert schema_of(store) == migrations.HEAD
        (copy,) = copies(store.parent)
        assert schema_of(copy) == "0001"
        assert list(store.parent.glob("*.part*")) == []


async def test_a_migration_waits_for_the_one_of_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LONGEST_WAIT_S", 0.05)
    old_store(tmp_path / STORE)
    other = FileLock(tmp_path / f"{STORE}{migrations.LOCK_SUFFIX}")
    assert other.try_take()
    with pytest.raises(Unavailable, match=r"Another process has been migrating the store"):
        async with opened(tmp_path):
            pass
    assert (schema_of(tmp_path / STORE), copies(tmp_path)) == ("0001", [])
    other.release()
    async with opened(tmp_path):
        pass
    assert schema_of(tmp_path / STORE) == migrations.HEAD


async def test_a_store_migrates_on_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_locks(_lock: FileLock, _limit_s: float) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(FileLock, "take_within", without_locks)
    old_store(tmp_path / STORE)
    async with opened(tmp_path):
        pass
    assert schema_of(tmp_path / STORE) == migrations.HEAD
    (copy,) = copies(tmp_path)
    assert schema_of(copy) == "0001"


def drop_whole(revision: str, connection: sa.Connection) -> None:
    """Drop the indexes and tables that migrations after a revision add, where nothing else depends on them."""
    if revision < "0032":
        connection.execute(sa.text("DROP INDEX spans_by_user"))
    if revision < "0026":
        connection.execute(sa.text("DROP TABLE annotation_queue_records"))
        connection.execute(sa.text("DROP TABLE annotation_queues"))


def undo_after(revision: str, connection: sa.Connection) -> None:
    """Make a new store one of an older schema, from 0016 on: drop what the later migrations add."""
    dropped = {
        "0017": ("tasks.max_cost", "tasks.spent", "task_runs.at_limit", "schedules.at_limit"),
        "0019": tuple(f"task_runs.{state.lower()}_rows" for state in ROW_STATES),
        "0020": ("task_runs.on_too_long", "run_items.notes"),
        "0021": ("spans.changed_ns",),
        "0025": (
            "evals.version_id",
            "evals.model",
            "evaluators.last_number",
            "evaluator_versions.number",
            "task_runs.outdated",
        ),
        "0027": ("task_runs.pinned",),
        "0028": ("experiments.unknown_runs",),
        "0029": ("tasks.on_too_long",),
        "0030": ("integrations.provider_metadata",),
        "0032": ("spans.user_id",),
        "0022": tuple(f"{table}.checksum" for table in ("spans", *SUMMED)),
    }
    drop_whole(revision, connection)
    if revision < "0025":
        for trigger in ("evals_replaced", "evals_deleted"):
            connection.execute(sa.text(f"DROP TRIGGER {trigger}"))
        connection.execute(sa.text("DROP TABLE earlier_evals"))
        connection.execute(sa.text("UPDATE evals SET made_by = json_remove(made_by, '$.version')"))
    if revision < "0024":
        connection.execute(sa.text("DROP TABLE log_events"))
    if revision < "0023":
        connection.execute(sa.text("DROP TABLE run_columns"))
    if revision < "0019":
        for event in ("insert", "update", "delete"):
            connection.execute(sa.text(f"DROP TRIGGER run_items_{event}"))
    for later in sorted(dropped, reverse=True):
        for column in dropped[later] if later > revision else ():
            connection.execute(sa.text("ALTER TABLE {} DROP COLUMN {}".format(*column.split("."))))
    connection.execute(sa.text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


async def test_a_store_of_schema_0025_keeps_its_annotations_and_takes_queues(tmp_path: Path) -> None:
    async with opened(tmp_path) as rest:
        project = await rest.door.send(span(1))
        config = await rest.config("FREEFORM", "note")
        noted = [{"record_id": span_id(1), "values": [{"name": "note", "text": "late"}]}]
        await rest.ask("POST", "/v2/spans/annotate", {"project_id": project, "annotations": noted}, 202)
    with connected(tmp_path / STORE) as connection:
        undo_after("0025", connection)
    async with opened(tmp_path) as rest:
        source = {"record_type": "SPAN", "project_id": project, "span_ids": [span_id(1)]}
        source |= {"start_time": at(0), "end_time": at(NOW)}
        body = {"name": "first", "space_id": rest.space, "record_sources": [source]}
        asked = {"annotation_config_ids": [config], "annotator_emails": ["anna"]}
        queue = await rest.create("/v2/annotation-queues", body | asked)
        (record,) = (await rest.get(f"/v2/annotation-queues/{queue['id']}/records"))["records"]
    assert [one["text"] for one in record["annotations"]] == ["late"]


async def test_a_continuous_task_of_schema_0016_has_no_limit_of_cost_and_keeps_its_place(tmp_path: Path) -> None:
    async with opened(tmp_path) as rest:
        project = await rest.door.send(span(1))
        task = await rest.door.task(await rest.door.evaluator(), project_id=project, is_continuous=True)
        before = await rest.get(f"/x/tasks/{task}/schedule")
    with connected(tmp_path / STORE) as connection:
        undo_after("0016", connection)
    async with opened(tmp_path) as rest:
        after = await rest.get(f"/x/tasks/{task}/schedule")
        assert {name: after[name] for name in before} == before
        assert (after.get("max_cost"), after.get("spent"), after["at_max_cost"]) == (None, None, False)
        await rest.ask("PATCH", f"/x/tasks/{task}", {"max_cost": 2})
        after = await rest.get(f"/x/tasks/{task}/schedule")
        assert (after["max_cost"], after["spent"]) == (2, 0)


async def test_a_value_that_schema_0019_cut_counts_as_cut_where_it_was(tmp_path: Path) -> None:
    cut = "a" * 65_536 + "…[cut: 70033 bytes]"
    async with opened(tmp_path) as rest:
        project = await rest.door.send(said(1, cut), said(2))
        task = await rest.door.task(await rest.door.evaluator(), project_id=project)
    with connected(tmp_path / STORE) as connection:
        undo_after("0019", connection)
    async with opened(tmp_path) as rest:
        run = await rest.door.run(task, data_start_time="2000-01-01T00:00:00Z")
        assert counts(run) == (1, 1, 0)
        (error,) = (await rest.get(f"/x/task-runs/{run['id']}/report"))["errors"]
        assert (error["code"], "it had 70,033 bytes" in error["reason"]) == ("too_long", True)


async def test_a_store_of_schema_0022_gets_the_columns_of_its_experiments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_columns, "ROWS_PER_PART", 3)
    async with opened(tmp_path) as rest:
        space = (await rest.get("/v2/spaces"))["spaces"][0]["id"]
        runs = [{"example_id": f"e{n}", "output": "o", "eval.a.score": n} for n in range(8)]
        made = await rest.create("/v2/experiments", {"name": "v", "space_id": space, "experiment_runs": runs})
        before = await rest.get(f"/x/experiments/{made['id']}/columns")
    assert [one["ns"] for one in before["parts"]] == [[1, 2, 3], [4, 5, 6], [7, 8]]
    kept = "SELECT last_n, summary, ns, example_ids, row_groups FROM run_columns ORDER BY last_n"
    with connected(tmp_path / STORE) as connection:
        rows = connection.execute(sa.text(kept)).fetchall()
        undo_after("0022", connection)
    async with opened(tmp_path) as rest:
        assert await rest.get(f"/x/experiments/{made['id']}/columns") == before
    with connected(tmp_path / STORE) as connection:
        assert connection.execute(sa.text(kept)).fetchall() == rows
    assert [row.last_n for row in rows] == [3, 6]


async def test_a_task_of_schema_0020_reads_what_it_read(tmp_path: Path) -> None:
    async with opened(tmp_path) as rest:
        door = rest.door
        root = said(1, "a refund") | {"traceId": f"{9:032x}"}
        child = said(2, "nothing") | {"traceId": f"{9:032x}", "parentSpanId": root["spanId"]}
        project = await door.send(root, child)
        pattern = {"name": "pattern", "type": "REGEX", "default_value": "^nothing,a refund$"}
        how = {"managed_evaluator": "MATCHES_REGEX", "static_params": [pattern], "data_granularity": "TRACE"}
        joins = await door.evaluator("joins", **how)
        mine = {"evaluator_id": joins, "column_mappings": {"output": "name"}}
        tasks = {
            "plain": await door.task(joins, "plain", project_id=project),
            "short": await door.task(
                joins, "short", project_id=project, evaluators=[mine | {"column_mappings": {"output": "output"}}]
            ),
            "mine": await door.task(joins, "mine", project_id=project, evaluators=[mine]),
        }
    with connected(tmp_path / STORE) as connection:
        undo_after("0020", connection)
    async with opened(tmp_path) as rest:
        found = {name: (await rest.get(f"/v2/tasks/{task}"))["evaluators"][0] for name, task in tasks.items()}
        explicit = {"output": "attributes.output.value"}
        assert {name: one["column_mappings"] for name, one in found.items()} == {
            "plain": explicit,
            "short": explicit,
            "mine": {"output": "name"},
        }
        run = await rest.door.run(tasks["plain"], data_start_time="2000-01-01T00:00:00Z")
        report = await rest.get(f"/x/task-runs/{run['id']}/report")
        assert [*report["labels"].values()] == [{"matches": 1}]
        # A task of today reads the root.
        new = await rest.door.task(joins, "new", project_id=project)
        again = await rest.door.run(new, data_start_time="2000-01-01T00:00:00Z", override_evaluations=True)
        report = await rest.get(f"/x/task-runs/{again['id']}/report")
        assert [*report["labels"].values()] == [{"no match": 1}]


async def test_verdicts_of_schema_0023_have_the_version_that_they_name_and_others_none(tmp_path: Path) -> None:
    everything = {"data_start_time": "2000-01-01T00:00:00Z"}
    async with opened(tmp_path) as rest:
        project = await rest.door.send(said(1, "a refund"), said(2))
        judge = await rest.door.evaluator()
        task = await rest.door.task(judge, project_id=project)
        await rest.door.run(task, **everything)
        verdict = {"name": "mine", "span_id": said(1)["spanId"], "label": "good"}
        await rest.ask("POST", "/x/evaluations", {"project_id": project, "evaluations": [verdict]})
        before = await rest.get("/x/check")
    with connected(tmp_path / STORE) as connection:
        undo_after("0023", connection)
    async with opened(tmp_path) as rest:
        assert await versions(rest, project) == {"mine": (None, 0), "refunds": (1, 0)}
        assert await rest.get("/x/check") == before
        await rest.create(f"/v2/evaluators/{judge}/versions", version("refunds"))
        asked = {"trigger": everything, "outdated": True}
        run = await rest.create(f"/x/tasks/{task}/trigger", asked)
        await rest.door.until(run["id"], "COMPLETED")
        assert await versions(rest, project) == {"mine": (None, 0), "refunds": (2, 1)}
        # An earlier verdict goes with its span, and does not come back with it.
        gone = {"project_id": project, "span_ids": [said(1)["spanId"]]}
        await rest.ask("DELETE", "/v2/spans", gone | {"start_time": "2000-01-01T00:00:00Z"})
        await rest.door.send(said(1, "a refund"))
        assert await versions(rest, project) == {}


async def versions(rest: Rest, project: str) -> dict[str, tuple[int | None, int]]:
    """The version of each verdict of the span, and the number of its earlier verdicts."""
    spans = await rest.door.spans(project, start_time="2000-01-01T00:00:00Z")
    found: dict[str, tuple[int | None, int]] = {}
    for one in next(each for each in spans if each["context"]["span_id"] == said(1)["spanId"])["evaluations"]:
        made_by: dict[str, Any] = one.get("metadata") or {}
        found[one["name"]] = made_by.get("version"), len(made_by.get("earlier", ()))
    return found
