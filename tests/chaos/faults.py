"""The faults of a bad network: each with the outcomes that a call under it may have."""

import gzip
from collections.abc import Awaitable, Callable
from functools import cache
from typing import NamedTuple

import anyio
from tests.chaos.proxy import Exchange, quiet

from assaykit.api import answers

DRIP_S = 0.05
LATENCY_S = 0.1
PAGE = b"<html><body>Sign in</body></html>"


class Fault(NamedTuple):
    """A fault, and the codes of a call whose every request meets it. An empty code is a success.

    `carried_out` tells whether the engine gets the request.
    """

    name: str
    spoil: Callable[[Exchange], Awaitable[None]]
    codes: frozenset[str]
    carried_out: bool = True


def _answer(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "connection: close", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _instead(status: str, body: bytes, *headers: str) -> Callable[[Exchange], Awaitable[None]]:
    """Answer so, and leave the engine out of it."""

    async def spoil(exchange: Exchange) -> None:
        await exchange.send(_answer(status, body, *headers))

    return spoil


def _after(status: str, body: bytes, *headers: str) -> Callable[[Exchange], Awaitable[None]]:
    """Answer so after the engine has carried the request out."""

    async def spoil(exchange: Exchange) -> None:
        await exchange.fetch()
        await exchange.send(_answer(status, body, *headers))

    return spoil


async def _late(exchange: Exchange) -> None:
    await anyio.sleep(LATENCY_S)
    await quiet(exchange)


async def _drip(exchange: Exchange) -> None:
    for byte in await exchange.fetch():
        await exchange.send(bytes([byte]))
        await anyio.sleep(DRIP_S)


async def _reset_before(exchange: Exchange) -> None:
    exchange.reset()


async def _reset_after(exchange: Exchange) -> None:
    await exchange.fetch()
    exchange.reset()


async def _cut(exchange: Exchange) -> None:
    answer = await exchange.fetch()
    head, _, body = answer.partition(b"\r\n\r\n")
    # An answer without a body is cut in its head.
    await exchange.send(head + b"\r\n\r\n" + body[: len(body) // 2] if body else head[: len(head) // 2])


async def _hang(exchange: Exchange) -> None:
    await exchange.fetch()
    await exchange.stall()


async def _garbage(exchange: Exchange) -> None:
    await exchange.fetch()
    await exchange.send(b"\x16\x03\x01\x00\xff\x00garbage\r\n\r\n")


async def _bomb(exchange: Exchange) -> None:
    await exchange.fetch()
    await exchange.send(
        _answer("200 OK", bomb(answers.LARGEST_ANSWER + 1), "content-type: application/json", "content-encoding: gzip")
    )


@cache
def bomb(size: int) -> bytes:
    """A body that unpacks to so many bytes."""
    return gzip.compress(b" " * size, 1)


async def _odd_headers(exchange: Exchange) -> None:
    head, _, body = (await exchange.fetch()).partition(b"\r\n\r\n")
    odd = [b"X-Odd: 1", b"x-odd: 2", b"X-LONG: " + b"y" * 4000, b"Server: \xe4\xf6", b"X-Empty:", b"DATE: yesterday"]
    await exchange.send(b"\r\n".join([head, *odd, b"", body]))


_LIMIT = "429 Too Many Requests"
_HTML = "content-type: text/html"
_AWAY, _BROKEN = frozenset({"unavailable"}), frozenset({"contract_broken"})
_LOST = _AWAY | {"ambiguous"}

FAULTS = (
    Fault("latency", _late, frozenset({""})),
    Fault("drip", _drip, _LOST),
    Fault("reset before", _reset_before, _LOST, carried_out=False),
    Fault("reset after", _reset_after, _LOST),
    Fault("cut off", _cut, _LOST | _BROKEN),
    Fault("hang", _hang, _LOST),
    Fault("garbage", _garbage, _LOST),
    Fault("slow down", _instead(_LIMIT, b"{}", "retry-after: 99999"), frozenset({"rate_limited"}), carried_out=False),
    Fault("502", _instead("502 Bad Gateway", PAGE, _HTML), _LOST, carried_out=False),
    Fault("503", _after("503 Service Unavailable", b'{"title": "Busy", "status": 503}'), _LOST),
    Fault("504", _after("504 Gateway Timeout", PAGE, _HTML), _LOST),
    Fault("bomb", _bomb, _LOST | _BROKEN),
    Fault("redirect", _instead("302 Found", b"", "location: http://127.0.0.1:9/"), _BROKEN, carried_out=False),
    Fault("sign-in page", _instead("200 OK", PAGE, _HTML), _BROKEN | {"ambiguous"}, carried_out=False),
    Fault("odd headers", _odd_headers, frozenset({""})),
)  # fmt: skip
"""A refused connection is one more. It needs no answer, so `ChaosProxy.shut` makes it."""

PAUSES = ("retry-after: 0", "retry-after: 0.1", "x-none: 1", "retry-after: soon", "retry-after: -7")
"""The pauses that a 429 may ask for and that leave room for a second try within a second."""


def slow_down(pause: str) -> Callable[[Exchange], Awaitable[None]]:
    """A 429 with this header."""
    return _instead(_LIMIT, b"{}", pause)


LATE = ("hang", "drip")
"""The faults that use up a deadline, however long it is."""
