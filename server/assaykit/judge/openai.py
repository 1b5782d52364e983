"""OpenAI-compatible chat completions: OpenAI itself, most gateways, and local servers."""

import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from assaykit.judge.ladder import Dialect, Way
from assaykit.judge.models import Endpoint, Reply
from assaykit.judge.verdicts import Unscored

TOOL = "record_verdict"
_BASE_URLS = {
    "OPEN_AI": "https://api.openai.com/v1",
    "GEMINI": "https://generativelanguage.googleapis.com/v1beta/openai",
    "NVIDIA_NIM": "https://integrate.api.nvidia.com/v1",
    "FIREWORKS": "https://api.fireworks.ai/inference/v1",
    "TOGETHER_AI": "https://api.together.xyz/v1",
}
"""Where a key goes when its integration names no address. The others must name one."""


class _Part(BaseModel):
    text: str | None = None


class _Function(BaseModel):
    arguments: str | dict[str, Any] = "{}"


class _ToolCall(BaseModel):
    function: _Function


class _Message(BaseModel):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(BaseModel):
    choices: list[_Choice]
    usage: _Usage | None = None
    model: str | None = None


def _default_url(endpoint: Endpoint) -> str | None:
    return _BASE_URLS.get(endpoint.provider)


def _path(base: str) -> str:
    return f"{base}/chat/completions"


def _headers(key: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


def _ways(endpoint: Endpoint) -> list[Way]:
    offered: list[tuple[Way, bool]] = [
        ("schema", endpoint.structured_output),
        ("tool", endpoint.function_calling),
        ("text", True),
    ]
    return [way for way, on in offered if on]


def _body(endpoint: Endpoint, prompt: str, schema: Mapping[str, Any] | None, way: Way) -> dict[str, Any]:
    body = {
        "model": endpoint.model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 0,
        **endpoint.params.model_dump(exclude_none=True),
    }
    if way == "schema":
        shape = {"name": TOOL, "strict": True, "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    elif way == "tool":
        function = {"name": TOOL, "description": "Records the verdict.", "parameters": schema}
        body["tools"] = [{"type": "function", "function": function}]
        body["tool_choice"] = {"type": "function", "function": {"name": TOOL}}
    return body


def _read(answer: dict[str, Any]) -> Reply | Unscored:
    try:
        completion = _Completion.model_validate(answer)
    except ValidationError:
        completion = None
    if completion is None or not completion.choices:
        return Unscored("bad_reply", "The answer is not a chat completion.")
    choice, usage = completion.choices[0], completion.usage or _Usage()
    spent = (usage.prompt_tokens, usage.completion_tokens, completion.model)
    if choice.finish_reason == "length":
        return Unscored("bad_reply", "The reply was cut off at the token limit; raise max_tokens.", *spent)
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        return Unscored("bad_reply", "The reply was withheld, or the model refused to judge.", *spent)
    fields = _arguments(choice.message)
    return Reply(_text(choice.message), fields, *spent)


def _text(message: _Message) -> str:
    if isinstance(message.content, list):
        return "".join(part.text or "" for part in message.content)
    return message.content or ""


def _arguments(message: _Message) -> dict[str, Any] | None:
    """The arguments of the tool call; an empty object where they cannot be read, None without a call."""
    if not message.tool_calls:
        return None
    raw = message.tool_calls[0].function.arguments
    try:
        value = json.loads(raw) if isinstance(raw, str) else raw
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


DIALECT = Dialect(_default_url, _path, _headers, _ways, _body, _read)
