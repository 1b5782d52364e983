"""A model provider on loopback whose HTTP answers are scripted one by one, in the shape of the provider's documents."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.loopback import OnLoopback, Served


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer; `body` is sent as JSON unless it is text."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Asked:
    """One received request. `target` is the path with its query."""

    target: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    content: bytes = b""


Script = Reply | Callable[[Mapping[str, Any]], Reply]


class OddProvider(OnLoopback):
    """Gives the scripted answers in order; the last one is given to every further request."""

    def __init__(self, *script: Script) -> None:
        self._script = list(script)
        self.asked: list[Asked] = []
        self._served = Served(Starlette(routes=[Route("/{rest:path}", self._answer, methods=["POST"])]))

    @property
    def address(self) -> str:
        """The base URL without a path."""
        return self._served.address

    def play(self, *script: Script) -> None:
        """Begin another script, with no requests received."""
        self._script, self.asked = list(script), []

    async def _answer(self, request: Request) -> Response:
        target = request.scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")
        body = await request.json()
        self.asked.append(Asked(target, dict(request.headers), body, await request.body()))
        step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        reply = step if isinstance(step, Reply) else step(body)
        content = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        return Response(content, reply.status, {"content-type": "application/json", **reply.headers})


def completion(content: Any = None, **changes: Any) -> dict[str, Any]:
    """A chat completion with the text, or with other fields of its message."""
    message = {"role": "assistant", "content": content, **changes.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": "stop", **changes.pop("choice", {})}
    usage = {"prompt_tokens": 30, "completion_tokens": 7, "total_tokens": 37}
    return {"id": "c-1", "object": "chat.completion", "model": "judge-1", "choices": [choice], "usage": usage} | changes


def message(*blocks: Any, **changes: Any) -> dict[str, Any]:
    """A message of Anthropic's API with these content blocks."""
    usage = {"input_tokens": 30, "output_tokens": 7}
    told = {"id": "m-1", "type": "message", "role": "assistant", "model": "judge-1", "stop_reason": "end_turn"}
    return {**told, "content": list(blocks), "usage": usage} | changes


def error(text: str, status: int, **fields: Any) -> Reply:
    """An error in the form of OpenAI's."""
    return Reply({"error": {"message": text, **fields}}, status)
