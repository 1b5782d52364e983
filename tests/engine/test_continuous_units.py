"""Continuous tasks over traces and sessions: each is scored when it is whole, and once more if it grows after that."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.engine.door import NOW, SECOND, Body, Door, HandClock, opened, span, span_id
from tests.engine.test_continuous import PERIOD_S, continuous, runs, schedule, until

pytestmark = pytest.mark.slow


def part(trace: int, number: int, session: str | None = None, **attributes: str) -> Body:
    """A span of a trace and maybe of a session."""
    extra = attributes if session is None else {"session__id": session, **attributes}
    return span(number, start_ns=NOW - number * SECOND, **extra) | {"traceId": f"{trace:032x}"}


class Watched:
    """A continuous task of a project, and the clock that it goes by."""

    def __init__(self, door: Door, clock: HandClock, project: str, task: str, level: str) -> None:
        self.door = door
        self.clock = clock
        self.project = project
        self.task = task
        self._column = f"{level.lower()}_eval.whole"

    async def send(self, *spans: Body) -> None:
        await self.door.send(*spans)
        await self.looked()

    async def after(self, seconds: float) -> set[str]:
        """The traces that have a verdict, once so many seconds have passed and a look was taken."""
        self.clock.now += int(seconds * SECOND)
        await self.looked()
        # A look is over before its run begins. The next one begins after the run.
        await self.looked()
        await until(lambda: schedule(self.door, self.task), lambda found: not found["is_running"])
        wide = {"start_time": "2000-01-01T00:00:00Z", "end_time": "2100-01-01T00:00:00Z"}
        return {
            f"{int(row['context']['trace_id'], 16)}"
            for row in await self.door.spans(self.project, **wide)
            if any(one["name"] == self._column for one in row["evaluations"])
        }

    async def looked(self) -> None:
        """Have the engine look once more: its looks are a period of its clock apart."""
        seen = await schedule(self.door, self.task)
        self.clock.now += int(PERIOD_S * SECOND) + 1
        await until(lambda: schedule(self.door, self.task), lambda found: found["next_run_at"] != seen["next_run_at"])

    async def stale(self) -> set[str]:
        """The traces with a verdict that does not cover all of their spans."""
        wide = {"start_time": "2000-01-01T00:00:00Z", "end_time": "2100-01-01T00:00:00Z"}
        return {
            f"{int(row['context']['trace_id'], 16)}"
            for row in await self.door.spans(self.project, **wide)
            if any(one["name"] == self._column and one["metadata"].get("stale") for one in row["evaluations"])
        }

    async def counts(self) -> tuple[int, int]:
        """Units that are quiet and wait, and units to which something was added lately."""
        found = await schedule(self.door, self.task)
        return found["units_waiting"], found["units_open"]


@asynccontextmanager
async def watching(home: Path, level: str = "TRACE", *, letter: str | None = None) -> AsyncGenerator[Watched]:
    clock = HandClock()
    async with opened(home, clock=clock, period_s=PERIOD_S) as door:
        project = await door.send(part(1, 1, "before"))
        whole = await door.evaluator("whole", data_granularity=level)
        filters = {} if letter is None else {"query_filters": {"filters": [{"id": "A", "filter": letter}]}}
        task = await continuous(door, project, whole, **filters)
        yield Watched(door, clock, project, task, level)


async def test_a_trace_is_scored_once_it_has_been_quiet_and_not_before(home: Path) -> None:
    async with watching(home) as watched:
        await watched.send(part(2, 2))
        assert await watched.after(50) == set()
        assert await watched.counts() == (0, 1)
        await watched.send(part(2, 3), part(3, 4))
        assert await watched.after(50) == set()
        assert await watched.after(11) == {"2", "3"}
        assert await watched.counts() == (0, 0)
        (run,) = await runs(watched.door, watched.task)
        assert (run["status"], run["num_successes"]) == ("COMPLETED", 2)


async def test_a_session_waits_longer_and_is_all_of_its_traces(home: Path) -> None:
    async with watching(home, "SESSION") as watched:
        await watched.send(part(2, 2, "a"))
        assert await watched.after(300) == set()
        await watched.send(part(3, 3, "a"), part(4, 4, "b"), part(5, 5))
        assert await watched.after(599) == set()
        assert await watched.after(2) == {"2", "3", "4"}
        (run,) = await runs(watched.door, watched.task)
        assert run["num_successes"] == 2


async def test_a_trace_that_grows_after_it_was_scored_is_scored_anew_once_and_is_stale_after_that(home: Path) -> None:
    async with watching(home) as watched:
        await watched.send(part(2, 2))
        assert await watched.after(61) == {"2"}
        assert await watched.stale() == set()
        await watched.send(part(2, 3), part(3, 4))
        assert await watched.stale() == {"2"}
        assert await watched.after(61) == {"2", "3"}
        assert await watched.stale() == set()
        await watched.send(part(2, 5))
        assert await watched.after(61) == {"2", "3"}
        assert await watched.stale() == {"2"}
        made = await runs(watched.door, watched.task)
        assert [run["num_successes"] for run in made] == [1, 2]
        # A trigger leaves it, unless it is to score anew.
        run = await watched.door.run(watched.task, data_start_time="2000-01-01T00:00:00Z")
        assert run["status"] == "CANCELLED" or run["num_successes"] == 1
        assert await watched.stale() == {"2"}
        everything = {"data_start_time": "2000-01-01T00:00:00Z", "override_evaluations": True}
        await watched.door.run(watched.task, **everything)
        assert await watched.stale() == set()


async def test_a_trace_that_lacks_the_parent_of_a_span_is_open_until_it_comes(home: Path) -> None:
    async with watching(home) as watched:
        await watched.send(part(2, 3) | child_of(2), part(3, 4))
        assert await watched.after(100) == {"3"}
        assert await watched.counts() == (0, 1)
        assert await watched.after(1_000) == {"3"}
        await watched.send(part(2, 2), part(2, 5) | child_of(2))
        assert await watched.after(61) == {"2", "3"}
        assert await watched.counts() == (0, 0)
        made = await runs(watched.door, watched.task)
        assert [run["num_successes"] for run in made] == [1, 1]


async def test_a_trace_whose_parent_never_comes_is_scored_after_an_hour(home: Path) -> None:
    async with watching(home) as watched:
        await watched.send(part(2, 3) | child_of(2))
        await watched.send(part(3, 5) | child_of(4), part(4, 6))
        assert await watched.after(1_800) == {"4"}
        assert await watched.after(1_700) == {"4"}
        assert await watched.after(200) == {"2", "3", "4"}
        assert await watched.counts() == (0, 0)
        assert (await schedule(watched.door, watched.task))["failures"] == 0
        made = await runs(watched.door, watched.task)
        assert sum(run["num_successes"] for run in made) == 3


async def test_a_session_with_a_trace_that_lacks_a_parent_is_open(home: Path) -> None:
    async with watching(home, "SESSION") as watched:
        await watched.send(part(2, 3, "a") | child_of(2), part(3, 4, "b"))
        assert await watched.after(601) == {"3"}
        await watched.send(part(2, 2, "a"))
        assert await watched.after(601) == {"2", "3"}


def child_of(number: int) -> Body:
    return {"parentSpanId": span_id(number)}


async def test_a_trace_that_began_before_the_task_is_scored_when_it_goes_on(home: Path) -> None:
    async with watching(home) as watched:
        assert await watched.after(100) == set()
        await watched.send(part(1, 5))
        assert await watched.after(61) == {"1"}


async def test_what_went_quiet_while_no_engine_was_open_is_caught_up_on(home: Path) -> None:
    async with watching(home) as watched:
        await watched.send(part(2, 2))
        task, project, clock = watched.task, watched.project, watched.clock
    clock.now += 3600 * SECOND
    async with opened(home, clock=clock) as door:
        await door.send(part(3, 3))
    async with opened(home, clock=clock, period_s=PERIOD_S) as door:
        again = Watched(door, clock, project, task, "TRACE")
        assert await again.after(1) == {"2"}
        assert await again.after(61) == {"2", "3"}


async def test_a_filter_takes_traces_by_any_of_their_spans_and_a_clock_put_back_loses_none(home: Path) -> None:
    async with watching(home, letter="attributes.kind = 'tool'") as watched:
        await watched.send(part(2, 2, kind="tool"), part(2, 3), part(3, 4))
        watched.clock.now -= 3600 * SECOND
        assert await watched.after(1) == set()
        assert await watched.after(62) == {"2"}
        assert await watched.counts() == (0, 0)


@pytest.mark.parametrize("period", range(3))
async def test_whatever_the_moments_every_trace_is_scored_once_or_once_more(home: Path, period: int) -> None:
    async with watching(home) as watched:
        for number in range(2, 12):
            await watched.door.send(part(number, number), part(number // 2 + 1, 100 + number))
            watched.clock.now += (7 + period * 11) * SECOND
            await watched.looked()
        assert await watched.after(61) == {str(number) for number in range(2, 12)}
        made = await runs(watched.door, watched.task)
        # A trace that grows after it was scored is scored once more.
        assert 10 <= sum(run["num_successes"] for run in made) <= 20
        assert await watched.stale() == set()
