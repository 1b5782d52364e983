"""Stand-ins for the models of coding assistants: small HTTP servers on loopback, one class for each API.

A stand-in asks for the calls of a test one after the other, each in its own turn. It records the answer that the host
passes back to its model.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.loopback import OnLoopback, Served

MODEL = "stand-in"
DONE = "done"
_MOST_WAITS = 30
"""Turns that a model waits for the tools of a server that is still starting."""


class Call(NamedTuple):
    """A call of a tool. `server` is the name of the MCP server in the host's configuration."""

    tool: str
    arguments: Mapping[str, Any] = {}
    server: str = "assaykit"


class Offered(NamedTuple):
    """A tool as the host offers it to its model. Only Codex has namespaces."""

    name: str
    namespace: str = ""

    def is_for(self, call: Call) -> bool:
        """Whether this is the tool of the call."""
        if self.namespace:
            return self.namespace.endswith(call.server) and self.name == call.tool
        return self.name.endswith((f"mcp__{call.server}__{call.tool}", f"mcp_{call.server}_{call.tool}"))


class Asked(NamedTuple):
    """A call that the model asks for, with its place among the calls."""

    place: int
    tool: Offered
    arguments: Mapping[str, Any]


class Turn(NamedTuple):
    """A request to the model: its path, whether it asks for a stream, and the call of the answer.

    Without a call the answer is the last word, or the model waits for a server that is still starting.
    """

    path: str
    is_streamed: bool
    asked: Asked | None
    is_waiting: bool


class StandIn(OnLoopback):
    """A model that asks for the calls in order, and then says `done`.

    `received` has the text that the host passed back for each call, by the place of the call.
    """

    routes: ClassVar[Sequence[str]]

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls
        self.waits = 0
        self.received: dict[int, str] = {}
        self._asked = 0
        made = [Route(at, self._answer, methods=["POST"]) for at in self.routes]
        self._served = Served(Starlette(routes=made))

    @property
    def url(self) -> str:
        """The base URL of the API."""
        return self._served.address

    async def _answer(self, request: Request) -> Response:
        body: Mapping[str, Any] = json.loads(await request.body())
        self.received |= self.results(body)
        asked = self._next(self.tools(body))
        is_waiting = asked is None and self._asked < len(self.calls)
        return self.respond(Turn(request.url.path, bool(body.get("stream")), asked, is_waiting))

    def _next(self, offered: Sequence[Offered]) -> Asked | None:
        """The next call; None at the end, or without its tool."""
        if self._asked == len(self.calls):
            return None
        call = self.calls[self._asked]
        found = next((one for one in offered if one.is_for(call)), None)
        if found is None:
            return None
        self._asked += 1
        return Asked(self._asked - 1, found, call.arguments)

    def tools(self, body: Mapping[str, Any]) -> list[Offered]:
        """The tools that a request offers."""
        raise NotImplementedError

    def results(self, body: Mapping[str, Any]) -> dict[int, str]:
        """The texts of the results in a request, by the place of the call."""
        raise NotImplementedError

    def respond(self, turn: Turn) -> Response:
        """The answer of the model: a call, or its last word."""
        raise NotImplementedError


class AnthropicMessages(StandIn):
    """The Messages API, for Claude Code."""

    routes = ("/v1/messages", "/v1/messages/count_tokens")

    def tools(self, body: Mapping[str, Any]) -> list[Offered]:
        return [Offered(one["name"]) for one in body.get("tools", [])]

    def results(self, body: Mapping[str, Any]) -> dict[int, str]:
        contents = [one["content"] for one in body.get("messages", []) if isinstance(one["content"], list)]
        blocks = [block for content in contents for block in content if block["type"] == "tool_result"]
        return {int(block["tool_use_id"].rpartition("_")[2]): text_of(block["content"]) for block in blocks}

    def respond(self, turn: Turn) -> Response:
        if turn.path.endswith("count_tokens"):
            return JSONResponse({"input_tokens": 10})
        block: dict[str, Any] = {"type": "text", "text": ""}
        delta: dict[str, Any] = {"type": "text_delta", "text": DONE}
        if turn.asked is not None:
            block = {"type": "tool_use", "id": f"toolu_{turn.asked.place}", "name": turn.asked.tool.name, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(turn.asked.arguments)}
        stop = {"stop_reason": "end_turn" if turn.asked is None else "tool_use", "stop_sequence": None}
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "usage": usage}
        if not turn.is_streamed:
            whole = block | ({"text": DONE} if turn.asked is None else {"input": turn.asked.arguments})
            return JSONResponse({**message, "content": [whole], **stop})
        opening: dict[str, Any] = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
        return _events(
            {"type": "message_start", "message": opening},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        )


class OpenAiResponses(StandIn):
    """The Responses API, for Codex."""

    routes = ("/v1/responses",)

    def tools(self, body: Mapping[str, Any]) -> list[Offered]:
        named = [one for one in body.get("tools", []) if one.get("type") == "namespace"]
        return [Offered(tool["name"], one["name"]) for one in named for tool in one["tools"]]

    def results(self, body: Mapping[str, Any]) -> dict[int, str]:
        made = [one for one in body.get("input", []) if one.get("type") == "function_call_output"]
        named = {one["call_id"]: text_of(one["output"]) for one in made}
        return {int(name.removeprefix("call_")): text for name, text in named.items() if name.startswith("call_")}

    def respond(self, turn: Turn) -> Response:
        item: dict[str, Any] = {
            "type": "message",
            "id": "m_1",
            "role": "assistant",
            "content": [{"type": "output_text", "text": DONE}],
        }
        if turn.asked is not None:
            item = {
                "type": "function_call",
                "id": f"fc_{turn.asked.place}",
                "call_id": f"call_{turn.asked.place}",
                "namespace": turn.asked.tool.namespace,
                "name": turn.asked.tool.name,
                "arguments": json.dumps(turn.asked.arguments),
            }
        elif turn.is_waiting and self.waits < _MOST_WAITS:
            # Codex asks its model before a server has started. A command gives the server time.
            self.waits += 1
            item = {
                "type": "function_call",
                "id": f"w_{self.waits}",
                "call_id": f"wait-{self.waits}",
                "name": "exec_command",
                "arguments": json.dumps({"cmd": "sleep 1", "yield_time_ms": 3000}),
            }
        usage = {
            "input_tokens": 1,
            "output_tokens": 1,
            "total_tokens": 2,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        }
        return _events(
            {"type": "response.created", "response": {"id": "r_1"}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": {"id": "r_1", "usage": usage}},
        )


class GeminiContent(StandIn):
    """generateContent and streamGenerateContent, for Gemini CLI. Results carry no id, so their order counts."""

    routes = ("/{version}/models/{action}",)

    def tools(self, body: Mapping[str, Any]) -> list[Offered]:
        declared = [one for tool in body.get("tools", []) for one in tool.get("functionDeclarations", [])]
        return [Offered(one["name"]) for one in declared]

    def results(self, body: Mapping[str, Any]) -> dict[int, str]:
        parts = [part for one in body.get("contents", []) for part in one["parts"]]
        made = [part["functionResponse"]["response"] for part in parts if "functionResponse" in part]
        return {place: text_of(one) for place, one in enumerate(made)}

    def respond(self, turn: Turn) -> Response:
        part: dict[str, Any] = {"text": DONE}
        if turn.asked is not None:
            part = {"functionCall": {"name": turn.asked.tool.name, "args": turn.asked.arguments}}
        content = {"role": "model", "parts": [part]}
        answer = {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
        }
        if turn.path.endswith("countTokens"):
            return JSONResponse({"totalTokens": 5})
        if "streamGenerateContent" in turn.path:
            return Response(f"data: {json.dumps(answer)}\n\n", media_type="text/event-stream")
        return JSONResponse(answer)


def text_of(passed: Any) -> str:
    """The text that a model reads of a result: the text itself, the texts of its parts, or the values of an object."""
    if isinstance(passed, str):
        return passed
    if isinstance(passed, list):
        return "\n".join(text_of(one) for one in cast("list[Any]", passed))
    fields = cast("dict[str, Any]", passed)
    return text_of(fields["text"]) if "text" in fields else "\n".join(map(text_of, fields.values()))


def _events(*events: Mapping[str, Any]) -> Response:
    lines = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events]
    return Response("".join(lines), media_type="text/event-stream")
