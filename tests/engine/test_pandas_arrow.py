"""Verdicts on spans as an Arrow stream over HTTP."""

import base64
import importlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.engine.door import Door, HandClock, opened, problem_of, span, span_id

from assaykit.engine.flight.messages import Schema

pa: Any = importlib.import_module("pyarrow")

PATH = "/v1/pandas_arrow"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    """Three spans of project "shop"."""
    async with opened(tmp_path, clock=HandClock()) as door:
        await door.send(span(1), span(2), span(3))
        yield door


async def post(door: Door, columns: dict[str, Any], project: str | None = "shop") -> httpx.Response:
    batch = pa.record_batch(columns)
    schema = batch.schema
    if project is not None:
        told = base64.b64encode(Schema(constants={"model_id": project}).SerializeToString())
        schema = schema.with_metadata({"arize-schema": told})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(batch)
    headers = {"arize-space-id": await door.space(), "arize-interface": "batch", "number-of-rows": "1"}
    return await door.http.post(PATH, content=sink.getvalue().to_pybytes(), headers=headers)


async def test_verdicts_are_written_and_ids_that_name_no_span_told(door: Door) -> None:
    columns = {
        "context.span_id": [span_id(1), span_id(2), "nobody"],
        "eval.tone.label": ["kind", None, "kind"],
        "eval.tone.score": [0.5, None, 1.0],
    }
    answer = await post(door, columns)
    assert (answer.status_code, answer.json()) == (200, {"records_updated": 1, "unmatched_ids": ["nobody"]})
    (project,) = (await door.get("/v2/projects"))["projects"]
    found = {one["name"]: one["evaluations"] for one in await door.spans(project["id"])}
    assert found == {"call 1": [{"name": "tone", "label": "kind", "score": 0.5}], "call 2": [], "call 3": []}


async def test_ids_of_which_none_names_a_span_are_404(door: Door) -> None:
    answer = await post(door, {"context.span_id": ["nobody"], "eval.tone.label": ["kind"]})
    assert "None of the 1 span ids is in the project." in problem_of(404, answer)


async def test_a_column_that_is_no_verdict_writes_nothing(door: Door) -> None:
    columns = {"context.span_id": [span_id(1)], "eval.tone.label": ["kind"], "name": ["call"]}
    assert "'name' cannot be written" in problem_of(422, await post(door, columns))
    (project,) = (await door.get("/v2/projects"))["projects"]
    assert all(one["evaluations"] == [] for one in await door.spans(project["id"]))


async def test_a_body_without_a_project_or_without_arrow_is_refused(door: Door) -> None:
    columns = {"context.span_id": [span_id(1)], "eval.tone.label": ["kind"]}
    assert "does not name its project" in problem_of(400, await post(door, columns, project=None))
    assert "This space has no project named 'shpo'." in problem_of(404, await post(door, columns, project="shpo"))
    assert "not a readable Arrow stream" in problem_of(422, await door.http.post(PATH, content=b"{}"))


LONG = "x" * 10_001


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"eval.t.label": ["x" * 101]}, "label: string should have at most 100 characters"),
        ({"eval.t.label": ["ok"], "eval.t.explanation": [LONG]}, "at most 10000 characters"),
        ({"eval.t.explanation": ["only words"]}, "needs a label or a score"),
        ({"eval.t\nu.label": ["ok"]}, "no line break"),
        ({"trace_eval.t.explanation": ["only words"]}, "needs a label or a score"),
    ],
)
async def test_a_verdict_is_held_to_the_limits_of_the_rest_route(
    door: Door, columns: dict[str, Any], said: str
) -> None:
    answer = await post(door, {"context.span_id": [span_id(1)], **columns})
    assert said in problem_of(422, answer)
    (project,) = (await door.get("/v2/projects"))["projects"]
    assert all(one["evaluations"] == [] for one in await door.spans(project["id"]))
    if "trace_eval.t.explanation" not in columns:
        ((_, name, _), *_) = [column.split(".") for column in columns]
        parts = {column.rpartition(".")[2]: value for column, (value,) in columns.items()}
        body = {"project_id": project["id"], "evaluations": [{"name": name, "span_id": span_id(1), **parts}]}
        await door.refused(400, "POST", "/x/evaluations", json=body)


async def test_a_project_is_found_in_either_form_of_its_accents(door: Door) -> None:
    composed, apart = "caf\u00e9", "cafe\u0301"
    await door.send(span(5), project=apart)
    await door.send(span(6), project=composed)
    (project,) = (await door.get("/v2/projects", name=apart))["projects"]
    assert project["name"] == composed
    assert len(await door.spans(project["id"])) == 2
    answer = await post(door, {"context.span_id": [span_id(5)], "eval.t.label": ["ok"]}, project=apart)
    assert answer.status_code == 200
