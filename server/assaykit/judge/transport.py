"""The connections judges are asked over: an httpx transport on aiohttp's pool, with whole, bounded answers.

httpx's own pool looks at every connection for every call, which costs more than the call itself at fifty of them.
`httpx-aiohttp` 0.2 would do, but names a dropped connection a timeout of connecting and lets a malformed head
through as aiohttp's own error; what it takes to correct that is the transport.
"""

import ssl
import zlib
from collections.abc import Mapping

import aiohttp
import httpx
from yarl import URL

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes, after decompression; a judge's answer has some hundred."""

_IDLE_S = 30
_ENCODINGS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
"""What is asked for and read, with zlib's word for the wrapping."""


class JudgeTransport(httpx.AsyncBaseTransport):
    """Sends one request at a time per connection and reads its whole answer before it returns.

    Follows no redirect, uses no proxy of the environment, keeps no cookie. How many calls run at once is the
    caller's business, and so is a deadline for the whole call: the timeouts of a request are per read.
    """

    def __init__(self, certificates: ssl.SSLContext | None = None) -> None:
        self._certificates = certificates
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer with its body read and decompressed.

        Raises:
            httpx.ConnectError: nobody there, or a certificate nobody here trusts.
            httpx.TimeoutException: a connection or a read took too long.
            httpx.RemoteProtocolError: no HTTP came, a part of it, or too much.
            httpx.ReadError: the connection broke; the request may have been carried out.
        """
        session = self._session = self._session or self._opened()
        limits: Mapping[str, float | None] = request.extensions.get("timeout", {})
        try:
            async with session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=_headers(request),
                data=await request.aread(),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(sock_connect=limits.get("connect"), sock_read=limits.get("read")),
            ) as answer:
                content = _inflated(answer, await _whole(answer))
                return httpx.Response(answer.status, headers=_kept(answer), content=content, request=request)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _as_httpx(error, request) from error

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        # Of the environment only a company's certificates count: SSL_CERT_FILE and SSL_CERT_DIR.
        context = self._certificates or httpx.create_ssl_context()
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=context, keepalive_timeout=_IDLE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )


def _headers(request: httpx.Request) -> list[tuple[str, str]]:
    """The request's own, but for what aiohttp writes itself and for encodings that could not be read."""
    ours = {"accept-encoding", "connection", "content-length", "transfer-encoding"}
    kept = [(name, value) for name, value in request.headers.multi_items() if name not in ours]
    return [*kept, ("accept-encoding", ", ".join(_ENCODINGS))]


def _kept(answer: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    """The answer's headers as they fit the body that is handed on."""
    changed = {b"content-encoding", b"content-length", b"transfer-encoding"}
    return [(name, value) for name, value in answer.raw_headers if name.lower() not in changed]


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    parts = bytearray()
    async for part in answer.content.iter_any():
        parts += part
        if len(parts) > LARGEST_ANSWER:
            raise _TooLarge
    return bytes(parts)


def _inflated(answer: aiohttp.ClientResponse, raw: bytes) -> bytes:
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity" or not raw:
        return raw
    if encoding not in _ENCODINGS:
        raise ValueError(f"the answer is in the encoding {encoding[:20]!r}, which was not asked for")
    reader = zlib.decompressobj(_ENCODINGS[encoding])
    try:
        content = reader.decompress(raw, LARGEST_ANSWER)
    except zlib.error as error:
        raise ValueError(f"the answer is no {encoding}") from error
    if reader.unconsumed_tail:
        raise _TooLarge
    if not reader.eof:
        raise ValueError("the answer ends before it is whole")
    return content


class _TooLarge(ValueError):
    def __init__(self) -> None:
        super().__init__(f"the answer is larger than {LARGEST_ANSWER} bytes")


def _as_httpx(error: Exception, request: httpx.Request) -> httpx.TransportError:
    """The same failure in httpx's terms."""
    kind, words = next((kind, words) for known, kind, words in _MEANINGS if isinstance(error, known))
    return kind(words or str(error) or "the connection broke", request=request)


_Kind = type[httpx.TransportError]

_MEANINGS: list[tuple[type[Exception], _Kind, str | None]] = [
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol, None),
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout, "no connection in time"),
    (TimeoutError, httpx.ReadTimeout, "no answer in time"),
    (aiohttp.ClientConnectorError, httpx.ConnectError, None),
    (aiohttp.ServerDisconnectedError, httpx.ReadError, "the connection was closed before an answer came"),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError, "the answer ends before it is whole"),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError, "the answer is no HTTP"),
    (ValueError, httpx.RemoteProtocolError, None),
    (Exception, httpx.ReadError, None),
]
"""First match counts. What came after the first byte went out is never a failure to connect."""
