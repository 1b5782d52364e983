"""What is asked: an endpoint's address and credentials, a judge's question or a conversation, and what comes back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from assaykit.judge.verdicts import Unscored
from assaykit.wire.invocation import InvocationParams, ToolConfig
from assaykit.wire.prompts import LlmMessage, ToolCall


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model at one provider.

    `provider` is the wire's word (`OPEN_AI`, `ANTHROPIC`, ...). `base_url` None is the provider's own.
    `key` is never shown; `key_name` is the variable it comes from, which error sentences may name.
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


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What a model answered: the text, and the fields where it answered by a tool call."""

    text: str
    fields: Mapping[str, Any] | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages that are sent as they are, with the tools that the model may call."""

    messages: Sequence[LlmMessage]
    tools: ToolConfig | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model said to a conversation, or which tools it wants called; one of the two is there."""

    text: str
    tool_calls: Sequence[ToolCall] = ()
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None

    @property
    def output(self) -> str:
        """The text; where tools are called, JSON: `{"content": ..., "tool_calls": [...]}`."""
        if not self.tool_calls:
            return self.text
        calls = [call.model_dump(mode="json", exclude_none=True) for call in self.tool_calls]
        said = {"content": self.text} if self.text else {}
        return json.dumps({**said, "tool_calls": calls}, ensure_ascii=False)


class ChatModel(Protocol):
    """Anything that can be asked. What goes wrong on the way comes back as a value and is not raised."""

    async def ask(self, prompt: str, schema: Mapping[str, Any] | None) -> ModelReply | Unscored:
        """The reply to one prompt, in the shape of the JSON schema where one is given."""
        ...
