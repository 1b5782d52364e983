"""Answers of limited size: a few hundred bytes of gzip can unpack to gigabytes."""

import zlib

import httpx

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer after decompression. A page of spans ends at 8 Mi characters of attributes."""

ACCEPTED = "gzip, deflate"
"""The content encodings that are asked for, as a header's value."""

_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
"""zlib's `wbits` for each encoding that is read."""


class UnreadableAnswer(Exception):
    """An answer that is too large, cut off or not in its encoding. Its text continues a sentence about the answer."""

    def __init__(self, text: str, *, is_cut_off: bool = False) -> None:
        super().__init__(text)
        self.is_cut_off = is_cut_off


async def whole(response: httpx.Response) -> httpx.Response:
    """The response with its whole body, unpacked, read from a response whose body is still to come. Closes the latter.

    Raises:
        UnreadableAnswer: the body is larger than `LARGEST_ANSWER` bytes, or not in the encoding that its header names.
        httpx.HTTPError: the connection broke.
    """
    if response.is_stream_consumed:
        return response
    try:
        content = await _unpacked(response)
    finally:
        await response.aclose()
    # As bytes, because a gateway may send a header that is not ASCII.
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_PACKED_BODY]
    return httpx.Response(response.status_code, headers=headers, content=content, request=response.request)


_OF_THE_PACKED_BODY = {b"content-encoding", b"content-length", b"transfer-encoding"}


async def _unpacked(response: httpx.Response) -> bytes:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in _WINDOWS and encoding not in {"", "identity"}:
        raise UnreadableAnswer("is in a content encoding that was not asked for")
    inflater = zlib.decompressobj(_WINDOWS[encoding]) if encoding in _WINDOWS else None
    body = bytearray()
    packed = 0
    async for part in response.aiter_raw():
        packed += len(part)
        try:
            # One byte more than the limit tells a body at the limit from a larger one.
            body += part if inflater is None else inflater.decompress(part, LARGEST_ANSWER + 1 - len(body))
        except zlib.error:
            raise UnreadableAnswer("is not in the content encoding that its header names") from None
        if len(body) > LARGEST_ANSWER:
            raise UnreadableAnswer(f"is larger than {LARGEST_ANSWER // 2**20} MB")
    # An answer without a body, as to HEAD or with status 204, may name an encoding all the same.
    if inflater is not None and packed and not inflater.eof:
        raise UnreadableAnswer("is cut off", is_cut_off=True)
    return bytes(body)
