"""A scripted model for real clients, and beside it a receiver that keeps the OTLP requests of their exporters."""

import base64
import gzip
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.instrumentations.exports import Export
from tests.loopback import OnLoopback, Served

ANSWER = "It is a cat."
USAGE = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
_REFUSED = {"error": {"message": "No such model", "type": "invalid_request_error", "code": "model_not_found"}}
_IDS = ("traceId", "spanId", "parentSpanId")


class ScriptedModel(OnLoopback):
    """Answers as OpenAI and Anthropic do, and keeps the exports sent to `/v1/traces` and `/v1/logs`.

    A model named `broken` is refused with 404. A request with tools gets a tool call, then an answer.
    """

    def __init__(self) -> None:
        self.calls = 0
        self._exports: list[Export] = []
        self._lock = threading.Lock()
        post = ["POST"]
        routes = [
            Route("/v1/chat/completions", self._counted(_complete), methods=post),
            Route("/v1/responses", self._counted(_respond), methods=post),
            Route("/v1/embeddings", self._counted(_embed), methods=post),
            Route("/v1/messages", self._counted(_message), methods=post),
            Route("/v1/traces", self._keep, methods=post),
            Route("/v1/logs", self._keep, methods=post),
            Route("/v1/metrics", _ignore, methods=post),
        ]
        self._served = Served(Starlette(routes=routes))

    @property
    def address(self) -> str:
        """The base URL."""
        return self._served.address

    def exports(self) -> list[Export]:
        """The exports, in the order of arrival."""
        with self._lock:
            return list(self._exports)

    def _counted(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def counted(request: Request) -> Response:
            with self._lock:
                self.calls += 1
            return await answer(request)

        return counted

    async def _keep(self, request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        kind = ExportTraceServiceRequest if request.url.path == "/v1/traces" else ExportLogsServiceRequest
        told = json_format.MessageToDict(kind.FromString(body))
        for one in _objects(told):
            for name in _IDS:
                if isinstance(one.get(name), str):
                    one[name] = base64.b64decode(one[name]).hex()
        with self._lock:
            self._exports.append(Export(request.url.path, told))
        return Response(b"", media_type="application/x-protobuf")


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object within a JSON value."""
    if isinstance(value, dict):
        told = cast("dict[str, Any]", value)
        yield told
        value = list(told.values())
    if isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from _objects(one)


async def _ignore(_: Request) -> Response:
    return Response(b"", media_type="application/x-protobuf")


async def _complete(request: Request) -> Response:
    """OpenAI's chat."""
    body: dict[str, Any] = await request.json()
    if body["model"] == "broken":
        return JSONResponse(_REFUSED, 404)
    said: dict[str, Any] = {"role": "assistant", "content": _words(body)}
    if body.get("tools") and not any(message["role"] == "tool" for message in body["messages"]):
        function = {"name": body["tools"][0]["function"]["name"], "arguments": '{"city":"Paris"}'}
        said = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function"}]}
        said["tool_calls"][0]["function"] = function
    reason = "tool_calls" if "tool_calls" in said else "stop"
    told = {"id": "x1", "object": "chat.completion", "created": 1, "model": body["model"]}
    if body.get("stream"):
        chunks = [{**told, "choices": [{"index": 0, "delta": said, "finish_reason": None}]}]
        chunks.append({**told, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        options: dict[str, Any] = body.get("stream_options") or {}
        if options.get("include_usage"):
            chunks.append({**told, "choices": [], "usage": USAGE})
        lines = [f"data: {json.dumps({**one, 'object': 'chat.completion.chunk'})}\n\n" for one in chunks]
        return StreamingResponse(iter([*lines, "data: [DONE]\n\n"]), media_type="text/event-stream")
    choice = {"index": 0, "message": said, "finish_reason": reason}
    return JSONResponse({**told, "choices": [choice], "usage": USAGE})


def _words(body: dict[str, Any]) -> str:
    """The answer, in the form that a program of DSPy asks for if it does."""
    asked = str(body["messages"])
    return f"[[ ## answer ## ]]\n{ANSWER}\n\n[[ ## completed ## ]]" if "[[ ## answer ## ]]" in asked else ANSWER


async def _respond(request: Request) -> JSONResponse:
    """OpenAI's responses."""
    body: dict[str, Any] = await request.json()
    text: dict[str, Any] = {"type": "output_text", "text": ANSWER, "annotations": []}
    message: dict[str, Any] = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }
    usage = {"input_tokens": 11, "output_tokens": 5, "total_tokens": 16}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    told = {"id": "r1", "object": "response", "created_at": 1, "status": "completed", "model": body["model"]}
    more: dict[str, Any] = {
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "error": None,
        "metadata": {},
    }
    return JSONResponse({**told, **more, "output": [message], "usage": {**usage, **details}})


async def _embed(request: Request) -> JSONResponse:
    """OpenAI's embeddings."""
    body: dict[str, Any] = await request.json()
    asked: Any = body["input"]
    texts = cast("list[Any]", asked) if isinstance(asked, list) else [asked]
    packed = base64.b64encode(b"\0\0\x80\x3f\0\0\0\0").decode()
    vector = packed if body.get("encoding_format") == "base64" else [1.0, 0.0]
    data = [{"object": "embedding", "index": place, "embedding": vector} for place in range(len(texts))]
    return JSONResponse({"object": "list", "data": data, "model": body["model"], "usage": _FEW})


_FEW = {"prompt_tokens": 3, "total_tokens": 3}


async def _message(request: Request) -> JSONResponse:
    """Anthropic's messages."""
    body: dict[str, Any] = await request.json()
    if body["model"] == "broken":
        return JSONResponse({"type": "error", "error": {"type": "not_found_error", "message": "No such model"}}, 404)
    content: dict[str, Any] = {"type": "text", "text": ANSWER}
    if body.get("tools"):
        content = {"type": "tool_use", "id": "c1", "name": body["tools"][0]["name"], "input": {"city": "Paris"}}
    reason = "tool_use" if body.get("tools") else "end_turn"
    told = {"id": "m1", "type": "message", "role": "assistant", "model": body["model"], "stop_reason": reason}
    return JSONResponse({**told, "content": [content], "usage": {"input_tokens": 11, "output_tokens": 5}})
