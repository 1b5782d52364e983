"""Runs and tasks whose experiment, project or integration is deleted."""

from pathlib import Path

import anyio
import pytest
from tests.engine.door import Body, Door, counts, opened
from tests.engine.held import held_model
from tests.scripted_model import ScriptedModel


def environment(url: str) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": url}


async def generation(door: Door, dataset: str, **more: object) -> str:
    """A task that makes experiments of a dataset with the one integration there is."""
    integration = (await door.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
    config: Body = {"experiment_type": "LLM_GENERATION", "ai_integration_id": integration, "model_name": "m"}
    config |= {"messages": [{"role": "USER", "content": "{{q}}"}], "input_variable_format": "MUSTACHE", **more}
    body = {"name": "gen", "type": "RUN_EXPERIMENT", "dataset_id": dataset, "run_configuration": config}
    return (await door.post("/v2/tasks", body))["id"]


@pytest.mark.parametrize("deleted", ["experiment", "project"])
async def test_a_run_whose_experiment_or_project_is_deleted_meanwhile_says_so(home: Path, deleted: str) -> None:
    with held_model(1) as (model, held):
        async with opened(home, environment(model.url)) as door:
            dataset, _ = await door.dataset([{"q": f"question {number}"} for number in range(4)])
            task = await generation(door, dataset)
            run = await door.trigger(task, experiment_name="e1", tracing_metadata={"who": "me"})
            with anyio.fail_after(60):
                while not (run := await door.get(f"/v2/task-runs/{run['id']}"))["num_successes"]:  # noqa: ASYNC110
                    await anyio.sleep(0.02)
            made = await door.get(f"/v2/experiments/{run['experiment_id']}")
            if deleted == "experiment":
                await door.delete(f"/v2/experiments/{made['id']}")
            else:
                await door.delete(f"/v2/projects/{made['experiment_traces_project_id']}")
            held.let_go()
            ended = await door.until(run["id"], "COMPLETED", "FAILED", "CANCELLED")
            if deleted == "experiment":
                assert ended["status"] == "CANCELLED"
                assert "Experiment 'e1' was deleted while the run made it" in ended["failure_reason"]
                return
            assert (ended["status"], counts(ended)) == ("COMPLETED", (4, 0, 0))
            rows = await door.runs_of(made["id"])
            assert sum("result.trace.id" in row for row in rows) == 1  # the one from before
            assert "experiment_traces_project_id" not in await door.get(f"/v2/experiments/{made['id']}")


async def test_a_task_scores_the_experiments_that_are_left_and_says_which_are_not(door: Door) -> None:
    dataset, ids = await door.dataset([{"q": "a"}, {"q": "b"}])
    rows = [{"example_id": key, "output": "refund"} for key in ids]
    made = [await door.experiment(dataset, rows, name) for name in ("one", "two", "three")]
    task = await door.task(await door.evaluator(), dataset_id=dataset, experiment_ids=made)
    await door.delete(f"/v2/experiments/{made[0]}")
    run = await door.run(task)
    assert (run["status"], counts(run)) == ("COMPLETED", (4, 0, 0))
    assert run["failure_reason"] == "One experiment of the task is deleted and was not scored."
    await door.delete(f"/v2/experiments/{made[1]}")
    again = await door.run(task, override_evaluations=True)
    assert (again["status"], counts(again)) == ("COMPLETED", (2, 0, 0))
    assert again["failure_reason"] == "2 experiments of the task are deleted and were not scored."
    await door.refused(404, "POST", f"/v2/tasks/{task}/trigger", json={"experiment_ids": [made[0]]})
    await door.delete(f"/v2/experiments/{made[2]}")
    none = await door.run(task)
    assert none["status"] == "CANCELLED"
    assert "the task's experiments are deleted" in none["failure_reason"]


async def test_an_integration_of_a_task_that_makes_experiments_is_not_deleted(home: Path) -> None:
    async with opened(home, environment("http://127.0.0.1:1")) as door:
        dataset, _ = await door.dataset([{"q": "a"}])
        task = await generation(door, dataset)
        (integration,) = (await door.get("/v2/ai-integrations"))["ai_integrations"]
        path = f"/v2/ai-integrations/{integration['id']}"
        assert "used by the task(s) 'gen'" in await door.refused(409, "DELETE", path)
        await door.delete(f"/v2/tasks/{task}")
        await door.delete(path)


async def test_a_failure_is_shared_by_the_rows_that_waited_for_it(home: Path) -> None:
    with held_model(0, answer=lambda _: "neither") as (model, held):
        async with opened(home, environment(model.url)) as door:
            dataset, ids = await door.dataset([{"q": "same"} for _ in range(40)])
            experiment = await door.experiment(dataset, [{"example_id": key, "output": "same"} for key in ids])
            fields: Body = {"dataset_id": dataset, "experiment_ids": [experiment], "type": "TEMPLATE_EVALUATION"}
            task = await door.task(await door.judge(use_function_calling=False), **fields)
            run = await door.trigger(task)
            await _asked(model)
            await anyio.sleep(0.3)  # for the other rows in work to reach the question
            held.let_go()
            ended = await door.until(run["id"], "COMPLETED", "FAILED")
            assert (ended["status"], counts(ended)) == ("FAILED", (0, 40, 0))
            assert model.count <= 2 * 3  # the rows that are read later ask once more


async def _asked(model: ScriptedModel) -> None:
    with anyio.fail_after(60):
        while not model.count:  # noqa: ASYNC110  (the model counts in a thread)
            await anyio.sleep(0.02)
