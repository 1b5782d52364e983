"""Answers that unpack to too much, or that are not in the encoding which they name."""

import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest

from assaykit.api import answers
from assaykit.api.client import Api
from assaykit.errors import ContractBroken
from assaykit.wire.spaces import Space, SpacePage

PAGE = json.dumps({"spaces": [{"id": "U3BhY2U6MTph", "name": "default"}]}).encode()
GZIPPED = gzip.compress(PAGE, mtime=0)
LIMIT = 1_000_000


class Arriving(httpx.AsyncByteStream):
    """A body that arrives in parts of 64 KiB, as from a socket."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.read = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), 65_536):
            self.read = start
            yield self._body[start : start + 65_536]

    async def aclose(self) -> None:
        self.closed = True


def api(body: bytes, encoding: str | None, status: int = 200) -> tuple[Api, Arriving, list[httpx.Request]]:
    arriving = Arriving(body)
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        headers = {} if encoding is None else {"Content-Encoding": encoding}
        return httpx.Response(status, headers=headers, stream=arriving)

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://ax.test")
    return Api(http, "ax"), arriving, asked


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (PAGE, None),
        (PAGE, "identity"),
        (GZIPPED, "gzip"),
        (GZIPPED, "GZIP"),
        (zlib.compress(PAGE), "deflate"),
    ],
)
async def test_an_answer_in_an_encoding_that_was_asked_for_is_read(body: bytes, encoding: str | None) -> None:
    client, arriving, _ = api(body, encoding)
    page = await client.get("/v2/spaces", SpacePage)
    assert [space.name for space in page.spaces] == ["default"]
    assert arriving.closed


async def test_the_encodings_that_are_read_are_asked_for() -> None:
    client, _, asked = api(GZIPPED, "gzip")
    await client.get("/v2/spaces", SpacePage)
    assert [request.headers["accept-encoding"] for request in asked] == ["gzip, deflate"]


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", None])
async def test_an_answer_that_unpacks_to_too_much_is_stopped_within_little_memory(
    monkeypatch: pytest.MonkeyPatch, encoding: str | None, status: int
) -> None:
    monkeypatch.setattr(answers, "LARGEST_ANSWER", LIMIT)
    huge = b" " * 80_000_000
    body = {"gzip": gzip.compress, "deflate": zlib.compress, None: bytes}[encoding](huge)
    del huge
    client, arriving, asked = api(body, encoding, status)
    tracemalloc.start()
    with pytest.raises(ContractBroken, match=r"The answer of Arize AX to GET /v2/spaces is larger than "):
        await client.get("/v2/spaces", SpacePage)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * LIMIT
    assert arriving.closed
    assert len(asked) == 1, "a second try would unpack the same"


async def test_an_answer_at_the_limit_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LARGEST_ANSWER", len(PAGE))
    for body, encoding in ((PAGE, None), (GZIPPED, "gzip")):
        assert (await api(body, encoding)[0].get("/v2/spaces", SpacePage)).spaces
    monkeypatch.setattr(answers, "LARGEST_ANSWER", len(PAGE) - 1)
    for body, encoding in ((PAGE, None), (GZIPPED, "gzip")):
        with pytest.raises(ContractBroken, match="is larger than"):
            await api(body, encoding)[0].get("/v2/spaces", SpacePage)


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (PAGE, "gzip", "is not in the content encoding that its header names"),
        (GZIPPED[:-9], "gzip", "is cut off"),
        (PAGE, "br", "is in a content encoding that was not asked for"),
        (PAGE, "zstd", "is in a content encoding that was not asked for"),
        (gzip.compress(GZIPPED, mtime=0), "gzip, gzip", "is in a content encoding that was not asked for"),
    ],
)
async def test_a_broken_encoding_is_told(body: bytes, encoding: str, said: str) -> None:
    with pytest.raises(ContractBroken, match=said):
        await api(body, encoding)[0].get("/v2/spaces", SpacePage)
    # A create may have taken effect, so its advice is another.
    with pytest.raises(ContractBroken, match=rf"{said}\. Check whether it took effect before trying again\."):
        await api(body, encoding)[0].post("/v2/spaces", Space)


async def test_a_header_may_be_odd() -> None:
    odd = [
        (b"Server", b"\xe4\xf6"),
        (b"X-Odd", b"1"),
        (b"x-odd", b"2"),
        (b"DATE", b"yesterday"),
        (b"Content-Encoding", b"gzip"),
    ]
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=odd, stream=Arriving(GZIPPED)))
    client = Api(httpx.AsyncClient(transport=transport, base_url="https://ax.test"), "ax")
    assert (await client.get("/v2/spaces", SpacePage)).spaces


async def test_an_answer_without_a_body_may_name_an_encoding() -> None:
    await api(b"", "gzip", 204)[0].delete("/v2/datasets/x")
