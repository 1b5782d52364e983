"""Datasets and their examples."""

from typing import Any

import pytest
from tests.engine.door import SECOND, Body, Door, HandClock, span


async def examples_of(door: Door, dataset: str, **query: Any) -> list[Body]:
    return (await door.get(f"/v2/datasets/{dataset}/examples", **query))["examples"]


async def test_a_new_dataset_has_one_version_with_the_examples_in_the_order_sent(door: Door) -> None:
    dataset, _ = await door.dataset([{"question": f"q{number}"} for number in range(20)])
    found = await door.get(f"/v2/datasets/{dataset}")
    (version,) = found["versions"]
    assert (version["dataset_id"], version["name"]) == (dataset, "v1")
    rows = await door.all_of(f"/v2/datasets/{dataset}/examples", "examples", 7, dataset_version_id=version["id"])
    assert [row["question"] for row in rows] == [f"q{number}" for number in range(20)]


async def test_the_columns_of_an_example_come_back_as_they_were_sent(door: Door) -> None:
    sent: Body = {
        "empty": None,
        "attributes.input.value": "dots stay",
        "nested": {"a": [1, 1.0, None, {"b": None}]},
        "large": 2**70,
        "é": "日本",
        "flag": False,
    }
    dataset, (key,) = await door.dataset([sent])
    (row,) = await examples_of(door, dataset)
    assert row["id"] == key
    assert {column: row[column] for column in sent} == sent
    assert row.keys() - sent.keys() == {"id", "created_at", "updated_at", "annotations"}
    assert type(row["nested"]["a"][1]) is float


async def test_examples_sent_while_a_list_is_read_come_last(door: Door) -> None:
    dataset, _ = await door.dataset([{"n": number} for number in range(4)])
    path = f"/v2/datasets/{dataset}/examples"
    first = await door.get(path, limit=3)
    await door.post(path, {"examples": [{"n": 4}]})
    rest = await door.get(path, limit=3, cursor=first["pagination"]["next_cursor"])
    assert [row["n"] for row in first["examples"] + rest["examples"]] == [0, 1, 2, 3, 4]


async def test_appending_moves_updated_at_and_names_the_version_and_the_ids(door: Door, clock: HandClock) -> None:
    dataset, _ = await door.dataset([{"n": 0}])
    before = await door.get(f"/v2/datasets/{dataset}")
    clock.now += SECOND
    answer = await door.post(f"/v2/datasets/{dataset}/examples", {"examples": [{"n": 1}, {"n": 2}]})
    after = await door.get(f"/v2/datasets/{dataset}")
    assert answer["dataset_version_id"] == before["versions"][0]["id"]
    assert answer["example_ids"] == [row["id"] for row in await examples_of(door, dataset)][1:]
    assert before["updated_at"] < answer["updated_at"] == after["updated_at"] == after["versions"][0]["updated_at"]
    assert after["created_at"] == before["created_at"]


async def test_an_empty_version_id_is_the_latest_version(door: Door) -> None:
    """So the `arize` SDK sends it when its user names none."""
    dataset, _ = await door.dataset([{"n": 0}])
    before = await door.get(f"/v2/datasets/{dataset}")
    answer = await door.post(f"/v2/datasets/{dataset}/examples?dataset_version_id=", {"examples": [{"n": 1}]})
    assert answer["dataset_version_id"] == before["versions"][0]["id"]
    assert [row["n"] for row in await examples_of(door, dataset, dataset_version_id="")] == [0, 1]


@pytest.mark.parametrize(
    ("example", "word"),
    [({}, "Example 2 is empty"), ({"id": "x"}, "id"), ({"created_at": "x", "updated_at": 1}, "created_at, updated_at")],
)
async def test_an_empty_example_or_a_system_column_is_refused_and_nothing_stored(
    door: Door, example: Body, word: str
) -> None:
    body = {"name": "d", "space_id": await door.space(), "examples": [{"q": 1}, example]}
    assert word in await door.refused(422, "POST", "/v2/datasets", json=body)
    assert (await door.get("/v2/datasets"))["datasets"] == []


@pytest.mark.parametrize("number", [0, 1001])
async def test_a_request_carries_one_to_a_thousand_examples(door: Door, number: int) -> None:
    body = {"name": "d", "space_id": await door.space(), "examples": [{"q": 1}] * number}
    assert "examples" in await door.refused(400, "POST", "/v2/datasets", json=body)
    dataset, _ = await door.dataset([{"q": 1}] * 1000)
    path = f"/v2/datasets/{dataset}/examples"
    await door.refused(400, "POST", path, json={"examples": [{"q": 1}] * number})
    assert len(await door.all_of(path, "examples", 500)) == 1000
    assert "1 to 500" in await door.refused(400, "GET", path, params={"limit": 501})


async def test_a_second_dataset_of_the_same_name_is_a_conflict(door: Door) -> None:
    await door.dataset([{"q": 1}], "questions")
    body = {"name": "questions", "space_id": await door.space(), "examples": [{"q": 1}]}
    assert "named 'questions' already" in await door.refused(409, "POST", "/v2/datasets", json=body)


async def test_a_version_of_another_dataset_is_not_read_or_written(door: Door) -> None:
    mine, _ = await door.dataset([{"q": 1}], "mine")
    theirs, _ = await door.dataset([{"q": 1}], "theirs")
    version = (await door.get(f"/v2/datasets/{theirs}"))["versions"][0]["id"]
    path, query = f"/v2/datasets/{mine}/examples", {"dataset_version_id": version}
    assert repr(version) in await door.refused(404, "GET", path, params=query)
    await door.refused(404, "POST", path, params=query, json={"examples": [{"q": 2}]})
    assert len(await examples_of(door, theirs)) == 1


async def test_datasets_are_listed_newest_first_without_their_versions(door: Door) -> None:
    for name in ("a", "b", "c"):
        await door.dataset([{"q": 1}], name)
    rows = await door.all_of("/v2/datasets", "datasets", 2)
    assert [row["name"] for row in rows] == ["c", "b", "a"]
    assert all("versions" not in row for row in rows)


async def test_a_deleted_dataset_takes_its_experiments_tasks_and_their_verdicts_along(door: Door) -> None:
    dataset, (example,) = await door.dataset([{"q": 1}])
    experiment = await door.experiment(dataset, [{"example_id": example, "output": "a refund"}])
    task = await door.task(await door.evaluator(), dataset_id=dataset, experiment_ids=[experiment])
    assert (await door.run(task))["num_successes"] == 1
    await door.delete(f"/v2/datasets/{dataset}")
    for path in (f"/v2/datasets/{dataset}", f"/v2/experiments/{experiment}", f"/v2/tasks/{task}"):
        await door.refused(404, "GET", path)

    def verdicts(connection: Any) -> int:
        return connection.exec_driver_sql("SELECT count(*) FROM evals").scalar()

    assert await door.engine.database.read(verdicts) == 0
    assert await door.send(span(0))  # the foreign keys hold no one up
