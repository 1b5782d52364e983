"""Work goes to a process that can do it: one without the key leaves a run alone, and the run waits for the key."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import sqlalchemy as sa
from tests import stores
from tests.engine.door import Body, Door, HandClock, counts, opened, span
from tests.engine.held import held_model
from tests.engine.test_generation import capital, staged
from tests.engine.test_given_up import SPANS, first, integration, judge, labels
from tests.engine.test_runs import ALWAYS, environment, judging, until
from tests.scripted_model import ScriptedModel

from assaykit.engine.runs.life import PREFIX, LifeLock
from assaykit.engine.runs.watch import Watch
from assaykit.engine.store.tables import task_runs

SOON_S = 1.0
WAITS = "waiting for OPENAI_API_KEY"


async def waiting(door: Door, run: str, names: str = WAITS) -> Body:
    return await until(door, run, lambda found: names in found.get("failure_reason", ""))


@asynccontextmanager
async def both(
    home: Path, first: Mapping[str, str], second: Mapping[str, str], **how: Any
) -> AsyncGenerator[tuple[Door, Door]]:
    async with opened(home, first, silent_s=SOON_S, **how) as one, opened(home, second, silent_s=SOON_S, **how) as two:
        yield one, two


async def test_a_run_whose_window_closes_waits_for_one_with_the_key(home: Path) -> None:
    with held_model(free=1) as (model, held):
        async with opened(home, {}, silent_s=SOON_S) as keyless:
            async with judging(home, model) as (door, _, task):
                run = (await door.trigger(task, **ALWAYS))["id"]
                await until(door, run, lambda found: found["num_successes"] == 1)
            held.let_go()
            found = await waiting(keyless, run)
            assert (found["status"], counts(found)) == ("RUNNING", (1, 0, 0))
            assert (await keyless.get(f"/x/task-runs/{run}/report"))["is_executed"] is False
            async with opened(home, environment(model), silent_s=SOON_S) as door:
                ended = await door.until(run, "COMPLETED", "FAILED", "CANCELLED")
                assert (ended["status"], counts(ended)) == ("COMPLETED", (3, 0, 0))
                assert "failure_reason" not in ended


async def test_a_run_that_is_triggered_without_the_key_goes_to_a_window_that_has_it(home: Path) -> None:
    with ScriptedModel(lambda _: "good") as model:
        async with judging(home, model) as (_, _, task):
            pass
        async with both(home, {}, environment(model)) as (keyless, _):
            assert counts(await keyless.run(task, **ALWAYS)) == (3, 0, 0)


async def test_a_run_that_nobody_can_do_can_be_cancelled(home: Path) -> None:
    with ScriptedModel(lambda _: "good") as model:
        async with judging(home, model) as (_, _, task):
            pass
        async with opened(home, {"OPENAI_API_KEY": " "}, silent_s=SOON_S) as door:
            run = (await door.trigger(task, **ALWAYS))["id"]
            assert (await waiting(door, run))["status"] == "PENDING"
            cancelled = await door.post(f"/v2/task-runs/{run}/cancel")
            assert cancelled["failure_reason"].startswith("Cancelled on request")
    assert model.count == 0


async def test_an_experiment_waits_for_its_key_too(home: Path) -> None:
    with ScriptedModel(capital) as model:
        async with staged(home, model) as stage:
            task = await stage.task(stage.generation())
        async with opened(home, {}, silent_s=SOON_S) as keyless:
            run = (await keyless.trigger(task, experiment_name="v1"))["id"]
            assert (await waiting(keyless, run))["status"] == "PENDING"
            async with opened(home, environment(model) | {"OPENAI_API_KEY": "k"}, silent_s=SOON_S) as door:
                assert counts(await door.until(run, "COMPLETED", "FAILED")) == (3, 0, 0)


async def test_two_windows_with_a_key_each_do_a_run_of_two_judges_together(home: Path) -> None:
    with ScriptedModel(lambda _: "good", key="one") as one, ScriptedModel(lambda _: "good", key="two") as two:
        keys = {"OPENAI_API_KEY": "one", "OPENAI_BASE_URL": one.url}, {"SECOND_KEY": "two"}
        async with opened(home, keys[0] | keys[1]) as door:
            project = await door.send(*(span(number) for number in range(SPANS)))
            judges = [await judge(door, "tone", await first(door))]
            judges.append(await judge(door, "facts", await integration(door, two)))
            evaluators = [{"evaluator_id": one} for one in judges]
            task = await door.task(judges[0], project_id=project, type="TEMPLATE_EVALUATION", evaluators=evaluators)
        async with opened(home, keys[0], silent_s=SOON_S) as door:
            run = (await door.trigger(task, **ALWAYS))["id"]
            found = await waiting(door, run, "waiting for SECOND_KEY")
            assert (found["status"], counts(found)) == ("RUNNING", (SPANS, 0, 0))
            async with opened(home, keys[1], silent_s=SOON_S):
                ended = await door.until(run, "COMPLETED", "FAILED")
            assert (ended["status"], counts(ended)) == ("COMPLETED", (2 * SPANS, 0, 0))
            assert await labels(door, project) == {"tone": SPANS, "facts": SPANS}
        assert (one.count, two.count) == (SPANS, SPANS)


async def test_a_code_evaluator_is_run_by_any_window(home: Path) -> None:
    async with opened(home, {}) as door:
        project = await door.send(span(1))
        task = await door.task(await door.evaluator(), project_id=project)
        assert counts(await door.run(task, **ALWAYS)) == (1, 0, 0)


@pytest.mark.parametrize("jump", [3600, -3600])
async def test_nothing_is_taken_from_a_window_that_lives_when_the_wall_clock_jumps(home: Path, jump: int) -> None:
    clock = HandClock()
    with held_model(free=1) as (model, held):
        async with both(home, environment(model), environment(model), clock=clock) as (door, _):
            project = await door.send(*(span(number) for number in range(3)))
            task = await door.task(await door.judge(), project_id=project, type="TEMPLATE_EVALUATION")
            run = (await door.trigger(task, **ALWAYS))["id"]
            await until(door, run, lambda found: found["num_successes"] == 1)
            clock.now += jump * 10**9
            await anyio.sleep(2 * SOON_S)
            held.let_go()
            await door.until(run, "COMPLETED")
    assert await fence_of(home, run) == 0
    assert model.count == 3


async def fence_of(home: Path, run: str) -> int:
    async with stores.beside(home) as database:
        query = sa.select(task_runs.c.fence).where(task_runs.c.id == run)
        return await database.read(lambda connection: connection.execute(query).scalar_one())


async def test_a_dead_process_is_known_by_its_lock_at_once(home: Path) -> None:
    with ScriptedModel(lambda _: "good") as model:
        async with judging(home, model) as (door, _, task):
            run = (await door.trigger(task, **ALWAYS))["id"]
            await door.until(run, "COMPLETED")
        # A killed process leaves its lock file, and nobody holds it.
        gone = LifeLock(home, "killed")
        gone.take()
        alive = {"status": "RUNNING", "owner": "killed", "finished_ns": None}
        await stores.change(home, sa.update(task_runs).values(alive))
        async with opened(home, environment(model)) as door:
            await anyio.sleep(0.3)
            assert (await door.get(f"/v2/task-runs/{run}"))["status"] == "RUNNING"
        drop(gone)
        with anyio.fail_after(20):
            async with opened(home, environment(model)) as door:
                await door.until(run, "COMPLETED")
    assert locks(home) == []


def locks(home: Path) -> list[Path]:
    return list(home.glob(f"{PREFIX}*"))


def drop(lock: LifeLock) -> None:
    """Lose the lock as a process that is killed does: the file stays."""
    path = lock.path
    lock.release()
    path.touch()


Look = tuple[float, float, Mapping[str, int], Sequence[str]]
"""The wall clock, the monotonic clock, the marks, and the things that are silent."""

A: Mapping[str, int] = {"a": 1}
OTHER: Mapping[str, int] = {"a": 0}
LOOKS: Mapping[str, Sequence[Look]] = {
    "silent": [(0, 0, A, []), (5, 5, A, []), (9, 9, A, []), (10, 10, A, ["a"])],
    "lives": [(0, 0, A, []), (4, 4, OTHER, []), (8, 8, OTHER, []), (10, 10, OTHER, []), (14, 14, OTHER, ["a"])],
    "clock set forward": [(0, 0, A, []), (3604, 4, A, []), (3609, 9, A, []), (3612, 12, A, []), (3614, 14, A, ["a"])],
    "clock set back": [(0, 0, A, []), (-3600, 4, A, []), (-3596, 8, A, []), (-3592, 12, A, [])],
    "stood still": [(0, 0, A, []), (3600, 3600, A, []), (3604, 3604, A, [])],
    "gone and back": [(0, 0, A, []), (4, 4, {}, []), (8, 8, A, []), (12, 12, A, [])],
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_watch_knows_silence_from_sleep(name: str) -> None:
    watch = Watch[str](10)
    for wall_s, monotonic_s, marks, silent in LOOKS[name]:
        assert watch.silent(marks, wall_s, monotonic_s) == set(silent)
