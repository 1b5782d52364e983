"""One example's run as a span: a row of the spans table, with OpenInference names."""

import json
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from assaykit.engine import openinference
from assaykit.judge.providers.models import Completion
from assaykit.judge.verdicts import Unscored, Verdict
from assaykit.wire.experiments import Experiment
from assaykit.wire.prompts import LlmMessage

ModelResult = Completion | Verdict | Unscored


class TracedQuestion(NamedTuple):
    """The question to a model: messages, or the values of a template."""

    messages: list[LlmMessage]
    values: Mapping[str, str | None]


class Timing(NamedTuple):
    """Start and end of the work on an example, in nanoseconds since 1970."""

    start_ns: int
    end_ns: int

    @property
    def ms(self) -> float:
        """The duration in milliseconds."""
        return (self.end_ns - self.start_ns) / 1e6


def span(
    experiment: Experiment,
    example_id: str,
    told: Mapping[str, Any],
    question: TracedQuestion,
    result: ModelResult,
    timing: Timing,
) -> dict[str, Any]:
    """Return the span of one example, with a new trace id. `told` is the tracing metadata of the run's request."""
    about = {
        "experiment_id": experiment.id,
        "experiment": experiment.name,
        "dataset_id": experiment.dataset_id,
        "example_id": example_id,
    }
    kind = "LLM" if question.messages else "EVALUATOR"
    raw = {openinference.KIND: kind, **_asked(question), **_answered(result), **_cost(result)}
    raw["metadata"] = {**told, **about}
    attributes = openinference.normalised({key: value for key, value in raw.items() if value is not None})
    failed = isinstance(result, Unscored)
    return {
        "trace_id": secrets.token_hex(16),
        "span_id": secrets.token_hex(8),
        "parent_id": None,
        "name": openinference.storable(experiment.name),
        "kind": openinference.kind_of(attributes),
        "start_ns": timing.start_ns,
        "end_ns": timing.end_ns,
        "latency_ms": timing.ms,
        "status_code": "ERROR" if failed else "OK",
        "status_message": result.detail if failed else None,
        "session_id": None,
        "model_name": result.model,
        "attributes": attributes,
        "events": [],
    }


def tokens(result: ModelResult) -> int | None:
    """Tokens of the prompt and of the reply together; None if the provider gave no counts."""
    counted = [number for number in (result.prompt_tokens, result.completion_tokens) if number is not None]
    return sum(counted) if counted else None


def _asked(question: TracedQuestion) -> dict[str, Any]:
    if not question.messages:
        return {
            openinference.INPUT: json.dumps(question.values, ensure_ascii=False),
            "input.mime_type": "application/json",
        }
    messages: dict[str, Any] = {}
    for number, message in enumerate(question.messages):
        messages[f"llm.input_messages.{number}.message.role"] = message.role.lower()
        messages[f"llm.input_messages.{number}.message.content"] = message.content
    said = [message.content or "" for message in question.messages if message.role == "USER"]
    return {**messages, openinference.INPUT: "\n".join(said or [question.messages[-1].content or ""])}


def _answered(result: ModelResult) -> dict[str, Any]:
    match result:
        case Completion():
            role, content = "llm.output_messages.0.message.role", "llm.output_messages.0.message.content"
            return {openinference.OUTPUT: result.output, role: "assistant", content: result.text or None}
        case Verdict():
            return {openinference.OUTPUT: result.label}
        case Unscored():
            return {}


def _cost(result: ModelResult) -> dict[str, Any]:
    return {
        openinference.MODEL: result.model,
        "llm.token_count.prompt": result.prompt_tokens,
        "llm.token_count.completion": result.completion_tokens,
        "llm.token_count.total": tokens(result),
    }
