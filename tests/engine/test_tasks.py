"""Tasks: what they may be made of."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from tests.engine.door import Body, Door, opened, span, task_body, version

FILTER = "attributes.input.value CONTAINS 'question'"
AGENT_CALL: Body = {"experiment_type": "AGENT_CALL", "integration_id": "a", "input_template": {"q": "{{q}}"}}


async def dataset_with_experiment(door: Door, name: str = "questions") -> tuple[str, str]:
    dataset, (example,) = await door.dataset([{"q": 1}], name)
    return dataset, await door.experiment(dataset, [{"example_id": example, "output": "a refund"}])


async def test_a_task_is_answered_as_it_was_made_with_the_names_of_its_evaluators(door: Door) -> None:
    project, evaluator = await door.send(span(0)), await door.evaluator()
    entry: Body = {"evaluator_id": evaluator, "query_filter": FILTER, "column_mappings": {"output": "input"}}
    fields: Body = {"project_id": project, "sampling_rate": 1, "query_filter": FILTER, "evaluators": [entry]}
    made = await door.post("/v2/tasks", task_body(evaluator, **fields))
    assert await door.get(f"/v2/tasks/{made['id']}") == made
    assert made["evaluators"] == [{**entry, "evaluator_name": "refunds"}]
    assert (made["project_id"], made["query_filter"], made["sampling_rate"]) == (project, FILTER, 1)
    assert (made["type"], made["is_continuous"]) == ("CODE_EVALUATION", False)
    assert "last_run_at" not in made


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "exactly one of project_id and dataset_id"),
        ({"project_id": "p", "dataset_id": "d", "experiment_ids": ["e"]}, "exactly one of project_id and dataset_id"),
        ({"dataset_id": "d"}, "at least one entry in experiment_ids"),
        ({"dataset_id": "d", "experiment_ids": []}, "at least one entry in experiment_ids"),
        ({"project_id": "p", "experiment_ids": ["e"]}, "belong to a dataset task"),
        ({"dataset_id": "d", "experiment_ids": ["e"], "sampling_rate": 0.5}, "sampling_rate belongs to a project"),
        ({"dataset_id": "d", "experiment_ids": ["e"], "is_continuous": True}, "cannot be continuous"),
        ({"project_id": "p", "sampling_rate": 1.1}, "sampling_rate"),
        ({"project_id": "p", "sampling_rate": -0.1}, "sampling_rate"),
        ({"project_id": "p", "evaluators": []}, "evaluators"),
        ({"project_id": "p", "evaluators": None}, "at least one entry"),
        ({"project_id": "p", "name": ""}, "name"),
        ({"project_id": "p", "type": "GUESSING"}, "'TEMPLATE_EVALUATION', 'CODE_EVALUATION'"),
        ({"project_id": "p", "type": "RUN_EXPERIMENT"}, "needs dataset_id and run_configuration"),
        ({"dataset_id": "d", "run_configuration": AGENT_CALL}, "run_configuration belongs to a RUN_EXPERIMENT task"),
        (
            {"dataset_id": "d", "type": "RUN_EXPERIMENT", "run_configuration": AGENT_CALL, "sampling_rate": 0},
            "a RUN_EXPERIMENT task does not take sampling_rate, evaluators",
        ),
        ({"project_id": "p", "query_filter": "  "}, "blank"),
        ({"project_id": "p", "evaluators": [{"evaluator_id": "e", "query_filter": ""}]}, "blank"),
        ({"project_id": "p", "evaluators": [{"evaluator_id": "e", "columns": 1}]}, "columns"),
        ({"project_id": "p", "sampling": 0.5}, "did you mean 'sampling_rate'"),
    ],
)
async def test_a_task_of_the_wrong_shape_is_a_400(door: Door, changes: Body, word: str) -> None:
    assert word in await door.refused(400, "POST", "/v2/tasks", json=task_body("e") | changes)


async def test_a_null_evaluator_is_explained_to_the_user_of_the_sdk(door: Door) -> None:
    detail = await door.refused(400, "POST", "/v2/tasks", json=task_body(None, project_id="p"))
    assert "TaskEvaluatorInput(SpanEvaluatorInput(evaluator_id=...))" in detail


async def test_a_second_task_of_the_same_name_is_a_conflict(door: Door) -> None:
    project, evaluator = await door.send(span(0)), await door.evaluator()
    await door.task(evaluator, "nightly", project_id=project)
    body = task_body(evaluator, "nightly", project_id=project)
    assert "named 'nightly' already" in await door.refused(422, "POST", "/v2/tasks", json=body)


async def test_what_a_task_names_must_exist(door: Door) -> None:
    project, evaluator = await door.send(span(0)), await door.evaluator()
    dataset, experiment = await dataset_with_experiment(door)
    for body, word in [
        (task_body(evaluator, project_id="x"), "project with the id 'x'"),
        (task_body("x", project_id=project), "evaluator with the id 'x'"),
        (task_body(evaluator, dataset_id="x", experiment_ids=[experiment]), "dataset with the id 'x'"),
        (task_body(evaluator, dataset_id=dataset, experiment_ids=["x"]), "experiment with the id 'x'"),
    ]:
        assert word in await door.refused(404, "POST", "/v2/tasks", json=body)


async def test_an_experiment_of_another_dataset_is_refused(door: Door) -> None:
    evaluator = await door.evaluator()
    dataset, _ = await dataset_with_experiment(door, "mine")
    _, experiment = await dataset_with_experiment(door, "theirs")
    body = task_body(evaluator, dataset_id=dataset, experiment_ids=[experiment])
    assert "belongs to another dataset than 'mine'" in await door.refused(422, "POST", "/v2/tasks", json=body)


async def test_a_version_of_another_evaluator_is_refused(door: Door) -> None:
    project, mine, theirs = await door.send(span(0)), await door.evaluator("mine"), await door.evaluator("theirs")
    foreign = (await door.get(f"/v2/evaluators/{theirs}"))["version"]["id"]
    entries: list[Body] = [{"evaluator_id": mine, "evaluator_version_id": foreign}]
    body = task_body(mine, project_id=project, evaluators=entries)
    assert "'mine' has no version" in await door.refused(422, "POST", "/v2/tasks", json=body)


async def test_an_evaluator_named_twice_is_refused_even_in_two_versions(door: Door) -> None:
    project, evaluator = await door.send(span(0)), await door.evaluator("first")
    pinned = (await door.get(f"/v2/evaluators/{evaluator}"))["version"]["id"]
    await door.post(f"/v2/evaluators/{evaluator}/versions", version("another column"))
    entries: list[Body] = [{"evaluator_id": evaluator, "evaluator_version_id": pinned}, {"evaluator_id": evaluator}]
    body = task_body(evaluator, project_id=project, evaluators=entries)
    assert "More than one entry" in await door.refused(422, "POST", "/v2/tasks", json=body)


async def test_two_evaluators_of_one_column_are_refused(door: Door) -> None:
    project = await door.send(span(0))
    entries: list[Body] = []
    for name in "ab":
        made = await door.post("/v2/evaluators", await door.evaluator_body(name) | {"version": version("same")})
        entries.append({"evaluator_id": made["id"]})
    body = task_body(None, project_id=project, evaluators=entries)
    assert "writes the column 'same'" in await door.refused(422, "POST", "/v2/tasks", json=body)


async def test_the_kind_of_task_and_of_evaluator_must_agree(door: Door) -> None:
    project, evaluator = await door.send(span(0)), await door.evaluator()
    body = task_body(evaluator, project_id=project, type="TEMPLATE_EVALUATION")
    assert "of type CODE" in await door.refused(422, "POST", "/v2/tasks", json=body)


@pytest.mark.parametrize("text", ["latency_ms <", "name = ", "'a' = 'a'", "name = 'x'; DROP TABLE tasks"])
async def test_a_filter_that_cannot_be_read_is_a_422_wherever_it_stands(door: Door, text: str) -> None:
    project, evaluator = await door.send(span(0)), await door.evaluator()
    with_filter = await door.evaluator("with filter", query_filter=text)
    for body in (
        task_body(evaluator, project_id=project, query_filter=text),
        task_body(None, project_id=project, evaluators=[{"evaluator_id": evaluator, "query_filter": text}]),
        task_body(with_filter, project_id=project),
    ):
        await door.refused(422, "POST", "/v2/tasks", json=body)
    assert (await door.get("/v2/tasks"))["tasks"] == []


@pytest.mark.parametrize(
    ("changes", "instead"),
    [
        (
            {"dataset_id": "d", "type": "RUN_EXPERIMENT", "run_configuration": AGENT_CALL, "evaluators": None},
            "upload its outputs",
        ),
    ],
)
async def test_a_kind_that_is_not_run_yet_is_a_501_that_says_what_to_do_instead(
    door: Door, changes: Body, instead: str
) -> None:
    assert instead in await door.refused(501, "POST", "/v2/tasks", json=task_body("e") | changes)


async def test_the_type_is_taken_in_lower_case_and_answered_in_upper(door: Door) -> None:
    project, evaluator = await door.send(span(0)), await door.evaluator()
    task = await door.task(evaluator, project_id=project, type="code_evaluation")
    assert (await door.get(f"/v2/tasks/{task}"))["type"] == "CODE_EVALUATION"


async def test_tasks_are_listed_newest_first_and_by_their_target(door: Door) -> None:
    project, other = await door.send(span(0)), await door.send(span(1), project="other")
    evaluator = await door.evaluator()
    dataset, experiment = await dataset_with_experiment(door)
    for name, target in [("a", project), ("b", other), ("c", project)]:
        await door.task(evaluator, name, project_id=target)
    await door.task(evaluator, "d", dataset_id=dataset, experiment_ids=[experiment])

    async def names(**query: Any) -> str:
        rows = await door.all_of("/v2/tasks", "tasks", 2, **query)
        assert all(row["evaluators"][0]["evaluator_name"] == "refunds" for row in rows)
        return "".join(row["name"] for row in rows)

    assert await names() == "dcba"
    assert await names(project_id=project) == "ca"
    assert await names(dataset_id=dataset) == "d"
    assert await names(type="code_evaluation") == "dcba"
    assert await names(type="TEMPLATE_EVALUATION") == ""
    assert await names(name="B", space_name="default") == "b"


async def test_a_list_of_tasks_and_of_runs_takes_as_many_queries_for_many_rows_as_for_one(home: Path) -> None:
    async with opened(home) as door:
        project, evaluator = await door.send(span(0)), await door.evaluator()
        task = await door.task(evaluator, "first", project_id=project)
        await door.run(task)
        paths = ["/v2/tasks", f"/v2/tasks/{task}/runs"]
        before = [await queries_for(door, path) for path in paths]
        for name in "abcde":
            await door.task(evaluator, name, project_id=project)
            await door.run(task)
        assert [await queries_for(door, path) for path in paths] == before


async def queries_for(door: Door, path: str) -> int:
    """How many SELECTs one GET makes."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    engine = await door.engine.database.read(lambda connection: connection.engine)
    event.listen(engine, "before_cursor_execute", note)
    await door.get(path)
    event.remove(engine, "before_cursor_execute", note)
    found = [text for text in asked if text.startswith("SELECT")]
    assert found
    return len(found)


async def test_a_deleted_task_is_gone_with_its_runs_and_the_verdicts_stay(door: Door) -> None:
    project, evaluator = await door.send(span(0)), await door.evaluator()
    task = await door.task(evaluator, project_id=project)
    run = await door.run(task)
    await door.delete(f"/v2/tasks/{task}")
    await door.refused(404, "GET", f"/v2/tasks/{task}")
    await door.refused(404, "GET", f"/v2/task-runs/{run['id']}")
    assert [verdict["label"] for verdict in (await door.spans(project))[0]["evaluations"]] == ["contains"]
    assert await door.task(evaluator, project_id=project) != task


async def test_a_type_that_no_task_has_is_a_400(door: Door) -> None:
    assert "CODE_EVALUATION" in await door.refused(400, "GET", "/v2/tasks", params={"type": "CODE"})
