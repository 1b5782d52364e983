"""A continuous task tries rows that fail by the provider's fault again, and gives up one that always fails."""

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response
from tests.engine.door import SECOND, Door, HandClock, span
from tests.engine.test_continuous import judged, labelled, looking, runs, schedule, until
from tests.engine.test_left_rows import Outage, overloaded
from tests.engine.test_runs import environment

from assaykit.engine.store.queue.left_rows import MOST_TRIES

PAUSE_NS = 601 * SECOND
"""Longer than any pause between two tries."""


def too_long() -> Response:
    return JSONResponse({"error": {"message": "This model's maximum context length is 8192 tokens."}}, 400)


def is_fine(prompt: str) -> bool:
    return "poison" not in prompt


async def tried(door: Door, task: str, clock: HandClock) -> None:
    """Let the pause pass, and wait until the runs that follow have ended."""
    before = await schedule(door, task)
    clock.now += PAUSE_NS
    await until(
        lambda: schedule(door, task),
        lambda found: not found["is_running"] and found.get("next_run_at") != before.get("next_run_at"),
    )


@pytest.mark.slow
@pytest.mark.parametrize(("response", "is_busy"), [(too_long, False), (too_long, True), (overloaded, True)])
async def test_a_row_that_always_fails_among_others_is_given_up_and_told(
    home: Path, clock: HandClock, response: Callable[[], Response], *, is_busy: bool
) -> None:
    with Outage(response, is_fine) as model:
        async with looking(home, environment=environment(model), clock=clock) as door:
            project = await door.send(span(0))
            task = await judged(door, project)
            await door.send(span(1), span(2, "poison"), span(3))
            for step in range(2 * MOST_TRIES):
                await tried(door, task, clock)
                if is_busy:
                    await door.send(span(10 + step))
            await tried(door, task, clock)
            found = await schedule(door, task)
            assert (found["given_up"], found["spans_waiting"], found["failures"]) == (1, 0, 0)
            failed = [run for run in await runs(door, task) if run["num_errors"]]
            assert len(failed) == MOST_TRIES
            assert len(await labelled(door, project)) == 2 + (2 * MOST_TRIES if is_busy else 0)


@pytest.mark.slow
async def test_an_outage_gives_no_row_up(home: Path, clock: HandClock) -> None:
    with Outage(overloaded) as model:
        async with looking(home, environment=environment(model), clock=clock) as door:
            project = await door.send(span(0))
            task = await judged(door, project)
            await door.send(span(1), span(2), span(3))
            for _ in range(2 * MOST_TRIES):
                await tried(door, task, clock)
            assert (await schedule(door, task))["given_up"] == 0
            model.is_down = False
            clock.now += PAUSE_NS
            await until(lambda: labelled(door, project), lambda found: len(found) == 3)


@pytest.mark.slow
async def test_a_judge_that_is_refused_for_every_row_keeps_them_until_it_is_corrected(
    home: Path, clock: HandClock
) -> None:
    with Outage(too_long) as model:
        async with looking(home, environment=environment(model), clock=clock) as door:
            project = await door.send(span(0))
            task = await judged(door, project)
            await door.send(span(1), span(2))
            for _ in range(2 * MOST_TRIES):
                await tried(door, task, clock)
            assert (await schedule(door, task))["given_up"] == 0
            model.is_down = False
            clock.now += PAUSE_NS
            await until(lambda: labelled(door, project), lambda found: len(found) == 2)
