"""OpenAI-compatible chat completions: OpenAI itself, most gateways, and local servers."""

import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from assaykit.judge.providers.models import Completion, Conversation, Endpoint, ModelReply
from assaykit.judge.providers.output_modes import OutputMode, ProviderApi
from assaykit.judge.verdicts import Unscored
from assaykit.wire.prompts import LlmMessage, ToolCall, ToolCallFunction

TOOL = "record_verdict"

_Spent = tuple[int | None, int | None, str | None]
"""Tokens of the prompt and of the reply, and the model that answered."""


class _Part(BaseModel):
    text: str | None = None


class _Function(BaseModel):
    name: str = ""
    arguments: str | dict[str, Any] = "{}"


class _ToolCall(BaseModel):
    id: str | None = None
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


def _path(base: str) -> str:
    return f"{base}/chat/completions"


def _headers(key: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


def _ways(endpoint: Endpoint) -> list[OutputMode]:
    offered: list[tuple[OutputMode, bool]] = [
        ("schema", endpoint.structured_output),
        ("tool", endpoint.function_calling),
        ("text", True),
    ]
    return [way for way, on in offered if on]


def _body(endpoint: Endpoint, prompt: str, schema: Mapping[str, Any] | None, way: OutputMode) -> dict[str, Any]:
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


def _converse(endpoint: Endpoint, conversation: Conversation) -> dict[str, Any]:
    params = endpoint.params.model_dump(exclude_none=True, exclude={"response_format", "tool_config"})
    body = {"model": endpoint.model, "messages": [_message(one) for one in conversation.messages], **params}
    if (wanted := endpoint.params.response_format) is not None:
        body["response_format"] = wanted.model_dump(exclude_none=True) | {"type": (wanted.type or "TEXT").lower()}
    return {**body, **(conversation.tools.model_dump(exclude_none=True) if conversation.tools else {})}


def _message(message: LlmMessage) -> dict[str, Any]:
    said: dict[str, Any] = {"role": message.role.lower(), "content": message.content}
    if message.tool_call_id is not None:
        said["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        said["tool_calls"] = [
            {"id": call.id, "type": "function", "function": call.function.model_dump()} for call in message.tool_calls
        ]
    return said


def _hear(answer: dict[str, Any]) -> Completion | Unscored:
    choice = _choice(answer)
    if isinstance(choice, Unscored):
        return choice
    message, spent = choice
    called = [
        ToolCall(id=call.id, type="FUNCTION", function=ToolCallFunction(name=call.function.name, arguments=_raw(call)))
        for call in message.tool_calls or ()
    ]
    text = _text(message)
    if not text.strip() and not called:
        return Unscored("bad_reply", "The model's reply is empty.", *spent)
    return Completion(text, called, *spent)


def _raw(call: _ToolCall) -> str:
    """The arguments as JSON text; some servers send them as an object."""
    raw = call.function.arguments
    return raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False)


def _read(answer: dict[str, Any]) -> ModelReply | Unscored:
    choice = _choice(answer)
    if isinstance(choice, Unscored):
        return choice
    message, spent = choice
    return ModelReply(_text(message), _arguments(message), *spent)


def _choice(answer: dict[str, Any]) -> tuple[_Message, _Spent] | Unscored:
    """The message of an answer with its token counts, or the reason why it cannot be used."""
    try:
        completion = _Completion.model_validate(answer)
    except ValidationError:
        completion = None
    if completion is None or not completion.choices:
        return Unscored("model_error", "The answer is not a chat completion.")
    choice, usage = completion.choices[0], completion.usage or _Usage()
    spent = (usage.prompt_tokens, usage.completion_tokens, completion.model)
    if choice.finish_reason == "length":
        return Unscored("bad_reply", "The reply was cut off at the token limit; raise max_tokens.", *spent)
    if choice.finish_reason == "content_filter" or choice.message.refusal:
        return Unscored("bad_reply", "The reply was withheld, or the model refused to answer.", *spent)
    return choice.message, spent


def _text(message: _Message) -> str:
    if isinstance(message.content, list):
        return "".join(part.text or "" for part in message.content)
    return message.content or ""


def _arguments(message: _Message) -> dict[str, Any] | None:
    """The arguments of the tool call; an empty object if they cannot be read, None without a call."""
    if not message.tool_calls:
        return None
    raw = message.tool_calls[0].function.arguments
    try:
        value = json.loads(raw) if isinstance(raw, str) else raw
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


API = ProviderApi(_path, _headers, _ways, _body, _read, _converse, _hear)
