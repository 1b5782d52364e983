"""Continuous tasks: spans are scored as they arrive, each once, whatever becomes of the engines meanwhile."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import sqlalchemy as sa
from anyio.abc import TaskGroup, TaskStatus
from tests import stores
from tests.engine.door import DAY, NOW, PAUSE_S, SECOND, Body, Door, HandClock, counts, opened, span, span_id
from tests.engine.test_runs import held_model
from tests.scripted_model import ScriptedModel

from assaykit.engine.runs.executor import SILENT_S
from assaykit.engine.runs.schedule import LOCK
from assaykit.engine.sampling import taken
from assaykit.engine.store.queue.schedules import LONGEST_PAUSE_NS, pause_ns
from assaykit.engine.store.tables import task_runs
from assaykit.filelock import FileLock
from assaykit.wire.runs import DEFAULT_MAX_SPANS

pytestmark = pytest.mark.slow

PERIOD_S = 0.05


@asynccontextmanager
async def looking(home: Path, **how: Any) -> AsyncGenerator[Door]:
    """The door of an engine that looks for new spans all the time."""
    async with opened(home, period_s=PERIOD_S, **how) as door:
        yield door


@pytest.fixture
async def live(home: Path) -> AsyncGenerator[Door]:
    async with looking(home) as door:
        yield door


async def continuous(door: Door, project: str, evaluator: str | None = None, **fields: Any) -> str:
    """A continuous task; its evaluator is a code evaluator unless one is given."""
    wanted: Body = {"project_id": project, "is_continuous": True} | fields
    return await door.task(evaluator or await door.evaluator(), **wanted)


async def judged(door: Door, project: str) -> str:
    """A continuous task whose evaluator asks a model."""
    return await continuous(door, project, await door.judge(), type="TEMPLATE_EVALUATION")


async def until(ask: Callable[[], Awaitable[Any]], reached: Callable[[Any], bool]) -> Any:
    with anyio.fail_after(60):
        while not reached(found := await ask()):  # noqa: ASYNC110
            await anyio.sleep(PAUSE_S)
    return found


async def schedule(door: Door, task: str) -> Body:
    return await door.get(f"/x/tasks/{task}/schedule")


async def looked(door: Door, task: str) -> Body:
    """The schedule once it has gone past all that has come, and has looked again after that; no standing clock."""
    seen = await until(
        lambda: schedule(door, task), lambda found: not found["spans_waiting"] and not found["is_running"]
    )
    return await until(lambda: schedule(door, task), lambda found: found["next_run_at"] != seen["next_run_at"])


async def labelled(door: Door, project: str) -> list[str]:
    """The ids of the spans that have a label."""
    return sorted(row["context"]["span_id"] for row in await every_span(door, project) if row["evaluations"])


async def every_span(door: Door, project: str) -> list[Body]:
    return await door.spans(project, start_time="2000-01-01T00:00:00Z", end_time="2100-01-01T00:00:00Z")


async def until_labelled(door: Door, project: str, numbers: Sequence[int]) -> None:
    wanted = sorted(span_id(number) for number in numbers)
    assert await until(lambda: labelled(door, project), lambda found: len(found) >= len(wanted)) == wanted


async def runs(door: Door, task: str) -> list[Body]:
    """The task's runs, oldest first."""
    return (await door.all_of(f"/v2/tasks/{task}/runs", "task_runs", 50))[::-1]


async def scored(door: Door, task: str) -> int:
    """How often anything was scored, over all runs."""
    return sum(run["num_successes"] for run in await runs(door, task))


async def test_spans_that_arrive_are_scored_without_a_trigger_and_those_before_are_not(live: Door) -> None:
    project = await live.send(span(0))
    task = await continuous(live, project)
    await live.send(span(1), span(2))
    await until_labelled(live, project, [1, 2])
    # It started long before the task was made; when it arrives is what counts.
    await live.send(span(3, start_ns=NOW - 400 * DAY))
    await until_labelled(live, project, [1, 2, 3])
    await looked(live, task)
    made = await runs(live, task)
    assert {run["status"] for run in made} == {"COMPLETED"}
    assert sum(run["num_successes"] for run in made) == 3
    assert made[-1]["data_start_time"] == made[-1]["data_end_time"] == "2024-11-27T00:00:00Z"
    assert (await live.get(f"/v2/tasks/{task}"))["last_run_at"] == made[-1]["created_at"]


async def test_a_look_that_finds_nothing_makes_no_run(live: Door) -> None:
    project = await live.send(span(0))
    task = await continuous(live, project, query_filter="name = 'call 2'")
    await looked(live, task)
    await live.send(span(1), span(3))
    await live.send(span(2), project="elsewhere")
    await looked(live, task)
    assert await runs(live, task) == []
    await live.send(span(2))
    await until_labelled(live, project, [2])
    await looked(live, task)
    assert len(await runs(live, task)) == 1


async def test_the_filters_of_the_task_and_of_its_evaluators_both_count(live: Door) -> None:
    project = await live.send(span(0))
    evaluator = await live.evaluator()
    entry = {"evaluator_id": evaluator, "query_filter": "attributes.tag = 'b'"}
    await continuous(
        live, project, evaluator, query_filter="attributes.output.value CONTAINS 'a refund'", evaluators=[entry]
    )
    await live.send(span(1, tag="a"), span(2, tag="b"), span(3, "nothing", tag="b"))
    await until_labelled(live, project, [2])


async def test_a_sampling_rate_takes_the_same_spans_however_they_arrive(live: Door) -> None:
    project = await live.send(span(0))
    task = await continuous(live, project, sampling_rate=0.5)
    for first in range(1, 41, 8):
        await live.send(*(span(number) for number in range(first, first + 8)))
    expected = [number for number in range(1, 41) if taken(span_id(number), 0.5)]
    assert 0 < len(expected) < 40
    await until_labelled(live, project, expected)
    await looked(live, task)
    assert await scored(live, task) == len(expected)


async def test_a_span_that_is_sent_again_is_not_scored_again(live: Door) -> None:
    project = await live.send(span(0))
    task = await continuous(live, project)
    await live.send(span(1))
    await until_labelled(live, project, [1])
    await live.send(span(0), span(1))
    await looked(live, task)
    assert await labelled(live, project) == [span_id(1)]
    assert await scored(live, task) == 1


async def test_what_arrives_while_nobody_looks_is_caught_up(home: Path) -> None:
    with held_lock(home):
        async with looking(home) as door:
            project = await door.send(span(0))
            task = await continuous(door, project)
            await door.send(span(1), span(2))
            found = await schedule(door, task)
            assert (found["worker"], found["spans_waiting"], found["is_running"]) == ("another", 2, False)
    async with looking(home) as door:
        await until_labelled(door, project, [1, 2])
        assert (await schedule(door, task))["worker"] == "this"


async def test_a_process_that_holds_the_lock_and_does_no_work_stops_no_task(home: Path) -> None:
    with held_lock(home):
        async with looking(home, silent_s=0.5) as door:
            project = await door.send(span(0))
            task = await continuous(door, project)
            await door.send(span(1), span(2))
            await until_labelled(door, project, [1, 2])
            await door.send(span(3))
            await until_labelled(door, project, [1, 2, 3])
            assert (await schedule(door, task))["worker"] == "another"
            assert await scored(door, task) == 3


@contextmanager
def held_lock(home: Path) -> Generator[None]:
    """The lock of the scheduler, held as by a process that does not get round to its work."""
    lock = FileLock(home / LOCK)
    assert lock.try_take()
    try:
        yield
    finally:
        lock.release()


async def test_of_two_engines_one_runs_the_task_and_the_other_takes_over(home: Path) -> None:
    async with (
        anyio.create_task_group() as group,
        looking_apart(home, group) as (first, close),
        looking(home) as second,
    ):
        project = await first.send(span(0))
        task = await continuous(second, project)
        assert [(await schedule(door, task))["worker"] for door in (first, second)] == ["this", "another"]
        for number in range(1, 13):
            await (first, second)[number % 2].send(span(number))
        await until_labelled(second, project, range(1, 13))
        close()
        await until(lambda: schedule(second, task), lambda found: found["worker"] == "this")
        await second.send(*(span(number) for number in range(13, 16)))
        await until_labelled(second, project, range(1, 16))
        await looked(second, task)
        assert await scored(second, task) == 15


@asynccontextmanager
async def looking_apart(home: Path, group: TaskGroup) -> AsyncGenerator[tuple[Door, Callable[[], None]]]:
    """An engine in a task of its own and what closes it, since engines of one task are closed in order."""
    closing = anyio.Event()

    async def keep(*, task_status: TaskStatus[Door]) -> None:
        async with looking(home) as door:
            task_status.started(door)
            await closing.wait()

    try:
        yield await group.start(keep), closing.set
    finally:
        closing.set()


async def test_a_run_whose_engine_stopped_goes_on_in_the_next(home: Path) -> None:
    with held_model(free=1) as (model, held):
        environment = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": model.url}
        async with looking(home, environment=environment) as door:
            project = await door.send(span(0))
            task = await judged(door, project)
            await door.send(*(span(number) for number in range(1, 4)))
            await until(lambda: scored(door, task), lambda number: number == 1)
        held.let_go()
        async with looking(home, environment=environment) as door:
            await until_labelled(door, project, [1, 2, 3])
            await looked(door, task)
            await door.send(span(4))
            await until_labelled(door, project, [1, 2, 3, 4])
            await looked(door, task)
            ended = await runs(door, task)
            assert (await schedule(door, task))["failures"] == 0
    assert [(run["status"], run["num_successes"]) for run in ended] == [("COMPLETED", 3), ("COMPLETED", 1)]


async def test_a_run_whose_process_was_killed_goes_on_in_the_next(home: Path, clock: HandClock) -> None:
    with held_model() as (model, held):
        environment = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": model.url}
        async with looking(home, environment=environment, clock=clock) as door:
            project = await door.send(span(0))
            task = await judged(door, project)
            await door.send(span(1))
            clock.now += SECOND
            (run,) = await until(lambda: runs(door, task), bool)
            await door.until(run["id"], "RUNNING")
        held.let_go()
        # A process that is killed lets go of nothing.
        await stores.change(home, sa.update(task_runs).values(heartbeat_ns=clock.now, owner="killed"))
        async with opened(home, clock=clock) as door:
            assert (await schedule(door, task))["is_running"] is True
        clock.now += (SILENT_S + 1) * SECOND
        async with looking(home, environment=environment, clock=clock) as door:
            await until_labelled(door, project, [1])
            await until(lambda: schedule(door, task), lambda found: not found["is_running"])
            (run,) = await runs(door, task)
            assert (run["status"], counts(run)) == ("COMPLETED", (1, 0, 0))


async def test_a_paused_task_goes_on_with_what_arrives_after_it_is_resumed(live: Door) -> None:
    project = await live.send(span(0))
    task = await continuous(live, project)
    await live.send(span(1))
    await until_labelled(live, project, [1])
    await patch(live, task, is_continuous=False)
    assert await schedule(live, task) == {
        "is_continuous": False,
        "worker": "this",
        "is_running": False,
        "failures": 0,
        "at_max_cost": False,
        "given_up": 0,
    }
    await live.send(span(2))
    await patch(live, task, is_continuous=True)
    await live.send(span(3))
    await until_labelled(live, project, [1, 3])


async def patch(door: Door, task: str, **changes: Any) -> Body:
    response = await door.http.patch(f"/v2/tasks/{task}", json=changes)
    assert response.is_success, response.text
    return response.json()


async def test_a_change_holds_for_the_spans_that_come_after_it(live: Door) -> None:
    project = await live.send(span(0))
    task = await continuous(live, project)
    await live.send(span(1))
    await until_labelled(live, project, [1])
    await patch(live, task, query_filter="name = 'call 3'", name="renamed")
    await live.send(span(2), span(3))
    await until_labelled(live, project, [1, 3])


async def test_a_deleted_task_scores_nothing_more(live: Door) -> None:
    project = await live.send(span(0))
    gone = await continuous(live, project)
    other = await continuous(live, project, await live.evaluator("other"), name="other")
    await live.delete(f"/v2/tasks/{gone}")
    await live.refused(404, "GET", f"/x/tasks/{gone}/schedule")
    await live.send(span(1))
    await until_labelled(live, project, [1])
    await looked(live, other)
    assert [one["name"] for row in await every_span(live, project) for one in row["evaluations"]] == ["other"]


async def test_a_refused_key_is_tried_again_ever_more_rarely_and_told(home: Path, clock: HandClock) -> None:
    with ScriptedModel(lambda _: "good", key="another") as model:
        environment = {"OPENAI_API_KEY": "sk-mine", "OPENAI_BASE_URL": model.url}
        async with looking(home, environment=environment, clock=clock) as door:
            project = await door.send(span(0))
            task = await judged(door, project)
            await door.send(span(1))
            asked: list[int] = []
            for failures in (1, 2, 3):
                clock.now += pause_ns(failures - 1, int(PERIOD_S * SECOND))
                found = await until(lambda: schedule(door, task), lambda found, n=failures: found["failures"] == n)
                asked.append(model.count)
            assert asked[0] > 0
            assert asked == [asked[0], 2 * asked[0], 3 * asked[0]]
            assert "OPENAI_API_KEY" in found["last_failure"]
            assert found["next_run_at"] == "2026-01-01T00:00:00.750000Z"
            assert len(await runs(door, task)) == 3
        # A process that has the right key need not wait for the pause to end.
        async with looking(home, environment=environment | {"OPENAI_API_KEY": "another"}, clock=clock) as door:
            await until_labelled(door, project, [1])
            found = await until(lambda: schedule(door, task), lambda found: found["failures"] == 0)
            assert "last_failure" not in found


async def test_the_cause_of_a_failure_is_told_while_the_spans_are_tried_again(home: Path, clock: HandClock) -> None:
    with ScriptedModel(lambda _: "good", key="another", latency_s=1.5) as model:
        environment = {"OPENAI_API_KEY": "sk-mine", "OPENAI_BASE_URL": model.url}
        async with looking(home, environment=environment, clock=clock) as door:
            project = await door.send(span(0))
            task = await judged(door, project)
            await door.send(span(1))
            # The engine may have looked before the span came, and the clock stands.
            clock.now += int(PERIOD_S * SECOND)
            await until(lambda: schedule(door, task), lambda found: found["failures"] == 1)
            clock.now += pause_ns(1, int(PERIOD_S * SECOND))
            again = await until(lambda: schedule(door, task), lambda found: found["is_running"])
            assert again["failures"] == 1
            assert "OPENAI_API_KEY" in again["last_failure"]


async def test_a_change_of_the_task_ends_the_pause_after_a_failure(home: Path, clock: HandClock) -> None:
    with ScriptedModel(lambda _: "good", failures=[401]) as model:
        environment = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": model.url}
        async with looking(home, environment=environment, clock=clock) as door:
            project = await door.send(span(0))
            task = await judged(door, project)
            await door.send(span(1))
            clock.now += SECOND
            await until(lambda: schedule(door, task), lambda found: found["failures"] == 1)
            await patch(door, task, sampling_rate=1)
            await until_labelled(door, project, [1])


def test_a_pause_is_doubled_with_each_failure_up_to_ten_minutes() -> None:
    pauses = [pause_ns(failures, 15 * SECOND) // SECOND for failures in (1, 2, 3, 6, 1000)]
    assert pauses == [30, 60, 120, 600, 600]
    assert LONGEST_PAUSE_NS == 600 * SECOND


async def test_a_cancelled_run_counts_as_done_and_is_not_repeated(home: Path) -> None:
    with held_model() as (model, held):
        async with looking(home, environment={"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": model.url}) as door:
            project = await door.send(span(0))
            task = await judged(door, project)
            await door.send(span(1), span(2))
            (run,) = await until(lambda: runs(door, task), bool)
            await door.until(run["id"], "RUNNING")
            cancelled = await door.post(f"/v2/task-runs/{run['id']}/cancel")
            assert "continues with spans that arrive later" in cancelled["failure_reason"]
            held.let_go()
            await looked(door, task)
            await door.send(span(3))
            await until_labelled(door, project, [3])
            await looked(door, task)
            assert [run["status"] for run in await runs(door, task)] == ["CANCELLED", "COMPLETED"]


async def test_rows_that_fail_by_their_own_fault_are_counted_and_not_tried_again(home: Path) -> None:
    with ScriptedModel(lambda _: "perhaps") as model:
        async with looking(home, environment={"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": model.url}) as door:
            task = await judged(door, await door.send(span(0)))
            await door.send(span(1), span(2))
            found = await looked(door, task)
            assert found["failures"] == 0
            (run,) = await runs(door, task)
            assert (run["status"], counts(run)) == ("FAILED", (0, 2, 0))


async def test_more_than_a_run_takes_goes_on_at_once(home: Path, clock: HandClock) -> None:
    with held_lock(home):
        async with looking(home, clock=clock) as door:
            project = await door.send(span(0))
            task = await continuous(door, project, query_filter="attributes.output.value CONTAINS 'a refund'")
            await door.engine.database.write(copies, 2 * DEFAULT_MAX_SPANS)
            await door.send(span(1))
            assert (await schedule(door, task))["spans_waiting"] == 2 * DEFAULT_MAX_SPANS + 1
    # The clock stands, so nothing becomes due: only going on at once gets to the last span.
    async with looking(home, clock=clock) as door:
        await until(lambda: scored(door, task), lambda number: number == 1)
        await until(lambda: schedule(door, task), lambda found: not found["is_running"] and not found["spans_waiting"])
        assert len(await runs(door, task)) == 1


def copies(connection: sa.Connection, number: int) -> None:
    """So many spans that the filter does not take, quicker than an exporter would send them."""
    columns = [name for name in sa.inspect(connection).get_columns("spans") if name["name"] != "n"]
    changed = {"span_id": "'copy ' || x", "attributes": "'{}'"}
    names = ", ".join(column["name"] for column in columns)
    values = ", ".join(changed.get(column["name"], column["name"]) for column in columns)
    counted = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < ?)"
    insert = f"INSERT INTO spans ({names}) {counted} SELECT {values} FROM spans, c"  # noqa: S608  (our own names)
    connection.exec_driver_sql(insert, (number,))


async def test_a_run_that_is_triggered_still_takes_the_week_before(live: Door) -> None:
    now = live.engine.clock.now_ns()
    project = await live.send(span(0, start_ns=now - DAY))
    task = await continuous(live, project)
    await live.send(span(1, start_ns=now - SECOND))
    await until_labelled(live, project, [1])
    assert counts(await live.run(task)) == (1, 0, 0)
    await until_labelled(live, project, [0, 1])


async def test_where_the_lock_cannot_be_used_nobody_runs_the_task_and_that_is_told(home: Path) -> None:
    (home / LOCK).mkdir()
    async with looking(home) as door:
        project = await door.send(span(0))
        task = await continuous(door, project)
        await door.send(span(1))
        found = await schedule(door, task)
        assert (found["worker"], found["spans_waiting"], "next_run_at" in found) == ("nobody", 1, False)
        (home / LOCK).rmdir()
        await until_labelled(door, project, [1])


async def test_a_dataset_task_may_say_that_it_is_not_continuous(door: Door) -> None:
    dataset, (example,) = await door.dataset([{"q": 1}])
    experiment = await door.experiment(dataset, [{"example_id": example, "output": "a refund"}])
    target: Body = {"dataset_id": dataset, "experiment_ids": [experiment]}
    task = await door.task(await door.evaluator(), is_continuous=False, **target)
    assert (await patch(door, task, is_continuous=False))["is_continuous"] is False
    await door.refused(400, "PATCH", f"/v2/tasks/{task}", json={"is_continuous": True})
    assert (await schedule(door, task))["is_continuous"] is False
