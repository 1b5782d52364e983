"""A run goes on when the engine that executes it stops, falls silent or is only slow, and nothing is done twice."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest
import sqlalchemy as sa
from tests.engine.door import DAY, SECOND, Body, Door, HandClock, counts, judge_version, opened, span, span_id
from tests.engine.held import Held, held_model
from tests.engine.test_generation import CAPITALS, SECRET, Stage, capital, staged
from tests.engine.test_runs import ALWAYS, environment, executing, judging, labels, until
from tests.scripted_model import ScriptedModel

from assaykit.engine.clock import Clock
from assaykit.engine.runs.executor import RUNS_AT_ONCE, SILENT_S
from assaykit.engine.runs.life import LifeLock
from assaykit.engine.store.queue import generations, leases, runs
from assaykit.engine.store.queue.leases import MOST_TRIES, Lease
from assaykit.engine.store.queue.runs import Item, ItemOutcome
from assaykit.engine.store.tables import task_runs
from assaykit.wire.runs import TriggerEvaluationRequest

SILENCE_NS = int(SILENT_S * SECOND) + SECOND


SOON_S = 1.0
"""The silence after which an engine takes over the runs of one that gives a sign of life every three seconds."""


def take_all(connection: sa.Connection, owner: str, clock: Clock) -> Sequence[Lease]:
    """Take over every run there is, as an engine does that finds all others silent."""
    return leases.take(connection, owner, leases.sights(connection), clock)


class Half(NamedTuple):
    """A run of three spans of which one is scored, and the engine that waits for the model with the others."""

    door: Door
    project: str
    run: str
    held: Held
    is_done: anyio.Event

    async def get_on(self) -> None:
        """Let the engine have its answers, and wait until it is done with the run."""
        self.held.let_go()
        with anyio.fail_after(60):
            await self.is_done.wait()


@asynccontextmanager
async def half_done(home: Path, clock: HandClock | None = None, silent_s: float | None = None) -> AsyncGenerator[Half]:
    """The engine says good, and gets on when the block ends at the latest."""
    is_done = anyio.Event()

    async def execute(door: Door, run: str) -> None:
        await door.engine.executor.execute(run)
        is_done.set()

    with held_model(1) as (model, held):
        async with opened(home, environment(model), clock or HandClock(), silent_s=silent_s) as door:
            project = await door.send(*(span(number) for number in range(3)))
            task = await door.task(await door.judge(), project_id=project, type="TEMPLATE_EVALUATION")
            async with anyio.create_task_group() as group:
                run = await pending(door, task, door.engine.executor.owner)
                group.start_soon(execute, door, run)
                await until(door, run, lambda found: found["num_successes"] == 1)
                yield Half(door, project, run, held, is_done)
                held.let_go()


async def pending(door: Door, task: str, owner: str, **request: Any) -> str:
    """A run in the store that this owner is to execute."""
    wanted = TriggerEvaluationRequest.model_validate(request)
    return (await door.engine.database.write(runs.trigger, task, wanted, owner, door.engine.clock)).id


async def taken_over(door: Door, run: str, fence: int = 1) -> None:
    with anyio.fail_after(60):
        while (await fields(door, run))["fence"] < fence:
            pass


async def fields(door: Door, run: str) -> Body:
    """The run's row in the store."""

    def read(connection: sa.Connection) -> Body:
        return dict(connection.execute(sa.select(task_runs).where(task_runs.c.id == run)).mappings().one())

    return await door.engine.database.read(read)


async def test_a_run_of_an_engine_that_fell_silent_goes_on_in_another_with_what_is_left(home: Path) -> None:
    with ScriptedModel(lambda _: "bad") as model:
        async with half_done(home) as half, opened(home, environment(model), HandClock(), silent_s=SOON_S) as other:
            ended = await other.until(half.run, "COMPLETED")
            assert counts(ended) == (3, 0, 0)
            assert sorted(await labels(other, half.project)) == ["bad", "bad", "good"]
            assert model.count == 2
            await half.get_on()
            assert await other.get(f"/v2/task-runs/{half.run}") == ended


async def test_an_engine_that_was_only_slow_stores_nothing_once_another_has_its_run(home: Path) -> None:
    with held_model(answer=lambda _: "bad") as (model, held):
        async with half_done(home) as half, opened(home, environment(model), HandClock(), silent_s=SOON_S) as other:
            await taken_over(other, half.run)
            await half.get_on()
            found = await other.get(f"/v2/task-runs/{half.run}")
            assert (found["status"], counts(found)) == ("RUNNING", (1, 0, 0))
            assert await labels(other, half.project) == ["good"]
            held.let_go()
            assert counts(await other.until(half.run, "COMPLETED")) == (3, 0, 0)
            assert sorted(await labels(other, half.project)) == ["bad", "bad", "good"]


@pytest.fixture
def everybody_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Owners that a test makes up have no lock, and an engine that looks would take them for dead."""

    def nobody(*_: object) -> AbstractContextManager[frozenset[str]]:
        return nullcontext(frozenset())

    monkeypatch.setattr(LifeLock, "dead", nobody)


@pytest.mark.usefixtures("everybody_lives")
async def test_each_write_of_a_run_needs_its_lease(home: Path) -> None:
    async with opened(home, clock=HandClock()) as door:
        task = await door.task(await door.evaluator(), project_id=await door.send(span(0)))
        run = await pending(door, task, "first")
        write, clock, item = door.engine.database.write, door.engine.clock, Item(0, span_id(0), "e", "p")
        lost, (lease,) = Lease(run, "first"), await write(take_all, "second", clock)
        assert not await write(runs.start, lost, [item], {}, clock)
        assert await write(runs.start, lease, [item], {}, clock)
        assert not await write(runs.record, lost, [ItemOutcome(item, "SCORED")], clock.now_ns())
        assert not await write(runs.record, Lease(run, "second"), [ItemOutcome(item, "SCORED")], clock.now_ns())
        assert (await write(runs.finish, lost, "FAILED", "late", clock)).status == "RUNNING"
        assert await write(leases.renew, [lost, lease], clock.now_ns()) == [lost]
        assert counts(await door.get(f"/v2/task-runs/{run}")) == (0, 0, 0)
        assert await write(runs.record, lease, [ItemOutcome(item, "SCORED")], clock.now_ns())
        assert (await write(runs.finish, lease, "COMPLETED", None, clock)).num_successes == 1


async def test_a_run_goes_on_with_the_version_and_the_mappings_it_began_with(home: Path) -> None:
    with ScriptedModel(lambda _: "bad") as model:
        async with half_done(home) as half:
            door = half.door
            (evaluator,) = (await door.get("/v2/evaluators"))["evaluators"]
            task = (await door.get(f"/v2/task-runs/{half.run}"))["task_id"]
            before = await door.get(f"/v2/evaluators/{evaluator['id']}")
            integration = (await door.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
            newer = judge_version(integration)
            newer["template_config"]["template"] = "Is it rude? {output}"
            await door.post(f"/v2/evaluators/{evaluator['id']}/versions", newer)
            mapped = [{"evaluator_id": evaluator["id"], "column_mappings": {"output": "input"}}]
            response = await door.http.patch(f"/v2/tasks/{task}", json={"evaluators": mapped})
            assert response.is_success, response.text
            async with opened(home, environment(model), HandClock(), silent_s=SOON_S) as other:
                await other.until(half.run, "COMPLETED")
                rows = await other.spans(half.project)
                made_by = {row["evaluations"][0]["metadata"]["evaluator_version_id"] for row in rows}
                assert made_by == {before["version"]["id"]}
    assert model.count == 2
    assert all("Is this good?" in prompt and "a refund" in prompt for prompt in model.prompts)


async def test_an_experiment_is_filled_by_the_next_engine_with_each_example_once(home: Path) -> None:
    with held_model(1, capital) as (model, held):
        async with staged(home, model) as stage:
            task, scoring = await stage.task(stage.generation()), await scoring_of(stage)
            run = (await stage.door.trigger(task, experiment_name="v1", evaluation_task_ids=[scoring]))["id"]
            made = (await until(stage.door, run, lambda found: found["num_successes"] == 1))["experiment_id"]
            (first,) = await stage.door.runs_of(made)
            change = {"run_configuration": stage.generation("Name {capital}")}
            assert (await stage.door.http.patch(f"/v2/tasks/{task}", json=change)).is_success
        held.let_go()
        asked = model.count
        async with opened(home, {"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": model.url}, HandClock()) as door:
            ended = await door.until(run, "COMPLETED")
            assert (counts(ended), ended["experiment_id"]) == ((3, 0, 0), made)
            rows = await door.runs_of(made)
            assert sorted(row["output"] for row in rows) == sorted(row["capital"] for row in CAPITALS)
            # The task that follows may have scored the row by now.
            (same,) = [row for row in rows if row["id"] == first["id"]]
            assert {key: same[key] for key in first} == first
            assert all("Capital of" in prompt for prompt in model.prompts[asked:])
            (follower,) = (await door.get(f"/v2/tasks/{scoring}/runs"))["task_runs"]
            assert counts(await door.until(follower["id"], "COMPLETED")) == (3, 0, 0)


async def scoring_of(stage: Stage) -> str:
    """A task that scores an experiment on the stage's dataset."""
    old = await stage.door.experiment(stage.dataset, [{"example_id": stage.examples[0], "output": "x"}], "old")
    return await stage.door.task(
        await stage.door.evaluator(), "scoring", dataset_id=stage.dataset, experiment_ids=[old]
    )


async def test_evaluation_tasks_start_only_for_the_engine_that_has_the_run(home: Path) -> None:
    with ScriptedModel(capital) as model:
        async with staged(home, model) as stage:
            scoring = await scoring_of(stage)
            request = {"experiment_name": "v1", "evaluation_task_ids": [scoring]}
            run = await stage.door.run(await stage.task(stage.generation()), **request)
            again, clock = stage.door.engine.database.write, stage.door.engine.clock
            lost = Lease(run["id"], stage.door.engine.executor.owner)
            _, started = await again(generations.finish, lost, "COMPLETED", None, clock)
            assert started == []
            assert len((await stage.door.get(f"/v2/tasks/{scoring}/runs"))["task_runs"]) == 1


async def test_runs_of_an_engine_that_is_closed_go_on_in_the_next_at_once(home: Path) -> None:
    with held_model(free=1) as (model, held):
        async with judging(home, model) as (door, project, task):
            first = (await door.trigger(task))["id"]
            await until(door, first, lambda found: found["num_successes"] == 1)
            many = [first, *[(await door.trigger(task, **ALWAYS))["id"] for _ in range(RUNS_AT_ONCE + 2)]]
        held.let_go()
        async with opened(home, environment(model), HandClock()) as door:
            ended = [await door.until(run, "COMPLETED", "FAILED", "CANCELLED") for run in many]
            assert counts(ended[0]) == (3, 0, 0)
            # What the first has scored the others find labelled, or score again where they began before.
            assert {run["status"] for run in ended} <= {"COMPLETED", "CANCELLED"}
            assert await labels(door, project) == ["good"] * 3
            assert (await door.get("/x/status"))["running"] == 0


async def test_a_run_that_waited_is_begun_by_another_engine_and_a_silent_moment_is_forgiven(home: Path) -> None:
    clock = HandClock()
    LifeLock(home, "an engine that hangs").take()
    async with opened(home, clock=clock) as door:
        task = await door.task(await door.evaluator(), project_id=await door.send(span(0)))
        run = await pending(door, task, "an engine that hangs")
        # The wall clock of nobody counts.
        clock.now += DAY
        async with opened(home, clock=clock):
            await anyio.sleep(0.3)
        assert (await door.get(f"/v2/task-runs/{run}"))["status"] == "PENDING"
        async with opened(home, clock=clock, silent_s=SOON_S):
            assert counts(await door.until(run, "COMPLETED")) == (1, 0, 0)


async def test_a_run_that_is_cancelled_after_it_changed_hands_stays_so_for_both(home: Path) -> None:
    with held_model(answer=lambda _: "bad") as (model, held):
        async with half_done(home) as half, opened(home, environment(model), HandClock(), silent_s=SOON_S) as other:
            await taken_over(other, half.run)
            cancelled = await other.post(f"/v2/task-runs/{half.run}/cancel")
            held.let_go()
            await half.get_on()
            assert await other.get(f"/v2/task-runs/{half.run}") == cancelled
            assert (cancelled["status"], counts(cancelled)) == ("CANCELLED", (1, 0, 0))
            assert await labels(other, half.project) == ["good"]


async def test_a_heartbeat_stops_a_run_that_was_cancelled_elsewhere(home: Path) -> None:
    async with half_done(home, silent_s=0.06) as half, opened(home, clock=HandClock()) as other:
        await other.post(f"/v2/task-runs/{half.run}/cancel")
        with anyio.fail_after(60):
            # The model has not answered.
            await half.is_done.wait()


@pytest.mark.usefixtures("everybody_lives")
async def test_a_run_over_which_engine_after_engine_dies_is_given_up(home: Path) -> None:
    async with half_done(home) as half:
        write, clock = half.door.engine.database.write, HandClock()
        for number in range(3 * MOST_TRIES - 2):
            (lease,) = await write(take_all, f"engine {number}", clock)
            assert lease.fence == number + 1
            if number % 3 == 0:
                # The others had it among many, and died before its turn.
                await write(leases.try_again, lease)
            clock.now += SECOND
        assert await write(take_all, "the last", clock) == []
        found = await half.door.get(f"/v2/task-runs/{half.run}")
        assert (found["status"], counts(found)) == ("FAILED", (1, 0, 0))
        assert "6 processes in a row ended while they executed this run" in found["failure_reason"]


@pytest.mark.usefixtures("everybody_lives")
async def test_a_run_that_gets_on_may_change_hands_as_often_as_it_likes(home: Path) -> None:
    async with half_done(home) as half:
        write, clock = half.door.engine.database.write, HandClock()
        for number in range(2 * MOST_TRIES):
            (lease,) = await write(take_all, f"engine {number}", clock)
            await write(leases.try_again, lease)
            assert await write(runs.record, lease, [], clock.now)
            clock.now += SECOND


async def test_a_run_begun_by_a_version_that_kept_no_plan_ends_with_the_reason(home: Path) -> None:
    async with half_done(home) as half:
        await half.door.engine.database.write(executing("UPDATE task_runs SET plan = NULL"))
        async with opened(home, clock=HandClock(), silent_s=SOON_S) as other:
            ended = await other.until(half.run, "FAILED")
            assert "An older version started the run" in ended["failure_reason"]
            assert counts(ended) == (1, 0, 0)


async def test_the_report_tells_whether_anybody_executes_the_run(home: Path) -> None:
    clock = HandClock()
    async with half_done(home, clock) as half:
        at = f"/x/task-runs/{half.run}/report"
        assert (await half.door.get(at))["is_executed"] is True
        clock.now += SILENCE_NS
        assert (await half.door.get(at))["is_executed"] is False
        await half.get_on()
        assert (await half.door.get(at))["is_executed"] is False


def test_the_lock_of_an_engine_that_died_is_seen_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    own, other = LifeLock(tmp_path, "own"), LifeLock(tmp_path, "other")
    for lock in (own, other):
        lock.take()
    assert not own.sees_dead()
    # The other process is gone: the system frees its lock, and its file stays.
    lock_file = other.path.read_bytes()
    other.release()
    other.path.write_bytes(lock_file)
    assert own.sees_dead()
    with own.dead([]) as dead:
        assert dead == {"other"}
    assert not own.sees_dead()
    own.release()
