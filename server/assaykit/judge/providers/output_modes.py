"""Three ways to get a verdict out of a model, best first, and the memory of what a model does not take.

    schema   structured output: the reply is JSON of the verdict's schema
    tool     a forced tool call whose arguments have that schema
    text     plain text whose last line is the label

A 400 that rejects a way moves the question down to the next one. What was learnt is kept for the process, per
provider, base URL and model, and only once the lower way has worked.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from assaykit.errors import quote
from assaykit.judge import replies
from assaykit.judge.providers import calls
from assaykit.judge.providers.models import Completion, Conversation, Endpoint, ModelReply
from assaykit.judge.verdicts import Unscored

OutputMode = Literal["schema", "tool", "text"]


@dataclass(frozen=True, slots=True)
class ProviderApi:
    """What differs from one provider's API to the next."""

    default_url: Callable[[Endpoint], str | None]
    """The base URL of a provider whose integration names none."""
    path: Callable[[str], str]
    """The address to post to, from the base URL."""
    headers: Callable[[str | None], dict[str, str]]
    """The headers that carry the key."""
    ways: Callable[[Endpoint], list[OutputMode]]
    """The ways this endpoint offers, best first."""
    body: Callable[[Endpoint, str, Mapping[str, Any] | None, OutputMode], dict[str, Any]]
    """The request for one prompt."""
    read: Callable[[dict[str, Any]], ModelReply | Unscored]
    """The reply in an answer."""
    converse: Callable[[Endpoint, Conversation], dict[str, Any]]
    """The request for a conversation."""
    hear: Callable[[dict[str, Any]], Completion | Unscored]
    """What was said to a conversation."""


@dataclass(slots=True)
class Learnt:
    """What one model does not take."""

    refused: set[OutputMode] = field(default_factory=set[OutputMode])
    temperature: bool = True


Memory = dict[tuple[str, str | None, str], Learnt]
LEARNT: Memory = {}
"""The process's own memory."""

_ABOUT_THE_WAY = re.compile(
    r"response_format|json_schema|structured|schema|tool|function|not support|unsupported", re.IGNORECASE
)
_ABOUT_THE_PROMPT = re.compile(
    r"context.{0,10}length|maximum context|too long|too large|max_tokens|max_completion_tokens"
    r"|content.{0,10}(?:policy|filter|management)|moderation",
    re.IGNORECASE,
)


class FallbackModel:
    """A chat model behind HTTP. The line belongs to the caller, who decides on its connections and its pace."""

    def __init__(self, endpoint: Endpoint, line: calls.Line, dialect: ProviderApi, *, memory: Memory = LEARNT) -> None:
        self._endpoint = endpoint
        self._line = line
        self._dialect = dialect
        self._learnt = memory.setdefault((endpoint.provider, endpoint.base_url, endpoint.model), Learnt())

    async def ask(self, prompt: str, schema: Mapping[str, Any] | None) -> ModelReply | Unscored:
        """The reply, or why there is none; without a schema, plain text is asked for."""
        target = self._target()
        if isinstance(target, Unscored):
            return target
        return await self._climb_down(target, prompt, schema)

    async def complete(self, conversation: Conversation) -> Completion | Unscored:
        """What the model says to a conversation, with the parameters as they are given, or why there is nothing."""
        target = self._target()
        if isinstance(target, Unscored):
            return target
        url, headers = target
        request = calls.Request(url, headers, self._dialect.converse(self._endpoint, conversation))
        answer = await calls.post(self._line, self._endpoint, request)
        if isinstance(answer, Unscored):
            return answer
        return self._refused(answer) if isinstance(answer, calls.Rejected) else self._dialect.hear(answer)

    def _refused(self, answer: calls.Rejected) -> Unscored:
        return Unscored("model_error", f"{self._endpoint.provider} refused the request: {quote(answer.text)}")

    def _target(self) -> tuple[str, dict[str, str]] | Unscored:
        """The address and the headers, or what the endpoint lacks for them."""
        endpoint = self._endpoint
        base = endpoint.base_url or self._dialect.default_url(endpoint)
        if base is None:
            return Unscored("bad_model", f"The {endpoint.provider} integration has no base URL; give it one.")
        key = (endpoint.key or "").strip()
        if not key and endpoint.provider != "CUSTOM":
            return Unscored("auth", f"There is no key for {endpoint.provider}; set {endpoint.key_name}.")
        if not (key.isascii() and key.isprintable()) or " " in key:
            return Unscored("auth", f"The value of {endpoint.key_name} has characters that no key can have.")
        return self._dialect.path(base.rstrip("/")), {**endpoint.headers, **self._dialect.headers(key or None)}

    async def _climb_down(
        self, target: tuple[str, dict[str, str]], prompt: str, schema: Mapping[str, Any] | None
    ) -> ModelReply | Unscored:
        ways = self._ways(schema)
        refused: set[OutputMode] = set()
        temperature = self._learnt.temperature
        while True:
            answer = await self._post(target, prompt, schema, ways[0], temperature=temperature)
            if isinstance(answer, Unscored):
                return answer
            if not isinstance(answer, calls.Rejected):
                self._learnt.refused |= refused
                self._learnt.temperature = self._learnt.temperature and temperature
                return self._dialect.read(answer)
            if temperature and "temperature" in answer.text.lower():
                temperature = False
            elif len(ways) > 1 and not _ABOUT_THE_PROMPT.search(answer.text):
                if _ABOUT_THE_WAY.search(answer.text):
                    refused.add(ways[0])
                ways = ways[1:]
            else:
                return self._refused(answer)

    def _ways(self, schema: Mapping[str, Any] | None) -> list[OutputMode]:
        if schema is None:
            return ["text"]
        return [way for way in self._dialect.ways(self._endpoint) if way not in self._learnt.refused]

    async def _post(
        self,
        target: tuple[str, dict[str, str]],
        prompt: str,
        schema: Mapping[str, Any] | None,
        way: OutputMode,
        *,
        temperature: bool,
    ) -> calls.CallAnswer:
        url, headers = target
        asked = f"{prompt}\n\n{replies.request(schema, as_text=way == 'text')}" if schema else prompt
        body = self._dialect.body(self._endpoint, asked, schema, way)
        if not temperature:
            body.pop("temperature", None)
        request = calls.Request(url, headers, body)
        return await calls.post(self._line, self._endpoint, request)
