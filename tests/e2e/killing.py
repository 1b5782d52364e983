"""Engine processes that are killed or held up at random moments, and the results that they leave behind."""

import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import anyio
import sqlalchemy as sa
from tests import stores
from tests.engine.door import Body, Door, all_pages, opened, span
from tests.engine.test_generation import Stage
from tests.scripted_model import ScriptedModel

from assaykit.engine.store.database import Database
from assaykit.engine.store.queue.leases import ACTIVE
from assaykit.engine.store.tables import task_runs

SEED = 20261126
SILENT_S = 0.25
LONGEST_PAUSE_S = 0.8
"""Between two kills; the mean is half of it, so that a run mostly gets on before its engine is killed too."""

PROCESSES = 2
DEADLINE_S = 3_600
"""After the last kill; a deadline, not a wait."""


class Size(NamedTuple):
    """How many kills and, among them, how often a process is held up; what they hit; how long the model takes.

    Each of the groups has so many spans and as many examples, and a run over each. The model takes its time, for one
    question after the other, while there are kills to come.
    """

    kills: int
    holds: int
    groups: int
    rows: int
    latency_s: float
    deadline_s: float = DEADLINE_S

    @property
    def items(self) -> int:
        """Rows of all runs."""
        return 2 * self.groups * self.rows


class Outcome(NamedTuple):
    """What the engines left behind."""

    runs: Sequence[Body]
    results: Counter[str]
    """How often each row has a result, in the experiment or on the spans."""

    asked: Counter[str]
    takeovers: int


async def outcome(
    home: Path, size: Size, *switches: str, environment: Mapping[str, str] | None = None, moments: int = SEED
) -> Outcome:
    """Have two runs executed by engines that are killed and held up.

    The engines get the switches of `open_engine.py` and more of an environment. `moments` is a seed.
    """
    over = threading.Event()

    def answer(_: str) -> str:
        over.wait(size.latency_s)
        return "good"

    with ScriptedModel(answer) as model:
        variables = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": model.url}
        async with opened(home, variables) as door:
            groups = [await Group.prepared(door, number, size.rows) for number in range(size.groups)]
        async with stores.beside(home) as store:
            with Engines(home, {**variables, **(environment or {})}, switches) as engines:
                await disturb(engines, size, store, over, moments)
            takeovers = await store.read(fences)
        async with opened(home, variables) as door:
            runs = [await door.get(f"/v2/task-runs/{run}") for group in groups for run in group.runs]
            results = Counter[str]()
            for group in groups:
                results += await group.results(door)
        asked = Counter(re.findall(r"answer \d+\.|Land \d+\.", " ".join(model.prompts)))
    return Outcome(runs, results, asked, takeovers)


def faults(found: Outcome, size: Size) -> list[str]:
    """What is not as it must be."""
    ends = {(run["status"], run["num_successes"], run.get("failure_reason")) for run in found.runs}
    wrong = [] if ends == {("COMPLETED", size.rows, None)} else [f"the runs ended {ends}"]
    twice = [row for row, times in found.results.items() if times > 1]
    if twice:
        wrong.append(f"{len(twice)} rows have more than one result, as {twice[0]}")
    if len(found.results) != size.items or len(found.asked) != size.items:
        wrong.append(f"{len(found.results)} rows have a result and {len(found.asked)} were asked for")
    return wrong


class Group(NamedTuple):
    """A project and a dataset, and a run over each."""

    project: str
    runs: Sequence[str]

    @classmethod
    async def prepared(cls, door: Door, number: int, rows: int) -> "Group":
        """Their runs have just begun."""
        now = door.engine.clock.now_ns()
        places = range(number * rows + 1, (number + 1) * rows + 1)
        name = f"group {number}"
        spans = [span(n, f"answer {n}.", start_ns=now - n * 1_000_000) for n in places]
        project = await door.send(*spans, project=name)
        judge = await door.judge(f"tone {number}")
        task = await door.task(judge, f"{name} tone", project_id=project, type="TEMPLATE_EVALUATION")
        dataset, examples = await door.dataset([{"country": f"Land {n}."} for n in places], name)
        integration = (await door.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
        stage = Stage(door, dataset, examples, integration)
        making = await stage.task(stage.generation(), name)
        return cls(
            project, [(await door.trigger(task))["id"], (await door.trigger(making, experiment_name="v1"))["id"]]
        )

    async def results(self, door: Door) -> Counter[str]:
        """How often each span and each example has a result."""

        async def page(cursor: Mapping[str, str]) -> Body:
            return await door.post("/v2/spans", {"project_id": self.project}, limit=500, **cursor)

        experiment = (await door.get(f"/v2/task-runs/{self.runs[1]}")).get("experiment_id")
        path = f"/v2/experiments/{experiment}/runs"
        rows = [] if experiment is None else await door.all_of(path, "experiment_runs", 500)
        found = Counter(row["example_id"] for row in rows)
        for row in await all_pages(page, "spans", 500):
            found[row["context"]["span_id"]] += sum(one["label"] == "good" for one in row.get("evaluations", ()))
        return +found


class Engines:
    """Engine processes on one folder, forked from one that has imported everything."""

    def __init__(self, home: Path, variables: Mapping[str, str], switches: Sequence[str]) -> None:
        program = str(Path(__file__).with_name("open_engine.py"))
        self._starter = subprocess.Popen(
            [sys.executable, program, str(home), str(SILENT_S), *switches],
            env={"PATH": "", "PYTHONPATH": ":".join(sys.path), **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.running: list[int] = []

    def __enter__(self) -> Self:
        for _ in range(PROCESSES):
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        for pid in list(self.running):
            self.kill(pid)
        self._starter.communicate()

    def start(self) -> None:
        """One more."""
        self.running.append(int(self._ask("open")))

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self.running.remove(pid)
        assert self._ask("reap") == "reaped"

    async def hold_up(self, pid: int) -> None:
        """Have one stand still until another has taken its runs, and then go on as if nothing had been."""
        os.kill(pid, signal.SIGSTOP)
        await anyio.sleep(3 * SILENT_S)
        os.kill(pid, signal.SIGCONT)
        await anyio.sleep(SILENT_S)

    def _ask(self, word: str) -> str:
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.write(f"{word}\n")
        self._starter.stdin.flush()
        return self._starter.stdout.readline().strip()


async def disturb(engines: Engines, size: Size, store: Database, over: threading.Event, moments: int) -> None:
    """Kill engines and hold them up, start others, and return when every run has ended."""
    chance = random.Random(moments)  # noqa: S311  (no secret: a seed makes the moments similar from run to run)
    steps = ["kill"] * size.kills + ["hold up"] * size.holds
    chance.shuffle(steps)
    for step in steps:
        await anyio.sleep(chance.uniform(0, LONGEST_PAUSE_S))
        assert await store.read(unfinished), "the runs were over before the kills: make them longer"
        if step == "kill":
            engines.kill(chance.choice(engines.running))
            engines.start()
        else:
            # The one that has been there longest, and is then the newest: each has its turn, and so one with a run.
            await engines.hold_up(engines.running[0])
            engines.running.append(engines.running.pop(0))
    over.set()
    with anyio.move_on_after(size.deadline_s):
        while await store.read(unfinished):  # noqa: ASYNC110  (another process ends them, and shares no event)
            await anyio.sleep(0.1)


def unfinished(connection: sa.Connection) -> int:
    """Runs that have not ended."""
    query = sa.select(sa.func.count()).where(task_runs.c.status.in_(ACTIVE))
    return connection.execute(query).scalar_one()


def fences(connection: sa.Connection) -> int:
    """The fences of all runs together: the number of takeovers."""
    return connection.execute(sa.select(sa.func.sum(task_runs.c.fence))).scalar_one()
