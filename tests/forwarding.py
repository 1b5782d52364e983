"""A forwarder between a client and an engine, which can hide the engine's own routes."""

import ssl

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The engine uses plain HTTP; loading the system's certificates would cost 20 ms per call."""

_HOP = {"host", "connection", "content-length", "transfer-encoding", "date", "server"}


class Forwarder:
    """An ASGI app that forwards every request to the engine at `url`.

    With `like_ax`, routes that only the engine has (`/x/`) are answered with 404, as AX would. One client serves from
    the start of its server to the end.
    """

    _client: httpx.AsyncClient

    def __init__(self, url: str, *, like_ax: bool = False) -> None:
        self.url = url
        self._like_ax = like_ax
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or open and close the client with the server."""
        if scope["type"] == "lifespan":
            # uvicorn closes an idle connection after five seconds. A client that kept it as long could meet its end.
            limits = httpx.Limits(keepalive_expiry=2)
            async with httpx.AsyncClient(
                base_url=self.url, timeout=60, trust_env=False, verify=_NO_TLS, limits=limits
            ) as self._client:
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await self.answer(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        self.asked.append(f"{request.method} {request.url.path}")
        if self._like_ax and request.url.path.startswith("/x/"):
            body = {"title": "Not Found", "status": 404, "type": "about:blank", "detail": "No such route."}
            await JSONResponse(body, 404, media_type="application/problem+json")(scope, receive, send)
            return
        raw = scope["raw_path"].decode("ascii")
        query = scope["query_string"].decode("ascii")
        headers = [(name, value) for name, value in request.headers.items() if name not in _HOP]
        content = await request.body()
        answer = await self._client.request(
            request.method, f"{raw}?{query}" if query else raw, headers=headers, content=content
        )
        kept = {name: value for name, value in answer.headers.items() if name not in _HOP}
        await Response(answer.content, answer.status_code, kept)(scope, receive, send)
