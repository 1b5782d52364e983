"""Rows that failed for a cause outside of them are tried again, and rows that are done are not."""

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from tests.engine.door import SECOND, Body, Door, HandClock, counts, opened, span, span_id
from tests.engine.test_continuous import PERIOD_S, continuous, judged, labelled, looking, runs, schedule, until
from tests.engine.test_given_up import first, integration, judge, labels
from tests.engine.test_runs import environment
from tests.scripted_model import Recorded, ScriptedModel

PERIOD_NS = int(PERIOD_S * SECOND)


def overloaded() -> Response:
    return JSONResponse({"error": {"message": "overloaded"}}, 503, headers={"retry-after": "0"})


def sign_in() -> Response:
    return HTMLResponse("<html>Sign in to the network</html>")


def other_json() -> Response:
    return JSONResponse({"message": "Sign in to the network"})


class Outage(ScriptedModel):
    """A model that answers some prompts, and all of them after the outage."""

    def __init__(self, response: Callable[[], Response], answers: Callable[[str], bool] = lambda _: False) -> None:
        super().__init__(lambda prompt: "perhaps" if "odd" in prompt else "good")
        self.is_down = True
        self._response = response
        self._is_answered = answers

    async def _record(self, request: Request, key: str) -> tuple[Recorded, Response | None]:
        recorded, refusal = await super()._record(request, key)
        if self.is_down and not self._is_answered(recorded.prompt):
            return recorded, self._response()
        return recorded, refusal


def is_first(prompt: str) -> bool:
    return "refund of 1 " in prompt.replace("\n", " ")


@pytest.mark.slow
@pytest.mark.parametrize("response", [overloaded, sign_in, other_json])
@pytest.mark.parametrize("some", [True, False])
async def test_after_an_outage_a_continuous_task_scores_every_row_once(
    home: Path, clock: HandClock, response: Callable[[], Response], *, some: bool
) -> None:
    with Outage(response, is_first if some else lambda _: False) as model:
        async with looking(home, environment=environment(model), clock=clock) as door:
            project = await door.send(span(0))
            task = await judged(door, project)
            await door.send(*(span(number) for number in range(1, 6)))
            clock.now += PERIOD_NS
            found = await until(lambda: schedule(door, task), lambda found: found["failures"] == 1)
            assert found["spans_waiting"] == (4 if some else 5)
            assert found["last_failure"]
            model.is_down = False
            # What arrives meanwhile is scored too.
            await door.send(span(6))
            before = model.count
            clock.now += 4 * PERIOD_NS
            await until(lambda: labelled(door, project), lambda found: len(found) == 6)
            clock.now += 4 * PERIOD_NS
            found = await until(lambda: schedule(door, task), lambda found: not found["failures"])
            assert (found["spans_waiting"], "last_failure" in found) == (0, False)
            assert model.count - before == (5 if some else 6)


async def test_a_row_that_failed_by_its_own_fault_is_not_asked_again_with_those_that_did_not(
    home: Path, clock: HandClock
) -> None:
    with Outage(overloaded, lambda prompt: "odd" in prompt or is_first(prompt)) as model:
        async with looking(home, environment=environment(model), clock=clock) as door:
            project = await door.send(span(0))
            task = await judged(door, project)
            await door.send(span(1), span(2), span(3, "an odd one"))
            clock.now += PERIOD_NS
            await until(lambda: schedule(door, task), lambda found: found["failures"] == 1)
            model.is_down = False
            clock.now += 4 * PERIOD_NS
            await until(lambda: labelled(door, project), lambda found: found == [span_id(1), span_id(2)])
    assert sum("odd" in prompt for prompt in model.prompts) == 1


async def test_a_triggered_run_without_a_start_takes_the_rows_that_the_last_one_left(home: Path) -> None:
    clock = HandClock()
    with Outage(overloaded, is_first) as model:
        async with opened(home, environment(model), clock) as door:
            project = await door.send(*(span(number) for number in range(1, 6)))
            task = await door.task(await door.judge(), project_id=project, type="TEMPLATE_EVALUATION")
            run = await door.run(task)
            assert (run["status"], counts(run)) == ("COMPLETED", (1, 4, 0))
            assert run["failure_reason"].startswith("4 rows failed for a cause outside the data")
            model.is_down = False
            clock.now += SECOND
            run = await door.run(task)
            assert (run["status"], counts(run), "failure_reason" in run) == ("COMPLETED", (4, 0, 0), False)
            clock.now += SECOND
            assert (await door.run(task))["data_start_time"] == "2026-01-01T00:00:01Z"


async def test_a_capped_run_is_no_mark_until_another_one_covers_its_window(door: Door, clock: HandClock) -> None:
    project = await door.send(*(span(number) for number in range(1, 6)))
    task = await door.task(await door.evaluator(), project_id=project)
    starts: list[str] = []
    for _ in range(4):
        run = await door.run(task, max_spans=2)
        starts.append(run["data_start_time"])
        clock.now += SECOND
    assert starts == ["2025-12-25T00:00:00Z"] * 3 + ["2026-01-01T00:00:02Z"]
    assert len(await labelled(door, project)) == 5


async def test_a_run_that_takes_as_many_rows_as_there_are_is_not_capped(door: Door) -> None:
    project = await door.send(*(span(number) for number in range(1, 6)))
    task = await door.task(await door.evaluator(), project_id=project)
    run = await door.run(task, max_spans=5)
    report = await door.get(f"/x/task-runs/{run['id']}/report")
    assert (report["selection"]["chosen"], report["selection"].get("capped", False)) == (5, False)


async def test_an_explicit_window_beyond_a_gap_moves_no_start(door: Door, clock: HandClock) -> None:
    """Each run that names no start begins where the stretch ends that all runs before it cover."""
    project = await door.send(span(1))
    task = await door.task(await door.evaluator(), project_id=project)
    await door.run(task)
    clock.now += 60 * SECOND
    await door.send(span(0, start_ns=clock.now - 50 * SECOND))
    await door.send(span(5, start_ns=clock.now - SECOND))
    await door.run(task, data_start_time="2026-01-01T00:00:55Z")
    run = await door.run(task)
    assert (run["data_start_time"], counts(run)) == ("2026-01-01T00:00:00Z", (1, 0, 0))


async def test_two_continuous_tasks_with_a_backlog_leave_a_third_its_turn(home: Path) -> None:
    with ScriptedModel(lambda _: "good", latency_s=0.3) as model:
        async with looking(home, environment=environment(model)) as door:
            tone, project = await door.judge(), await door.send(span(0))
            for name in ("busy", "busy too"):
                await continuous(door, project, tone, name=name, type="TEMPLATE_EVALUATION")
            small = await continuous(door, await door.send(span(0), project="small"), name="small")
            await door.send(*(span(number) for number in range(1, 201)))
            await anyio.sleep(0.3)
            await door.send(span(1), project="small")
            with anyio.fail_after(10):
                await until(lambda: runs(door, small), lambda found: any(run["num_successes"] for run in found))
            assert not any(run["status"] == "COMPLETED" for run in await runs_of(door, "busy too"))


async def runs_of(door: Door, name: str) -> list[Body]:
    (task,) = (await door.get("/v2/tasks", name=name))["tasks"]
    return await runs(door, task["id"])


async def test_a_task_goes_to_the_window_that_has_its_key_and_says_what_it_waits_for(home: Path) -> None:
    with ScriptedModel(lambda _: "good") as model:
        async with looking(home, environment={}) as keyless:
            async with opened(home, environment(model)):
                pass
            project = await keyless.send(span(0))
            task = await judged(keyless, project)
            await keyless.send(span(1))
            found = await until(lambda: schedule(keyless, task), lambda found: bool(found.get("last_failure")))
            assert "waiting for OPENAI_API_KEY" in found["last_failure"]
            assert await runs(keyless, task) == []
            async with looking(home, environment=environment(model)) as door:
                await until(lambda: labelled(door, project), lambda found: found == [span_id(1)])
                assert (await schedule(door, task))["worker"] == "another"


async def test_windows_with_one_key_each_share_a_continuous_task_of_two_judges(home: Path) -> None:
    with ScriptedModel(lambda _: "good") as one, ScriptedModel(lambda _: "good", key="two") as two:
        async with opened(home, environment(one) | {"SECOND_KEY": "two"}) as door:
            project = await door.send(span(0))
            tone = await judge(door, "tone", await first(door))
            facts = await judge(door, "facts", await integration(door, two))
            evaluators = [{"evaluator_id": one} for one in (tone, facts)]
            await continuous(door, project, tone, type="TEMPLATE_EVALUATION", evaluators=evaluators)
        async with looking(home, environment=environment(one)) as door:
            await door.send(*(span(number) for number in range(1, 4)))
            await until(lambda: labels(door, project), lambda found: found.get("tone") == 3)
            # The missing key of the other judge keeps nothing waiting.
            await door.send(span(4))
            await until(lambda: labels(door, project), lambda found: found == {"tone": 4})
            async with looking(home, environment={"SECOND_KEY": "two"}):
                await until(lambda: labels(door, project), lambda found: found == {"tone": 4, "facts": 4})
    assert (one.count, two.count) == (4, 4)


async def test_a_judge_with_a_wrong_key_holds_up_no_later_span_of_its_neighbour(home: Path) -> None:
    with ScriptedModel(lambda _: "good") as good, ScriptedModel(lambda _: "good", key="right") as refusing:
        async with looking(home, environment=environment(good) | {"SECOND_KEY": "wrong"}) as door:
            project = await door.send(span(0))
            tone = await judge(door, "tone", await first(door))
            facts = await judge(door, "facts", await integration(door, refusing))
            evaluators = [{"evaluator_id": one} for one in (tone, facts)]
            task = await continuous(door, project, tone, type="TEMPLATE_EVALUATION", evaluators=evaluators)
            for number in range(1, 4):
                await door.send(span(number))
                await until(lambda: labels(door, project), lambda found, n=number: found.get("tone") == n)
            found = await until(lambda: schedule(door, task), lambda found: found["spans_waiting"] == 3)
            assert "SECOND_KEY" in found["last_failure"]
    assert good.count == 3
