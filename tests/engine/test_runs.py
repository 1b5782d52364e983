"""Task runs: their states, how they end, and what they say about it."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs
from tests.engine.door import PAUSE_S, SECOND, Body, Door, HandClock, counts, opened, span
from tests.engine.held import held_model
from tests.scripted_model import ScriptedModel

from assaykit.engine.runs.executor import RUNS_AT_ONCE, SILENT_S
from assaykit.engine.store.tables import evaluator_versions

ALWAYS: Body = {"data_start_time": "2000-01-01T00:00:00Z"}


def environment(model: ScriptedModel) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-the-right-key", "OPENAI_BASE_URL": model.url}


@asynccontextmanager
async def judging(
    home: Path,
    model: ScriptedModel,
    *,
    outputs: Sequence[str] = ("a refund", "some refund", "no refund"),
    clock: HandClock | None = None,
) -> AsyncGenerator[tuple[Door, str, str]]:
    """A door, a project with spans, and a task that has them judged by the model."""
    async with opened(home, environment(model), clock or HandClock()) as door:
        project = await door.send(*(span(number, output) for number, output in enumerate(outputs)))
        task = await door.task(await door.judge(), project_id=project, type="TEMPLATE_EVALUATION")
        yield door, project, task


async def until(door: Door, run: str, reached: Callable[[Body], bool]) -> Body:
    with anyio.fail_after(60):
        while not reached(found := await door.get(f"/v2/task-runs/{run}")):  # noqa: ASYNC110
            await anyio.sleep(PAUSE_S)
    return found


async def labels(door: Door, project: str) -> list[str]:
    return [verdict["label"] for row in await door.spans(project) for verdict in row["evaluations"]]


def executing(statement: str) -> Callable[[sa.Connection], None]:
    """Work for the store: one statement of SQL, as a damaged file or another program would do it."""

    def work(connection: sa.Connection) -> None:
        connection.exec_driver_sql(statement)

    return work


async def test_a_run_is_seen_pending_then_running_then_completed(home: Path) -> None:
    with held_model() as (model, held):
        async with judging(home, model) as (door, project, task):
            triggered = [await door.trigger(task, **ALWAYS) for _ in range(RUNS_AT_ONCE + 1)]
            assert {run["status"] for run in triggered} == {"PENDING"}
            assert all(counts(run) == (0, 0, 0) and "run_started_at" not in run for run in triggered)
            *first, last = [run["id"] for run in triggered]
            for run in first:
                assert "run_started_at" in await door.until(run, "RUNNING")
            assert (await door.get(f"/v2/task-runs/{last}"))["status"] == "PENDING"
            assert (await door.get("/x/status"))["running"] == RUNS_AT_ONCE + 1
            running = await door.all_of(f"/v2/tasks/{task}/runs", "task_runs", 2, status="running")
            assert [run["id"] for run in running] == first[::-1]
            held.let_go()
            for run in first:
                ended = await door.until(run, "COMPLETED")
                assert counts(ended) == (3, 0, 0)
                assert {"run_started_at", "run_finished_at"} < ended.keys()
                assert "failure_reason" not in ended
            await door.until(last, "CANCELLED")  # by then every row was labelled
            assert await labels(door, project) == ["good"] * 3


@pytest.mark.parametrize("from_elsewhere", [False, True])
async def test_a_pending_run_can_be_cancelled_and_is_never_started(home: Path, from_elsewhere: bool) -> None:
    with held_model() as (model, held):
        async with judging(home, model) as (door, _, task), opened(home, clock=HandClock()) as other:
            # Each asks for itself, and takes no answer that another has had.
            anew = ALWAYS | {"override_evaluations": True}
            first = [(await door.trigger(task, **anew))["id"] for _ in range(RUNS_AT_ONCE)]
            for run in first:
                await door.until(run, "RUNNING")
            waiting = (await door.trigger(task, **anew))["id"]
            cancelled = await (other if from_elsewhere else door).post(f"/v2/task-runs/{waiting}/cancel")
            assert (cancelled["status"], counts(cancelled)) == ("CANCELLED", (0, 0, 0))
            assert "on request" in cancelled["failure_reason"]
            held.let_go()
            for run in first:
                await door.until(run, "COMPLETED")
            assert model.count == 3 * RUNS_AT_ONCE
            # Runs start in turn: once a later one is done, the cancelled one has had its chance.
            await door.run(task, **ALWAYS)
            assert await door.get(f"/v2/task-runs/{waiting}") == cancelled
            assert model.count == 3 * RUNS_AT_ONCE


async def test_a_run_cancelled_at_once_stays_cancelled(door: Door) -> None:
    project = await door.send(span(0))
    task = await door.task(await door.evaluator(), project_id=project)
    run = (await door.trigger(task))["id"]
    await door.post(f"/v2/task-runs/{run}/cancel")
    assert (await door.run(task, **ALWAYS))["status"] in {"COMPLETED", "CANCELLED"}
    assert (await door.get(f"/v2/task-runs/{run}"))["status"] == "CANCELLED"


async def test_a_running_run_can_be_cancelled_and_what_was_scored_stays(home: Path) -> None:
    with held_model(free=1) as (model, held):
        async with judging(home, model) as (door, project, task):
            run = (await door.trigger(task))["id"]
            await until(door, run, lambda found: found["num_successes"] == 1)
            cancelled = await door.post(f"/v2/task-runs/{run}/cancel")
            assert (cancelled["status"], counts(cancelled)) == ("CANCELLED", (1, 0, 0))
            assert "run_finished_at" in cancelled
            held.let_go()
            again = await door.run(task, **ALWAYS)
            assert (again["status"], counts(again)) == ("COMPLETED", (2, 0, 0))
            assert await door.get(f"/v2/task-runs/{run}") == cancelled
            assert await labels(door, project) == ["good"] * 3


async def test_a_run_that_has_ended_cannot_be_cancelled(door: Door) -> None:
    project = await door.send(span(0))
    task = await door.task(await door.evaluator(), project_id=project)
    for status in ("COMPLETED", "CANCELLED"):
        run = await door.run(task, **ALWAYS)
        assert run["status"] == status
        detail = await door.refused(400, "POST", f"/v2/task-runs/{run['id']}/cancel")
        assert f"is {status} already" in detail
        assert await door.get(f"/v2/task-runs/{run['id']}") == run
    await door.refused(404, "POST", "/v2/task-runs/x/cancel")


async def test_runs_are_listed_newest_first_and_by_status(door: Door) -> None:
    project = await door.send(span(0))
    task = await door.task(await door.evaluator(), project_id=project)
    made = [await door.run(task, **ALWAYS) for _ in range(5)]
    path = f"/v2/tasks/{task}/runs"
    assert await door.all_of(path, "task_runs", 2) == made[::-1]
    assert await door.all_of(path, "task_runs", 2, status="completed") == made[:1]
    assert "PENDING, RUNNING" in await door.refused(400, "GET", path, params={"status": "done"})
    await door.refused(404, "GET", "/v2/tasks/x/runs")


async def test_counts_and_the_report_come_from_the_rows_and_add_up(home: Path) -> None:
    def answer(prompt: str) -> str:
        return "never heard of" if "odd" in prompt else "good" if "fine" in prompt else "bad"

    with ScriptedModel(answer) as model:
        async with judging(home, model, outputs=["fine", "fine", "poor", "odd", "", ""]) as (door, _, task):
            run = await door.run(task)
            assert (run["status"], counts(run)) == ("COMPLETED", (3, 1, 2))
            assert "failure_reason" not in run
            report = await door.get(f"/x/task-runs/{run['id']}/report")
    assert list(report["labels"].values()) == [{"good": 2, "bad": 1}]
    assert report["total"] == 6
    ((error,), (skipped,)) = report["errors"], report["skipped"]
    assert (error["rows"], skipped["rows"]) == (1, 2)
    assert "never heard of" in error["reason"]
    assert "'output'" in skipped["reason"]
    assert skipped["example"] == f"{5:016x}"


async def test_a_report_lists_the_commonest_causes_only(door: Door) -> None:
    project = await door.send(span(0))
    task = await door.task(await door.evaluator(), project_id=project)
    run = await door.run(task)
    rows = ", ".join(f"('{run['id']}', {n}, 'e', 't', 'FAILED', 'cause {n // 2}')" for n in range(1, 1000))
    insert = "INSERT INTO run_items (run_id, position, evaluator_id, target_id, state, detail) VALUES "
    await door.engine.database.write(executing(insert + rows))
    report = await door.get(f"/x/task-runs/{run['id']}/report")
    assert report["total"] == 1000
    assert len(report["errors"]) == 50
    assert {error["rows"] for error in report["errors"]} == {2}


@pytest.mark.parametrize("spans", [2, 40])
async def test_a_refused_key_ends_the_run_at_once_and_names_the_variable(home: Path, spans: int) -> None:
    with ScriptedModel(lambda _: "good", key="another") as model:
        async with judging(home, model, outputs=["x"] * spans) as (door, project, task):
            run = await door.run(task)
            assert await labels(door, project) == []
    assert (run["status"], run["num_successes"]) == ("FAILED", 0)
    assert "OPENAI_API_KEY" in run["failure_reason"]
    assert "sk-the-right-key" not in str(run)
    assert model.count < 40


async def test_without_the_key_a_run_waits_and_says_what_to_set(home: Path) -> None:
    with ScriptedModel(lambda _: "good") as model:
        async with judging(home, model) as (door, project, task):
            pass
        async with opened(home, clock=HandClock()) as door:
            triggered = await door.trigger(task)
            run = await until(door, triggered["id"], lambda found: "failure_reason" in found)
            assert await labels(door, project) == []
    assert run["status"] == "PENDING"
    assert "waiting for OPENAI_API_KEY" in run["failure_reason"]
    assert model.count == 0


async def test_an_unknown_model_ends_the_run_and_is_named(home: Path) -> None:
    with ScriptedModel(lambda _: "good", models=["another"]) as model:
        async with judging(home, model, outputs=["x"] * 40) as (door, _, task):
            run = await door.run(task)
    assert (run["status"], run["num_successes"]) == ("FAILED", 0)
    assert "has no model 'judge-1'" in run["failure_reason"]
    assert model.count < 40


async def test_refusals_between_good_answers_do_not_end_a_run(home: Path) -> None:
    with ScriptedModel(lambda _: "good", failures=[401] * 4) as model:
        async with judging(home, model, outputs=[f"x {number}" for number in range(40)]) as (door, _, task):
            run = await door.run(task)
    assert (run["status"], counts(run)) == ("COMPLETED", (36, 4, 0))


async def test_a_run_that_scores_nothing_says_why(home: Path) -> None:
    with ScriptedModel(lambda _: "perhaps") as model:
        async with judging(home, model) as (door, _, task):
            failed = await door.run(task)
            evaluator = await door.evaluator()
            entry: Body = {"evaluator_id": evaluator, "column_mappings": {"output": "no.such.column"}}
            project = (await door.get("/v2/projects"))["projects"][0]["id"]
            skipping = await door.task(evaluator, "skipping", project_id=project, evaluators=[entry])
            skipped = await door.run(skipping)
    assert (failed["status"], counts(failed)) == ("FAILED", (0, 3, 0))
    assert "No row was scored" in failed["failure_reason"]
    assert "'perhaps'" in failed["failure_reason"]
    assert (skipped["status"], counts(skipped)) == ("COMPLETED", (0, 0, 3))
    assert "all 3 were skipped" in skipped["failure_reason"]
    assert "'output'" in skipped["failure_reason"]


async def test_a_column_mapping_says_where_a_variable_comes_from(door: Door) -> None:
    project = await door.send(span(0, "nothing", tag="a refund"))
    evaluator = await door.evaluator()
    entry: Body = {"evaluator_id": evaluator, "column_mappings": {"output": "attributes.tag"}}
    await door.run(await door.task(evaluator, project_id=project, evaluators=[entry]))
    assert await labels(door, project) == ["contains"]


async def test_a_task_deleted_while_it_runs_ends_its_run_and_nothing_else(home: Path) -> None:
    with held_model(free=1) as (model, held):
        async with judging(home, model) as (door, project, task):
            run = (await door.trigger(task))["id"]
            await until(door, run, lambda found: found["num_successes"] == 1)
            await door.delete(f"/v2/tasks/{task}")
            with capture_logs() as logged:
                held.let_go()
                other = await door.task(await door.evaluator(), "other", project_id=project)
                assert (await door.run(other))["status"] == "COMPLETED"
            assert (await labels(door, project)).count("good") == 1
            assert [entry for entry in logged if entry["log_level"] == "error"] == []


async def test_a_task_deleted_before_its_run_has_started_harms_nothing(door: Door) -> None:
    project = await door.send(span(0))
    evaluator = await door.evaluator()
    for number in range(5):
        task = await door.task(evaluator, f"short-lived {number}", project_id=project)
        await door.trigger(task)
        await door.delete(f"/v2/tasks/{task}")
    task = await door.task(evaluator, project_id=project)
    assert (await door.run(task))["status"] in {"COMPLETED", "CANCELLED"}


async def test_a_crash_of_a_worker_fails_its_run_alone_and_is_logged(door: Door) -> None:
    project = await door.send(span(0))
    task = await door.task(await door.evaluator(), project_id=project)
    # An evaluator that no check would let in: two variables are compared, and it has one.
    await set_kind(door, "EXACT_MATCH")
    with capture_logs() as logged:
        run = await door.run(task)
    assert (run["status"], run["failure_reason"]) == (
        "FAILED", "The run stopped on an internal error; see the server's log.",
    )  # fmt: skip
    assert [entry["run_id"] for entry in logged if entry["event"] == "run_crashed"] == [run["id"]]
    await set_kind(door, "JSON_PARSEABLE")
    assert (await door.run(task, **ALWAYS))["status"] == "COMPLETED"


async def test_what_a_worker_can_explain_is_the_run_s_reason(door: Door) -> None:
    project = await door.send(span(0))
    task = await door.task(await door.evaluator(), project_id=project)
    await set_kind(door, "MATCHES_REGEX")
    run = await door.run(task)
    assert run["status"] == "FAILED"
    assert "MATCHES_REGEX" in run["failure_reason"]


async def set_kind(door: Door, kind: str) -> None:
    """Make every code evaluator another one, without a check."""
    config = evaluator_versions.c.config
    await door.engine.database.write(
        lambda connection: connection.execute(
            evaluator_versions.update().values(config=sa.func.json_set(config, "$.managed_evaluator", kind))
        )
    )


async def test_a_store_that_fails_while_verdicts_are_written_fails_the_run_and_not_the_engine(home: Path) -> None:
    with held_model() as (model, held):
        async with judging(home, model) as (door, _, task):
            run = (await door.trigger(task))["id"]
            await door.until(run, "RUNNING")
            await door.engine.database.write(executing("ALTER TABLE evals RENAME TO lost"))
            held.let_go()
            ended = await door.until(run, "FAILED")
            assert f"The store {str(home / 'assaykit.db')!r} could not be used" in ended["failure_reason"]
            assert counts(ended) == (0, 0, 0)
            await door.engine.database.write(executing("ALTER TABLE lost RENAME TO evals"))
            assert (await door.run(task, **ALWAYS))["status"] == "COMPLETED"


async def test_a_run_whose_end_cannot_be_stored_goes_on_in_the_next_engine(home: Path, clock: HandClock) -> None:
    with held_model() as (model, held):
        async with judging(home, model, clock=clock) as (door, _, task):
            run = (await door.trigger(task))["id"]
            await door.until(run, "RUNNING")
            await door.engine.database.write(executing("ALTER TABLE task_runs RENAME TO lost"))
            with capture_logs() as logged, anyio.fail_after(60):
                held.let_go()
                while not [entry for entry in logged if entry["event"] == "run_end_not_stored"]:
                    await door.get("/v2/projects")
            await door.engine.database.write(executing("ALTER TABLE lost RENAME TO task_runs"))
            assert (await door.get(f"/v2/task-runs/{run}"))["status"] == "RUNNING"
            clock.now += (SILENT_S + 1) * SECOND
            async with opened(home, environment(model), clock, silent_s=0.5) as other:
                assert counts(await other.until(run, "COMPLETED")) == (3, 0, 0)


async def test_a_run_can_be_cancelled_from_another_engine_on_the_same_folder(home: Path) -> None:
    with held_model(free=1) as (model, held):
        async with judging(home, model) as (door, project, task), opened(home, clock=HandClock()) as other:
            run = (await door.trigger(task))["id"]
            await until(other, run, lambda found: found["num_successes"] == 1)
            cancelled = await other.post(f"/v2/task-runs/{run}/cancel")
            held.let_go()
            # The first engine is done with it as soon as its slots are free for others.
            again: dict[str, Any] = await door.run(task, **ALWAYS)
            assert (again["status"], counts(again)) == ("COMPLETED", (2, 0, 0))
            assert await other.get(f"/v2/task-runs/{run}") == cancelled
            assert await labels(door, project) == ["good"] * 3
