"""Replies of a backend that is newer than this version: unknown enum values and kinds of objects."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from assaykit.judge.providers.registry import PROVIDERS
from assaykit.wire.bodies import ReplyBody
from assaykit.wire.evaluators import EvaluatorPage, EvaluatorVersion
from assaykit.wire.integrations import AiIntegrationPage
from assaykit.wire.projects import ProjectPage
from assaykit.wire.runs import TaskRun
from assaykit.wire.spans import SpanPage
from assaykit.wire.tasks import TaskPage

SPAN = {"context": {"trace_id": "t", "span_id": "s"}, "name": "n", "attributes": {"kind": "WORKFLOW"}}
ONE = {"id": "i", "name": "n"}
CASES: list[tuple[type[ReplyBody], Any, str, Any]] = [
    (SpanPage, {"spans": [{**SPAN, "kind": "WORKFLOW"}]}, "spans.0.kind", "WORKFLOW"),
    (SpanPage, {"spans": [{**SPAN, "kind": "llm"}]}, "spans.0.kind", "LLM"),
    (SpanPage, {"spans": [{**SPAN, "status_code": "Unset"}]}, "spans.0.status_code", "UNSET"),
    (SpanPage, {"spans": [{**SPAN, "status_code": "DEADLINE"}]}, "spans.0.status_code", "DEADLINE"),
    (AiIntegrationPage, {"ai_integrations": [{**ONE, "provider": "XAI"}]}, "ai_integrations.0.provider", "XAI"),
    (EvaluatorPage, {"evaluators": [{**ONE, "type": "SWARM"}]}, "evaluators.0.type", "SWARM"),
    (ProjectPage, {"projects": [{**ONE, "project_type": "NEW"}]}, "projects.0.project_type", "NEW"),
    (TaskPage, {"tasks": [{**ONE, "type": "OTHER_EVALUATION"}]}, "tasks.0.type", "OTHER_EVALUATION"),
    (TaskRun, {"id": "r", "status": "PAUSED"}, "status", "PAUSED"),
]


def at(found: Any, place: str) -> Any:
    for part in place.split("."):
        found = found[int(part)] if part.isdecimal() else getattr(found, part)
    return found


@pytest.mark.parametrize(("reply", "body", "place", "value"), CASES, ids=lambda value: str(value)[:30])
def test_an_unknown_value_stays_as_text_and_the_rest_is_read(
    reply: type[ReplyBody], body: Any, place: str, value: Any
) -> None:
    assert at(reply.read(json.dumps(body)), place) == value


def test_a_row_with_free_columns_beside_an_unknown_value_stays_whole() -> None:
    (span,) = SpanPage.read(json.dumps({"spans": [{**SPAN, "kind": "WORKFLOW"}], "newer": 1})).spans
    assert span.attributes == {"kind": "WORKFLOW"}


def test_a_judge_of_an_unknown_kind_is_listed_without_its_config() -> None:
    body = {"id": "v", "evaluator_id": "e", "commit_hash": "h", "type": "CODE", "code_config": {"type": "WASM", "x": 1}}
    assert EvaluatorVersion.read(json.dumps(body)).code_config is None


@pytest.mark.parametrize(
    "body",
    [
        {"spans": [{**SPAN, "kind": 7}]},
        {"spans": [{**SPAN, "kind": "WORKFLOW", "start_time": "yesterday"}]},
        {"spans": [{"kind": "WORKFLOW"}]},
        {"spans": [{**SPAN, "kind": ["LLM"]}]},
    ],
)
def test_what_is_wrong_otherwise_is_still_refused(body: Any) -> None:
    with pytest.raises(ValidationError):
        SpanPage.read(json.dumps(body))


def test_a_provider_that_is_not_known_is_one_whose_models_are_not_called_here() -> None:
    assert (PROVIDERS["XAI"].api, PROVIDERS["XAI"].environment, PROVIDERS["XAI"].wants_key) == (None, None, True)
    assert "XAI" not in PROVIDERS
