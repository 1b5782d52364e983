"""Annotation queues over REST: items in order, and records with the labels and verdicts of their items."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.door import NOW, SECOND, Body, span_id
from tests.engine.rest import Rest, at, opened, span, trace_id

QUEUES = "/v2/annotation-queues"
WINDOW = {"start_time": at(NOW - 3600 * SECOND), "end_time": at(NOW)}


@pytest.fixture
async def rest(home: Path) -> AsyncGenerator[Rest]:
    async with opened(home) as rest:
        yield rest


async def wanted(rest: Rest, *sources: Body, name: str = "first", **fields: Any) -> Body:
    config = await rest.config("FREEFORM", f"note of {name}")
    asked = {"annotation_config_ids": [config], "annotator_emails": ["anna@example.com"], "record_sources": sources}
    return {"name": name, "space_id": rest.space, **asked, **fields}


async def project_of_five(rest: Rest) -> str:
    """Spans 1 to 5; 2 is a child of 1, and all but 5 are of the session s."""
    session: Any = {"session.id": "s"}
    told = [span(number, trace=number, **session) for number in (1, 3, 4)]
    return await rest.door.send(*told, span(5), span(2, trace=1, parent=1, **session))


async def test_a_queue_is_made_read_listed_and_deleted(rest: Rest) -> None:
    project = await project_of_five(rest)
    source = {"record_type": "SPAN", "project_id": project, "span_ids": [span_id(4), span_id(1)], **WINDOW}
    made = await rest.create(QUEUES, await wanted(rest, source, instructions="Be strict."))
    assert (made["name"], made["instructions"], made["annotators"]) == (
        "first", "Be strict.", [{"email": "anna@example.com"}],
    )  # fmt: skip
    assert [one["name"] for one in made["annotation_configs"]] == ["note of first"]
    assert await rest.get(f"{QUEUES}/{made['id']}") == made
    assert [one["id"] for one in (await rest.get(QUEUES, name="FIR"))["annotation_queues"]] == [made["id"]]
    assert (await rest.get(QUEUES, name="other"))["annotation_queues"] == []
    await rest.ask("DELETE", f"{QUEUES}/{made['id']}", status=204)
    await rest.refused(404, "GET", f"{QUEUES}/{made['id']}/records")


async def test_records_stand_in_the_order_of_the_sources_over_pages(rest: Rest) -> None:
    project = await project_of_five(rest)
    asked = [span_id(number) for number in (4, 1, 5, 1)]
    made = await rest.create(
        QUEUES, await wanted(rest, {"record_type": "SPAN", "project_id": project, "span_ids": asked, **WINDOW})
    )
    first = await rest.get(f"{QUEUES}/{made['id']}/records", limit=2)
    second = await rest.get(f"{QUEUES}/{made['id']}/records", cursor=first["pagination"]["next_cursor"])
    found = [one["data"]["context.span_id"] for one in first["records"] + second["records"]]
    assert found == [span_id(number) for number in (4, 1, 5)]


@pytest.mark.parametrize(
    ("level", "key", "ids", "shown"),
    [("TRACE", "trace_ids", [trace_id(1)], span_id(1)), ("SESSION", "session_ids", ["s"], span_id(1))],
)
async def test_a_trace_and_a_session_are_shown_by_their_first_root(
    rest: Rest, level: str, key: str, ids: list[str], shown: str
) -> None:
    project = await project_of_five(rest)
    body = await wanted(rest, {"record_type": level, "project_id": project, key: ids, **WINDOW})
    made = await rest.create(QUEUES, body)
    note = {"record_id": ids[0], "values": [{"name": "note of first", "text": "late"}]}
    body = {"project_id": project, "granularity": level, "annotations": [note]}
    await rest.ask("POST", "/v2/spans/annotate", body, 202)
    (record,) = (await rest.get(f"{QUEUES}/{made['id']}/records"))["records"]
    assert (record["granularity"], record["source_type"]) == (level, "SPANS")
    assert record["data"]["context.span_id"] == shown
    assert [one["text"] for one in record[f"{level.lower()}_annotations"]] == ["late"]
    assert record["annotations"] == []


async def test_runs_and_examples_have_their_columns_labels_and_verdicts(rest: Rest) -> None:
    dataset, examples = await rest.door.dataset([{"q": "why"}, {"q": "how"}])
    experiment, runs = await rest.experiment(
        dataset, *({"example_id": one, "output": "so", "eval.x.label": "ok"} for one in examples)
    )
    sources = [
        {"record_type": "RUN", "experiment_id": experiment, "run_ids": [runs[1]]},
        {"record_type": "EXAMPLE", "dataset_id": dataset},
    ]
    made = await rest.create(QUEUES, await wanted(rest, *sources))
    noted = [{"record_id": runs[1], "values": [{"name": "note of first", "text": "fine"}]}]
    await rest.ask("POST", f"/v2/experiments/{experiment}/runs/annotate", {"annotations": noted}, 202)
    run, *others = (await rest.get(f"{QUEUES}/{made['id']}/records"))["records"]
    assert run["data"] == {"id": runs[1], "example_id": examples[1], "output": "so", "q": "how"}
    assert [(one["name"], one["label"]) for one in run["evaluations"]] == [("x", "ok")]
    assert [one["text"] for one in run["annotations"]] == ["fine"]
    assert [one["data"] for one in others] == [{"id": examples[0], "q": "why"}, {"id": examples[1], "q": "how"}]
    assert {one["source_type"] for one in others} == {"DATASET"}


async def test_a_deleted_item_stays_a_record_without_data_and_columns_are_hidden(rest: Rest) -> None:
    project = await project_of_five(rest)
    source = {"record_type": "SPAN", "project_id": project, "span_ids": [span_id(4), span_id(5)], **WINDOW}
    made = await rest.create(QUEUES, await wanted(rest, source, column_allowlist=["name"]))
    await rest.ask("DELETE", "/v2/spans", {"project_id": project, "span_ids": [span_id(4)]})
    gone, there = (await rest.get(f"{QUEUES}/{made['id']}/records"))["records"]
    assert gone.get("data") is None
    assert there["data"].keys() == {"name"}


@pytest.mark.parametrize(
    ("source", "status", "told"),
    [
        ({"record_type": "SPAN", "span_ids": [span_id(77)]}, 404, "1 of 1 are no span(s)"),
        ({"record_type": "SPAN", "span_ids": [span_id(1)], "start_time": at(NOW), "end_time": at(NOW)}, 404, "no span"),
        ({"record_type": "TRACE", "trace_ids": [trace_id(77)]}, 404, "no trace(s)"),
        ({"record_type": "SESSION", "session_ids": ["t"]}, 404, "no session(s)"),
        ({"record_type": "SPAN", "span_ids": []}, 400, "span_ids"),
        ({"record_type": "SPAN", "span_ids": [span_id(1)], "start_time": at(NOW), "end_time": at(1)}, 400, "Swap"),
        ({"record_type": "LINE", "span_ids": [span_id(1)]}, 400, "record_sources"),
    ],
)
async def test_a_queue_of_wrong_items_is_refused_as_a_whole(rest: Rest, source: Body, status: int, told: str) -> None:
    project = await project_of_five(rest)
    body = await wanted(rest, {"project_id": project, **WINDOW, **source})
    assert told in await rest.refused(status, "POST", QUEUES, body)
    assert (await rest.get(QUEUES))["annotation_queues"] == []


async def test_a_second_queue_of_a_name_an_unknown_config_and_random_assignment_are_refused(rest: Rest) -> None:
    body = await wanted(rest)
    await rest.create(QUEUES, body)
    assert "already" in await rest.refused(409, "POST", QUEUES, body)
    other = {**body, "name": "second"}
    await rest.refused(404, "POST", QUEUES, {**other, "annotation_config_ids": ["QW5ub3RhdGlvbkNvbmZpZzo5OmE="]})
    assert "random" in await rest.refused(501, "POST", QUEUES, {**other, "assignment_method": "RANDOM"})
