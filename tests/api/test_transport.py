"""The transport of judge calls, against a server on loopback that does everything wrong."""

import gzip
import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from tests.api.faulty import GOOD, Behaviour, FaultyServer, Peer, misbehaving

from assaykit.judge.providers.aiohttp_transport import LARGEST_ANSWER, AiohttpTransport
from assaykit.judge.providers.transport import BadAddress, Broken, HttpAnswer, NotReached

CANCELLATIONS = 100
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.fixture
async def client() -> AsyncGenerator[AiohttpTransport]:
    async with aclosing(AiohttpTransport()) as transport:
        yield transport


async def ask(client: AiohttpTransport, server: FaultyServer, body: bytes = b"{}") -> HttpAnswer:
    return await client.post(server.url, {}, body)


async def well(peer: Peer) -> None:
    while True:
        await peer.request()
        await peer.answer()


async def test_one_connection_carries_many_calls(client: AiohttpTransport) -> None:
    async with misbehaving(well) as server:
        for _ in range(3):
            assert (await ask(client, server)).body == GOOD
        assert (len(server.requests), server.opened) == (3, 1)


async def test_a_refused_connection_is_a_failure_to_connect(client: AiohttpTransport) -> None:
    async with misbehaving(well) as server:
        pass
    for url in (server.url, server.url.replace("http://", "https://")):
        with pytest.raises(NotReached) as caught:
            await client.post(url, {}, b"{}")
        assert "ssl:" not in str(caught.value)
        assert "object at 0x" not in str(caught.value)
        assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "nowhere", "ftp://127.0.0.1/", "http://", "http://[::1", "http://127.0.0.1:99999/"]
)
async def test_an_address_that_is_none_is_named_so(client: AiohttpTransport, url: str) -> None:
    with pytest.raises(BadAddress):
        await client.post(url, {}, b"{}")


async def test_a_request_dropped_after_it_was_received_is_no_failure_to_connect(client: AiohttpTransport) -> None:
    async def drop(peer: Peer) -> None:
        await peer.request()

    async with misbehaving(drop) as server:
        with pytest.raises(Broken, match="closed before an answer"):
            await ask(client, server)
        assert len(server.requests) == 1, "the transport itself asks once"


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 O",
        HEAD,
        HEAD + b"content-length: 100\r\n\r\n{",
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\n{",
        HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        HEAD + b"content-encoding: gzip\r\nconnection: close\r\n\r\n" + gzip.compress(GOOD)[:-9],
    ],
    ids=["status line", "head", "body", "chunk", "no chunk", "gzip"],
)
async def test_a_truncated_answer_is_an_error_and_never_an_answer(client: AiohttpTransport, sent: bytes) -> None:
    async def cut(peer: Peer) -> None:
        await peer.request()
        await peer.send(sent)

    async with misbehaving(cut) as server:
        with pytest.raises(Broken):
            await ask(client, server)


async def test_what_is_no_http_is_an_error(client: AiohttpTransport) -> None:
    async def chat(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"220 mail.example ESMTP\r\n")

    async with misbehaving(chat) as server:
        with pytest.raises(Broken):
            await ask(client, server)


async def hang(peer: Peer) -> None:
    await peer.request()
    await peer.stall()


async def drip(peer: Peer) -> None:
    await peer.request()
    await peer.send(HEAD + b"content-length: 100000\r\n\r\n")
    while True:
        await peer.send(b" ")
        await anyio.sleep(0.02)


@pytest.mark.parametrize("behaviour", [hang, drip])
async def test_a_deadline_around_the_call_ends_a_hang_and_a_drip(
    client: AiohttpTransport, behaviour: Behaviour
) -> None:
    async with misbehaving(behaviour) as server:
        with pytest.raises(TimeoutError), anyio.fail_after(0.2):
            await ask(client, server)
        await gone(server)


async def test_a_compressed_bomb_is_refused_before_it_is_inflated(client: AiohttpTransport) -> None:
    bomb = gzip.compress(b" " * (16 * LARGEST_ANSWER))

    async def throw(peer: Peer) -> None:
        await peer.request()
        await peer.answer(bomb, "content-encoding: gzip")

    async with misbehaving(throw) as server:
        with pytest.raises(Broken, match="larger than"):
            await ask(client, server)


async def test_an_endless_answer_is_cut_off(client: AiohttpTransport) -> None:
    async def pour(peer: Peer) -> None:
        await peer.request()
        await peer.send(HEAD + b"connection: close\r\n\r\n")
        while True:
            await peer.send(b" " * 65536)

    async with misbehaving(pour) as server:
        with pytest.raises(Broken, match="larger than"):
            await ask(client, server)
        await gone(server)


async def test_gzip_and_deflate_are_read_and_nothing_else_is_asked_for(client: AiohttpTransport) -> None:
    async def squeeze(peer: Peer) -> None:
        await peer.request()
        await peer.answer(gzip.compress(GOOD), "content-encoding: gzip")
        await peer.request()
        await peer.answer(GOOD, "content-encoding: br")

    async with misbehaving(squeeze) as server:
        assert (await ask(client, server)).body == GOOD
        with pytest.raises(Broken, match="'br'"):
            await ask(client, server)
        assert all(b"accept-encoding: gzip, deflate\r\n" in head.lower() + b"\r\n" for head in server.requests)


async def test_a_redirect_is_answered_and_not_followed(client: AiohttpTransport) -> None:
    async def elsewhere(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"", "location: /elsewhere", status="307 Temporary Redirect")

    async with misbehaving(elsewhere) as server:
        assert (await ask(client, server)).status == 307
        assert len(server.requests) == 1


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with aclosing(AiohttpTransport()) as client, misbehaving(well) as server:
        assert (await ask(client, server)).status == 200


async def test_no_cookie_is_kept(client: AiohttpTransport) -> None:
    async def crumb(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(GOOD, "set-cookie: who=you")

    async with misbehaving(crumb) as server:
        await ask(client, server)
        await ask(client, server)
        assert not any(b"cookie" in head.lower() for head in server.requests)


async def test_a_certificate_nobody_trusts_is_refused_by_name(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    await anyio.run_process(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
    )  # fmt: skip
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(certificate, key)
    async with misbehaving(well, theirs) as server:
        async with aclosing(AiohttpTransport()) as client:
            with pytest.raises(NotReached, match=r"(?i)certificate"):
                await ask(client, server)
        trusting = ssl.create_default_context(cafile=str(certificate))
        async with aclosing(AiohttpTransport(trusting)) as client:
            assert (await ask(client, server)).status == 200


@pytest.mark.parametrize("part", ["head", "body"])
async def test_a_hundred_cancellations_leave_nothing_behind(client: AiohttpTransport, part: str) -> None:
    stalls = True

    async def stall(peer: Peer) -> None:
        while True:
            await peer.request()
            if not stalls:
                await peer.answer()
                continue
            if part == "body":
                await peer.send(HEAD + b"content-length: 100\r\n\r\n{")
            await peer.stall()

    cancelled = 0

    async def cancel_one(server: FaultyServer, large: bytes) -> None:
        nonlocal cancelled
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(ask, client, server, large)
                await came(server)
                scope.cancel()
        cancelled += scope.cancelled_caught
        # The scope has taken the cancellation in: what follows is not cancelled.
        await anyio.lowlevel.checkpoint()

    async with misbehaving(stall) as server:
        for number in range(CANCELLATIONS):
            await cancel_one(server, b"x" * 200_000 if number % 2 else b"{}")
        assert cancelled == CANCELLATIONS
        await gone(server)
        stalls = False
        with anyio.fail_after(60):
            assert (await ask(client, server)).body == GOOD


async def came(server: FaultyServer) -> None:
    """Wait until one request more than before is with the server."""
    before = len(server.requests)
    with anyio.fail_after(60):
        while len(server.requests) == before:
            await anyio.lowlevel.checkpoint()


async def gone(server: FaultyServer) -> None:
    """Wait until the server has no connection left: what stayed open would be seen here."""
    with anyio.fail_after(60):
        while server.open:  # noqa: ASYNC110  (nor for this)
            await anyio.sleep(0.01)
