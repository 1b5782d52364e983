"""Older SDKs are answered as they understand it, and nothing of the user's changes on the way.

`generations/` has what the generated models of some versions of `arize` take, as
`tests/conformance/older/generation.py` prints it in their interpreters.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.contract.test_golden import REPLIES, parsed
from tests.engine.door import Body, Door, judge_version, problem_of, span, version

from assaykit.engine import sdk_versions
from assaykit.engine.sdk_versions import OlderRequest
from assaykit.wire.bodies import Page
from assaykit.wire.datasets import DatasetExample
from assaykit.wire.experiments import ExperimentRun
from assaykit.wire.integrations import AiIntegration
from assaykit.wire.spans import Span, SpanContext
from assaykit.wire.tasks import Task

GENERATIONS: dict[int, dict[str, Any]] = {
    int(path.stem.split(".")[1]): json.loads(path.read_text(encoding="utf-8"))
    for path in (Path(__file__).parent / "generations").glob("*.json")
}

NAMES = {"Pagination": "PaginationMetadata"}
"""Models of ours that are called something else there."""

NOT_COMPARED = {
    "DeleteDatasetExamplesResponse": "the same three fields in every generation, under two names of the model",
    "DeleteSpansResponse": "the same",
    "DeleteEvaluatorVersionsResponse": "came later, with a route of its own",
    "EvaluatorTemplates": "came later, with a route of its own",
    "AnnotationQueue": "is served to clients from 8.60 on",
    "AnnotationQueueRecord": "is served to clients from 8.60 on",
}

ALWAYS_SENT = {"created_at", "updated_at"}
"""Needed by older models. The engine never leaves them out, but a published body may."""

LOWER, UPPER, TOLERANT, NEWEST = "lower", "upper", "tolerant", "newest"

OLD = {"sdk-version": "8.39.0"}


def sent(version: str, **more: str) -> dict[str, str]:
    return {"sdk-version": version} | {name.replace("_", "-"): value for name, value in more.items()}


@pytest.mark.parametrize(
    ("headers", "dialect"),
    [
        ({}, NEWEST),
        (sent("8.26.0"), LOWER),
        (sent("8.39.0", sdk_language="python"), LOWER),
        (sent("8.39"), LOWER),
        (sent("8.39.1rc2"), LOWER),
        (sent("8.40.0"), UPPER),
        (sent("8.44.7"), UPPER),
        (sent("8.45.0"), TOLERANT),
        (sent("8.59.0"), TOLERANT),
        (sent("8.60.0"), NEWEST),
        (sent("8.61.0"), NEWEST),
        (sent("8.100.0"), NEWEST),
        (sent("9.1.0"), NEWEST),
        (sent("7.52.0"), NEWEST),
        (sent("1.28.0"), NEWEST),
        (sent("8.39.0", sdk_language="typescript"), NEWEST),
        (sent(""), NEWEST),
        (sent("8"), NEWEST),
        (sent("v8.39.0"), NEWEST),
        (sent("8.thirty-nine"), NEWEST),
        (sent("8.39.0 or later"), NEWEST),
        (sent("8." + "9" * 5000), NEWEST),
    ],
)
async def test_the_header_says_which_dialect_is_spoken(door: Door, headers: dict[str, str], dialect: str) -> None:
    await door.evaluator()
    evaluator = (await door.http.get("/v2/evaluators", headers=headers)).json()["evaluators"][0]
    space = (await door.http.get("/v2/spaces", headers=headers)).json()["spaces"][0]
    missing = (await door.http.get("/v2/spaces/none", headers=headers)).json()
    assert evaluator["type"] == ("code" if dialect == LOWER else "CODE")
    assert ("next" in missing) == (dialect in {TOLERANT, NEWEST})
    assert ("description" in space) == (dialect != NEWEST)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", REPLIES)
def test_every_published_reply_fits_the_models_of_its_generation(name: str, generation: int) -> None:
    for model in told_apart(parsed(name)):
        kind = type(model).__name__
        if kind in NOT_COMPARED:
            continue
        body = sdk_versions.retell(model, model.model_dump(mode="json", exclude_none=True), asked(generation))
        assert list(misfits(GENERATIONS[generation], NAMES.get(kind, kind), body, generation)) == []


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_tables_say_of_each_field_what_its_generation_says(generation: int) -> None:
    known = GENERATIONS[generation]
    for kind, rows in sdk_versions.NEEDED.items():
        for name, until in rows.items():
            is_needed = f"{name}!" in known[kind.__name__]
            is_unknown = not is_needed and name not in known[kind.__name__]
            assert is_unknown or is_needed == (generation < until.version), (kind, name)
    for kind, rows in sdk_versions.KNOWN_SINCE.items():
        for name, since in rows.items():
            fields = {field.removesuffix("!") for field in known[NAMES.get(kind.__name__, kind.__name__)]}
            assert generation >= sdk_versions.TOLERANT or (name in fields) == (generation >= since), (kind, name)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_needed_field_is_there_though_the_newest_reply_has_none(generation: int) -> None:
    known = GENERATIONS[generation]
    for kind, rows in sdk_versions.NEEDED.items():
        model = kind.model_construct(**dict.fromkeys(kind.model_fields))
        body = sdk_versions.retell(model, {}, asked(generation))
        for name in rows:
            assert f"{name}!" not in known[kind.__name__] or body[name] is not None, (kind, name)


COLUMNS = st.dictionaries(
    st.sampled_from(["type", "status", "failure_reason", "query_filters", "metadata", "is_private", "q", "next"]),
    st.sampled_from(["COMPLETED", "OPEN_AI", "NONE", None, 1, ["LITELLM"], {"type": "TEMPLATE", "space_id": None}]),
)


@given(columns=COLUMNS, generation=st.sampled_from([26, 39, 40, 44, 45, 59]))
def test_a_users_columns_and_attributes_are_never_changed(columns: Body, generation: int) -> None:
    context = SpanContext(trace_id="t", span_id="s")
    rows = [
        (DatasetExample(id="e", **columns), columns),
        (ExperimentRun(id="r", example_id="e", output="PENDING", **columns), columns | {"output": "PENDING"}),
        (Span(context=context, name="FAILED", attributes=columns), {"name": "FAILED", "attributes": columns}),
    ]
    for model, kept in rows:
        body = sdk_versions.retell(model, model.model_dump(mode="json"), asked(generation))
        assert {name: body[name] for name in kept} == kept


async def test_an_old_body_is_understood_and_told_back_in_the_same_words(door: Door) -> None:
    space = await door.space()
    made = await old(door, "POST", "/v2/ai-integrations", {"name": "m", "provider": "openAI"})
    assert (made["provider"], made["auth_type"], made["scopings"]) == ("openAI", "default", [])
    template = judge_version(made["id"], direction="minimize", data_granularity="span")
    config = template["template_config"]
    config["use_function_calling_if_available"] = config.pop("use_function_calling")
    code = version(type="managed", managed_evaluator="ContainsAnyKeyword")
    for kind, wanted in (("template", template), ("code", code)):
        body = {"space_id": space, "name": kind, "type": kind, "version": wanted}
        told = (await old(door, "POST", "/v2/evaluators", body))["version"]
        again = await old(door, "POST", f"/v2/evaluators/{told['evaluator_id']}/versions", wanted)
        for one in (told, again):
            assert one["type"] == kind
            assert one[f"{kind}_config"].items() >= wanted[f"{kind}_config"].items()


async def test_a_task_and_its_run_are_spoken_of_in_lower_case(door: Door) -> None:
    evaluator, project = await door.evaluator(), await door.send(span(1))
    only = {"evaluator_id": evaluator, "query_filter": "name = 'of no span'"}
    body = {"name": "t", "type": "code_evaluation", "project_id": project, "evaluators": [only]}
    task = await old(door, "POST", "/v2/tasks", body)
    assert (task["type"], task["experiment_ids"]) == ("code_evaluation", [])
    assert task["evaluators"][0].keys() <= {"evaluator_id", "evaluator_name", "query_filter", "column_mappings"}
    assert len((await old(door, "GET", "/v2/tasks?type=code_evaluation"))["tasks"]) == 1
    run = await old(door, "POST", f"/v2/tasks/{task['id']}/trigger", {})
    assert run["status"] == "pending"
    ended = await door.until(run["id"], "CANCELLED")
    assert "failure_reason" in ended
    told = (await old(door, "GET", f"/v2/tasks/{task['id']}/runs?status=cancelled"))["task_runs"]
    assert [(one["status"], "failure_reason" in one) for one in told] == [("cancelled", False)]


async def test_setting_labels_is_answered_with_the_labels_alone(door: Door) -> None:
    message = {"role": "user", "content": "{q}"}
    asked_for = {"commit_message": "m", "provider": "open_ai", "messages": [message]}
    body = {"space_id": await door.space(), "name": "p", "version": asked_for}
    told = (await old(door, "POST", "/v2/prompts", body))["version"]
    assert (told["provider"], told["messages"], told["input_variable_format"]) == ("open_ai", [message], "f_string")
    labels = f"/v2/prompt-versions/{told['id']}/labels"
    assert await old(door, "PUT", labels, {"labels": ["production"]}) == {"labels": ["production"]}


async def test_run_ids_come_with_an_append_alone(door: Door) -> None:
    dataset, ids = await door.dataset([{"q": "a"}])
    runs = [{"example_id": ids[0], "output": "a"}]
    made = await old(door, "POST", "/v2/experiments", {"name": "e", "dataset_id": dataset, "experiment_runs": runs})
    assert "run_ids" not in made
    more = await old(door, "POST", f"/v2/experiments/{made['id']}/runs", {"experiment_runs": runs})
    assert len(more["run_ids"]) == 1


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_run_configuration_fits_whatever_lies_inside(generation: int) -> None:
    call = {"id": "1", "type": "FUNCTION", "function": {"name": "USER", "arguments": "{}"}}
    configuration = {
        "experiment_type": "LLM_GENERATION",
        "ai_integration_id": "i",
        "input_variable_format": "F_STRING",
        "messages": [{"role": "USER", "content": "USER"}, {"role": "ASSISTANT", "tool_calls": [call]}],
        "invocation_parameters": {"response_format": {"type": "JSON_OBJECT"}},
    }
    model = Task(id="t", name="n", type="RUN_EXPERIMENT", run_configuration=configuration)
    body = sdk_versions.retell(model, model.model_dump(mode="json", exclude_none=True), asked(generation))
    assert list(misfits(GENERATIONS[generation], "Task", body, generation)) == []
    told = body["run_configuration"]["messages"]
    assert (told[0]["content"], told[1]["tool_calls"][0]["function"]["name"]) == ("USER", "USER")


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("provider", ["LITELLM", "FIREWORKS", "TOGETHER_AI"])
def test_a_value_that_came_later_is_told_as_the_nearest_one(provider: Any, generation: int) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    integration = AiIntegration(
        id="i", name="n", provider=provider, auth_type="OAUTH2_CLIENT_CREDENTIALS", has_api_key=True
    )
    span = Span(context=SpanContext(trace_id="t", span_id="s"), kind="DECISION", start_time=moment, end_time=moment)
    for model in (integration, span):
        body = sdk_versions.retell(model, model.model_dump(mode="json", exclude_none=True), asked(generation))
        assert list(misfits(GENERATIONS[generation], type(model).__name__, body, generation)) == []


async def test_a_refusal_keeps_its_next_step_in_the_detail(door: Door) -> None:
    detail = problem_of(404, await door.http.get("/v2/spaces/none", headers=OLD))
    newest = (await door.http.get("/v2/spaces/none")).json()
    assert detail == newest["detail"]
    assert detail.endswith(newest["next"])


@pytest.mark.parametrize("raw", [b'{"template_config": ', b'{"template_config": "x"}', b'["template_config"]', b"\xff"])
async def test_a_broken_body_is_refused_by_its_model(door: Door, raw: bytes) -> None:
    response = await door.http.post("/v2/evaluators", content=raw, headers=OLD)
    problem_of(400, response)


def asked(generation: int) -> OlderRequest:
    return OlderRequest(generation, "GET", "/v2/of/any/route")


async def old(door: Door, method: str, path: str, body: Body | None = None) -> Body:
    response = await door.http.request(method, path, json=body, headers=OLD)
    assert response.is_success, response.text
    return response.json()


def told_apart(model: BaseModel) -> list[BaseModel]:
    """A reply, or the rows of a page: the page itself has another name in every generation."""
    if not isinstance(model, Page):
        return [model]
    page = cast("Page[BaseModel]", model)
    return [page.pagination, *page.rows]


def misfits(known: Mapping[str, Any], kind: str, body: Any, generation: int, at: str = "") -> Iterator[str]:
    """What the generated model `kind` would raise on."""
    at = at or kind
    fields = known[kind]
    if isinstance(fields, list):
        names = cast("list[str]", fields)
        found = [list(misfits(known, name, body, generation, at)) for name in names]
        if [] not in found:
            yield f"{at} is none of {names}: {found}"
        return
    needed = {name.removesuffix("!") for name in fields if name.endswith("!")} - ALWAYS_SENT
    what = {name.removesuffix("!"): value for name, value in fields.items()}
    if generation < sdk_versions.TOLERANT and "*" not in fields:
        yield from (f"{at}.{name} is not known" for name in body.keys() - what.keys())
    for name in what.keys() - {"*"}:
        value = body.get(name)
        if value is None:
            yield from [f"{at}.{name} is missing"] if name in needed else []
        elif isinstance(what[name], list):
            yield from [] if value in what[name] else [f"{at}.{name} may not be {value!r}"]
        elif what[name] is not None:
            for part in cast("list[Any]", value) if isinstance(value, list) else [value]:
                yield from misfits(known, what[name], part, generation, f"{at}.{name}")
