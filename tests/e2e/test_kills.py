"""Engine processes are killed or held up at random moments; runs are finished, and each row has one result."""

import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.engine.door import Door, opened, span
from tests.engine.test_generation import Stage
from tests.scripted_model import ScriptedModel

from assaykit.engine import STORE

pytestmark = pytest.mark.slow

SILENT_S = 0.5
LATENCY_S = 0.12
"""How long the model takes for one question after the other while there are kills to come."""

PROCESSES = 2
ROWS_AT_ONCE = 4
"""What an engine has in work with one call at a time."""

DEADLINE_S = 60
"""After the last kill; a deadline, not a wait."""


class Size(NamedTuple):
    """How many kills, and how many spans and as many examples they hit."""

    kills: int
    rows: int


@pytest.fixture
def size(*, long: bool) -> Size:
    return Size(40, 480) if long else Size(12, 200)


async def test_what_is_killed_at_random_moments_ends_with_one_result_for_each_row(
    tmp_path: Path, size: Size, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    kills_are_over = threading.Event()

    def answer(_: str) -> str:
        kills_are_over.wait(LATENCY_S)
        return "good"

    with ScriptedModel(answer) as model:
        variables = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": model.url}
        async with opened(home, variables) as door:
            project, triggered = await prepared(door, size.rows)
        with closing(sqlite3.connect(home / STORE, isolation_level=None)) as store:
            kill(home, variables, store, size.kills, kills_are_over)
            takeovers: int = store.execute("SELECT sum(fence) FROM task_runs").fetchone()[0]
        async with opened(home, variables) as door:
            scored, made = [await door.get(f"/v2/task-runs/{run}") for run in triggered]
            rows = await door.all_of(f"/v2/experiments/{made['experiment_id']}/runs", "experiment_runs", 500)
            spans = await door.spans(project)
    for run in (scored, made):
        assert (run["status"], run["num_successes"]) == ("COMPLETED", size.rows), run.get("failure_reason")
    assert Counter(row["example_id"] for row in rows).most_common(1)[0][1] == 1
    assert len(rows) == size.rows
    assert [[one["label"] for one in row["evaluations"]] for row in spans] == [["good"]] * size.rows
    asked = Counter(re.findall(r"answer \d+\.|Land \d+\.", " ".join(model.prompts)))
    assert len(asked) == 2 * size.rows
    repeated = model.count - 2 * size.rows
    with capsys.disabled():
        sys.stdout.write(f"\n{size.kills} kills, {takeovers} takeovers, {repeated} of {model.count} calls repeated\n")
    assert 0 < repeated <= takeovers * ROWS_AT_ONCE


async def prepared(door: Door, rows: int) -> tuple[str, list[str]]:
    """A project, and the ids of a run over its spans and of one that makes an experiment, which have just begun."""
    now = door.engine.clock.now_ns()
    project = await door.send(*(span(n, f"answer {n}.", start_ns=now - n * 1_000_000) for n in range(1, rows + 1)))
    task = await door.task(await door.judge(), project_id=project, type="TEMPLATE_EVALUATION")
    dataset, examples = await door.dataset([{"country": f"Land {n}."} for n in range(rows)])
    integration = (await door.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
    stage = Stage(door, dataset, examples, integration)
    making = await stage.task(stage.generation())
    first = await door.trigger(task)
    return project, [first["id"], (await door.trigger(making, experiment_name="v1"))["id"]]


def kill(home: Path, variables: dict[str, str], store: sqlite3.Connection, kills: int, over: threading.Event) -> None:
    """Keep engines open and kill one after the other; return when every run has ended."""
    chance = random.Random(7)  # noqa: S311  (no secret: a seed makes the moments similar from run to run)
    with processes(home, variables) as running:
        for number in range(kills):
            time.sleep(chance.uniform(0, 3 * SILENT_S))
            if number % 3 == 0:
                held_up(chance.choice(running))
            victim = chance.choice(running)
            victim.kill()
            victim.communicate()
            running.remove(victim)
            assert unfinished(store), "the runs were over before the kills: make them longer"
            running.append(started(home, variables))
        over.set()
        deadline = time.monotonic() + DEADLINE_S
        while unfinished(store):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def held_up(process: subprocess.Popen[str]) -> None:
    """Have a process stand still until another has taken its runs, and then go on as if nothing had been."""
    process.send_signal(signal.SIGSTOP)
    time.sleep(3 * SILENT_S)
    process.send_signal(signal.SIGCONT)
    time.sleep(SILENT_S)


def unfinished(store: sqlite3.Connection) -> int:
    """Rows that are left in runs that have not ended."""
    query = (
        "SELECT count(*) FROM task_runs LEFT JOIN run_items ON run_id = id AND state = 'PENDING' "
        "WHERE status IN ('PENDING', 'RUNNING')"
    )
    return store.execute(query).fetchone()[0]


@contextmanager
def processes(home: Path, variables: dict[str, str]) -> Generator[list[subprocess.Popen[str]]]:
    """The engines; whichever are in the list in the end are killed."""
    running: list[subprocess.Popen[str]] = []
    try:
        running += [started(home, variables) for _ in range(PROCESSES)]
        yield running
    finally:
        for process in running:
            process.kill()
            process.communicate()


def started(home: Path, variables: dict[str, str]) -> subprocess.Popen[str]:
    """An engine process that has opened the store."""
    command = [sys.executable, str(Path(__file__).with_name("open_engine.py")), str(home), str(SILENT_S)]
    process = subprocess.Popen(
        command, env={"PATH": "", "PYTHONPATH": ":".join(sys.path), **variables}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process
