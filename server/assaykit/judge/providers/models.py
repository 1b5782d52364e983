"""Endpoints with their credentials, conversations, and the replies of models."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from assaykit.judge.providers.cloud_places import AwsPlace
from assaykit.judge.verdicts import Unscored
from assaykit.wire.invocation import InvocationParams, ToolConfig
from assaykit.wire.prompts import LlmMessage, ToolCall


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model at one provider.

    `provider` is the wire's name (`OPEN_AI`, `ANTHROPIC`, ...). `base_url` None stands for the provider's own URL.
    `key` is never shown; `key_name` is the variable of the key, which error sentences may name.
    """

    provider: str
    base_url: str | None
    key: str | None = field(repr=False)
    key_name: str
    model: str
    params: InvocationParams = field(default_factory=InvocationParams)
    function_calling: bool = True
    structured_output: bool = True
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further headers, none of them a credential."""
    provider_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """The headers of parameters that only this provider has. They replace its usual headers."""
    aws_place: AwsPlace = field(default_factory=AwsPlace)
    """The role and the region for Bedrock."""


@dataclass(frozen=True, slots=True)
class ModelReply:
    """A model's answer: its text, and its fields if it is a tool call."""

    text: str
    fields: Mapping[str, Any] | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages to send unchanged, with the tools that the model may call."""

    messages: Sequence[LlmMessage]
    tools: ToolConfig | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer to a conversation: a text, tool calls, or both."""

    text: str
    tool_calls: Sequence[ToolCall] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None
    cached_tokens: int | None = None

    @property
    def output(self) -> str:
        """The text, or with tool calls JSON: `{"content": ..., "tool_calls": [...]}`."""
        if not self.tool_calls:
            return self.text
        calls = [call.model_dump(mode="json", exclude_none=True) for call in self.tool_calls]
        said = {"content": self.text} if self.text else {}
        return json.dumps({**said, "tool_calls": calls}, ensure_ascii=False)


class ChatModel(Protocol):
    """A model that answers prompts. Failures are returned as values, not raised."""

    async def ask(self, prompt: str, schema: Mapping[str, Any] | None) -> ModelReply | Unscored:
        """Return the reply to one prompt; with a JSON schema, the reply should have that shape."""
        ...
