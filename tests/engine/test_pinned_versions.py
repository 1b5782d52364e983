"""A run that has not begun keeps the versions of evaluators that it was created with."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.engine.door import Body, Door, HandClock, judge_version, opened
from tests.engine.test_runs import ALWAYS, environment, executing, judging
from tests.engine.test_waiting_runs import SOON_S, waiting
from tests.scripted_model import ScriptedModel


class Waiting(NamedTuple):
    """A PENDING run of a task, which waits for a key, and its judge, which has one version."""

    door: Door
    run: str
    task: str
    judge: str

    async def change(self, path: str, method: str, body: Body) -> Mapping[str, Any]:
        answer = await self.door.http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def sharpen(self) -> str:
        """The id of a new version, whose prompt begins with "Strict"."""
        integration = (await self.door.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
        body = judge_version(integration, template="Strict: is this good? {output}")
        return (await self.change(f"/v2/evaluators/{self.judge}/versions", "POST", body))["id"]


async def newer(there: Waiting) -> None:
    await there.sharpen()


async def named_by_the_task(there: Waiting) -> None:
    entry = {"evaluator_id": there.judge, "evaluator_version_id": await there.sharpen()}
    await there.change(f"/v2/tasks/{there.task}", "PATCH", {"evaluators": [entry]})


async def deleted(there: Waiting) -> None:
    old = (await there.door.get(f"/v2/evaluators/{there.judge}"))["version"]["id"]
    await there.sharpen()
    await there.change(f"/v2/evaluators/{there.judge}/versions", "DELETE", {"version_ids": [old]})


async def of_before(there: Waiting) -> None:
    """The run is one that schema 0025 stored."""
    await there.door.engine.database.write(executing("UPDATE task_runs SET pinned = NULL"))
    await there.sharpen()


@pytest.mark.parametrize(
    ("changed", "number", "label"),
    [(newer, 1, "good"), (named_by_the_task, 1, "good"), (deleted, 2, "bad"), (of_before, 2, "bad")],
)
async def test_a_run_that_waits_for_a_key_keeps_its_version_unless_that_is_deleted(
    home: Path, changed: Callable[[Waiting], Awaitable[None]], number: int, label: str
) -> None:
    with ScriptedModel(lambda prompt: "bad" if "Strict" in prompt else "good") as model:
        async with judging(home, model) as (door, project, task):
            judge = (await door.get(f"/v2/tasks/{task}"))["evaluators"][0]["evaluator_id"]
        async with opened(home, {}, HandClock(), silent_s=SOON_S) as door:
            run = (await door.trigger(task, **ALWAYS))["id"]
            assert (await waiting(door, run))["status"] == "PENDING"
            assert (await door.get(f"/x/task-runs/{run}/report"))["judges"][judge]["version"] == 1
            await changed(Waiting(door, run, task, judge))
        async with opened(home, environment(model), HandClock(), silent_s=SOON_S) as door:
            await door.until(run, "COMPLETED")
            report = await door.get(f"/x/task-runs/{run}/report")
            assert (report["labels"], report["judges"][judge]["version"]) == ({judge: {label: 3}}, number)
            made_by = [one["metadata"]["version"] for row in await door.spans(project) for one in row["evaluations"]]
            assert made_by == [number] * 3
            # A run that is created later takes the newest version.
            later = await door.run(task, **ALWAYS, override_evaluations=True)
            report = await door.get(f"/x/task-runs/{later['id']}/report")
            assert (report["labels"], report["judges"][judge]["version"]) == ({judge: {"bad": 3}}, 2)
