"""The body of a request without its content encoding, unpacked no further than a limit.

OpenTelemetry SDKs send gzip or plain bodies. The Collector can send zlib and zstd too. The standard library of Python
3.11 has no zstd, so pyarrow unpacks it; the extras `sdk` and `parquet` bring it.
"""

import gzip
import io
import zlib
from collections.abc import Callable
from importlib import import_module, util
from typing import Any

from assaykit.engine.problems import TooLarge
from assaykit.errors import Invalid

_OTHERWISE = "Send gzip or no encoding."


class UnsupportedMedia(Invalid):
    """The content type or encoding is not supported."""

    status = 415


def plain(body: bytes, content_encoding: str | None, limit: int) -> bytes:
    """The body without its encoding.

    Raises:
        TooLarge: the body has more than `limit` bytes, as sent or unpacked.
        UnsupportedMedia: the encoding is unknown, or it is zstd and pyarrow is missing.
        Invalid: the body does not match its encoding.
    """
    encoding = (content_encoding or "identity").strip().lower()
    unpack = _UNPACKERS.get(encoding)
    if unpack is None:
        known = ", ".join(name for name in _UNPACKERS if name != "identity")
        raise UnsupportedMedia(f"The content encoding {encoding[:100]!r} is not supported.", f"Send {known} or none.")
    if len(body) <= limit:
        try:
            body = unpack(body, limit + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise Invalid(f"The body is not valid {encoding}.", "Send the exporter's bytes unchanged.") from error
    if len(body) > limit:
        raise TooLarge(f"The body is larger than {limit} bytes.", "Send fewer records per request.")
    return body


def _as_sent(body: bytes, most: int) -> bytes:
    return body[:most]


def _gunzipped(body: bytes, most: int) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
        return stream.read(most)


def _inflated(body: bytes, most: int) -> bytes:
    stream = zlib.decompressobj()
    found = stream.decompress(body, most)
    if len(found) < most and not stream.eof:
        raise EOFError
    return found


def _from_zstd(body: bytes, most: int) -> bytes:
    if util.find_spec("pyarrow") is None:
        raise UnsupportedMedia("Bodies in zstd need pyarrow.", f"pip install 'assaykit[sdk]'. {_OTHERWISE}")
    arrow: Any = import_module("pyarrow")
    if not body:
        raise EOFError
    with arrow.CompressedInputStream(arrow.BufferReader(body), "zstd") as stream:
        return stream.read(most)


_UNPACKERS: dict[str, Callable[[bytes, int], bytes]] = {
    "identity": _as_sent,
    "gzip": _gunzipped,
    "deflate": _inflated,
    "zlib": _inflated,
    "zstd": _from_zstd,
}
"""Functions of a body and the most bytes to unpack."""
