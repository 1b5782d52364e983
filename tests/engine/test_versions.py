"""Examples that change by id, in place or in a new version; versions of evaluators that go."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.engine.door import SECOND, Body, judge_version, span, task_body, version
from tests.engine.rest import Rest, opened
from tests.engine.test_runs import executing

from assaykit.engine.store.tables import annotations


@pytest.fixture
async def rest(home: Path) -> AsyncGenerator[Rest]:
    async with opened(home, {"OPENAI_API_KEY": "k"}) as rest:
        yield rest


async def rows(rest: Rest, dataset: str, **query: str) -> list[Body]:
    return (await rest.get(f"/v2/datasets/{dataset}/examples", **query))["examples"]


# Examples


async def test_an_example_is_changed_in_place_and_keeps_the_columns_that_are_not_named(rest: Rest) -> None:
    dataset, (first, second) = await rest.door.dataset([{"q": 1, "a": "x"}, {"q": 2, "a": "y"}])
    before = await rest.get(f"/v2/datasets/{dataset}")
    rest.clock.now += SECOND
    body = {"examples": [{"id": second, "a": None, "note.of": {"k": [1]}}]}
    answer = await rest.ask("PATCH", f"/v2/datasets/{dataset}/examples", body)
    after = await rest.get(f"/v2/datasets/{dataset}")
    assert (answer["id"], answer["name"], answer["example_ids"]) == (dataset, "questions", [second])
    assert answer["dataset_version_id"] == after["versions"][0]["id"] == before["versions"][0]["id"]
    assert before["updated_at"] < answer["updated_at"] == after["updated_at"] == after["versions"][0]["updated_at"]
    one, two = await rows(rest, dataset)
    assert (one["id"], one["a"], one["updated_at"]) == (first, "x", one["created_at"])
    assert (two["id"], two["q"], two["a"], two["note.of"]) == (second, 2, None, {"k": [1]})
    assert two["created_at"] < two["updated_at"]


async def test_a_new_version_has_the_change_and_the_old_one_stays_as_it_was(rest: Rest) -> None:
    dataset, ids = await rest.door.dataset([{"q": 1}, {"q": 2}, {"q": 3}])
    old = (await rest.get(f"/v2/datasets/{dataset}"))["versions"][0]["id"]
    body = {"examples": [{"id": ids[1], "q": "two"}], "new_version": "reviewed"}
    answer = await rest.ask("PATCH", f"/v2/datasets/{dataset}/examples", body)
    newest, oldest = (await rest.get(f"/v2/datasets/{dataset}"))["versions"]
    assert (newest["name"], newest["id"], oldest["id"]) == ("reviewed", answer["dataset_version_id"], old)
    assert [(row["id"], row["q"]) for row in await rows(rest, dataset)] == [(ids[0], 1), (ids[1], "two"), (ids[2], 3)]
    assert [row["q"] for row in await rows(rest, dataset, dataset_version_id=old)] == [1, 2, 3]


async def test_the_version_that_is_named_is_changed_or_copied(rest: Rest) -> None:
    dataset, (key,) = await rest.door.dataset([{"q": 1}])
    path = f"/v2/datasets/{dataset}/examples"
    old = (await rest.get(f"/v2/datasets/{dataset}"))["versions"][0]["id"]
    await rest.ask("PATCH", path, {"examples": [{"id": key, "q": 2}], "new_version": "second"})
    await rest.ask("PATCH", path, {"examples": [{"id": key, "old": True}]}, dataset_version_id=old)
    assert "old" not in (await rows(rest, dataset))[0]
    third = {"examples": [{"id": key, "third": True}], "new_version": "third"}
    await rest.ask("PATCH", path, third, dataset_version_id=old)
    (found,) = await rows(rest, dataset)
    assert (found["q"], found["old"], found["third"]) == (1, True, True)


async def test_an_empty_version_means_the_newest_as_the_sdk_has_it(rest: Rest) -> None:
    dataset, (key,) = await rest.door.dataset([{"q": 1}])
    path, empty = f"/v2/datasets/{dataset}/examples", {"dataset_version_id": ""}
    await rest.ask("PATCH", path, {"examples": [{"id": key, "q": 2}], "new_version": "second"}, dataset_version_id="")
    await rest.ask("POST", path, {"examples": [{"q": 3}]}, 201, dataset_version_id="")
    assert [row["q"] for row in await rows(rest, dataset, **empty)] == [2, 3]
    found = await rest.ask("POST", f"{path}/search", {"filter": "q = 2", **empty})
    assert [row["id"] for row in found["examples"]] == [key]
    evaluator = await rest.door.evaluator()
    assert (await rest.get(f"/v2/evaluators/{evaluator}", version_id=""))["id"] == evaluator


async def test_ids_that_the_version_does_not_have_are_passed_over(rest: Rest) -> None:
    dataset, (key,) = await rest.door.dataset([{"q": 1}])
    path = f"/v2/datasets/{dataset}/examples"
    answer = await rest.ask("PATCH", path, {"examples": [{"id": "nobody", "q": 0}, {"id": key, "q": 2}]})
    assert answer["example_ids"] == [key]
    assert [row["q"] for row in await rows(rest, dataset)] == [2]
    assert (await rest.ask("PATCH", path, {"examples": [{"id": "nobody", "q": 0}]}))["example_ids"] == []


@pytest.mark.parametrize(
    ("status", "change", "word"),
    [
        (400, {"examples": []}, "examples"),
        (400, {"examples": [{"q": 2}]}, "id: required"),
        (400, {"examples": [{"id": "KEY", "q": 2}, {"id": "KEY", "q": 3}]}, "twice"),
        (400, {"examples": [{"id": "KEY", "q": 2}], "new_version": "  "}, "blank"),
        (400, {"examples": [{"id": "KEY", "q": 2}], "version": "x"}, "version"),
        (400, {"examples": [{"id": "KEY", "q": 2}] * 1001}, "examples"),
        (409, {"examples": [{"id": "KEY", "q": 2}], "new_version": "v1"}, "'v1'"),
        (422, {"examples": [{"id": "KEY"}]}, "Example 1 is empty"),
        (422, {"examples": [{"id": "KEY", "created_at": "x"}], "new_version": "w"}, "created_at"),
    ],
)
async def test_a_change_that_cannot_be_made_changes_nothing(rest: Rest, status: int, change: Body, word: str) -> None:
    dataset, (key,) = await rest.door.dataset([{"q": 1}])
    examples = [{**each, "id": key} if "id" in each else each for each in change["examples"]]
    path = f"/v2/datasets/{dataset}/examples"
    assert word in await rest.refused(status, "PATCH", path, {**change, "examples": examples})
    assert [row["q"] for row in await rows(rest, dataset)] == [1]
    assert len((await rest.get(f"/v2/datasets/{dataset}"))["versions"]) == 1


async def test_an_empty_name_of_a_new_version_means_in_place(rest: Rest) -> None:
    dataset, (key,) = await rest.door.dataset([{"q": 1}])
    for empty in ("", None):
        await rest.ask(
            "PATCH", f"/v2/datasets/{dataset}/examples", {"examples": [{"id": key, "q": 2}], "new_version": empty}
        )
    assert len((await rest.get(f"/v2/datasets/{dataset}"))["versions"]) == 1


async def test_runs_keep_the_examples_of_the_version_they_were_made_on(rest: Rest) -> None:
    dataset, (key,) = await rest.door.dataset([{"wanted": "a refund"}])
    experiment, _ = await rest.experiment(dataset, {"example_id": key, "output": "x"})
    change = {"examples": [{"id": key, "wanted": "nothing"}], "new_version": "second"}
    await rest.ask("PATCH", f"/v2/datasets/{dataset}/examples", change)
    later, _ = await rest.experiment(dataset, {"example_id": key, "output": "x"}, name="later")
    entry = {"evaluator_id": await rest.door.evaluator(), "column_mappings": {"output": "dataset.wanted"}}
    body = task_body(None, dataset_id=dataset, experiment_ids=[experiment, later]) | {"evaluators": [entry]}
    await rest.door.run((await rest.create("/v2/tasks", body))["id"])
    labels = [(await rest.door.runs_of(each))[0]["eval.refunds.score"] for each in (experiment, later)]
    assert labels == [1, 0]


async def test_an_example_keeps_its_annotations_until_its_last_version_loses_it(rest: Rest) -> None:
    dataset, (key,) = await rest.door.dataset([{"q": 1}])
    path = f"/v2/datasets/{dataset}/examples"
    await rest.config("FREEFORM", "note")
    record = {"record_id": key, "values": [{"name": "note", "text": "fine"}]}
    await rest.ask("POST", f"{path}/annotate", {"annotations": [record]}, 202)
    await rest.ask("PATCH", path, {"examples": [{"id": key, "q": 2}], "new_version": "second"})
    newest, old = [each["id"] for each in (await rest.get(f"/v2/datasets/{dataset}"))["versions"]]
    assert [row["annotations"][0]["text"] for row in await rows(rest, dataset)] == ["fine"]
    await rest.ask("DELETE", path, {"dataset_version_id": newest, "example_ids": [key]})
    assert [row["annotations"][0]["text"] for row in await rows(rest, dataset, dataset_version_id=old)] == ["fine"]
    await rest.ask("DELETE", path, {"dataset_version_id": old, "example_ids": [key]})
    assert await rest.door.engine.database.read(annotations_left) == 0


def annotations_left(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(annotations)).scalar_one()


async def test_a_search_goes_on_within_its_version(rest: Rest) -> None:
    dataset, ids = await rest.door.dataset([{"q": number} for number in range(5)])
    await rest.ask(
        "PATCH", f"/v2/datasets/{dataset}/examples", {"examples": [{"id": ids[4], "q": 9}], "new_version": "second"}
    )
    newest, old = [each["id"] for each in (await rest.get(f"/v2/datasets/{dataset}"))["versions"]]
    for wanted, last in (({}, 9), ({"dataset_version_id": newest}, 9), ({"dataset_version_id": old}, 4)):
        found: list[int] = []
        body: Body = {"filter": "q >= 1", "limit": 2, **wanted}
        while True:
            page = await rest.ask("POST", f"/v2/datasets/{dataset}/examples/search", body)
            found += [row["q"] for row in page["examples"]]
            if not page["pagination"]["has_more"]:
                break
            body["cursor"] = page["pagination"]["next_cursor"]
        assert found == [1, 2, 3, last]


async def test_the_order_of_ids_is_the_order_of_arrival(rest: Rest) -> None:
    dataset, ids = await rest.door.dataset([{"q": number} for number in range(300)])
    rest.clock.now += 1000
    added = await rest.door.post(f"/v2/datasets/{dataset}/examples", {"examples": [{"q": 300}, {"q": 301}]})
    assert [*ids, *added["example_ids"]] == sorted({*ids, *added["example_ids"]})
    runs = [{"example_id": key, "output": "x"} for key in ids]
    _, run_ids = await rest.experiment(dataset, *runs)
    assert run_ids == sorted(set(run_ids))


# Deletes that fail


async def test_a_delete_that_the_store_refuses_lists_what_is_still_there(rest: Rest) -> None:
    dataset, (key,) = await rest.door.dataset([{"q": 1}])
    project = await rest.door.send(span(1))
    held = (await rest.get(f"/v2/datasets/{dataset}"))["versions"][0]["id"]
    for table in ("examples", "spans"):
        await rest.door.engine.database.write(executing(f"ALTER TABLE {table} RENAME TO lost_{table}"))
    examples = {"dataset_version_id": held, "example_ids": [key, "nobody"]}
    spans = {"project_id": project, "span_ids": ["a", "b", "a"]}
    for path, body, noun, ids in (
        (f"/v2/datasets/{dataset}/examples", examples, "example", [key, "nobody"]),
        ("/v2/spans", spans, "span", ["a", "b"]),
    ):
        response = await rest.door.http.request("DELETE", path, json=body)
        assert response.status_code == 503
        found = response.json()
        assert "Nothing was deleted." in found["detail"]
        assert (found[f"deleted_{noun}_ids"], found[f"not_deleted_{noun}_ids"]) == ([], ids)


# Versions of evaluators


async def test_versions_are_deleted_by_id_and_the_others_are_named(rest: Rest) -> None:
    evaluator = await rest.door.evaluator()
    path = f"/v2/evaluators/{evaluator}"
    first = (await rest.get(path))["version"]["id"]
    second = (await rest.create(f"{path}/versions", version()))["id"]
    third = (await rest.create(f"{path}/versions", version()))["id"]
    foreign = (await rest.get(f"/v2/evaluators/{await rest.door.evaluator('other')}"))["version"]["id"]
    answer = await rest.ask("DELETE", f"{path}/versions", {"version_ids": [third, foreign, third, "nobody"]})
    assert answer == {
        "completed": True,
        "deleted_version_ids": [third],
        "not_deleted_version_ids": [foreign, "nobody"],
    }
    assert (await rest.get(path))["version"]["id"] == second
    listed = (await rest.get(f"{path}/versions"))["evaluator_versions"]
    assert [each["id"] for each in listed] == [second, first]
    await rest.refused(404, "GET", f"/v2/evaluator-versions/{third}")
    assert (await rest.get(f"/v2/evaluator-versions/{foreign}"))["id"] == foreign


async def test_the_last_version_stays_and_the_tasks_that_need_it_are_listed(rest: Rest) -> None:
    evaluator = await rest.door.evaluator()
    path = f"/v2/evaluators/{evaluator}"
    ids = [(await rest.get(path))["version"]["id"], (await rest.create(f"{path}/versions", version()))["id"]]
    assert "last version" in await rest.refused(409, "DELETE", f"{path}/versions", {"version_ids": ids})
    await rest.door.task(evaluator, project_id=await rest.door.send(span(1)))
    assert "'nightly'" in await rest.refused(409, "DELETE", f"{path}/versions", {"version_ids": ids})
    assert len((await rest.get(f"{path}/versions"))["evaluator_versions"]) == 2


async def test_a_task_pinned_to_a_deleted_version_runs_the_newest(rest: Rest) -> None:
    evaluator = await rest.door.evaluator()
    path = f"/v2/evaluators/{evaluator}"
    first = (await rest.get(path))["version"]["id"]
    await rest.create(f"{path}/versions", version())
    entry = {"evaluator_id": evaluator, "evaluator_version_id": first}
    body = task_body(None, project_id=await rest.door.send(span(1))) | {"evaluators": [entry]}
    task = (await rest.create("/v2/tasks", body))["id"]
    await rest.ask("DELETE", f"{path}/versions", {"version_ids": [first]})
    (found,) = (await rest.get(f"/v2/tasks/{task}"))["evaluators"]
    assert (found["evaluator_id"], found.get("evaluator_version_id")) == (evaluator, None)
    assert (await rest.door.run(task))["num_successes"] == 1


@pytest.mark.parametrize("wrong", [{}, {"version_ids": []}, {"version_ids": "x"}, {"version_ids": ["x"] * 101}])
async def test_one_to_a_hundred_versions_are_deleted_at_once(rest: Rest, wrong: Body) -> None:
    path = f"/v2/evaluators/{await rest.door.evaluator()}/versions"
    await rest.refused(400, "DELETE", path, wrong)
    assert (await rest.ask("DELETE", path, {"version_ids": ["x"] * 100}))["not_deleted_version_ids"] == ["x"]
    assert "'x'" in await rest.refused(404, "DELETE", "/v2/evaluators/x/versions", {"version_ids": ["x"]})


# How a model is called


async def test_a_misspelt_parameter_of_a_provider_is_refused(rest: Rest) -> None:
    integration = (await rest.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
    misspelt: dict[str, Body] = {
        "provider_parameters": {"azure": {}},
        "invocation_parameters": {"tool_config": {"tol": 1}},
    }
    for field, wrong in misspelt.items():
        body = judge_version(integration)
        body["template_config"]["llm_config"][field] = wrong
        made = {"space_id": rest.space, "name": "tone", "type": "TEMPLATE", "version": body}
        assert "unknown name" in await rest.refused(400, "POST", "/v2/evaluators", made)


async def test_the_schema_of_an_answer_comes_back_as_it_was_sent(rest: Rest) -> None:
    integration = (await rest.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]
    body = judge_version(integration)
    shape = {"type": "JSON_SCHEMA", "json_schema": {"name": "v", "schema": {"type": "object", "default": None}}}
    body["template_config"]["llm_config"]["invocation_parameters"] = {"response_format": shape}
    made = {"space_id": rest.space, "name": "tone", "type": "TEMPLATE", "version": body}
    evaluator = (await rest.create("/v2/evaluators", made))["id"]
    found = (await rest.get(f"/v2/evaluators/{evaluator}"))["version"]["template_config"]["llm_config"]
    assert found["invocation_parameters"]["response_format"] == shape
