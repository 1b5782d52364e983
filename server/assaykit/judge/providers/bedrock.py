"""Amazon Bedrock: the Converse API, signed with the machine's AWS credentials.

Base URL: `https://bedrock-runtime.REGION.amazonaws.com`. Structured output is a forced tool call here. A temperature is
sent only if one is set, because some models take none. Source: Bedrock API reference, Converse.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from assaykit.judge.providers import cloud_signatures
from assaykit.judge.providers.envelopes import Fields, count, fields, items, word
from assaykit.judge.providers.models import Completion, Conversation, Endpoint, ModelReply
from assaykit.judge.providers.output_modes import OutputMode, ProviderApi
from assaykit.judge.verdicts import Unscored
from assaykit.wire.prompts import LlmMessage, ToolCall, ToolCallFunction

TOOL = "record_verdict"
_CUT = {"max_tokens", "model_context_window_exceeded"}
_WITHHELD = {"guardrail_intervened", "content_filtered"}


class _Said(NamedTuple):
    blocks: list[Fields]
    spent: tuple[int | None, int | None, str | None, int | None]


def _path(base: str, model: str) -> str:
    return f"{base}/model/{quote(model, safe=':')}/converse"


def _headers(_: str | None) -> dict[str, str]:
    return {}


def _ways(endpoint: Endpoint) -> list[OutputMode]:
    return ["tool", "text"] if endpoint.structured_output or endpoint.function_calling else ["text"]


def _body(endpoint: Endpoint, prompt: str, schema: Mapping[str, Any] | None, way: OutputMode) -> dict[str, Any]:
    body = {"messages": [{"role": "user", "content": [{"text": prompt}]}], **_limits(endpoint)}
    if way == "tool":
        tool = {"name": TOOL, "description": "Records the verdict.", "inputSchema": {"json": schema}}
        body["toolConfig"] = {"tools": [{"toolSpec": tool}], "toolChoice": {"tool": {"name": TOOL}}}
    return body


def _limits(endpoint: Endpoint) -> dict[str, Any]:
    params = endpoint.params
    told = {
        "maxTokens": params.max_tokens or params.max_completion_tokens,
        "temperature": params.temperature,
        "topP": params.top_p,
        "stopSequences": params.stop,
    }
    found = {name: value for name, value in told.items() if value is not None}
    return {"inferenceConfig": found} if found else {}


def _converse(endpoint: Endpoint, conversation: Conversation) -> dict[str, Any]:
    system = [{"text": one.content or ""} for one in conversation.messages if one.role == "SYSTEM"]
    others = [_message(one) for one in conversation.messages if one.role != "SYSTEM"]
    if not others:
        # This API requires a user message.
        system, others = [], [{"role": "user", "content": system}]
    body = {"messages": others, **_limits(endpoint), **({"system": system} if system else {})}
    if conversation.tools is not None and conversation.tools.tools:
        body["toolConfig"] = {"tools": [_tool(tool) for tool in conversation.tools.tools]}
    return body


def _message(message: LlmMessage) -> dict[str, Any]:
    text = [{"text": message.content}] if message.content else []
    if message.role == "TOOL":
        return {"role": "user", "content": [{"toolResult": {"toolUseId": message.tool_call_id, "content": text}}]}
    used = [
        {"toolUse": {"toolUseId": call.id, "name": call.function.name, "input": json.loads(call.function.arguments)}}
        for call in message.tool_calls or ()
    ]
    return {"role": message.role.lower(), "content": [*text, *used]}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool in the format of this API; a tool in OpenAI's format is converted."""
    function = fields(tool.get("function"))
    if not function:
        return tool
    told = {"description": function["description"]} if function.get("description") else {}
    schema = {"json": function.get("parameters") or {"type": "object"}}
    return {"toolSpec": {"name": function.get("name"), **told, "inputSchema": schema}}


def _read(answer: dict[str, Any]) -> ModelReply | Unscored:
    said = _said(answer)
    if isinstance(said, Unscored):
        return said
    used = [fields(block["toolUse"]) for block in said.blocks if block.get("toolUse")]
    wanted = [call for call in used if call.get("name") == TOOL] or used
    return ModelReply(_text(said), fields(wanted[0].get("input")) if wanted else None, *said.spent)


def _hear(answer: dict[str, Any]) -> Completion | Unscored:
    said = _said(answer)
    if isinstance(said, Unscored):
        return said
    called: list[ToolCall] = []
    for block in said.blocks:
        if used := fields(block.get("toolUse")):
            arguments = json.dumps(used.get("input") or {}, ensure_ascii=False)
            function = ToolCallFunction(name=word(used.get("name")) or "", arguments=arguments)
            called.append(ToolCall(id=word(used.get("toolUseId")), type="FUNCTION", function=function))
    text = _text(said)
    if not text.strip() and not called:
        return Unscored("bad_reply", "The model's reply is empty.", *said.spent)
    return Completion(text, called, *said.spent)


def _said(answer: Fields) -> _Said | Unscored:
    """The blocks of an answer, or the reason why it cannot be used."""
    usage = fields(answer.get("usage"))
    # This API counts cached tokens beside the others.
    told = [count(usage.get(name)) for name in ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")]
    prompt = None if told[0] is None else sum(one or 0 for one in told)
    spent = (prompt, count(usage.get("outputTokens")), None, told[1])
    content = fields(fields(answer.get("output")).get("message")).get("content")
    if not isinstance(content, list):
        return Unscored("model_error", "The answer is not a message.")
    stop = answer.get("stopReason")
    if isinstance(stop, str) and stop in _CUT:
        return Unscored("bad_reply", "The reply was cut off at the token limit; raise max_tokens.", *spent)
    if isinstance(stop, str) and stop in _WITHHELD:
        return Unscored("bad_reply", "The reply was withheld.", *spent)
    return _Said([fields(one) for one in items(cast("list[Any]", content))], spent)


def _text(said: _Said) -> str:
    return "".join(word(block.get("text")) or "" for block in said.blocks)


API = ProviderApi(_path, _headers, _ways, _body, _read, _converse, _hear, cloud_signatures.aws)
