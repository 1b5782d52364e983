"""Requests with values at or beyond the edge of what the store takes."""

from pathlib import Path

import pytest
from tests.engine.door import SECOND, Body, Door, HandClock, span, span_id, task_body
from tests.small_disks import smallest_files

from assaykit.engine import uploads


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [(-1, -2, False), (-1, -3, False), (0, -0.0, True), (1, 1.0, True), (2**61 - 1, 0, False), (0.1, 0.2, False)],
)
async def test_two_verdicts_on_one_span_are_compared_by_their_values(
    door: Door, first: float, second: float, *, same: bool
) -> None:
    project = await door.send(span(1))
    verdicts = [{"name": "s", "span_id": span_id(1), "score": score} for score in (first, second)]
    answer = await door.http.post("/x/evaluations", json={"project_id": project, "evaluations": verdicts})
    assert answer.status_code == (200 if same else 422), answer.text


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, 10**20])
async def test_a_number_of_rows_beyond_every_store_is_refused_by_name(door: Door, number: int) -> None:
    task = await door.task(await door.evaluator(), project_id=await door.send(span(1)))
    body: Body = {"trigger": {}, "max_rows": number}
    assert "max_rows: input should be less than or equal to" in await door.refused(
        400, "POST", f"/x/tasks/{task}/trigger", json=body
    )


async def test_the_status_counts_all_projects(door: Door) -> None:
    space = await door.space()
    before = (await door.get("/x/status"))["projects"]
    for number in range(101):
        await door.post("/v2/projects", {"name": f"p{number}", "space_id": space})
    assert (await door.get("/x/status"))["projects"] == before + 101


async def a_part(door: Door, name: str = "big", **more: object) -> Body:
    rows = [{"q": "x" * 2000}] * 900
    return {"new_dataset": {"name": name, "space_id": await door.space()}, "examples": rows, "more": True, **more}


async def test_an_upload_without_room_for_its_part_is_dropped_and_says_so(door: Door, tmp_path: Path) -> None:
    body = await a_part(door)
    with smallest_files(1_000_000):
        said = await door.refused(503, "POST", "/x/uploads", json=body)
    assert "The upload could not be kept in" in said
    assert "TMPDIR" in said
    for _ in range(uploads.MOST):  # the broken one holds no place
        await door.post("/x/uploads", body)


async def test_an_upload_that_is_left_alone_gives_its_place_to_the_next(door: Door, clock: HandClock) -> None:
    body = await a_part(door)
    first, *_ = [(await door.post("/x/uploads", body))["upload_id"] for _ in range(uploads.MOST)]
    assert "under way already" in await door.refused(503, "POST", "/x/uploads", json=body)
    clock.now += 61 * SECOND
    await door.post("/x/uploads", body)
    assert "no upload" in await door.refused(404, "POST", "/x/uploads", json=body | {"upload_id": first})


async def test_a_list_of_no_experiments_and_a_reversed_window_are_refused(door: Door) -> None:
    dataset, (key,) = await door.dataset([{"q": "a"}])
    experiment = await door.experiment(dataset, [{"example_id": key, "output": "refund"}])
    evaluator = await door.evaluator()
    task = await door.task(evaluator, dataset_id=dataset, experiment_ids=[experiment])
    await door.refused(400, "POST", f"/v2/tasks/{task}/trigger", json={"experiment_ids": []})
    project = await door.send(span(1))
    reversed_window = {"start_time": "2027-01-01T00:00:00Z", "end_time": "2020-01-01T00:00:00Z"}
    body: Body = {"project_id": project, **reversed_window}
    for method, path, more in (
        ("POST", "/v2/spans", {}),
        ("POST", "/v2/traces", {}),
        ("DELETE", "/v2/spans", {"span_ids": [span_id(1)]}),
    ):
        assert "start_time lies after end_time" in await door.refused(422, method, path, json=body | more)


@pytest.mark.parametrize("blank", ["   ", "\t", "\u2003"])
async def test_a_blank_name_is_refused_for_every_noun(door: Door, blank: str) -> None:
    project = await door.send(span(1))
    evaluator = await door.evaluator()
    await door.refused(400, "POST", "/v2/tasks", json=task_body(evaluator, blank, project_id=project))
    task = await door.task(evaluator, project_id=project)
    await door.refused(400, "PATCH", f"/v2/tasks/{task}", json={"name": blank})
    await door.refused(400, "PATCH", f"/v2/projects/{project}", json={"name": blank})
    dataset, _ = await door.dataset([{"q": 1}])
    await door.refused(400, "PATCH", f"/v2/datasets/{dataset}", json={"name": blank})
    verdict = {"name": blank, "span_id": span_id(1), "label": "x"}
    await door.refused(400, "POST", "/x/evaluations", json={"project_id": project, "evaluations": [verdict]})


async def test_a_name_is_taken_in_either_form_of_its_accents(door: Door) -> None:
    composed, apart = "caf\u00e9", "cafe\u0301"
    await door.dataset([{"q": 1}], composed)
    body = {"space_id": await door.space(), "name": apart, "examples": [{"q": 1}]}
    await door.refused(409, "POST", "/v2/datasets", json=body)
    assert [one["name"] for one in (await door.get("/v2/datasets", name=apart))["datasets"]] == [composed]
