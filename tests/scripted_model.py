"""A model provider on loopback with verdicts scripted by the test.

It serves OpenAI chat completions and Anthropic messages over real HTTP, so that tests use the real transport.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.loopback import OnLoopback, Served

Answer = Callable[[str], str | dict[str, Any]]
"""From prompt to verdict: a label, `{"label": ..., "explanation": ...}`, or the raw reply as `{"text": ...}`."""

EXPLANATION = "As scripted."


@dataclass(frozen=True, slots=True)
class Recorded:
    """One received request. Header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def prompt(self) -> str:
        return str(self.body["messages"][-1]["content"])

    @property
    def way(self) -> str:
        """The output mode of the request: schema, tool or text."""
        return "schema" if "response_format" in self.body else "tool" if "tools" in self.body else "text"


class ScriptedModel(OnLoopback):
    """A provider for the base URL of an integration.

        with ScriptedModel(lambda prompt: "correct") as model:
            ... model.url ...

    `failures` are the statuses of the first calls, in order, sent with `retry_after`. `limit` is the number of calls
    per minute and `burst` the number available at the start; each answer reports the calls left, and further calls are
    refused. `key` is the only accepted key and `models` are the only known models; None accepts any. `finish` is the
    finish reason of every reply.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        reject_structured: bool = False,
        reject_tools: bool = False,
        reject_temperature: bool = False,
        failures: Sequence[int] = (),
        retry_after: str | None = None,
        failure_text: str = "scripted failure",
        failure_headers: Mapping[str, str] | None = None,
        key: str | None = None,
        models: Sequence[str] | None = None,
        latency_s: float = 0.0,
        finish: str | None = None,
        limit: int | None = None,
        burst: int = 0,
    ) -> None:
        self._answer = answer
        self._reject = {"schema": reject_structured, "tool": reject_tools, "text": False}
        self._reject_temperature = reject_temperature
        self._failures = list(failures)
        self._retry_after = retry_after
        self._failure_text = failure_text
        self._failure_headers = dict(failure_headers or {})
        self._key = key
        self._models = models
        self._latency_s = latency_s
        self._finish = finish
        self._limit = limit
        self._left, self._last = float(burst), monotonic()
        self.refused = 0
        self.requests: list[Recorded] = []
        routes = [
            Route("/v1/chat/completions", self._completions, methods=["POST"]),
            Route("/v1/messages", self._messages, methods=["POST"]),
        ]
        self._served = Served(Starlette(routes=routes))

    @property
    def url(self) -> str:
        """The base URL for both APIs; it ends with `/v1`."""
        return f"{self._served.address}/v1"

    def answers(self, answer: Answer) -> None:
        """Use another function for the answers from now on."""
        self._answer = answer

    @property
    def count(self) -> int:
        """The number of received requests."""
        return len(self.requests)

    @property
    def prompts(self) -> list[str]:
        """The prompts in the order of arrival."""
        return [request.prompt for request in self.requests]

    async def _completions(self, request: Request) -> Response:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        recorded, refusal = await self._record(request, key)
        if refusal is not None:
            return refusal
        schema = _openai_schema(recorded.body)
        text, fields = self._reply(recorded.prompt, schema)
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if recorded.way == "tool" and fields is not None:
            function = {"name": recorded.body["tools"][0]["function"]["name"], "arguments": json.dumps(fields)}
            message |= {
                "content": None,
                "tool_calls": [{"id": "1", "type": "function", "function": function}],
            }
        return JSONResponse(
            {
                "object": "chat.completion",
                "model": recorded.body["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": self._finish or "stop"}],
                "usage": {"prompt_tokens": len(recorded.prompt.split()), "completion_tokens": 7},
            },
            headers=self._told,
        )

    async def _messages(self, request: Request) -> Response:
        recorded, refusal = await self._record(request, request.headers.get("x-api-key", ""))
        if refusal is not None:
            return refusal
        tools = recorded.body.get("tools")
        text, fields = self._reply(recorded.prompt, tools[0]["input_schema"] if tools else None)
        block: dict[str, Any] = {"type": "text", "text": text}
        if tools and fields is not None:
            block = {"type": "tool_use", "id": "1", "name": tools[0]["name"], "input": fields}
        return JSONResponse(
            {
                "type": "message",
                "role": "assistant",
                "model": recorded.body["model"],
                "content": [block],
                "stop_reason": self._finish or "end_turn",
                "usage": {"input_tokens": len(recorded.prompt.split()), "output_tokens": 7},
            }
        )

    async def _record(self, request: Request, key: str) -> tuple[Recorded, Response | None]:
        recorded = Recorded(request.url.path, dict(request.headers), await request.json())
        self.requests.append(recorded)
        refusal = self._over_limit()
        await anyio.sleep(self._latency_s)
        return recorded, refusal or self._refusal(recorded, key)

    def _over_limit(self) -> Response | None:
        if self._limit is None:
            return None
        now = monotonic()
        self._left, self._last = self._left + (now - self._last) * self._limit / 60, now
        if self._left < 1:
            self.refused += 1
            return _error(429, "slow down", {"retry-after": "1", **self._told})
        self._left -= 1
        return None

    @property
    def _told(self) -> dict[str, str]:
        """The rate-limit headers of OpenAI; empty without a limit."""
        if self._limit is None:
            return {}
        told = {"limit": self._limit, "remaining": int(self._left), "reset": "1s"}
        return {f"x-ratelimit-{name}-requests": str(value) for name, value in told.items()}

    def _refusal(self, recorded: Recorded, key: str) -> Response | None:
        if self._failures:
            headers = self._failure_headers | ({"retry-after": self._retry_after} if self._retry_after else {})
            return _error(self._failures.pop(0), self._failure_text, headers)
        if self._key is not None and key != self._key:
            return _error(401, f"Incorrect API key provided: {key}.")
        model = recorded.body["model"]
        if self._models is not None and model not in self._models:
            return _error(404, f"The model `{model}` does not exist.")
        if self._reject_temperature and "temperature" in recorded.body:
            return _error(400, "Unsupported value: 'temperature' does not support 0 with this model.")
        if self._reject[recorded.way]:
            what = "response_format json_schema" if recorded.way == "schema" else "tool_choice"
            return _error(400, f"{what} is not supported by this model.")
        return None

    def _reply(self, prompt: str, schema: Mapping[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
        """The text of the reply and, for a verdict with a schema, its fields in the schema's shape."""
        answer = self._answer(prompt)
        verdict = {"label": answer} if isinstance(answer, str) else answer
        if "text" in verdict:
            return str(verdict["text"]), None
        if schema is None:
            explained = [str(verdict["explanation"])] if "explanation" in verdict else []
            return "\n".join([*explained, str(verdict["label"])]), None
        known = {"explanation": EXPLANATION, **verdict}
        fields = {name: known[name] for name in schema["properties"]}
        return json.dumps(fields), fields


def _openai_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if "response_format" in body:
        return body["response_format"]["json_schema"]["schema"]
    return body["tools"][0]["function"]["parameters"] if "tools" in body else None


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"message": message, "type": "scripted"}}, status, headers)
