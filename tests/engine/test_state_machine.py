"""Random histories of an engine against a small model of what must have been scored.

Spans arrive, late or twice; a task is triggered, cancelled, and cut short by a crash; the clock jumps. A crash is what
is on the disk at that moment, opened by another engine. After each step the engine comes to rest and the invariants
hold: every item has ended, each row has one result, a cancelled run gets no more, a run takes exactly the rows that the
model says, nothing is judged more often than it must be, and the continuous task scores each span once.

The short size takes each kind of step a hundred times and more. `--long` plays two thousand histories, of more steps.
"""

import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import pytest
import sqlalchemy as sa
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from tests.engine.door import NOW, SECOND, Body, Door, HandClock, opened, span, span_id
from tests.engine.rest import at
from tests.scripted_model import ScriptedModel

from assaykit.engine.store.queue.leases import ACTIVE

pytestmark = pytest.mark.slow

SEED: Final = 20261126
PARTS: Final = 4
"""Tests that the histories are divided among, so that several workers have some."""

SILENT_S: Final = 0.3
PERIOD_S: Final = 0.02
SPAN_OF_TIME: Final = 100
"""Spans start within so many seconds, and windows lie within them."""

PLACES = st.integers(0, SPAN_OF_TIME)
WINDOWS = st.tuples(PLACES, PLACES).map(sorted)


class Gate:
    """Lets the model answer, or holds its answers back."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.is_open.set()
        self.is_asked = threading.Event()

    def answer(self, _: str) -> str:
        """Called in the model's own thread."""
        self.is_asked.set()
        self.is_open.wait(120)
        return "good"


MODEL_GATE = Gate()


class Histories(RuleBasedStateMachine):
    """The model: when each span started, which have a label of the judge, and how often each may have been asked."""

    model: ScriptedModel
    played = 0
    """Histories that came to their end."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.home = self.root / "0"
        self.clock = HandClock()
        self.started: dict[int, int] = {}
        self.labelled: set[int] = set()
        self.may_be_asked: Counter[int] = Counter()
        self.ended: dict[str, tuple[str, int]] = {}
        self.crashes = 0
        self.model.requests.clear()
        self._portal_context: AbstractContextManager[BlockingPortal] = start_blocking_portal()
        self.portal = self._portal_context.__enter__()
        self._open()
        self.call(self._prepare)

    def call(self, work: Any, *args: Any) -> Any:
        return self.portal.call(work, *args)

    def _open(self) -> None:
        variables = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": self.model.url}
        entered = opened(self.home, variables, self.clock, PERIOD_S, SILENT_S)
        self._engine = self.portal.wrap_async_context_manager(entered)
        self.door: Door = self._engine.__enter__()

    def _close(self) -> None:
        self._engine.__exit__(None, None, None)

    def teardown(self) -> None:
        """Leave nothing behind."""
        MODEL_GATE.is_open.set()
        self._close()
        self._portal_context.__exit__(None, None, None)
        shutil.rmtree(self.root)
        Histories.played += 1

    async def _prepare(self) -> None:
        self.project = await self.door.send(span(10_000, start_ns=NOW - 10_000 * SECOND))
        judge, code = await self.door.judge(), await self.door.evaluator()
        self.judged = await self.door.task(judge, "judged", project_id=self.project, type="TEMPLATE_EVALUATION")
        self.watched = await self.door.task(code, "watched", project_id=self.project, is_continuous=True)

    # What happens

    @rule(places=st.lists(PLACES, min_size=1, max_size=6), late=st.booleans())
    def ingest(self, places: Sequence[int], late: bool) -> None:
        sent: list[Body] = []
        for place in places:
            number = len(self.started)
            # Late: long before everything that windows reach, which only arrival tells.
            self.started[number] = NOW - (SPAN_OF_TIME - place) * SECOND - (10**6 * SECOND if late else 0)
            sent.append(self._span(number))
        self.call(self.door.send, *sent)
        self._rest()

    @precondition(lambda self: self.started)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.started)))
        self.call(self.door.send, self._span(number))
        self._rest()

    @rule(window=WINDOWS, most=st.integers(1, 8), override=st.booleans())
    def trigger(self, window: list[int], most: int, override: bool) -> None:
        chosen = self._chosen(window, most, override=override)
        run = self._triggered(window, most, override=override)
        self._rest()
        self._completed(run, chosen)

    @rule(window=WINDOWS, most=st.integers(1, 8))
    def cancel(self, window: list[int], most: int) -> None:
        chosen = self._chosen(window, most, override=False)
        with self._held(chosen):
            run = self._triggered(window, most, override=False)
            self._await_question(run, chosen)
            if chosen:
                cancelled = self.call(self.door.post, f"/v2/task-runs/{run}/cancel")
                self.ended[run] = ("CANCELLED", cancelled["num_successes"])
        self._rest()
        if chosen:
            found = self._labels("tone")
            assert self.labelled <= found <= self.labelled | chosen
            self.may_be_asked.update(chosen - found)
            self.labelled = found

    @rule(window=WINDOWS, most=st.integers(1, 8), jump=st.integers(1, 3600))
    def crash(self, window: list[int], most: int, jump: int) -> None:
        """The disk as it is in the middle of a run, opened later."""
        chosen = self._chosen(window, most, override=False)
        with self._held(chosen):
            run = self._triggered(window, most, override=False)
            self._await_question(run, chosen)
            self.crashes += 1
            left = self.root / f"{self.crashes}"
            self.call(self._copy, left)
            # The dead engine goes on nowhere: what it does from here is done to a folder that nobody opens again.
            self._close()
        self.may_be_asked.update(chosen)
        self.home = left
        self.clock.now += jump * SECOND
        self._open()
        self._rest()
        self._completed(run, chosen)

    @rule()
    def restart(self) -> None:
        self._close()
        self._open()
        self._rest()

    @rule(seconds=st.integers(-3600, 3600))
    def jump(self, seconds: int) -> None:
        self.clock.now += seconds * SECOND
        self._rest()

    # What is expected

    def _span(self, number: int) -> Body:
        return span(number, f"a refund, answer {number}.", start_ns=self.started[number])

    def _chosen(self, window: list[int], most: int, *, override: bool) -> set[int]:
        start, end = (NOW - (SPAN_OF_TIME - place) * SECOND for place in window)
        within = [number for number, at_ns in self.started.items() if start <= at_ns <= end]
        wanted = [number for number in within if override or number not in self.labelled]
        return set(sorted(wanted, key=lambda number: (self.started[number], number), reverse=True)[:most])

    def _completed(self, run: str, chosen: set[int]) -> None:
        found = self.call(self.door.get, f"/v2/task-runs/{run}")
        note(f"{found}")
        expected = ("COMPLETED", len(chosen)) if chosen else ("CANCELLED", 0)
        assert (found["status"], found["num_successes"]) == expected
        self.ended[run] = expected
        rows = self.call(self.door.get, f"/x/task-runs/{run}/rows")["run_rows"]
        assert Counter(row["target_id"] for row in rows) == Counter(map(span_id, chosen))
        self.may_be_asked.update(chosen)
        self.labelled |= chosen

    # How it is done

    @contextmanager
    def _held(self, chosen: set[int]) -> Generator[None]:
        MODEL_GATE.is_asked.clear()
        if chosen:
            MODEL_GATE.is_open.clear()
        try:
            yield
        finally:
            MODEL_GATE.is_open.set()

    def _triggered(self, window: list[int], most: int, *, override: bool) -> str:
        start, end = (at(NOW - (SPAN_OF_TIME - place) * SECOND) for place in window)
        body = {"data_start_time": start, "data_end_time": end, "max_spans": most, "override_evaluations": override}
        return self.call(self.door.post, f"/v2/tasks/{self.judged}/trigger", body)["id"]

    def _await_question(self, run: str, chosen: set[int]) -> None:
        if chosen:
            assert MODEL_GATE.is_asked.wait(60), run

    async def _copy(self, to: Path) -> None:
        def copy(_: sa.Connection) -> None:
            shutil.copytree(self.home, to)

        # Within a write, so that nobody else is in the middle of one.
        await self.door.engine.database.write(copy)

    def _rest(self) -> None:
        """Let everything that is due happen, and look whether it was right."""
        self.clock.now += SECOND
        self.call(self._at_rest)
        self.call(self._check)

    async def _at_rest(self) -> None:
        with anyio.fail_after(60):
            while await self.door.engine.database.read(_has_work):
                await anyio.sleep(0.004)
                # A clock that was put back has a task wait for as long as ten minutes.
                self.clock.now += 5 * SECOND

    async def _check(self) -> None:
        runs, labels = await self.door.engine.database.read(_found)
        for run in runs.values():
            assert run.status not in ACTIVE
            assert run.status != "COMPLETED" or "PENDING" not in run.states
        for run_id, expected in self.ended.items():
            assert (runs[run_id].status, runs[run_id].states.get("SCORED", 0)) == expected
        assert len(labels) == len(set(labels))
        assert {number for number, name in labels if name == "refunds"} == set(self.started)
        scored = sum(run.states.get("SCORED", 0) for run in runs.values() if run.task_id == self.watched)
        assert scored == len(self.started), "the continuous task scores each span once"
        asked = Counter(int(prompt.split("answer ")[1].split(".")[0]) for prompt in self.model.prompts)
        assert all(number <= self.may_be_asked[span] + 1 for span, number in asked.items())

    def _labels(self, name: str) -> set[int]:
        return {number for number, found in self.call(self.door.engine.database.read, _labelled) if found == name}


class Kept(NamedTuple):
    """A run as the store has it, with its items by state."""

    task_id: str
    status: str
    states: dict[str, int]


def _has_work(connection: sa.Connection) -> bool:
    """Whether a run is at work, or spans have come that the continuous task has not gone past."""
    active = "SELECT 1 FROM task_runs WHERE status IN ('PENDING', 'RUNNING')"
    waiting = "SELECT 1 FROM schedules WHERE run_id IS NOT NULL OR cursor_n < (SELECT max(n) FROM spans)"
    return connection.exec_driver_sql(f"SELECT EXISTS ({active}) OR EXISTS ({waiting})").scalar() == 1


def _found(connection: sa.Connection) -> tuple[dict[str, Kept], list[tuple[int, str]]]:
    runs = {
        run_id: Kept(task_id, status, {})
        for run_id, task_id, status in connection.exec_driver_sql("SELECT id, task_id, status FROM task_runs")
    }
    query = "SELECT run_id, state, count(*) FROM run_items GROUP BY run_id, state"
    for run_id, state, number in connection.exec_driver_sql(query):
        runs[run_id].states[state] = number
    return runs, _labelled(connection)


def _labelled(connection: sa.Connection) -> list[tuple[int, str]]:
    """Every verdict on a span: the span's number, and the evaluator's column."""
    rows = connection.exec_driver_sql("SELECT target_id, name FROM evals WHERE level = 'SPAN'")
    return [(int(target, 16) - 1, name) for target, name in rows]


@pytest.mark.parametrize("part", range(PARTS))
def test_no_history_breaks_an_invariant(*, part: int, long: bool) -> None:
    examples, steps = (2_000, 50) if long else (40, 20)
    how = settings(
        max_examples=examples // PARTS,
        stateful_step_count=steps,
        database=None,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much),
        # Shrinking takes minutes; the history that failed is printed whole.
        phases=(Phase.generate,),
        print_blob=True,
    )
    Histories.played = 0
    with ScriptedModel(MODEL_GATE.answer) as model:
        Histories.model = model
        run_state_machine_as_test(seed(SEED + part)(Histories), settings=how)
    assert Histories.played >= examples // PARTS
