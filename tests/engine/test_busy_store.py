"""A store that another program holds for a while, or a full disk, ends no run and loses no answer."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest
from tests.engine.door import counts, opened
from tests.engine.test_generation import CAPITALS, capital, staged
from tests.engine.test_runs import ALWAYS, environment, executing, judging
from tests.engine.test_store_advice import pragma
from tests.scripted_model import ScriptedModel
from tests.store_files import connected

from assaykit.engine.engine import STORE
from assaykit.engine.store import database

HELD_S = 0.5
"""Longer than the connections of these tests wait for the file."""


@contextmanager
def held_by_another(home: Path) -> Generator[None]:
    """The store under another program's write."""
    with connected(home / STORE) as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        yield


async def asked(model: ScriptedModel, number: int) -> None:
    with anyio.fail_after(60):
        while model.count < number:  # noqa: ASYNC110  (the model is a thread)
            await anyio.sleep(0.01)


def full(_: Path) -> SimpleNamespace:
    return SimpleNamespace(free=1)


async def test_another_program_s_long_write_ends_no_run_and_no_row_is_asked_twice(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pragma(monkeypatch, "busy_timeout=10")
    with ScriptedModel(lambda _: "good", latency_s=0.1) as model:
        async with judging(home, model) as (door, _, task):
            run = (await door.trigger(task, **ALWAYS))["id"]
            await asked(model, 1)
            with held_by_another(home):
                await anyio.sleep(HELD_S)
                assert (await door.get(f"/v2/task-runs/{run}"))["status"] == "RUNNING"
            ended = await door.until(run, "COMPLETED", "FAILED", "CANCELLED")
            assert (ended["status"], counts(ended), model.count) == ("COMPLETED", (3, 0, 0), 3)


async def test_the_start_and_the_end_of_a_run_wait_for_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pragma(monkeypatch, "busy_timeout=10")
    with ScriptedModel(lambda _: "good", latency_s=0.1) as model:
        async with judging(home, model) as (door, _, task):
            run = (await door.trigger(task, **ALWAYS))["id"]
            with held_by_another(home):
                await anyio.sleep(HELD_S)
            ended = await door.until(run, "COMPLETED", "FAILED", "CANCELLED")
            assert (ended["status"], counts(ended)) == ("COMPLETED", (3, 0, 0))


async def test_an_experiment_s_answers_wait_for_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pragma(monkeypatch, "busy_timeout=10")
    with ScriptedModel(capital, latency_s=0.1) as model:
        async with staged(home, model) as stage:
            run = (await stage.door.trigger(await stage.task(stage.generation()), experiment_name="v1"))["id"]
            await asked(model, 1)
            with held_by_another(home):
                await anyio.sleep(HELD_S)
            ended = await stage.door.until(run, "COMPLETED", "FAILED", "CANCELLED")
            assert (ended["status"], counts(ended), model.count) == ("COMPLETED", (3, 0, 0), len(CAPITALS))


async def test_a_run_on_a_full_disk_waits_for_space(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedModel(lambda _: "good", latency_s=0.1) as model:
        async with judging(home, model) as (door, _, task):
            run = (await door.trigger(task, **ALWAYS))["id"]
            await asked(model, 1)
            with monkeypatch.context() as patched:
                patched.setattr(shutil, "disk_usage", full)
                await anyio.sleep(HELD_S)
                assert (await door.get(f"/v2/task-runs/{run}"))["status"] == "RUNNING"
            ended = await door.until(run, "COMPLETED", "FAILED", "CANCELLED")
            assert (ended["status"], counts(ended), model.count) == ("COMPLETED", (3, 0, 0), 3)


async def test_answers_of_a_run_that_was_cancelled_meanwhile_are_kept(home: Path) -> None:
    with ScriptedModel(lambda _: "good", latency_s=0.1) as model:
        async with judging(home, model) as (door, _, task):
            run = (await door.trigger(task, **ALWAYS))["id"]
            await asked(model, 3)
            # Another process cancels it, so this one learns that when it stores the answers.
            async with opened(home) as other:
                await other.post(f"/v2/task-runs/{run}/cancel")
            await anyio.sleep(HELD_S)
            again = await door.run(task, data_start_time="2000-01-01T00:00:00Z")
            assert (counts(again), model.count) == ((3, 0, 0), 3)


async def test_a_store_that_exists_opens_under_another_program_s_write(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pragma(monkeypatch, "busy_timeout=10")
    with ScriptedModel(lambda _: "good") as model:
        async with opened(home, environment(model)):
            pass
        with held_by_another(home):
            async with opened(home, environment(model)) as door:
                assert (await door.get("/v2/spaces"))["spaces"]


async def test_a_run_whose_store_is_damaged_ends(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LONGEST_PAUSE_S", 0.1)
    with ScriptedModel(lambda _: "good", latency_s=0.1) as model:
        async with judging(home, model) as (door, _, task):
            run = (await door.trigger(task, **ALWAYS))["id"]
            await asked(model, 1)
            await door.engine.database.write(executing("DROP TABLE answers"))
            ended = await door.until(run, "COMPLETED", "FAILED", "CANCELLED")
            assert ended["status"] == "FAILED"
            assert "no such table" in ended["failure_reason"]
