"""An answer is not paid for again if the process that has it ends before the answer is stored."""

import shutil
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest
import sqlalchemy as sa
from pydantic import TypeAdapter
from tests.engine.door import Body, Door, HandClock, counts, opened
from tests.engine.held import held_model
from tests.engine.test_generation import SECRET, capital, staged
from tests.engine.test_runs import environment, judging
from tests.scripted_model import ScriptedModel

from assaykit.engine.runs import unstored
from assaykit.engine.runs.life import LifeLock
from assaykit.engine.runs.unstored import FOLDER, Unstored
from assaykit.engine.store.queue.leases import Lease

ROWS = 3
SOON_S = 1.0


class Killed(NamedTuple):
    """The disk at a moment when the model has answered every row of a run and the store has none of the answers."""

    home: Path
    run: str
    model: ScriptedModel
    owner: str
    paid: list[int]
    """The tokens of each row's prompt, as the process stores them that goes on."""


Begin = Callable[[Path, ScriptedModel], Any]


@asynccontextmanager
async def judged(home: Path, model: ScriptedModel, **request: Any) -> AsyncGenerator[tuple[Door, str]]:
    async with judging(home, model) as (door, _, task):
        yield door, (await door.trigger(task, **request))["id"]


@asynccontextmanager
async def judged_anew(home: Path, model: ScriptedModel) -> AsyncGenerator[tuple[Door, str]]:
    async with judged(home, model, override_evaluations=True) as found:
        yield found


@asynccontextmanager
async def generated(home: Path, model: ScriptedModel, *, template: bool = False) -> AsyncGenerator[tuple[Door, str]]:
    async with staged(home, model) as stage:
        config = stage.evaluation() if template else stage.generation()
        request: Body = {"experiment_name": "v1", "tracing_metadata": {}}
        yield stage.door, (await stage.door.trigger(await stage.task(config), **request))["id"]


@asynccontextmanager
async def evaluated(home: Path, model: ScriptedModel) -> AsyncGenerator[tuple[Door, str]]:
    async with generated(home, model, template=True) as found:
        yield found


@asynccontextmanager
async def killed(home: Path, begin: Begin, answer: Callable[[str], str]) -> AsyncGenerator[Killed]:
    left, stored = home.with_name("left"), threading.Event()
    with held_model(0, answer) as (model, held):
        async with begin(home, model) as (door, run), anyio.create_task_group() as group:
            with anyio.fail_after(20):
                while not model.count:  # noqa: ASYNC110  (the model has a thread of its own)
                    await anyio.sleep(0.005)
                group.start_soon(door.engine.database.write, partial(stays, stored))
                held.let_go()
                while lines(home) < ROWS:  # noqa: ASYNC110  (files tell nobody)
                    await anyio.sleep(0.005)
            shutil.copytree(home, left)
            stored.set()
            await door.until(run, "COMPLETED", "FAILED")
            paid = await door.engine.database.read(tokens)
            yield Killed(left, run, model, door.engine.executor.owner, paid)


def good(_: str) -> str:
    return "good"


def bad(_: str) -> str:
    return "bad"


def neither(_: str) -> str:
    return "neither"


def big(_: str) -> str:
    return "big"


def stays(stored: threading.Event, _: sa.Connection) -> None:
    stored.wait(60)


def lines(home: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in (home / FOLDER).glob("*"))


@pytest.mark.parametrize(
    ("begin", "answer", "expected"),
    [
        pytest.param(judged, good, (3, 0, 0), id="a judge"),
        pytest.param(judged_anew, bad, (3, 0, 0), id="a judge that asks again"),
        pytest.param(judged, neither, (0, 3, 0), id="replies that are no choice"),
        pytest.param(generated, capital, (3, 0, 0), id="answers of an experiment"),
        pytest.param(evaluated, big, (3, 0, 0), id="a template of an experiment"),
    ],
)
async def test_answers_of_a_dead_process_are_stored_by_the_next_and_not_asked_for_again(
    home: Path, begin: Begin, answer: Callable[[str], str], expected: tuple[int, int, int]
) -> None:
    async with killed(home, begin, answer) as left:
        asked = left.model.count
        environment = {"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": left.model.url}
        async with opened(left.home, environment, HandClock()) as door:
            ended = await door.until(left.run, "COMPLETED", "FAILED")
            assert counts(ended) == expected
            assert left.model.count == asked
            # The run was begun by a process that paid, so its rows have what they cost.
            assert await door.engine.database.read(tokens) == left.paid
            assert all(left.paid)
            if "experiment_id" in ended:
                assert len(await door.runs_of(ended["experiment_id"])) == ROWS
            assert lines(left.home) == 0


def tokens(connection: sa.Connection) -> list[int]:
    return list(connection.exec_driver_sql("SELECT prompt_tokens FROM run_items").scalars())


async def test_answers_of_a_process_that_is_only_silent_are_not_stored_by_another(home: Path) -> None:
    async with killed(home, judged, good) as left:
        asked = left.model.count
        alive = LifeLock(left.home, left.owner)
        alive.take()
        async with opened(left.home, environment(left.model), HandClock(), silent_s=SOON_S) as door:
            await door.until(left.run, "COMPLETED")
            assert left.model.count == asked + ROWS
        alive.release()


async def test_files_of_runs_that_are_over_are_removed(home: Path) -> None:
    async with killed(home, judged, good) as left:
        async with opened(left.home, environment(left.model), HandClock()) as door:
            await door.until(left.run, "COMPLETED")
        (left.home / FOLDER / f"{left.run.encode().hex()}.old.jsonl").write_bytes(b"{}\n")
        (left.home / FOLDER / f"{b'gone'.hex()}.old.jsonl").write_bytes(b"{}\n")
        async with opened(left.home, environment(left.model), HandClock()):
            assert list((left.home / FOLDER).iterdir()) == []


NUMBERS = TypeAdapter(int)
LEASE = Lease("VGFzazox", "me")


def numbers(home: Path) -> Unstored[int]:
    return Unstored(home, LEASE, NUMBERS, lambda number: number < 10_000)


def found(home: Path) -> list[int]:
    return [number for file in unstored.leavings(home) for number in file.results(NUMBERS)]


def test_a_result_has_a_line_until_it_is_stored(tmp_path: Path) -> None:
    file = numbers(tmp_path)
    for number in (1_001, 20_000, 1_002, 1_003):
        file.keep(number)
    assert found(tmp_path) == [1_001, 1_002, 1_003]
    file.close()
    assert found(tmp_path) == [1_001, 1_002, 1_003]
    assert [one.path.stat().st_mode & 0o777 for one in unstored.leavings(tmp_path)] == [0o600]


def test_a_file_without_results_is_removed(tmp_path: Path) -> None:
    file, batch = numbers(tmp_path), [1_001, 20_000, 1_002]
    for number in batch:
        file.keep(number)
    file.stored(batch)
    assert [(one.run_id, found(tmp_path)) for one in unstored.leavings(tmp_path)] == [(LEASE.run_id, [])]
    file.close()
    assert not unstored.leavings(tmp_path)


def test_a_long_file_drops_the_results_that_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unstored, "ROTATE_BYTES", 20)
    file, batch = numbers(tmp_path), list(range(1_001, 1_009))
    for number in batch:
        file.keep(number)
    file.stored(batch[:6])
    assert found(tmp_path) == [1_007, 1_008]
    file.keep(1_009)
    assert found(tmp_path) == [1_007, 1_008, 1_009]
    file.close()


def test_a_torn_or_damaged_line_counts_as_not_written(tmp_path: Path) -> None:
    file = numbers(tmp_path)
    file.keep(1_001)
    file.close()
    (only,) = unstored.leavings(tmp_path)
    only.path.write_bytes(b'1001\n"x"\n\xff\xfe\n\n{"a": 1}\n1002\n[1')
    assert found(tmp_path) == [1_001, 1_002]
    (tmp_path / FOLDER / "no-hex.me.jsonl").write_bytes(b"1\n")
    (tmp_path / FOLDER / "alone.jsonl").write_bytes(b"1\n")
    assert len(unstored.leavings(tmp_path)) == 1


def test_results_are_worked_on_though_no_file_can_be_written(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("in the way", encoding="utf-8")
    file = numbers(tmp_path)
    file.keep(1_001)
    file.stored([1_001])
    file.close()
    assert not unstored.leavings(tmp_path)
