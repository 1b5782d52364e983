"""The connections judges are asked over: one POST, one whole and bounded answer.

aiohttp and not httpx, whose own pool looks at every connection for every call, which costs more than the call
itself at fifty of them.
"""

import ssl
import zlib
from collections.abc import Mapping

import aiohttp
from yarl import URL

from assaykit.judge.providers.transport import BadAddress, Broken, HttpAnswer, NotReached, TransportError

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes, after decompression; a judge's answer has some hundred."""

CONNECT_S = 10.0
_IDLE_S = 30
_ENCODINGS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
"""What is asked for and read, with zlib's word for the wrapping."""


class AiohttpTransport:
    """Connections that are kept and used again, one call on each at a time.

    Follows no redirect, uses no proxy of the environment, keeps no cookie. How many calls run at once is the
    caller's business, and so is a deadline; a call that is cancelled leaves nothing behind.
    """

    def __init__(self, certificates: ssl.SSLContext | None = None) -> None:
        self._certificates = certificates
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """The answer to one request, whatever its status.

        Raises:
            BadAddress: the URL is none.
            NotReached: no connection came about.
            Broken: the connection broke, or what came is no whole answer of at most `LARGEST_ANSWER` bytes.
        """
        session = self._session = self._session or self._opened()
        address = _address(url)
        try:
            trusted = self._trusted() if address.scheme == "https" else True
            async with session.post(address, headers=headers, data=body, ssl=trusted, allow_redirects=False) as answer:
                return HttpAnswer(answer.status, answer.headers, _inflated(answer, await _whole(answer)))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _meaning(error) from error

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    def _trusted(self) -> ssl.SSLContext:
        # Of the environment only a company's certificates count: SSL_CERT_FILE and SSL_CERT_DIR, as OpenSSL has them.
        # Reading them takes longer than a judge on the same machine takes to answer.
        self._certificates = self._certificates or ssl.create_default_context()
        return self._certificates

    def _opened(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            headers={"accept-encoding": ", ".join(_ENCODINGS), "content-type": "application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )


def _address(url: str) -> URL:
    try:
        address = URL(url)
    except ValueError as error:
        raise BadAddress(str(error)) from error
    if address.scheme not in {"http", "https"} or not address.host:
        raise BadAddress("an address begins with https:// or http:// and a host")
    return address


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
        raise ValueError(_CUT_OFF)
    return content


class _TooLarge(ValueError):
    def __init__(self) -> None:
        super().__init__(f"the answer is larger than {LARGEST_ANSWER} bytes")


_CUT_OFF = "the answer ends before it is whole"
_MEANINGS: list[tuple[type[Exception], type[TransportError], str | None]] = [
    (aiohttp.InvalidURL, BadAddress, None),
    (aiohttp.ConnectionTimeoutError, NotReached, f"no connection within {CONNECT_S:g} s"),
    (aiohttp.ClientConnectorError, NotReached, None),
    (aiohttp.ServerDisconnectedError, Broken, "the connection was closed before an answer came"),
    (aiohttp.ClientPayloadError, Broken, _CUT_OFF),
    (aiohttp.ClientResponseError, Broken, "the answer is no HTTP"),
    (Exception, Broken, None),
]
"""First match counts. What came after the first byte went out is never a failure to connect."""


def _meaning(error: Exception) -> TransportError:
    kind, words = next((kind, words) for known, kind, words in _MEANINGS if isinstance(error, known))
    return kind(words or str(error) or "the connection broke")
