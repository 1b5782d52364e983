"""HTTP calls to model providers over aiohttp: one POST, one complete answer of limited size.

httpx would be too slow: its pool scans all connections on each call, which at fifty connections takes longer than the
call itself.
"""

import re
import ssl
import zlib
from collections.abc import Mapping

import aiohttp
from yarl import URL

from assaykit.judge.providers.transport import BadAddress, Broken, HttpAnswer, NotReached, TransportError

LARGEST_ANSWER = 8 * 1024 * 1024
"""Bytes of an answer after decompression. A judge's answer usually has a few hundred."""

CONNECT_S = 10.0
_IDLE_S = 30
_ENCODINGS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
"""The accepted content encodings, each with zlib's `wbits` value."""


class AiohttpTransport:
    """A pool of reused connections, each with one call at a time.

    It follows no redirects, uses no proxy from the environment and keeps no cookies. The caller limits the number of
    concurrent calls and sets deadlines; a cancelled call frees its connection.
    """

    def __init__(self, certificates: ssl.SSLContext | None = None) -> None:
        self._certificates = certificates
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Send one request and return the answer, whatever its status.

        Raises:
            BadAddress: the URL is not valid.
            NotReached: no connection could be made.
            Broken: the connection broke, or the answer is incomplete, unreadable or larger than `LARGEST_ANSWER` bytes.
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
        # OpenSSL's SSL_CERT_FILE and SSL_CERT_DIR are the only environment variables that apply, for private
        # certificate authorities. The certificates are loaded once, because loading takes longer than a local judge's
        # answer.
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
        raise ValueError(f"the answer is not valid {encoding}") from error
    if reader.unconsumed_tail:
        raise _TooLarge
    if not reader.eof:
        raise ValueError(_CUT_OFF)
    return content


class _TooLarge(ValueError):
    def __init__(self) -> None:
        super().__init__(f"the answer is larger than {LARGEST_ANSWER} bytes")


_CUT_OFF = "the answer is incomplete"
_CONTEXT = re.compile(r" ssl:(?:<[^>]*>|\w+)")
_MEANINGS: list[tuple[type[Exception], type[TransportError], str | None]] = [
    (aiohttp.InvalidURL, BadAddress, None),
    (aiohttp.ConnectionTimeoutError, NotReached, f"no connection within {CONNECT_S:g} s"),
    (aiohttp.ClientConnectorError, NotReached, None),
    (aiohttp.ServerDisconnectedError, Broken, "the connection was closed before an answer came"),
    (aiohttp.ClientPayloadError, Broken, _CUT_OFF),
    (aiohttp.ClientResponseError, Broken, "the answer is not HTTP"),
    (Exception, Broken, None),
]
"""The first match counts. An error after the first byte was sent is never `NotReached`."""


def _meaning(error: Exception) -> TransportError:
    kind, words = next((kind, words) for known, kind, words in _MEANINGS if isinstance(error, known))
    # aiohttp writes its TLS context into the text, which says nothing to a user.
    return kind(words or _CONTEXT.sub("", str(error)) or "the connection broke")
