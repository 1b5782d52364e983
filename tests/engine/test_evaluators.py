"""Evaluators, their versions, and what a judge must be to be taken."""

from typing import Any

import pytest
from tests.engine.door import SECOND, Body, Door, HandClock, all_pages, judge_version, span, version

from assaykit.judge import catalogue


async def body_of(door: Door, version: Body, kind: str = "CODE") -> Body:
    return {"space_id": await door.space(), "name": "e", "type": kind, "version": version}


async def test_an_evaluator_is_answered_with_its_newest_version(door: Door) -> None:
    evaluator = await door.evaluator()
    first = (await door.get(f"/v2/evaluators/{evaluator}"))["version"]
    second = await door.post(f"/v2/evaluators/{evaluator}/versions", version(variables=["input"]))
    assert (await door.get(f"/v2/evaluators/{evaluator}"))["version"] == second
    assert (await door.get(f"/v2/evaluators/{evaluator}", version_id=first["id"]))["version"] == first
    assert second["code_config"]["variables"] == ["input"]
    assert first["commit_hash"] != second["commit_hash"]
    assert {first["evaluator_id"], second["evaluator_id"]} == {evaluator}


async def test_a_version_of_another_evaluator_is_not_answered(door: Door) -> None:
    mine, theirs = await door.evaluator("mine"), await door.evaluator("theirs")
    version_id = (await door.get(f"/v2/evaluators/{theirs}"))["version"]["id"]
    query = {"version_id": version_id}
    assert "'mine' has no version" in await door.refused(404, "GET", f"/v2/evaluators/{mine}", params=query)


async def test_evaluators_are_listed_by_their_last_change(door: Door, clock: HandClock) -> None:
    ids: list[str] = []
    for name in "abcde":
        ids.append(await door.evaluator(name))
        clock.now += SECOND
    await door.post(f"/v2/evaluators/{ids[1]}/versions", version("b"))
    rows = await door.all_of("/v2/evaluators", "evaluators", 2)
    assert [row["name"] for row in rows] == ["b", "e", "d", "c", "a"]


async def test_evaluators_of_one_moment_are_all_listed(door: Door) -> None:
    for name in "abcde":
        await door.evaluator(name)

    async def page(query: Body) -> Body:
        found = await door.get("/v2/evaluators", limit=2, **query)
        await door.evaluator("after " + found["evaluators"][0]["name"])
        return found

    rows = await all_pages(page, "evaluators", 2)
    assert [row["name"] for row in rows] == ["e", "d", "c", "b", "a"]


async def test_a_second_evaluator_of_the_same_name_is_a_conflict(door: Door) -> None:
    await door.evaluator("refunds")
    body = await door.evaluator_body("refunds")
    assert "named 'refunds' already" in await door.refused(409, "POST", "/v2/evaluators", json=body)


async def test_an_evaluator_in_use_is_not_deleted_until_its_tasks_are(door: Door) -> None:
    project = await door.send(span(0))
    used, free = await door.evaluator("used"), await door.evaluator("free")
    tasks = [await door.task(used, name, project_id=project) for name in ("hourly", "nightly")]
    detail = await door.refused(409, "DELETE", f"/v2/evaluators/{used}")
    assert "'used' is used by the task(s) 'hourly', 'nightly'" in detail
    await door.delete(f"/v2/evaluators/{free}")
    for task in tasks:
        await door.delete(f"/v2/tasks/{task}")
    await door.delete(f"/v2/evaluators/{used}")
    await door.refused(404, "GET", f"/v2/evaluators/{used}")


@pytest.mark.parametrize("kind", ["TEMPLATE", "REMOTE", "HARNESS"])
async def test_the_type_and_the_config_must_agree(door: Door, kind: str) -> None:
    detail = await door.refused(422, "POST", "/v2/evaluators", json=await body_of(door, version(), kind))
    assert f"type is {kind} but the version holds a code config" in detail
    assert (await door.get("/v2/evaluators"))["evaluators"] == []


async def test_a_version_of_another_type_is_refused(door: Door) -> None:
    evaluator = await door.evaluator()
    path = f"/v2/evaluators/{evaluator}/versions"
    assert "code evaluator" in await door.refused(422, "POST", path, json=judge_version("i"))


async def test_enums_are_taken_in_lower_case_and_answered_in_upper(door: Door) -> None:
    wanted = version(type="managed", managed_evaluator="exact_match", variables=["a", "b"], static_params=None)
    made = await door.post("/v2/evaluators", await body_of(door, wanted, "code"))
    config = made["version"]["code_config"]
    assert (made["type"], config["type"], config["managed_evaluator"]) == ("CODE", "MANAGED", "EXACT_MATCH")


async def test_a_template_that_asks_for_other_answers_is_refused_with_both_lists(door: Door) -> None:
    asks = 'Read {output}. Answer "positive" or "negative".'
    wanted = await body_of(door, judge_version("i", template=asks), "TEMPLATE")
    detail = await door.refused(422, "POST", "/v2/evaluators", json=wanted)
    assert "['positive', 'negative']" in detail
    assert "['good', 'bad']" in detail


async def test_a_judge_of_an_unknown_integration_is_refused(door: Door) -> None:
    wanted = await body_of(door, judge_version("nowhere"), "TEMPLATE")
    assert "integration with the id 'nowhere'" in await door.refused(404, "POST", "/v2/evaluators", json=wanted)


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (422, {"variables": []}),
        (422, {"static_params": None}),
        (400, {"name": "no/slash"}),
        (400, {"managed_evaluator": "GUESS"}),
        (400, {"temperature": 1}),
    ],
)
async def test_a_code_evaluator_that_could_not_run_is_refused_new_and_as_a_version(
    door: Door, status: int, changes: Body
) -> None:
    wanted = version(**changes)
    await door.refused(status, "POST", "/v2/evaluators", json=await body_of(door, wanted))
    evaluator = await door.evaluator()
    await door.refused(status, "POST", f"/v2/evaluators/{evaluator}/versions", json=wanted)
    rows = [{"output": "x"}]
    await door.refused(status, "POST", "/x/judge", json={"version": wanted, "rows": rows})


async def test_a_remote_evaluator_is_a_501_that_says_what_to_use(door: Door) -> None:
    wanted: Body = {"commit_message": "m", "remote_config": {"integration_id": "i"}}
    detail = await door.refused(501, "POST", "/v2/evaluators", json=await body_of(door, wanted, "REMOTE"))
    assert "Use an LLM judge" in detail


async def test_the_catalogue_is_answered_whole(door: Door) -> None:
    found = (await door.get("/v2/evaluator-templates"))["evaluator_templates"]
    assert [judge["column_name"] for judge in found] == [judge.name for judge in catalogue.all()]
    assert all(list(judge["classification_choices"]) == judge["rails"] for judge in found)


async def test_rows_are_judged_without_being_stored(door: Door) -> None:
    rows: list[dict[str, Any]] = [{"output": "a refund"}, {"output": "no"}, {"output": None}, {}]
    asked: Body = {"version": version(), "rows": rows}
    results = (await door.post("/x/judge", asked))["results"]
    assert [row.get("label") for row in results] == ["contains", "missing", None, None]
    assert all("'output'" in row["error"] for row in results[2:])
    assert (await door.get("/v2/evaluators"))["evaluators"] == []
    by_id: Body = {"evaluator_id": await door.evaluator(), "rows": rows}
    assert (await door.post("/x/judge", by_id))["results"] == results


@pytest.mark.parametrize("asked", [{}, {"evaluator_id": "e", "version": version()}])
async def test_rows_are_judged_by_a_stored_evaluator_or_by_a_version(door: Door, asked: Body) -> None:
    detail = await door.refused(400, "POST", "/x/judge", json={**asked, "rows": [{}]})
    assert "exactly one of evaluator_id and version" in detail
