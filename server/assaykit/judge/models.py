"""What a judge asks: an endpoint's address and credentials, and the protocol of a chat model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from assaykit.judge.verdicts import Unscored
from assaykit.wire.evaluators import InvocationParams


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
class Reply:
    """What a model answered: the text, and the fields where it answered by a tool call."""

    text: str
    fields: Mapping[str, Any] | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None


class ChatModel(Protocol):
    """Anything that can be asked. What goes wrong on the way comes back as a value and is not raised."""

    async def ask(self, prompt: str, schema: Mapping[str, Any] | None) -> Reply | Unscored:
        """The reply to one prompt, in the shape of the JSON schema where one is given."""
        ...
