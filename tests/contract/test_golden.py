"""Our wire models against bodies that others published.

Client and engine share the models, so they could be wrong together: these bodies are a witness from outside.
Each file in `golden/` is `{origin, model, direction, body}`. An origin is a page of Arize's reference or a
test of its clients. Where it names a generated model of the `arize` SDK, the values are ours and that class
accepts them.
"""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from pydantic import BaseModel

from assaykit import wire
from assaykit.wire.bodies import ReplyBody

FOLDER = Path(__file__).parent / "golden"

NOT_READ = frozenset({"created_by_user_id", "scopings", "ml_models_enabled"})
"""Fields of replies that the contract has and we have no use for."""

ENGINE_ONLY = "a route of the engine alone, which nobody else publishes"
PARENT = "a parent of bodies, never one itself"
WITHOUT_GOLDEN = {
    "bodies.RequestBody": PARENT,
    "bodies.ReplyBody": PARENT,
    "bodies.OpenBody": PARENT,
    "bodies.Page": PARENT,
    "experiments.RunColumnsPage": "the page of ExperimentRunPage, read as plain rows",
    "annotation_queues.RunRecordsInput": ENGINE_ONLY,
    "previews.JudgeRowsRequest": ENGINE_ONLY,
    "local.RunLimits": ENGINE_ONLY,
    "plans.RunPlan": ENGINE_ONLY,
    "plans.PlannedEvaluator": ENGINE_ONLY,
    "plans.PlannedRows": ENGINE_ONLY,
    "plans.PlannedPart": ENGINE_ONLY,
    "plans.PlanRequest": ENGINE_ONLY,
    "local.CountSpansRequest": ENGINE_ONLY,
    "local.SpanCount": ENGINE_ONLY,
    "local.StoreCheck": ENGINE_ONLY,
    "local.LimitedTrigger": ENGINE_ONLY,
    "task_limits.LimitedTask": ENGINE_ONLY,
    "task_limits.LimitedTaskUpdate": ENGINE_ONLY,
    "local.ExperimentJudges": ENGINE_ONLY,
    "previews.JudgedRow": ENGINE_ONLY,
    "previews.JudgedRows": ENGINE_ONLY,
    "local.RunOutcome": ENGINE_ONLY,
    "local.RunSelection": ENGINE_ONLY,
    "local.RunCause": ENGINE_ONLY,
    "local.RunTokens": ENGINE_ONLY,
    "local.RunReport": ENGINE_ONLY,
    "local.RunJudge": ENGINE_ONLY,
    "local.RunRow": ENGINE_ONLY,
    "local.RunRowPage": ENGINE_ONLY,
    "local.TaskSchedule": ENGINE_ONLY,
    "local.StoreStatus": ENGINE_ONLY,
    "local.EvaluationInput": ENGINE_ONLY,
    "local.LogEvaluationsRequest": ENGINE_ONLY,
    "local.LoggedEvaluations": ENGINE_ONLY,
    "run_verdicts.RunVerdict": ENGINE_ONLY,
    "run_verdicts.RunVerdictCounts": ENGINE_ONLY,
    "run_verdicts.RunVerdictsRequest": ENGINE_ONLY,
    "local.CheckIntegrationRequest": ENGINE_ONLY,
    "local.IntegrationCheck": ENGINE_ONLY,
    "local.NewDataset": ENGINE_ONLY,
    "local.PinnedExperiment": ENGINE_ONLY,
    "local.UploadRequest": ENGINE_ONLY,
    "local.Matches": ENGINE_ONLY,
    "local.Uploaded": ENGINE_ONLY,
    "run_columns.RowGroup": ENGINE_ONLY,
    "run_columns.ColumnPart": ENGINE_ONLY,
    "run_columns.ColumnPage": ENGINE_ONLY,
    "run_columns.OutputsRequest": ENGINE_ONLY,
    "run_columns.RunOutput": ENGINE_ONLY,
    "run_columns.RunOutputs": ENGINE_ONLY,
    "run_columns.ExperimentEvaluators": ENGINE_ONLY,
    "run_columns.RankedRowsRequest": ENGINE_ONLY,
    "run_columns.EvaluatorCounts": ENGINE_ONLY,
    "run_columns.RankedRows": ENGINE_ONLY,
    "run_columns.ExamplesRequest": ENGINE_ONLY,
    "run_columns.SomeExamples": ENGINE_ONLY,
}

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Golden(NamedTuple):
    origin: str
    model: str
    direction: str
    body: dict[str, Any]


def golden_of(path: Path) -> Golden:
    return Golden(**json.loads(path.read_text(encoding="utf-8")))


GOLDENS = {path.stem: golden_of(path) for path in sorted(FOLDER.glob("*.json"))}
REQUESTS = [name for name, golden in GOLDENS.items() if golden.direction == "request"]
REPLIES = [name for name, golden in GOLDENS.items() if golden.direction == "reply"]


def wire_classes() -> dict[str, type[BaseModel]]:
    """Every model of the contract by `module.Class`; parametrised generics are their origin's business."""
    found: dict[str, type[BaseModel]] = {}
    for info in pkgutil.iter_modules(wire.__path__):
        module = importlib.import_module(f"assaykit.wire.{info.name}")
        for value in vars(module).values():
            if not (isinstance(value, type) and issubclass(value, BaseModel)):
                continue
            if value.__module__ == module.__name__ and "[" not in value.__name__:
                found[f"{info.name}.{value.__name__}"] = value
    return found


CLASSES = wire_classes()


def parsed(name: str) -> BaseModel:
    golden = GOLDENS[name]
    model, body = CLASSES[golden.model], json.dumps(golden.body)
    return model.read(body) if issubclass(model, ReplyBody) else model.model_validate_json(body)


def dumped(name: str) -> dict[str, Any]:
    return parsed(name).model_dump(mode="json", exclude_unset=True)


def normal(value: Any) -> Any:
    """The value with every timestamp in one form."""
    if isinstance(value, dict):
        return {key: normal(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [normal(item) for item in cast("list[Any]", value)]
    if isinstance(value, str) and TIMESTAMP.fullmatch(value):
        return datetime.fromisoformat(value).isoformat()
    return value


def with_type_in_upper_case(body: dict[str, Any]) -> dict[str, Any]:
    """The body in the newer spelling of its discriminator."""
    return body | {"type": body["type"].upper()} if isinstance(body.get("type"), str) else body


def without_unread(value: Any) -> Any:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {key: without_unread(item) for key, item in items if key not in NOT_READ}
    if isinstance(value, list):
        return [without_unread(item) for item in cast("list[Any]", value)]
    return value


def instances(value: Any) -> Iterator[BaseModel]:
    """Every model instance inside a parsed body."""
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from instances(getattr(value, name))
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from instances(item)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_published_request_is_read_and_sent_unchanged(name: str) -> None:
    assert normal(dumped(name)) == normal(with_type_in_upper_case(GOLDENS[name].body))


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_refuses_a_field_that_the_contract_does_not_have(name: str) -> None:
    golden = GOLDENS[name]
    with pytest.raises(ValueError, match="not_in_the_contract"):
        CLASSES[golden.model].model_validate(golden.body | {"not_in_the_contract": 1})


@pytest.mark.parametrize("name", REPLIES)
def test_a_published_reply_is_read_with_every_field_we_use(name: str) -> None:
    assert normal(dumped(name)) == normal(without_unread(GOLDENS[name].body))


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_may_grow_a_field(name: str) -> None:
    golden = GOLDENS[name]
    assert CLASSES[golden.model].model_validate(golden.body | {"of_tomorrow": 1})


@pytest.mark.parametrize("name", list(GOLDENS))
def test_a_golden_body_says_where_it_is_from_and_whose_it_is(name: str) -> None:
    golden = GOLDENS[name]
    assert golden.origin.startswith(("https://", "arize 8.", "Arize-ai/"))
    assert golden.direction in {"request", "reply"}
    assert golden.model in CLASSES


def test_every_model_has_a_golden_body_or_a_reason_why_not() -> None:
    witnessed = {
        f"{type(part).__module__.rpartition('.')[2]}.{type(part).__name__}"
        for name in GOLDENS
        for part in instances(parsed(name))
    }
    assert set(CLASSES) - witnessed == set(WITHOUT_GOLDEN)
