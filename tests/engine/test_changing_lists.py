"""Lists that change while they are read page by page."""

from collections.abc import Awaitable, Callable

import pytest
from tests.engine.door import SECOND, Body, Door, HandClock, all_pages

Read = Callable[[Body], Awaitable[Body]]


def listed(door: Door, dataset: str) -> Read:
    async def page(cursor: Body) -> Body:
        return await door.get(f"/v2/datasets/{dataset}/examples", limit=3, **cursor)

    return page


def searched(door: Door, dataset: str) -> Read:
    async def page(cursor: Body) -> Body:
        body = {"filter": "q >= 0", "limit": 3, **cursor}
        return await door.post(f"/v2/datasets/{dataset}/examples/search", body)

    return page


@pytest.mark.parametrize("reads", [listed, searched])
async def test_a_new_version_changes_nothing_in_a_list_of_examples_that_is_being_read(
    door: Door, reads: Callable[[Door, str], Read]
) -> None:
    dataset, ids = await door.dataset([{"q": number} for number in range(7)])
    read = reads(door, dataset)
    made: list[Body] = []

    async def page(cursor: Body) -> Body:
        found = await read(cursor)
        name = f"after {len(made)} pages"
        body = {"examples": [{"id": ids[0], "q": 100}], "new_version": name}
        made.append(_good(await door.http.patch(f"/v2/datasets/{dataset}/examples", json=body)))
        await door.post(f"/v2/datasets/{dataset}/examples", {"examples": [{"q": 200 + len(made)}]})
        return found

    rows = await all_pages(page, "examples", 3)
    assert [(row["id"], row["q"]) for row in rows] == [(key, number) for number, key in enumerate(ids)]
    assert len(await door.all_of(f"/v2/datasets/{dataset}/examples", "examples", 3)) == 7 + len(made)


def _good(response: object) -> Body:
    return response.raise_for_status().json()  # type: ignore[attr-defined]


async def test_a_cursor_of_another_dataset_or_version_is_refused(door: Door) -> None:
    first, ids = await door.dataset([{"q": number} for number in range(3)], "first")
    second, _ = await door.dataset([{"q": number} for number in range(3)], "second")
    cursor = (await door.get(f"/v2/datasets/{first}/examples", limit=1))["pagination"]["next_cursor"]
    said = await door.refused(400, "GET", f"/v2/datasets/{second}/examples", params={"cursor": cursor})
    assert "does not come from this list" in said
    body = {"examples": [{"id": ids[0], "q": 1}], "new_version": "v2"}
    newer = _good(await door.http.patch(f"/v2/datasets/{first}/examples", json=body))["dataset_version_id"]
    query = {"cursor": cursor, "dataset_version_id": newer}
    await door.refused(400, "GET", f"/v2/datasets/{first}/examples", params=query)
    await door.refused(
        400, "POST", f"/v2/datasets/{second}/examples/search", json={"filter": "q >= 0", "cursor": cursor}
    )


async def _changed_evaluator(door: Door, key: str) -> None:
    (await door.http.patch(f"/v2/evaluators/{key}", json={"description": "new words"})).raise_for_status()


async def _changed_prompt(door: Door, key: str) -> None:
    (await door.http.patch(f"/v2/prompts/{key}", json={"description": "new words"})).raise_for_status()


async def _prompt(door: Door, name: str) -> str:
    version = {"commit_message": "m", "messages": [{"role": "USER", "content": "Hi"}], "provider": "OPEN_AI"}
    version |= {"input_variable_format": "MUSTACHE"}
    return (await door.post("/v2/prompts", {"space_id": await door.space(), "name": name, "version": version}))["id"]


@pytest.mark.parametrize("noun", ["evaluators", "prompts"])
async def test_a_row_that_is_changed_between_two_pages_is_not_lost(door: Door, clock: HandClock, noun: str) -> None:
    make = _prompt if noun == "prompts" else Door.evaluator
    change = _changed_prompt if noun == "prompts" else _changed_evaluator
    ids: list[str] = []
    for name in "abcdefg":
        clock.now += SECOND
        ids.append(await make(door, name))
    pages: list[list[str]] = []

    async def page(cursor: Body) -> Body:
        found = await door.get(f"/v2/{noun}", limit=2, **cursor)
        pages.append([row["name"] for row in found[noun]])
        if len(pages) <= 3:  # the oldest, and after the second page also one that is among the changed ones already
            for at in range(len(pages)):
                clock.now += SECOND
                await change(door, ids[at])
        clock.now += SECOND
        await make(door, f"new {len(pages)}")
        return found

    rows = await all_pages(page, noun, 2)
    assert pages[:2] == [["g", "f"], ["e", "d"]]
    assert sorted({row["name"] for row in rows}) == list("abcdefg")
