"""Anthropic messages. Structured output is a forced tool call here, so there are two ways: tool and text."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from assaykit.judge.ladder import Dialect, Way
from assaykit.judge.models import Endpoint, Reply
from assaykit.judge.verdicts import Unscored

TOOL = "record_verdict"
API_VERSION = "2023-06-01"
BASE_URL = "https://api.anthropic.com"
MAX_TOKENS = 1024
"""Tokens of a reply when the integration sets no limit; the API requires one."""


class _Block(BaseModel):
    type: str
    text: str = ""
    input: dict[str, Any] | None = None


class _Usage(BaseModel):
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Message(BaseModel):
    content: list[_Block]
    stop_reason: str | None = None
    usage: _Usage | None = None
    model: str | None = None


def _default_url(endpoint: Endpoint) -> str | None:
    return BASE_URL if endpoint.provider == "ANTHROPIC" else None


def _path(base: str) -> str:
    return f"{base.removesuffix('/v1')}/v1/messages"


def _headers(key: str | None) -> dict[str, str]:
    return {"anthropic-version": API_VERSION, **({"x-api-key": key} if key else {})}


def _ways(endpoint: Endpoint) -> list[Way]:
    return ["tool", "text"] if endpoint.structured_output or endpoint.function_calling else ["text"]


def _body(endpoint: Endpoint, prompt: str, schema: Mapping[str, Any] | None, way: Way) -> dict[str, Any]:
    params = endpoint.params
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 0,
        "max_tokens": params.max_tokens or params.max_completion_tokens or MAX_TOKENS,
        # The rest of the parameters have no counterpart in this API.
        **params.model_dump(include={"temperature", "top_p", "top_k"}, exclude_none=True),
    }
    if params.stop:
        body["stop_sequences"] = params.stop
    if way == "tool":
        body["tools"] = [{"name": TOOL, "description": "Records the verdict.", "input_schema": schema}]
        body["tool_choice"] = {"type": "tool", "name": TOOL}
    return body


def _read(answer: dict[str, Any]) -> Reply | Unscored:
    try:
        message = _Message.model_validate(answer)
    except ValidationError:
        return Unscored("bad_reply", "The answer is not a message.")
    usage = message.usage or _Usage()
    spent = (usage.input_tokens, usage.output_tokens, message.model)
    if message.stop_reason == "max_tokens":
        return Unscored("bad_reply", "The reply was cut off at the token limit; raise max_tokens.", *spent)
    if message.stop_reason == "refusal":
        return Unscored("bad_reply", "The model refused to judge.", *spent)
    fields = next((block.input or {} for block in message.content if block.type == "tool_use"), None)
    text = "".join(block.text for block in message.content if block.type == "text")
    return Reply(text, fields, *spent)


DIALECT = Dialect(_default_url, _path, _headers, _ways, _body, _read)
