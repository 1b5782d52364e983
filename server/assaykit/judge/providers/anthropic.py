"""The Anthropic Messages API. Structured output is a forced tool call here, so the output modes are tool and text."""

import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from assaykit.judge.providers.models import Completion, Conversation, Endpoint, ModelReply
from assaykit.judge.providers.output_modes import OutputMode, ProviderApi
from assaykit.judge.verdicts import Unscored
from assaykit.wire.prompts import LlmMessage, ToolCall, ToolCallFunction

TOOL = "record_verdict"
API_VERSION = "2023-06-01"
MAX_TOKENS = 1024
"""Token limit of a verdict if none is set; the API requires a limit."""
COMPLETION_TOKENS = 4096
"""Token limit of a reply to a conversation if none is set."""


class _Block(BaseModel):
    type: str
    id: str | None = None
    name: str = ""
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


def _path(base: str) -> str:
    return f"{base.removesuffix('/v1')}/v1/messages"


def _headers(key: str | None) -> dict[str, str]:
    return {"anthropic-version": API_VERSION, **({"x-api-key": key} if key else {})}


def _ways(endpoint: Endpoint) -> list[OutputMode]:
    return ["tool", "text"] if endpoint.structured_output or endpoint.function_calling else ["text"]


def _body(endpoint: Endpoint, prompt: str, schema: Mapping[str, Any] | None, way: OutputMode) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 0,
        **_params(endpoint, MAX_TOKENS),
    }
    if way == "tool":
        body["tools"] = [{"name": TOOL, "description": "Records the verdict.", "input_schema": schema}]
        body["tool_choice"] = {"type": "tool", "name": TOOL}
    return body


def _params(endpoint: Endpoint, max_tokens: int) -> dict[str, Any]:
    """The parameters that this API supports; the others have no counterpart."""
    params = endpoint.params
    found: dict[str, Any] = params.model_dump(include={"temperature", "top_p", "top_k"}, exclude_none=True)
    found["max_tokens"] = params.max_tokens or params.max_completion_tokens or max_tokens
    return {**found, **({"stop_sequences": params.stop} if params.stop else {})}


def _converse(endpoint: Endpoint, conversation: Conversation) -> dict[str, Any]:
    system = [one.content or "" for one in conversation.messages if one.role == "SYSTEM"]
    others = [_message(one) for one in conversation.messages if one.role != "SYSTEM"]
    if not others:
        # This API requires a user message.
        system, others = [], [{"role": "user", "content": "\n\n".join(system)}]
    body = {"model": endpoint.model, "messages": others, **_params(endpoint, COMPLETION_TOKENS)}
    if system:
        body["system"] = "\n\n".join(system)
    if conversation.tools is not None and conversation.tools.tools:
        body["tools"] = [_tool(tool) for tool in conversation.tools.tools]
        if conversation.tools.tool_choice is not None:
            body["tool_choice"] = _tool_choice(conversation.tools.tool_choice)
    return body


def _message(message: LlmMessage) -> dict[str, Any]:
    if message.role == "TOOL":
        result = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.content or ""}
        return {"role": "user", "content": [result]}
    if not message.tool_calls:
        return {"role": message.role.lower(), "content": message.content or ""}
    said = [{"type": "text", "text": message.content}] if message.content else []
    used = [
        {"type": "tool_use", "id": call.id, "name": call.function.name, "input": _object(call.function.arguments)}
        for call in message.tool_calls
    ]
    return {"role": message.role.lower(), "content": [*said, *used]}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """Return a tool in the format of this API; a tool in OpenAI's format is converted."""
    function = tool.get("function")
    if not isinstance(function, dict):
        return tool
    known = cast("dict[str, Any]", function)
    schema: Any = known.get("parameters") or {"type": "object"}
    told = {"description": known["description"]} if known.get("description") else {}
    return {"name": known.get("name"), **told, "input_schema": schema}


def _tool_choice(choice: Any) -> Any:
    """Return a tool choice in the format of this API: `required` becomes `any`, and a function's name moves up."""
    if isinstance(choice, str):
        return {"type": {"required": "any"}.get(choice, choice)}
    if isinstance(choice, dict):
        function = cast("dict[str, Any]", choice).get("function")
        if isinstance(function, dict):
            return {"type": "tool", "name": cast("dict[str, Any]", function).get("name")}
    return cast("Any", choice)


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {}


def _hear(answer: dict[str, Any]) -> Completion | Unscored:
    message = _said(answer)
    if isinstance(message, Unscored):
        return message
    called = [
        ToolCall(
            id=block.id,
            type="FUNCTION",
            function=ToolCallFunction(name=block.name, arguments=json.dumps(block.input or {}, ensure_ascii=False)),
        )
        for block in message.content
        if block.type == "tool_use"
    ]
    text = _text(message)
    if not text.strip() and not called:
        return Unscored("bad_reply", "The model's reply is empty.", *_spent(message))
    return Completion(text, called, *_spent(message))


def _read(answer: dict[str, Any]) -> ModelReply | Unscored:
    message = _said(answer)
    if isinstance(message, Unscored):
        return message
    fields = next((block.input or {} for block in message.content if block.type == "tool_use"), None)
    return ModelReply(_text(message), fields, *_spent(message))


def _said(answer: dict[str, Any]) -> _Message | Unscored:
    """The message in an answer, or the reason why it cannot be used."""
    try:
        message = _Message.model_validate(answer)
    except ValidationError:
        return Unscored("model_error", "The answer is not a message.")
    if message.stop_reason == "max_tokens":
        return Unscored("bad_reply", "The reply was cut off at the token limit; raise max_tokens.", *_spent(message))
    if message.stop_reason == "refusal":
        return Unscored("bad_reply", "The model refused to answer.", *_spent(message))
    return message


def _spent(message: _Message) -> tuple[int | None, int | None, str | None]:
    usage = message.usage or _Usage()
    return usage.input_tokens, usage.output_tokens, message.model


def _text(message: _Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


API = ProviderApi(_path, _headers, _ways, _body, _read, _converse, _hear)
