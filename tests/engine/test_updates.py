"""Changing and deleting what is there: names, tasks, spans, examples, and reading evaluator versions."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.door import DAY, NOW, SECOND, Body, span_id
from tests.engine.rest import Rest, at, opened, span


@pytest.fixture
async def rest(home: Path) -> AsyncGenerator[Rest]:
    async with opened(home, {"OPENAI_API_KEY": "k"}) as rest:
        yield rest


async def task(rest: Rest, **fields: Any) -> Body:
    """A project task with one code evaluator, a filter and a sampling rate."""
    project = await rest.door.send(span(1))
    entry = {"evaluator_id": await rest.door.evaluator(), "column_mappings": {"output": "name"}}
    body = {
        "name": "nightly",
        "type": "CODE_EVALUATION",
        "project_id": project,
        "query_filter": "status_code = 'OK'",
        "sampling_rate": 0.5,
        "evaluators": [entry],
    }
    return await rest.create("/v2/tasks", body | fields)


# Names


@pytest.mark.parametrize("noun", ["projects", "datasets", "evaluators"])
async def test_a_thing_gets_another_name_unless_it_is_taken(rest: Rest, noun: str) -> None:
    async def make(name: str) -> str:
        if noun == "projects":
            return (await rest.create("/v2/projects", {"name": name, "space_id": rest.space}))["id"]
        return (
            (await rest.door.dataset([{"q": 1}], name=name))[0]
            if noun == "datasets"
            else await rest.door.evaluator(name)
        )

    first, _ = await make("first"), await make("second")
    path = f"/v2/{noun}/{first}"
    assert (await rest.ask("PATCH", path, {"name": "third"}))["name"] == "third"
    assert (await rest.ask("PATCH", path, {"name": "third"}))["name"] == "third"
    # AX names no 409 for a project's new name.
    taken = 422 if noun == "projects" else 409
    assert "'second'" in await rest.refused(taken, "PATCH", path, {"name": "second"})
    assert (await rest.get(path))["name"] == "third"
    for wrong in ({}, {"name": ""}, {"name": " "}, {"name": None}, {"nam": "x"}, {"name": "x", "id": "y"}):
        await rest.refused(400, "PATCH", path, wrong)
    assert "'x'" in await rest.refused(404, "PATCH", f"/v2/{noun}/x", {"name": "y"})


async def test_a_dataset_with_another_name_counts_as_updated(rest: Rest) -> None:
    dataset, _ = await rest.door.dataset([{"q": 1}])
    rest.clock.now += SECOND
    changed = await rest.ask("PATCH", f"/v2/datasets/{dataset}", {"name": "renamed"})
    assert changed["updated_at"] > changed["created_at"]


async def test_an_evaluators_description_is_set_and_taken_away_beside_its_name(rest: Rest) -> None:
    path = f"/v2/evaluators/{await rest.door.evaluator('mine')}"
    changed = await rest.ask("PATCH", path, {"description": "Looks for refunds."})
    assert (changed["name"], changed["description"]) == ("mine", "Looks for refunds.")
    changed = await rest.ask("PATCH", path, {"name": "other"})
    assert (changed["name"], changed["description"]) == ("other", "Looks for refunds.")
    assert "description" not in await rest.ask("PATCH", path, {"description": None})


# Evaluator versions


async def test_versions_of_an_evaluator_are_listed_newest_first_and_read_by_id(rest: Rest) -> None:
    integration = (await rest.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
    judge = await rest.judge(integration)
    path = f"/v2/evaluators/{judge}"
    version = (await rest.get(path))["version"]
    body = {"commit_message": "second", "template_config": version["template_config"]}
    second = await rest.create(f"{path}/versions", body)
    page = await rest.get(f"{path}/versions", limit=1)
    assert page["evaluator_versions"] == [second]
    older = await rest.get(f"{path}/versions", cursor=page["pagination"]["next_cursor"])
    assert older["evaluator_versions"] == [version]
    assert older["pagination"]["has_more"] is False
    assert await rest.get(f"/v2/evaluator-versions/{version['id']}") == version
    assert "'x'" in await rest.refused(404, "GET", "/v2/evaluator-versions/x")
    assert "'x'" in await rest.refused(404, "GET", "/v2/evaluators/x/versions")


# Tasks


async def test_a_task_keeps_what_an_update_does_not_name(rest: Rest) -> None:
    made = await task(rest)
    path = f"/v2/tasks/{made['id']}"
    rest.clock.now += SECOND
    changed = await rest.ask("PATCH", path, {"sampling_rate": 1})
    assert changed["updated_at"] > made["updated_at"]
    assert {key for key in made if made[key] != changed[key]} == {"sampling_rate", "updated_at"}
    changed = await rest.ask("PATCH", path, {"name": "hourly", "query_filter": "latency_ms > 5"})
    assert (changed["name"], changed["query_filter"], changed["sampling_rate"]) == ("hourly", "latency_ms > 5", 1)
    assert await rest.get(path) == changed


async def test_a_null_filter_clears_it_and_other_nulls_are_refused(rest: Rest) -> None:
    path = f"/v2/tasks/{(await task(rest))['id']}"
    assert "query_filter" not in await rest.ask("PATCH", path, {"query_filter": None})
    for name in ("name", "sampling_rate", "is_continuous", "evaluators"):
        assert f"{name} cannot be null" in await rest.refused(400, "PATCH", path, {name: None})
    assert "changes nothing" in await rest.refused(400, "PATCH", path, {})
    assert "blank" in await rest.refused(400, "PATCH", path, {"query_filter": " "})
    assert "latency" in await rest.refused(422, "PATCH", path, {"query_filter": "latency > 5"})


async def test_evaluators_of_a_task_are_replaced_as_a_whole(rest: Rest) -> None:
    made = await task(rest)
    path = f"/v2/tasks/{made['id']}"
    other = await rest.door.evaluator("other")
    pinned = (await rest.get(f"/v2/evaluators/{other}"))["version"]["id"]
    changed = await rest.ask("PATCH", path, {"evaluators": [{"evaluator_id": other, "evaluator_version_id": pinned}]})
    (entry,) = changed["evaluators"]
    assert (entry["evaluator_id"], entry["evaluator_version_id"]) == (other, pinned)
    assert "column_mappings" not in entry
    await rest.ask("DELETE", f"/v2/evaluators/{made['evaluators'][0]['evaluator_id']}", status=204)
    integration = (await rest.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
    judge = await rest.judge(integration)
    assert "TEMPLATE" in await rest.refused(422, "PATCH", path, {"evaluators": [{"evaluator_id": judge}]})
    await rest.refused(404, "PATCH", path, {"evaluators": [{"evaluator_id": "x"}]})
    await rest.refused(400, "PATCH", path, {"evaluators": []})
    assert (await rest.get(path))["evaluators"] == changed["evaluators"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"run_configuration": {"experiment_type": "LLM_GENERATION"}}, "run_configuration"),
        ({"experiment_ids": ["x"]}, "experiment_ids"),
        ({"type": "TEMPLATE_EVALUATION"}, "type"),
        ({"sampling_rate": 2}, "sampling_rate"),
        ({"sampling_rate": "often"}, "sampling_rate"),
    ],
)
async def test_a_field_that_does_not_belong_is_refused(rest: Rest, body: Body, word: str) -> None:
    made = await task(rest)
    assert word in await rest.refused(400, "PATCH", f"/v2/tasks/{made['id']}", body)
    assert await rest.get(f"/v2/tasks/{made['id']}") == made


async def test_a_dataset_task_takes_no_sampling_rate(rest: Rest) -> None:
    dataset, (example,) = await rest.door.dataset([{"q": 1}])
    experiment, _ = await rest.experiment(dataset, {"example_id": example, "output": "a"})
    target = {"project_id": None, "query_filter": None, "sampling_rate": None}
    made = await task(rest, **target, dataset_id=dataset, experiment_ids=[experiment])
    path = f"/v2/tasks/{made['id']}"
    assert "sampling_rate" in await rest.refused(400, "PATCH", path, {"sampling_rate": 1})
    assert (await rest.ask("PATCH", path, {"name": "other"}))["experiment_ids"] == [experiment]


async def test_a_task_name_is_taken_once(rest: Rest) -> None:
    made = await task(rest)
    entry = {"evaluator_id": made["evaluators"][0]["evaluator_id"]}
    body = {"name": "second", "type": "CODE_EVALUATION", "project_id": made["project_id"], "evaluators": [entry]}
    await rest.create("/v2/tasks", body)
    path = f"/v2/tasks/{made['id']}"
    assert "'second'" in await rest.refused(422, "PATCH", path, {"name": "second"})
    assert "'x'" in await rest.refused(404, "PATCH", "/v2/tasks/x", {"name": "y"})


# Deleting rows


async def test_spans_are_deleted_by_id_and_the_others_are_named(rest: Rest) -> None:
    made = await task(rest)
    project = await rest.door.send(span(2), span(3, ago_ns=3 * 365 * DAY))
    await rest.door.run(made["id"])
    wanted = [span_id(number) for number in (1, 3, 9)]
    found = await rest.ask("DELETE", "/v2/spans", {"project_id": project, "span_ids": [*wanted, wanted[0]]})
    assert found == {"completed": True, "deleted_span_ids": wanted[:1], "not_deleted_span_ids": wanted[1:]}
    left = await rest.door.spans(project, start_time=at(NOW - 4 * 365 * DAY))
    assert [each["context"]["span_id"] for each in left] == [span_id(2), span_id(3)]
    window = {"start_time": at(NOW - 4 * 365 * DAY)}
    body = {"project_id": project, "span_ids": wanted}
    assert (await rest.ask("DELETE", "/v2/spans", body | window))["deleted_span_ids"] == [span_id(3)]
    assert "'x'" in await rest.refused(404, "DELETE", "/v2/spans", {"project_id": "x", "span_ids": ["y"]})
    await rest.refused(400, "DELETE", "/v2/spans", {"project_id": project, "span_ids": []})


async def test_five_thousand_spans_are_deleted_at_once_and_no_more(rest: Rest) -> None:
    project = await rest.door.send(*(span(number) for number in range(1200)))
    ids = [span_id(number) for number in range(5000)]
    found = await rest.ask("DELETE", "/v2/spans", {"project_id": project, "span_ids": ids})
    assert (len(found["deleted_span_ids"]), len(found["not_deleted_span_ids"])) == (1200, 3800)
    assert await rest.door.spans(project) == []
    await rest.refused(400, "DELETE", "/v2/spans", {"project_id": project, "span_ids": [*ids, "x"]})


async def test_a_span_that_comes_again_has_no_verdict_or_annotation_of_its_former_life(rest: Rest) -> None:
    project = await rest.door.send(span(1))
    await rest.config("FREEFORM", "note")
    record = {"record_id": span_id(1), "values": [{"name": "note", "text": "odd"}]}
    await rest.ask("POST", "/v2/spans/annotate", {"project_id": project, "annotations": [record]}, 202)
    await rest.ask("DELETE", "/v2/spans", {"project_id": project, "span_ids": [span_id(1)]})
    await rest.door.send(span(1))
    assert (await rest.door.spans(project))[0]["annotations"] == []


async def test_examples_are_deleted_from_the_version_that_is_named(rest: Rest) -> None:
    dataset, examples = await rest.door.dataset([{"q": 1}, {"q": 2}, {"q": 3}])
    version = (await rest.get(f"/v2/datasets/{dataset}"))["versions"][0]["id"]
    path = f"/v2/datasets/{dataset}/examples"
    body = {"dataset_version_id": version, "example_ids": [examples[1], "nobody"]}
    found = await rest.ask("DELETE", path, body)
    assert found == {
        "completed": True,
        "deleted_example_ids": [examples[1]],
        "not_deleted_example_ids": ["nobody"],
    }
    assert [each["q"] for each in (await rest.get(path))["examples"]] == [1, 3]
    assert (await rest.ask("DELETE", path, body))["deleted_example_ids"] == []
    assert "'x'" in await rest.refused(404, "DELETE", path, body | {"dataset_version_id": "x"})
    for wrong in ([], [""], ["a", "a"]):
        await rest.refused(400, "DELETE", path, body | {"example_ids": wrong})
