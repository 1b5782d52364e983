"""Projects, and what every list has in common: names, ids, pages."""

import base64

import pytest
from tests.engine.door import Body, Door, span, task_body


async def make(door: Door, *names: str) -> list[str]:
    space = await door.space()
    return [(await door.post("/v2/projects", {"name": name, "space_id": space}))["id"] for name in names]


async def test_the_first_start_has_one_space_named_default(door: Door) -> None:
    (space,) = (await door.get("/v2/spaces"))["spaces"]
    assert space["name"] == "default"
    assert await door.get(f"/v2/spaces/{space['id']}") == space
    assert (await door.get("/v2/spaces", name="nowhere"))["spaces"] == []


async def test_an_id_is_base64_of_its_type_its_number_and_a_suffix(door: Door) -> None:
    ids = await make(door, "a", "b")
    parts = [base64.b64decode(text, validate=True).decode().split(":") for text in ids]
    assert [part[:2] for part in parts] == [["Model", "1"], ["Model", "2"]]
    assert all(len(suffix) == 4 for *_, suffix in parts)


async def test_the_number_of_a_deleted_thing_is_not_given_again(door: Door) -> None:
    _, second = await make(door, "a", "b")
    await door.delete(f"/v2/projects/{second}")
    (third,) = await make(door, "b")
    assert base64.b64decode(third).decode().split(":")[1] == "3"


async def test_a_second_project_of_the_same_name_is_a_conflict(door: Door) -> None:
    await make(door, "shop")
    body = {"name": "shop", "space_id": await door.space()}
    assert "named 'shop' already" in await door.refused(409, "POST", "/v2/projects", json=body)
    assert len(await make(door, "Shop")) == 1


async def test_a_project_of_an_unknown_space_is_not_made(door: Door) -> None:
    assert "'s'" in await door.refused(404, "POST", "/v2/projects", json={"name": "a", "space_id": "s"})
    assert (await door.get("/v2/projects"))["projects"] == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
async def test_pages_hold_every_row_once_and_the_newest_first(door: Door, limit: int) -> None:
    ids = await make(door, *"abcdefg")
    assert [row["id"] for row in await door.all_of("/v2/projects", "projects", limit)] == ids[::-1]


async def test_what_is_made_between_two_pages_moves_nothing(door: Door) -> None:
    ids = await make(door, *"abcd")
    first = await door.get("/v2/projects", limit=2)
    await make(door, "new")
    await door.delete(f"/v2/projects/{ids[2]}")  # the row that the cursor stands on
    rest = await door.get("/v2/projects", limit=2, cursor=first["pagination"]["next_cursor"])
    assert [row["name"] for row in first["projects"] + rest["projects"]] == ["d", "c", "b", "a"]
    assert rest["pagination"] == {"has_more": False}


@pytest.mark.parametrize("part", ["CAFÉ", "café", "Caf", "É"])
async def test_a_name_is_found_by_any_part_of_it_in_any_case(door: Door, part: str) -> None:
    await make(door, "Café", "shop", "100%")
    assert [row["name"] for row in (await door.get("/v2/projects", name=part))["projects"]] == ["Café"]


async def test_the_signs_of_a_pattern_are_letters_in_a_name_filter(door: Door) -> None:
    await make(door, "Café", "100%")
    assert [row["name"] for row in (await door.get("/v2/projects", name="%"))["projects"]] == ["100%"]
    assert (await door.get("/v2/projects", name="_"))["projects"] == []


async def test_a_space_is_given_by_its_id_or_a_part_of_its_name(door: Door) -> None:
    await make(door, "shop")

    async def names(**query: str) -> list[Body]:
        return [row["name"] for row in (await door.get("/v2/projects", **query))["projects"]]

    assert await names(space_id=await door.space()) == ["shop"]
    assert await names(space_name="EFAU") == ["shop"]
    assert await names(space_id="default") == []
    assert await names(space_name="other") == []


async def test_a_deleted_project_takes_its_spans_tasks_runs_and_verdicts_along(door: Door) -> None:
    project = await door.send(span(0), span(1))
    evaluator = await door.evaluator()
    task = await door.task(evaluator, project_id=project)
    run = await door.run(task)
    await door.delete(f"/v2/projects/{project}")
    for path in (f"/v2/projects/{project}", f"/v2/tasks/{task}", f"/v2/task-runs/{run['id']}"):
        await door.refused(404, "GET", path)
    assert (await door.get("/x/status"))["spans"] == 0
    again = await door.send(span(0))
    assert [row["evaluations"] for row in await door.spans(again)] == [[]]
    await door.refused(404, "POST", "/v2/tasks", json=task_body(evaluator, project_id=project))


async def test_every_project_is_one_of_an_application(door: Door) -> None:
    await make(door, "shop")

    async def names(kind: str) -> list[str]:
        return [row["name"] for row in (await door.get("/v2/projects", project_type=kind))["projects"]]

    assert await names("APPLICATION") == await names("application") == ["shop"]
    assert await names("HARNESS") == await names("EXPERIMENT") == []
    assert "HARNESS" in await door.refused(400, "GET", "/v2/projects", params={"project_type": "OTHER"})


@pytest.mark.parametrize("noun", ["projects", "datasets", "prompts", "ai-integrations", "annotation-configs"])
async def test_a_name_of_nothing_but_white_space_is_refused(door: Door, noun: str) -> None:
    assert "name: this is blank" in await door.refused(400, "POST", f"/v2/{noun}", json={"name": " \t"})
