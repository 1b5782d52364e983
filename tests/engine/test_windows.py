"""Random histories of three windows with different keys on one store, each a process of its own.

The windows open, close, sleep, wake, die and get their clock changed while runs of two judges are under way. A
controller without any key triggers the runs. At the end a window for each key is open, and then: every run completes;
each row has one outcome and one verdict; a question is asked once more at most for each time that its run was taken
over; no request carries the key of a window that was not given it; and each outcome was stored by the window that held
the run at that moment. The model answers each window's keys with another label, and the store logs who held the run.

The short size plays few histories. `--long` plays them for some minutes.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
import sqlalchemy as sa
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, currently_in_test_context, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy.exc import OperationalError
from starlette.requests import Request
from starlette.responses import Response
from tests.engine.door import Body, Door, judge_version, opened, span
from tests.scripted_model import Recorded, ScriptedModel
from tests.store_files import connected

from assaykit.engine.engine import STORE
from assaykit.engine.runs.executor import BEATS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP, which suspends a process"),
]

SEED: Final = 20261128
SILENT_S: Final = 2.0
LONGEST_S: Final = 120.0
"""Seconds after which a wait is a failure."""
ROWS: Final = 3
LONG_S: Final = 180

KEYS: Final[Mapping[str, Mapping[str, str]]] = {
    "first": {"OPENAI_API_KEY": "sk-openai-first"},
    "second": {"ANTHROPIC_API_KEY": "sk-anthropic-second"},
    "third": {"OPENAI_API_KEY": "sk-openai-third", "ANTHROPIC_API_KEY": "sk-anthropic-third"},
}
JUDGES: Final = {"tone": "OPENAI_API_KEY", "facts": "ANTHROPIC_API_KEY"}

LABELS: Final[Mapping[str, str]] = {"first": "good", "second": "good", "third": "bad"}
"""The label that the model gives each window, so that an outcome tells whose it is. No key has two windows."""

HOLDERS: Final = (
    "CREATE TABLE stored_by (run_id TEXT, owner TEXT, label TEXT)",
    """
    CREATE TRIGGER note_holder AFTER UPDATE OF state ON run_items WHEN NEW.state = 'SCORED' BEGIN
      INSERT INTO stored_by SELECT NEW.run_id, owner, NEW.label FROM task_runs WHERE id = NEW.run_id;
    END
    """,
)
"""A log in the store of the holder of a run at the time of each outcome."""

WINDOW = st.sampled_from(sorted(KEYS))
PROGRAM = Path(__file__).with_name("window.py")


class Model(ScriptedModel):
    """A model that gives each window's key the label of that window."""

    async def _record(self, request: Request, key: str) -> tuple[Recorded, Response | None]:
        found = await super()._record(request, key)
        label = next((LABELS[name] for name, keys in KEYS.items() if key in keys.values()), "good")
        # The reply follows at once, and no other request comes between.
        self.answers(lambda _: label)
        return found


class Window:
    """One process. `owner` is the name under which it holds runs."""

    def __init__(self, home: Path, name: str, url: str, silent_s: float) -> None:
        self.offset = home.parent / f"{name}.offset"
        self.offset.write_text("0", encoding="utf-8")
        urls = {"OPENAI_BASE_URL": url, "ANTHROPIC_BASE_URL": url}
        inherited = {key: value for key, value in os.environ.items() if "API_KEY" not in key and "BASE_URL" not in key}
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(home), str(self.offset), str(silent_s)],
            env=inherited | urls | KEYS[name],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdout is not None
        word, self.owner = self.process.stdout.readline().decode().split()
        assert word == "open"
        self.sleeps = False

    def send(self, number: int) -> None:
        self.process.send_signal(number)
        self.sleeps = {signal.SIGSTOP: True, signal.SIGCONT: False}.get(signal.Signals(number), self.sleeps)

    def end(self, number: int) -> None:
        """End the process by a signal, and wait until it is gone."""
        self.process.send_signal(number)
        self.process.send_signal(signal.SIGCONT)
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Windows(RuleBasedStateMachine):
    """The model: the windows that are open, and the runs that were triggered."""

    model: ScriptedModel
    silent_s = SILENT_S
    played = 0
    taken_over = 0

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.home = self.root / "home"
        self.windows: dict[str, Window] = {}
        self.runs: list[str] = []
        self.given: set[str] = set()
        self.owners: dict[str, str] = {}
        self.ended: set[str] = set()
        self.model.requests.clear()
        self._portal_context: AbstractContextManager[BlockingPortal] = start_blocking_portal()
        self.portal = self._portal_context.__enter__()
        self._engine = self.portal.wrap_async_context_manager(opened(self.home, {}, silent_s=self.silent_s))
        self.door: Door = self._engine.__enter__()
        self.tasks: dict[str, str] = {}
        self.start("third")
        self.portal.call(self._prepare)
        for judge in JUDGES:
            self.trigger(judge, 0.0)

    async def _prepare(self) -> None:
        await self.door.engine.database.write(_log_holders)
        start = time.time_ns() - 60 * 10**9
        spans = [span(number, f"answer {number}.", start_ns=start + number) for number in range(ROWS)]
        self.project = await self.door.send(*spans)
        every = (await self.door.get("/v2/ai-integrations"))["ai_integrations"]
        providers = {"tone": "OPEN_AI", "facts": "ANTHROPIC"}
        for name, provider in providers.items():
            integration = next(one["id"] for one in every if one["provider"] == provider)
            version = judge_version(integration, name, template=f"{name}? {{output}}")
            body: Body = {"space_id": await self.door.space(), "name": name, "type": "TEMPLATE", "version": version}
            judge = (await self.door.post("/v2/evaluators", body))["id"]
            fields: Body = {"project_id": self.project, "type": "TEMPLATE_EVALUATION"}
            self.tasks[name] = await self.door.task(judge, name, **fields)

    @rule(name=WINDOW)
    def start(self, name: str) -> None:
        if name not in self.windows:
            self.windows[name] = Window(self.home, name, self.model.url, self.silent_s)
            self.given.update(KEYS[name].values())
            self.owners[self.windows[name].owner] = name

    @rule(name=WINDOW)
    def close(self, name: str) -> None:
        self._end(name, signal.SIGTERM)

    @rule(name=WINDOW)
    def die(self, name: str) -> None:
        self._end(name, signal.SIGKILL)

    @rule(name=WINDOW, number=st.sampled_from([signal.SIGSTOP, signal.SIGCONT]))
    def sleep_or_wake(self, name: str, number: signal.Signals) -> None:
        if name not in self.windows:
            return
        self.windows[name].send(number)
        # A process that sleeps within a write keeps SQLite's lock, and no process writes until it wakes.
        while number == signal.SIGSTOP and not self._is_writable():
            self.windows[name].send(signal.SIGCONT)
            time.sleep(0.01)
            self.windows[name].send(number)

    def _is_writable(self) -> bool:
        try:
            with connected(self.home / STORE) as connection:
                connection.exec_driver_sql("DELETE FROM task_runs WHERE 0")
        except OperationalError:
            return False
        return True

    @rule(name=WINDOW, seconds=st.sampled_from([-7200, -60, 0, 60, 7200]))
    def set_clock(self, name: str, seconds: int) -> None:
        if name in self.windows:
            self.windows[name].offset.write_text(str(seconds), encoding="utf-8")

    @rule(judge=st.sampled_from(sorted(JUDGES)), pause=st.sampled_from([0.0, 0.2, 1.0]))
    def trigger(self, judge: str, pause: float) -> None:
        body = {"data_start_time": "2000-01-01T00:00:00Z", "override_evaluations": True}
        run = self.portal.call(self.door.post, f"/v2/tasks/{self.tasks[judge]}/trigger", body)
        self.runs.append(run["id"])
        time.sleep(pause)

    def under_way(self, judge: str) -> tuple[str, str]:
        """A run of the judge whose questions are at the model, and the window that holds it."""
        before = self.model.count
        self.trigger(judge, 0.0)
        run = self.runs[-1]
        ends = time.monotonic() + LONGEST_S
        while (owner := self._owner(run) or "") not in self.owners or self.model.count == before:
            assert time.monotonic() < ends, "no window has begun the run"
            time.sleep(0.01)
        return run, self.owners[owner]

    def taken_from(self, run: str, name: str) -> None:
        """Wait until another window holds the run."""
        ends = time.monotonic() + LONGEST_S
        while self.owners.get(self._owner(run) or "", name) == name:
            assert time.monotonic() < ends, "no other window has taken the run"
            time.sleep(0.01)

    def fences(self) -> list[int]:
        """How often each run was taken over."""
        taken, _, _ = self.portal.call(self.door.engine.database.read, _stored)
        return [fence for _, fence in taken.values()]

    def _owner(self, run: str) -> str | None:
        return self.portal.call(self._read_owner, run)

    async def _read_owner(self, run: str) -> str | None:
        return await self.door.engine.database.read(_owner_of, run)

    def _end(self, name: str, number: int) -> None:
        if (window := self.windows.pop(name, None)) is not None:
            window.end(number)
            self.ended.add(name)

    def teardown(self) -> None:
        """Bring the keys that are missing, see that everything was done, and done once, and end the windows."""
        try:
            self.finish()
        finally:
            self.end()

    def finish(self) -> None:
        """Bring the keys that are missing, and see that everything was done, and done once."""
        told(f"open: {sorted(self.windows)}, asleep: {[k for k, one in self.windows.items() if one.sleeps]}")
        awake = {key for name, one in self.windows.items() if not one.sleeps for key in KEYS[name]}
        if not awake >= set(JUDGES.values()):
            self._end("third", signal.SIGKILL)
            self.start("third")
        for run in self.runs:
            found = self.portal.call(self._ended, run)
            told(f"{found}")
            assert (found["status"], found["num_successes"]) == ("COMPLETED", ROWS)
        self._check()
        type(self).played += 1

    def end(self) -> None:
        """End the windows, and remove the store."""
        for name in list(self.windows):
            self._end(name, signal.SIGKILL)
        self._engine.__exit__(None, None, None)
        self._portal_context.__exit__(None, None, None)
        shutil.rmtree(self.root)

    async def _ended(self, run: str) -> Body:
        with anyio.fail_after(300):
            while True:
                with suppress(TimeoutError):
                    return await self.door.until(run, "COMPLETED", "FAILED", "CANCELLED")

    def _check(self) -> None:
        taken, rows, verdicts = self.portal.call(self.door.engine.database.read, _stored)
        assert all(rows[run] == ROWS for run in self.runs)
        assert all(number == 1 for number in verdicts.values())
        asked: Counter[str] = Counter()
        for request in self.model.requests:
            asked[request.prompt.split("?")[0].split()[-1]] += 1
            key = request.headers.get("x-api-key") or request.headers["authorization"].removeprefix("Bearer ")
            assert key in self.given
            assert ("anthropic" in key) == ("x-api-key" in request.headers)
        type(self).taken_over += sum(fence for _, fence in taken.values())
        # A window stores what another was answered before it ended.
        bequeathed = {LABELS[name] for name in self.ended}
        for owner, label in self.portal.call(self.door.engine.database.read, _holders):
            own = LABELS[self.owners[owner]]
            assert label in {own, *bequeathed}, f"{self.owners[owner]} held the run, and {label} was stored"
        for judge in JUDGES:
            of_judge = [run for run, (name, _) in taken.items() if name == judge]
            most = sum(ROWS * (1 + fence) for _, fence in (taken[run] for run in of_judge))
            assert asked[judge] <= most, f"{judge}: asked {asked[judge]} times, at most {most}"


def told(text: str) -> None:
    """Keep a note for the report on a failed history. A fixed history has none."""
    if currently_in_test_context():
        note(text)


def _log_holders(connection: sa.Connection) -> None:
    for statement in HOLDERS:
        connection.exec_driver_sql(statement)


def _owner_of(connection: sa.Connection, run: str) -> str | None:
    return connection.exec_driver_sql("SELECT owner FROM task_runs WHERE id = ?", (run,)).scalar()


def _holders(connection: sa.Connection) -> list[tuple[str, str]]:
    """The owner of the run at the time of each outcome, and the outcome's label."""
    return [(owner, label) for owner, label in connection.exec_driver_sql("SELECT owner, label FROM stored_by")]


def _stored(
    connection: sa.Connection,
) -> tuple[dict[str, tuple[str, int]], Counter[str], Counter[tuple[str, str]]]:
    """The task and the takeovers of each run, its scored rows, and the verdicts on each span."""
    query = "SELECT r.id, t.name, r.fence FROM task_runs r JOIN tasks t ON t.id = r.task_id"
    runs = {run: (name, fence) for run, name, fence in connection.exec_driver_sql(query)}
    items = "SELECT run_id FROM run_items WHERE state = 'SCORED'"
    rows = Counter(run for (run,) in connection.exec_driver_sql(items))
    verdicts = Counter(
        (target, name) for target, name in connection.exec_driver_sql("SELECT target_id, name FROM evals")
    )
    return runs, rows, verdicts


def play(examples: int, steps: int, number: int) -> None:
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
        phases=(Phase.generate,),
        print_blob=True,
    )
    run_state_machine_as_test(seed(number)(Windows), settings=how)


def test_every_run_that_a_window_can_do_completes_and_nothing_is_done_twice(*, long: bool) -> None:
    with Model(lambda _: "good", latency_s=0.3) as model:
        Windows.model = model
        if not long:
            play(4, 10, SEED)
            return
        ends = time.monotonic() + LONG_S
        number: Any = SEED
        while time.monotonic() < ends:
            number += 1
            play(2, 15, number)
    figure = f"{Windows.played} histories, {Windows.taken_over} runs taken over"
    print(figure)  # noqa: T201  (the figure for benchmarks/RESULTS.md)


@pytest.mark.parametrize("judge", sorted(JUDGES))
def test_a_window_that_overslept_stores_none_of_the_answers_that_it_finds_on_waking(judge: str) -> None:
    other = "first" if judge == "tone" else "second"
    with Model(lambda _: "good", latency_s=1.0) as model:
        Windows.model = model
        history = Windows()
        history.start(other)
        try:
            held, name = history.under_way(judge)
            history.sleep_or_wake(name, signal.SIGSTOP)
            history.taken_from(held, name)
            history.sleep_or_wake(name, signal.SIGCONT)
            history.finish()
        finally:
            history.end()


class Awake(Windows):
    """Windows that a busy machine does not take for silent."""

    silent_s = 30.0


def test_no_run_of_a_window_that_is_awake_is_taken_over() -> None:
    with Model(lambda _: "good", latency_s=2.0) as model:
        Windows.model = model
        history = Awake()
        try:
            for name in KEYS:
                history.start(name)
            for judge in JUDGES:
                history.under_way(judge)
            time.sleep(Awake.silent_s / BEATS + 1)
            # A run is released once to a window that has its key. The controller has none.
            assert max(history.fences()) <= 1
            history.finish()
        finally:
            history.end()
