"""The output modes of a verdict, best first, and a record of the modes that a model rejects.

    schema   structured output: the reply is JSON of the verdict's schema
    tool     a forced tool call whose arguments have that schema
    text     plain text whose last line is the label

If the provider rejects a mode with status 400, 422 or 501, or with a 404 that names a feature, the question is asked
again in the next mode. After two answers of status 500 it is asked in plain text. `refused_traits` tells which refusals
are remembered per provider, base URL and model, for the life of the process.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from assaykit.errors import quote
from assaykit.judge import replies
from assaykit.judge.providers import calls, refused_traits
from assaykit.judge.providers.models import Completion, Conversation, Endpoint, ModelReply
from assaykit.judge.providers.refused_traits import Learnt
from assaykit.judge.providers.registry import PROVIDERS
from assaykit.judge.verdicts import Unscored

OutputMode = Literal["schema", "tool", "text"]


@dataclass(frozen=True, slots=True)
class ProviderApi:
    """The parts that differ between the APIs of providers."""

    path: Callable[[str, str], str]
    """The address to post to, from the base URL and the model."""
    headers: Callable[[str | None], dict[str, str]]
    """The headers that carry the key."""
    ways: Callable[[Endpoint], list[OutputMode]]
    """The output modes of the endpoint, best first."""
    body: Callable[[Endpoint, str, Mapping[str, Any] | None, OutputMode], dict[str, Any]]
    """The request for one prompt."""
    read: Callable[[dict[str, Any]], ModelReply | Unscored]
    """The reply in an answer."""
    converse: Callable[[Endpoint, Conversation], dict[str, Any]]
    """The request for a conversation."""
    hear: Callable[[dict[str, Any]], Completion | Unscored]
    """The completion in an answer to a conversation."""
    signer: Callable[[Endpoint], calls.Signer] | None = None
    """The signer of the endpoint's calls; None for an API whose key is in a header."""


Memory = dict[tuple[str, str | None, str], Learnt]
LEARNT: Memory = {}
"""The record of this process, by provider, base URL and model."""

_ABOUT_THE_PROMPT = re.compile(
    r"context.{0,10}(?:length|window)|maximum context|too long|too large|max_tokens|max_completion_tokens"
    r"|(?:token|input).{0,40}exceed|too many (?:input )?tokens"
    r"|content.{0,10}(?:policy|filter|management)|moderation",
    re.IGNORECASE,
)


class FallbackModel:
    """A chat model over HTTP that falls back to the next output mode. The caller owns the line with its rate limit."""

    def __init__(self, endpoint: Endpoint, line: calls.Line, api: ProviderApi, *, memory: Memory = LEARNT) -> None:
        self._endpoint = endpoint
        self._line = line
        self._api = api
        self._learnt = memory.setdefault((endpoint.provider, endpoint.base_url, endpoint.model), Learnt())
        self._target = self._addressed()
        self._sign = None if api.signer is None else api.signer(endpoint)

    def within(self, may_go: Callable[[], bool]) -> "GuardedModel":
        """The same model, whose calls are made only if `may_go()` is true when they leave the gate."""
        return GuardedModel(self, may_go)

    async def ask(
        self, prompt: str, schema: Mapping[str, Any] | None, may_go: Callable[[], bool] = calls.always
    ) -> ModelReply | Unscored:
        """Return the reply, or the reason why there is none. Without a schema the prompt asks for plain text.

        Raises:
            Withheld: `may_go` denied a call when it left the gate.
        """
        if isinstance(self._target, Unscored):
            return self._target
        return await self._fall_back(self._target, prompt, schema, may_go)

    async def complete(
        self, conversation: Conversation, may_go: Callable[[], bool] = calls.always
    ) -> Completion | Unscored:
        """Return the model's answer to a conversation, or the reason why there is none.

        Parameters stay unchanged, apart from the name of the token limit.

        Raises:
            Withheld: `may_go` denied a call when it left the gate.
        """
        if isinstance(self._target, Unscored):
            return self._target
        url, headers = self._target
        whole = self._api.converse(self._endpoint, conversation)
        lacking: set[str] = self._learnt.refused & refused_traits.TOKEN_LIMITS.keys()
        while True:
            body = refused_traits.without(whole, lacking)
            request = calls.Request(url, headers, body, self._sign)
            answer = await calls.post(self._line, self._endpoint, request, may_go)
            if isinstance(answer, Unscored):
                return answer
            if not isinstance(answer, calls.Rejected):
                return self._api.hear(answer)
            limit = refused_traits.refused_limit(answer.text, body)
            if limit is None:
                return answer.failure or self._refused(answer)
            lacking |= {limit}

    def _refused(self, answer: calls.Rejected) -> Unscored:
        return Unscored("refused", f"{self._endpoint.provider} refused the request: {quote(answer.text)!r}")

    def _addressed(self) -> tuple[str, dict[str, str]] | Unscored:
        """The address and the headers, or the fault of the endpoint."""
        endpoint = self._endpoint
        provider = PROVIDERS[endpoint.provider]
        base = endpoint.base_url or provider.own_url
        if base is None:
            return Unscored("bad_model", f"The {endpoint.provider} integration has no base URL; give it one.")
        key = (endpoint.key or "").strip()
        if not key and provider.wants_key:
            return Unscored("auth", f"There is no key for {endpoint.provider}; set {endpoint.key_name}.")
        if not (key.isascii() and key.isprintable()) or " " in key:
            return Unscored("auth", f"The value of {endpoint.key_name} has characters that a key cannot have.")
        headers = {**endpoint.headers, **self._api.headers(key or None), **endpoint.provider_headers}
        return self._api.path(base.rstrip("/"), endpoint.model), headers

    async def _fall_back(
        self,
        target: tuple[str, dict[str, str]],
        prompt: str,
        schema: Mapping[str, Any] | None,
        may_go: Callable[[], bool],
    ) -> ModelReply | Unscored:
        question = _Question(self._api, self._endpoint, target, prompt, schema, self._ways(schema), self._sign)
        question.dropped |= self._learnt.refused - set(question.ways)
        while True:
            answer = await calls.post(self._line, self._endpoint, question.request(), may_go, question.in_plain_text)
            if isinstance(answer, Unscored):
                return answer
            if not isinstance(answer, calls.Rejected):
                self._learnt.learn(question.traits(), question.lacking, prompt)
                return self._api.read(answer)
            if not question.gives_way(answer.text):
                return answer.failure or self._refused(answer)

    def _ways(self, schema: Mapping[str, Any] | None) -> list[OutputMode]:
        if schema is None:
            return ["text"]
        return [way for way in self._api.ways(self._endpoint) if way not in self._learnt.refused]


class _Question:
    """One prompt on its way down the output modes. `lacking` has the traits that were refused, as `Learnt` reads it."""

    def __init__(
        self,
        api: ProviderApi,
        endpoint: Endpoint,
        target: tuple[str, dict[str, str]],
        prompt: str,
        schema: Mapping[str, Any] | None,
        ways: list[OutputMode],
        sign: calls.Signer | None,
    ) -> None:
        self._api = api
        self._endpoint = endpoint
        self._target = target
        self._prompt = prompt
        self._schema = schema
        self._sign = sign
        self.ways: list[OutputMode] = ways
        self.dropped: set[str] = set()
        self.lacking: dict[str, bool] = {}
        self._sent: dict[str, Any] = {}

    def request(self) -> calls.Request:
        """The request in the present mode."""
        url, headers = self._target
        self._sent = self._body()
        return calls.Request(url, headers, self._sent, self._sign)

    def traits(self) -> set[str]:
        """The traits of the request that was made last."""
        return {self.ways[0], *(self._sent.keys() & {refused_traits.TEMPERATURE, *refused_traits.TOKEN_LIMITS})}

    def gives_way(self, text: str) -> bool:
        """Drop the parameter or the mode that a refusal is about. False if there is nothing to drop."""
        parameter = refused_traits.refused_parameter(text, self._sent)
        if parameter is not None:
            self._drop(parameter, text)
            self.dropped.add(parameter)
            return True
        if len(self.ways) == 1 or _ABOUT_THE_PROMPT.search(text):
            return False
        self._drop(self.ways[0], text)
        self.ways = self.ways[1:]
        return True

    def in_plain_text(self) -> calls.Request | None:
        """The request in plain text, if the present one is another."""
        if self.ways[0] == "text":
            return None
        self.lacking[self.ways[0]] = False
        self.ways = ["text"]
        return self.request()

    def _drop(self, trait: str, text: str) -> None:
        self.lacking[trait] = refused_traits.is_about_the_model(trait, text, self._prompt)

    def _body(self) -> dict[str, Any]:
        schema = self._schema
        way: OutputMode = self.ways[0]
        asked = f"{self._prompt}\n\n{_closing_words(schema, as_text=way == 'text')}" if schema else self._prompt
        return refused_traits.without(self._api.body(self._endpoint, asked, schema, way), self.dropped)


class GuardedModel:
    """A model whose calls are made only if `may_go` allows them when they leave the gate."""

    __slots__ = ("_may_go", "_model")

    def __init__(self, model: FallbackModel, may_go: Callable[[], bool]) -> None:
        self._model = model
        self._may_go = may_go

    async def ask(self, prompt: str, schema: Mapping[str, Any] | None) -> ModelReply | Unscored:
        """As `FallbackModel.ask`."""
        return await self._model.ask(prompt, schema, self._may_go)

    async def complete(self, conversation: Conversation) -> Completion | Unscored:
        """As `FallbackModel.complete`."""
        return await self._model.complete(conversation, self._may_go)


def _closing_words(schema: Mapping[str, Any], *, as_text: bool) -> str:
    asked = schema["properties"]
    return _closing_of(tuple(asked["label"]["enum"]), "explanation" in asked, as_text)


@lru_cache(maxsize=64)  # all rows of a judge have the same choices
def _closing_of(labels: tuple[str, ...], explain: bool, as_text: bool) -> str:
    return replies.request(replies.schema(dict.fromkeys(labels, 0.0), explain=explain), as_text=as_text)
