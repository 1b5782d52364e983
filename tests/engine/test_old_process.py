"""A process of an older version stays open while another migrates the store: it stores nothing from then on."""

from pathlib import Path

import anyio
import pytest
import sqlalchemy as sa
from tests import stores
from tests.engine.door import opened, span, span_id
from tests.engine.held import held_model
from tests.engine.test_runs import executing, until
from tests.store_files import connected

from assaykit.engine.engine import STORE
from assaykit.engine.store import migrations
from assaykit.engine.store.tables import answers, evals, spans, task_runs
from assaykit.errors import Unavailable

STORES_A_VERDICT = """
INSERT INTO evals (scope_id, level, target_id, name, metadata, updated_ns) VALUES ('p', 'SPAN', 's', 'n', '{}', 1)
"""
TAKES_RUNS = "UPDATE task_runs SET owner = 'me', fence = fence + 1, heartbeat_ns = 1 WHERE tries < 6"
"""Statements of the versions before schema 0011, which look at the schema only when they open the store."""


def migrated(home: Path, schema: str = "9999") -> None:
    """Make the store one of another schema, as a process of another version does."""
    with connected(home / STORE) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :to").bindparams(to=schema))


def rows(home: Path, table: sa.Table) -> int:
    with connected(home / STORE) as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def verdict(project: str, label: str) -> dict[str, object]:
    return {"project_id": project, "evaluations": [{"name": "tone", "span_id": span_id(1), "label": label}]}


@pytest.mark.parametrize("schema", ["9999", "0010"])
async def test_a_process_whose_store_has_another_schema_now_is_refused_and_told_to_restart(
    home: Path, schema: str
) -> None:
    async with opened(home) as door:
        project = await door.send(span(1))
        task = await door.task(await door.evaluator(), project_id=project)
        await door.post("/x/evaluations", verdict(project, "good"))
        migrated(home, schema)
        response = await door.http.post("/x/evaluations", json=verdict(project, "bad"))
        now = f"The store is at schema {schema} now, and this process works with schema {migrations.HEAD}."
        assert response.status_code == 503
        assert response.json()["detail"].startswith(f"{now} Restart assaykit")
        for method, path, body in [
            ("POST", f"/v2/tasks/{task}/trigger", {}),
            ("PATCH", f"/v2/tasks/{task}", {"name": "other"}),
            ("DELETE", f"/v2/projects/{project}", None),
            ("GET", "/v2/projects", None),
        ]:
            await door.refused(503, method, path, json=body)
        assert (await door.http.post("/v1/traces", json=traces())).status_code == 503
    assert (rows(home, spans), rows(home, task_runs), rows(home, evals)) == (1, 0, 1)
    with connected(home / STORE) as connection:
        assert connection.execute(sa.select(evals.c.label)).scalar_one() == "good"


def traces() -> dict[str, object]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span(2)]}]}]}


async def test_a_run_of_the_older_process_stores_nothing_more_and_goes_on_elsewhere(home: Path) -> None:
    with held_model(free=0) as (model, held):
        environment = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": model.url}
        async with opened(home, environment) as door:
            project = await door.send(*(span(number) for number in range(3)))
            task = await door.task(await door.judge(), project_id=project, type="TEMPLATE_EVALUATION")
            run = await door.trigger(task, data_start_time="2000-01-01T00:00:00Z")
            await until(door, run["id"], lambda _: model.count > 0)
            migrated(home)
            held.let_go()
            await anyio.sleep(0.2)
        # The engine closes without an error, though it cannot release the run.
        assert (rows(home, evals), rows(home, answers)) == (0, 0)
        migrated(home, migrations.HEAD)
        async with opened(home, environment, silent_s=0.6) as door:
            assert (await door.until(run["id"], "COMPLETED"))["num_successes"] == 3


async def test_a_process_of_a_version_that_does_not_look_cannot_store_a_verdict_or_take_a_run(home: Path) -> None:
    async with opened(home) as door:
        project = await door.send(span(1))
        await door.post("/x/evaluations", verdict(project, "good"))
        async with stores.beside(home) as database:
            for statement in (STORES_A_VERDICT, TAKES_RUNS):
                with pytest.raises(Unavailable, match=r"no column named metadata|no such column: tries"):
                    await database.write(executing(statement))
        (found,) = await door.spans(project, start_time="2000-01-01T00:00:00Z")
        assert [one["label"] for one in found["evaluations"]] == ["good"]
