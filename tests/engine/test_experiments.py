"""Experiments and their runs."""

from typing import Any

import pytest
from tests.engine.door import SECOND, Body, Door, HandClock


async def test_runs_come_back_in_the_order_sent_with_their_own_columns(door: Door) -> None:
    dataset, examples = await door.dataset([{"q": number} for number in range(5)])
    sent: list[Body] = [
        {"example_id": key, "output": f"o{number}", "eval.tone.label": "good", "cost": 0.5, "error": None}
        for number, key in enumerate(examples)
    ]
    body: Body = {"name": "first", "dataset_id": dataset, "experiment_runs": sent}
    made = await door.post("/v2/experiments", body)
    rows = await door.all_of(f"/v2/experiments/{made['id']}/runs", "experiment_runs", 2)
    assert rows == [{"id": key, "annotations": [], **run} for key, run in zip(made["run_ids"], sent, strict=True)]


async def test_an_experiment_remembers_the_version_that_was_newest(door: Door) -> None:
    dataset, (example,) = await door.dataset([{"q": 1}])
    experiment = await door.experiment(dataset, [{"example_id": example, "output": "o"}])
    found = await door.get(f"/v2/experiments/{experiment}")
    assert found["dataset_version_id"] == (await door.get(f"/v2/datasets/{dataset}"))["versions"][0]["id"]
    assert (found["dataset_id"], found["space_id"]) == (dataset, await door.space())


async def test_runs_are_appended_at_the_end_and_move_updated_at(door: Door, clock: HandClock) -> None:
    dataset, (example,) = await door.dataset([{"q": 1}])
    experiment = await door.experiment(dataset, [{"example_id": example, "output": "first"}])
    clock.now += SECOND
    runs = [{"example_id": example, "output": "second"}]
    answer = await door.post(f"/v2/experiments/{experiment}/runs", {"experiment_runs": runs})
    rows = await door.runs_of(experiment)
    assert [row["output"] for row in rows] == ["first", "second"]
    assert answer["run_ids"] == [rows[1]["id"]]
    assert (
        answer["updated_at"] == (await door.get(f"/v2/experiments/{experiment}"))["updated_at"] > answer["created_at"]
    )


async def test_the_runs_of_a_dataset_must_say_which_example_they_belong_to(door: Door) -> None:
    dataset, _ = await door.dataset([{"q": 1}])
    runs = [{"output": "a", "example_id": "x"}, {"output": "b"}, {"output": "c"}]
    body: Body = {"name": "first", "dataset_id": dataset, "experiment_runs": runs}
    assert "2 run(s) have no example_id, the first is run 2" in await door.refused(
        422, "POST", "/v2/experiments", json=body
    )
    assert (await door.get("/v2/experiments"))["experiments"] == []


async def test_a_run_may_name_an_example_that_the_dataset_does_not_have(door: Door) -> None:
    dataset, (example,) = await door.dataset([{"q": 1}])
    runs = [{"output": "a", "example_id": "gone"}, {"output": "b", "example_id": example}]
    experiment = await door.experiment(dataset, runs)
    more = [{"output": "c", "example_id": "gone"}, {"output": "d", "example_id": "lost"}]
    await door.post(f"/v2/experiments/{experiment}/runs", {"experiment_runs": more})
    assert [row["example_id"] for row in await door.runs_of(experiment)] == ["gone", example, "gone", "lost"]
    found = await door.post("/x/ranked-rows", {"experiment_id": experiment})
    assert (found["total"], found["unknown_runs"], found["unknown_ids"]) == (4, 3, ["gone", "lost"])
    other = await door.experiment(dataset, [{"output": "b", "example_id": example}], "other")
    assert (await door.post("/x/ranked-rows", {"experiment_id": other}))["unknown_runs"] == 0


async def test_an_experiment_without_a_dataset_lives_in_a_space(door: Door) -> None:
    body: Body = {"name": "alone", "space_id": await door.space(), "experiment_runs": [{"output": "a"}]}
    made = await door.post("/v2/experiments", body)
    assert "dataset_id" not in made
    (row,) = await door.runs_of(made["id"])
    assert (row["id"], row["output"], row["example_id"]) == (made["run_ids"][0], "a", None)
    assert "'alone'" in await door.refused(409, "POST", "/v2/experiments", json=body)


async def test_two_datasets_may_have_experiments_of_one_name_and_one_may_not(door: Door) -> None:
    for name in ("a", "b"):
        dataset, (example,) = await door.dataset([{"q": 1}], name)
        await door.experiment(dataset, [{"example_id": example, "output": "o"}], "same")
        body: Body = {"name": "same", "dataset_id": dataset, "experiment_runs": [{"example_id": "x", "output": "o"}]}
        assert "named 'same' already" in await door.refused(409, "POST", "/v2/experiments", json=body)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset_id": None},
        {"space_id": "s"},
        {"name": 'a "quoted" name'},
        {"name": "back\\slash"},
        {"experiment_runs": []},
        {"experiment_runs": [{"output": {"an": "object"}}]},
        {"experiment_runs": [{"example_id": "x"}]},
    ],
)
async def test_an_experiment_of_the_wrong_shape_is_a_400(door: Door, changes: Body) -> None:
    body = {"name": "a", "dataset_id": "d", "experiment_runs": [{"output": "o", "example_id": "x"}]} | changes
    await door.refused(400, "POST", "/v2/experiments", json=body)


async def test_a_list_is_of_a_dataset_or_of_a_space_but_not_of_both(door: Door) -> None:
    made: list[str] = []
    for name in ("a", "b"):
        dataset, (example,) = await door.dataset([{"q": 1}], name)
        made += [await door.experiment(dataset, [{"example_id": example, "output": "o"}], f"{name}{n}") for n in (1, 2)]
    space = await door.space()

    async def ids(**query: Any) -> list[str]:
        return [row["id"] for row in await door.all_of("/v2/experiments", "experiments", 1, **query)]

    assert await ids(dataset_id=dataset) == [made[3], made[2]]
    assert await ids(space_id=space) == made[::-1]
    assert await ids(name="A") == [made[1], made[0]]
    query = {"dataset_id": dataset, "space_id": space}
    assert "exclude each other" in await door.refused(400, "GET", "/v2/experiments", params=query)


async def test_a_deleted_experiment_is_gone_with_its_runs(door: Door) -> None:
    dataset, (example,) = await door.dataset([{"q": 1}])
    experiment = await door.experiment(dataset, [{"example_id": example, "output": "o"}])
    await door.delete(f"/v2/experiments/{experiment}")
    await door.refused(404, "GET", f"/v2/experiments/{experiment}/runs")
    await door.refused(404, "DELETE", f"/v2/experiments/{experiment}")
    assert await door.experiment(dataset, [{"example_id": example, "output": "o"}]) != experiment
