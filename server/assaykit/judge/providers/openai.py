"""OpenAI-compatible chat completions: OpenAI itself, most gateways, and local servers."""

from collections.abc import Mapping
from typing import Any

from assaykit.judge.providers import addresses, openai_answers
from assaykit.judge.providers.models import Conversation, Endpoint
from assaykit.judge.providers.openai_answers import TOOL
from assaykit.judge.providers.output_modes import OutputMode, ProviderApi
from assaykit.wire.prompts import LlmMessage

PATH = "chat/completions"


def _path(base: str, _: str) -> str:
    return addresses.joined(base, PATH)


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


API = ProviderApi(_path, _headers, _ways, _body, openai_answers.read, _converse, openai_answers.hear)
