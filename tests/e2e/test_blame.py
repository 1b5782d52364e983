"""Engine processes that are killed: a run fails by ends that it caused itself, and by none that others caused."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
import sqlalchemy as sa
from tests import stores
from tests.e2e.processes import ending_with_parent, environment
from tests.engine import test_runs
from tests.engine.door import SECOND, Body, Door, opened, span
from tests.scripted_model import ScriptedModel

from assaykit.engine.store.database import Database
from assaykit.engine.store.queue import runs
from assaykit.engine.store.queue.leases import GIVEN_UP, MOST_TRIES
from assaykit.engine.store.tables import run_items, task_runs
from assaykit.wire.runs import TriggerEvaluationRequest

pytestmark = pytest.mark.slow

POISON = "the process that reads this ends"
ROWS = 4
INNOCENT = 5
AT_ONCE = 2
Ended = Mapping[str, tuple[str, str | None]]


class Process:
    """An engine process that is started again whenever it was killed."""

    def __init__(self, variables: Mapping[str, str], log: Path) -> None:
        self._variables, self._log = variables, log
        self._process: subprocess.Popen[bytes] | None = None
        self.ends = 0

    def kill(self) -> None:
        """Kill the process, as the system does when its memory is used up."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)

    def keep(self) -> None:
        """Start the process if there is none, and count its ends."""
        if self._process is not None and self._process.poll() is None:
            return
        self.ends += self._process is not None
        command = ending_with_parent(sys.executable, "-m", "assaykit", "engine", "--port", "0")
        with self._log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(command, env=dict(self._variables), stdout=log, stderr=log)

    def stop(self) -> None:
        """Stop the process for good."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def spans(number: int) -> list[Body]:
    """So many spans of ten minutes ago."""
    start = time.time_ns() - 600 * SECOND
    return [span(each, start_ns=start + each) for each in range(number)]


async def triggered(door: Door, name: str, template: str, project: str) -> str:
    """A run of a new judge over the project, which an engine of long ago was to execute."""
    task = await door.task(
        await door.judge(name, template=f"{template} {{output}}"), name, project_id=project, type="TEMPLATE_EVALUATION"
    )
    wanted = TriggerEvaluationRequest.model_validate({})
    return (await door.engine.database.write(runs.trigger, task, wanted, "long ago", door.engine.clock)).id


def states(connection: sa.Connection) -> Ended:
    """The status and the reason of each run."""
    c = task_runs.c
    return {
        row.id: (row.status, row.failure_reason)
        for row in connection.execute(sa.select(c.id, c.status, c.failure_reason))
    }


def recorded(connection: sa.Connection) -> int:
    """The number of rows that are scored."""
    c = run_items.c
    return connection.execute(sa.select(sa.func.count()).where(c.state == "SCORED")).scalar_one()


@asynccontextmanager
async def watched(home: Path, process: Process) -> AsyncGenerator[Callable[[], AsyncGenerator[Database]]]:
    """The looks at the store while the process is kept alive; they end when every run has."""

    async def looks() -> AsyncGenerator[Database]:
        async with stores.beside(home) as database:
            with anyio.fail_after(400):
                while any(status in {"PENDING", "RUNNING"} for status, _ in (await database.read(states)).values()):
                    process.keep()
                    yield database
                    await anyio.sleep(0.05)

    try:
        yield looks
    finally:
        process.stop()


async def test_a_run_that_ends_its_process_fails_alone_and_the_runs_beside_it_complete(tmp_path: Path) -> None:
    home = tmp_path / "home"

    def answer(prompt: str) -> str:
        if POISON in prompt:
            process.kill()
        return "good"

    with ScriptedModel(answer, latency_s=0.05) as model:
        variables = test_runs.environment(model)
        process = Process(environment(home, ASSAYKIT_CONCURRENCY=str(AT_ONCE), **variables), tmp_path / "log")
        async with opened(home, variables) as door:
            project = await door.send(*spans(ROWS))
            wanted = [f"Is it good, {number}?" for number in range(INNOCENT)]
            wanted.insert(2, POISON)
            names = {await triggered(door, f"j{n}", text, project): text for n, text in enumerate(wanted)}
        async with watched(home, process) as looks:
            async for _ in looks():
                pass
        async with stores.beside(home) as database:
            ended = await database.read(states)
    assert {names[run]: found for run, found in ended.items()} == {
        **dict.fromkeys(wanted, ("COMPLETED", None)),
        POISON: ("FAILED", GIVEN_UP),
    }
    # The first end is counted against no run: several were in work.
    assert process.ends <= MOST_TRIES + 1


async def test_a_run_whose_process_is_killed_twelve_times_completes(tmp_path: Path) -> None:
    home, kills = tmp_path / "home", 12
    with ScriptedModel(lambda _: "good", latency_s=0.1) as model:
        variables = test_runs.environment(model)
        process = Process(environment(home, ASSAYKIT_CONCURRENCY=str(AT_ONCE), **variables), tmp_path / "log")
        async with opened(home, variables) as door:
            project = await door.send(*spans(4 * kills))
            await triggered(door, "j", "Is it good?", project)
        async with watched(home, process) as looks:
            before, killed = 0, 0
            async for database in looks():
                # A row is recorded between two kills.
                if killed < kills and (now := await database.read(recorded)) > before:
                    before, killed = now, killed + 1
                    process.kill()
        async with stores.beside(home) as database:
            assert set((await database.read(states)).values()) == {("COMPLETED", None)}
    assert process.ends >= kills - 1
    again = sum(number - 1 for number in Counter(model.prompts).values())
    # A slot has a question at the model, and an answer that waits to be stored with others.
    assert again <= 2 * AT_ONCE * process.ends
