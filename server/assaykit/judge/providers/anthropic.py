"""The Anthropic Messages API. Structured output is a forced tool call here, so the output modes are tool and text."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from assaykit.judge.providers.envelopes import Fields, count, fields, items, word
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


_CUT = {"max_tokens", "model_context_window_exceeded"}


class _Message(NamedTuple):
    blocks: list[Fields]
    spent: tuple[int | None, int | None, str | None, int | None]


def _path(base: str, _: str) -> str:
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
            id=word(block.get("id")),
            type="FUNCTION",
            function=ToolCallFunction(
                name=word(block.get("name")) or "",
                arguments=json.dumps(block.get("input") or {}, ensure_ascii=False),
            ),
        )
        for block in message.blocks
        if block.get("type") == "tool_use"
    ]
    text = _text(message)
    if not text.strip() and not called:
        return Unscored("bad_reply", "The model's reply is empty.", *message.spent)
    return Completion(text, called, *message.spent)


def _read(answer: dict[str, Any]) -> ModelReply | Unscored:
    message = _said(answer)
    if isinstance(message, Unscored):
        return message
    used = [block for block in message.blocks if block.get("type") == "tool_use"]
    wanted = [block for block in used if block.get("name") == TOOL] or used
    told = wanted[0].get("input") if wanted else None
    told = _object(told) if isinstance(told, str) else told
    return ModelReply(_text(message), fields(told) if wanted else None, *message.spent)


def _said(answer: dict[str, Any]) -> _Message | Unscored:
    """The message in an answer, or the reason why it cannot be used."""
    usage, content = fields(answer.get("usage")), answer.get("content")
    # This API counts cached tokens beside the others.
    told = [count(usage.get(f"{name}input_tokens")) for name in ("", "cache_read_", "cache_creation_")]
    prompt = None if told[0] is None else sum(one or 0 for one in told)
    spent = (prompt, count(usage.get("output_tokens")), word(answer.get("model")), told[1])
    if not isinstance(content, (list, str)):
        return Unscored("model_error", "The answer is not a message.")
    stop = answer.get("stop_reason")
    if isinstance(stop, str) and stop in _CUT:
        return Unscored("bad_reply", "The reply was cut off at the token limit; raise max_tokens.", *spent)
    if stop == "refusal":
        return Unscored("bad_reply", "The model refused to answer.", *spent)
    blocks = [fields(one) for one in items(content)]
    return _Message([{"type": "text", "text": content}] if isinstance(content, str) else blocks, spent)


def _text(message: _Message) -> str:
    return "".join(word(block.get("text")) or "" for block in message.blocks if block.get("type") == "text")


API = ProviderApi(_path, _headers, _ways, _body, _read, _converse, _hear)
