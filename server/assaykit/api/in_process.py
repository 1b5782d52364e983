"""Requests to an ASGI app in this process."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote, urlencode

import anyio
import httpx
from starlette.types import ASGIApp

from assaykit.api.answers import LARGEST_ANSWER, UnreadableAnswer

LONGEST_TARGET = 65_536
"""Characters of a path and its query. Source: httpx, for URLs."""


class InProcess:
    """A client of an app in this process. The first request gets the app from `opened`.

    A call of the app goes over no wire. httpx's client would parse a URL, and do work for cookies, redirects, proxies
    and streams: more than half of the cost of a short call.
    """

    def __init__(self, base_url: str, key: str, opened: Callable[[], Awaitable[ASGIApp]]) -> None:
        self.base_url = httpx.URL(base_url)
        self._headers = [(b"host", self.base_url.netloc), (b"authorization", f"Bearer {key}".encode("ascii"))]
        self._opened = opened
        self._opening = anyio.Lock()
        self._app: ASGIApp | None = None

    async def answer(
        self,
        method: str,
        at: str,
        *,
        params: Mapping[str, str | int],
        content: bytes | str | None,
        headers: Mapping[str, str],
    ) -> httpx.Response:
        """The app's whole answer.

        Raises:
            httpx.InvalidURL: the path and the query are too long.
            UnreadableAnswer: the answer is larger than `LARGEST_ANSWER` bytes.
        """
        query = urlencode(params)
        if len(at) + len(query) > LONGEST_TARGET:
            raise httpx.InvalidURL("URL too long")
        app = self._app
        if app is None:
            async with self._opening:
                app = self._app = self._app or await self._opened()
        body = content.encode() if isinstance(content, str) else content or b""
        sent = [*self._headers, (b"content-length", b"%d" % len(body))]
        sent += [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        call = _Call(body)
        try:
            await app(self._scope(method, at, query, sent), call.receive, call.send)
        except Exception:
            # Starlette answers 500 and then lets the exception go on, for a listener's log.
            if not call.is_answered:
                raise
        return call.answer(
            None if call.status < httpx.codes.BAD_REQUEST else httpx.Request(method, self.base_url.join(at))
        )

    def _scope(self, method: str, at: str, query: str, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "headers": headers,
            "scheme": self.base_url.scheme,
            "path": unquote(at),
            "raw_path": at.encode("ascii"),
            "query_string": query.encode("ascii"),
            "server": (self.base_url.host, self.base_url.port),
            "client": ("127.0.0.1", 0),
            "root_path": "",
        }


class _Call:
    """The body of one request, and the parts of its answer."""

    def __init__(self, body: bytes) -> None:
        self.status = 0
        self._asked = body
        self._is_read = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._ended = anyio.Event()

    @property
    def is_answered(self) -> bool:
        return self._ended.is_set()

    async def receive(self) -> dict[str, Any]:
        if self._is_read:
            # A caller that gives a call up cancels it, so nobody hangs up before the answer.
            await self._ended.wait()
            return {"type": "http.disconnect"}
        self._is_read = True
        return {"type": "http.request", "body": self._asked, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self._headers = message["status"], list(message.get("headers", []))
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            self._ended.set()

    def answer(self, request: httpx.Request | None) -> httpx.Response:
        if len(self._body) > LARGEST_ANSWER:
            raise UnreadableAnswer(f"is larger than {LARGEST_ANSWER // 2**20} MB")
        return httpx.Response(self.status, headers=self._headers, content=bytes(self._body), request=request)
