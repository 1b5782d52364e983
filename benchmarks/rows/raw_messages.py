"""S13: malformed messages over stdio and HTTP, and clients that are gone in the middle of a call."""

import json
import random
import socket
import struct
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import anyio
import httpx
from rows.outcome import Outcome, Terms, few
from rows.processes_seen import descriptors, memory_mb
from tests.e2e.listeners import Listener, listening
from tests.e2e.pipes import Server, serving
from tests.e2e.test_http import INITIALIZE

GROWTH_MB = 20
MORE_DESCRIPTORS = 3
LONGEST_S = 3_600
ANSWER_S = 20
CALL = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"list_projects","arguments":{}}}'

BODIES = (
    b"", b"{", b"[]", b"null", b"12", b'"x"', b"{}", b"garbage", b"\xff\xfe\x00", b"\x00" * 100, b"[" * 100_000,
    b'{"jsonrpc":"2.0"}', b'{"jsonrpc":"1.0","id":1,"method":"ping"}', b'{"jsonrpc":"2.0","id":1}',
    b'{"jsonrpc":"2.0","id":{},"method":"ping"}', b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1e999,"method":"ping"}', b'{"jsonrpc":"2.0","id":1,"method":""}',
    b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}', b'{"jsonrpc":"2.0","id":1,"method":"nothing"}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":12}}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_tasks","arguments":"x"}}',
    b'{"jsonrpc":"2.0","id":' + b"9" * 5_000 + b',"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping","method":"x"}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"nobody"}}',
    b'{"jsonrpc":"2.0","id":1,"result":{}}', b'{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}',
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"0"}}',
)  # fmt: skip
HEADS = (
    b"POST /mcp HTTP/1.1", b"GET /mcp HTTP/1.1", b"POST /mcp HTTP/9.9", b"POST  /mcp", b"\x16\x03\x01\x02",
    b"DELETE /mcp HTTP/1.1", b"PUT /mcp HTTP/1.1", b"POST /%00 HTTP/1.1", b"POST /mcp?x=\xff HTTP/1.1",
    b"PRI * HTTP/2.0", b"POST http://evil.example/mcp HTTP/1.1",
)  # fmt: skip
FIELDS = (
    b"Content-Type: text/plain", b"Content-Type: application/json; charset=utf-16", b"Content-Encoding: gzip",
    b"Transfer-Encoding: chunked", b"Content-Length: 999999", b"Content-Length: -1",
    b"Content-Length: 5\r\nContent-Length: 6", b"Accept: text/html", b"MCP-Protocol-Version: 1999-01-01",
    b"Mcp-Session-Id: \xff", b"X: " + b"y" * 70_000, b": empty",
    b"Expect: 100-continue", b"Upgrade: websocket\r\nConnection: Upgrade", b"Mcp-Method: tools/list",
)  # fmt: skip


def hostile(terms: Terms) -> Mapping[str, Outcome]:
    """Half of the messages over each transport; then disconnects over HTTP."""
    chance = random.Random(terms.seed)  # noqa: S311  (no secret: a seed makes the messages repeatable)
    messages, gone = terms.of(60, 1_000), terms.of(20, 500)
    faults: list[str] = []
    figures = anyio.run(_over_stdio, terms, messages, chance, faults) if not terms.breach else {}
    home = terms.folder / "http"
    home.mkdir()
    with listening(home, "http", "--toolsets", "all") as at:
        figures |= _over_http(at, messages, gone, chance, faults)
    said = (home / "stderr.txt").read_text(encoding="utf-8")
    if "Traceback" in said:
        faults.append("the server over HTTP wrote a traceback to its log")
    sent = {"messages": messages * (1 if terms.breach else 2), "disconnects": gone}
    return {"S13": Outcome({**sent, **figures}, few(faults))}


async def _over_stdio(terms: Terms, number: int, chance: random.Random, faults: list[str]) -> dict[str, float]:
    home = terms.folder / "stdio"
    home.mkdir()
    async with serving(home, deadline_s=LONGEST_S) as server:
        await server.initialize()
        # The malformed messages have small ids, and their answers must not pass for those of good ones.
        server._asked = 10_000  # noqa: SLF001
        await server.call("list_projects")
        before = memory_mb(server.process.pid)
        for place in range(number):
            await server.send_line(_mangled(chance).replace(b"\n", b" "))
            if place % 20 == 19:
                await _alive(server, faults)
            if place == number // 10:
                before = memory_mb(server.process.pid)
        grown = memory_mb(server.process.pid) - before
        if "Traceback" in server.stderr():
            faults.append("the server over stdio wrote a traceback to its log")
    if grown > GROWTH_MB:
        faults.append(f"stdio: memory grew by {grown:.0f} MB")
    return {"grown over stdio, MB": round(grown, 1)}


async def _alive(server: Server, faults: list[str]) -> None:
    try:
        with anyio.fail_after(ANSWER_S):
            await server.call("list_projects")
    except TimeoutError:
        faults.append("no answer over stdio after malformed lines")


def _over_http(at: Listener, number: int, gone: int, chance: random.Random, faults: list[str]) -> dict[str, float]:
    pid = at.process.pid
    for _ in range(10):
        _answer(at, _request(at, chance))
    _session(at, faults)
    before, open_before = memory_mb(pid), descriptors(pid)
    for place in range(number):
        sent = _request(at, chance)
        status = _answer(at, sent)
        # 501 and 505 are the right words for what HTTP has and this server has not.
        if status is not None and status >= 500 and status not in {501, 505}:
            faults.append(f"HTTP {status} for {sent[:200]!r}")
        if place % 100 == 99:
            _session(at, faults)
        if place == number // 10:
            before = memory_mb(pid)
    for place in range(gone):
        session = _session(at, faults) if place % 50 == 0 else session  # noqa: F821  (bound in the first turn)
        _leave(at, session, place, chance)
    _session(at, faults)
    time.sleep(2)
    grown, more = memory_mb(pid) - before, descriptors(pid) - open_before
    if grown > GROWTH_MB:
        faults.append(f"HTTP: memory grew by {grown:.0f} MB")
    if more > MORE_DESCRIPTORS:
        faults.append(f"HTTP: {more} descriptors stayed open")
    return {"grown over HTTP, MB": round(grown, 1), "descriptors left": more}


def _session(at: Listener, faults: list[str]) -> str:
    """Begin a session, which must be possible at any time; its id."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE}
    headers = {**at.headers, "Accept": "application/json, text/event-stream"}
    try:
        answer = httpx.post(at.url, json=message, headers=headers, trust_env=False, timeout=ANSWER_S)
    except httpx.HTTPError as error:
        faults.append(f"no session over HTTP: {error!r}")
        return ""
    if answer.status_code != 200:
        faults.append(f"no session over HTTP: {answer.status_code}")
    return answer.headers.get("mcp-session-id", "")


def _mangled(chance: random.Random) -> bytes:
    """A body that is one of those above, or a good message with a change."""
    if chance.random() < 0.5:
        return chance.choice(BODIES)
    good = bytearray(json.dumps(json.loads(CALL % chance.randrange(9))).encode())
    match chance.randrange(3):
        case 0:
            del good[chance.randrange(len(good)) :]
        case 1:
            good[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
        case _:
            place = chance.randrange(len(good))
            good[place:place] = chance.randbytes(chance.choice((1, 4, 40)))
    return bytes(good)


def _request(at: Listener, chance: random.Random) -> bytes:
    head = chance.choice(HEADS) if chance.random() < 0.3 else HEADS[0]
    body = _mangled(chance)
    lines = [
        head,
        b"Host: 127.0.0.1",
        b"Authorization: Bearer " + at.token.encode(),
        b"Accept: application/json, text/event-stream",
    ]
    more = chance.choice(FIELDS) if chance.random() < 0.3 else b"Content-Type: application/json"
    lines += [more, b"Connection: close"]
    if b"Content-Length" not in more and b"chunked" not in more:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _connected(at: Listener) -> socket.socket:
    port = urlsplit(at.url).port
    return socket.create_connection(("127.0.0.1", port or 0), ANSWER_S)


def _answer(at: Listener, request: bytes) -> int | None:
    """The status of the answer; None if the server closed the connection, or waits for the rest of a body."""
    with _connected(at) as connection:
        connection.settimeout(0.5)
        try:
            connection.sendall(request)
            first = connection.recv(100)
        except (TimeoutError, ConnectionError):
            return None
        words = first.split()
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


def _leave(at: Listener, session: str, place: int, chance: random.Random) -> None:
    """Begin a call and be gone within 30 ms; half of the times without a word to the other side."""
    body = CALL % place
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {at.token}\r\nMcp-Session-Id: {session}\r\n"
        "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
        f"MCP-Protocol-Version: {INITIALIZE['protocolVersion']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with _connected(at) as connection:
        whole = head.encode() + body
        connection.sendall(whole[: chance.randrange(len(head), len(whole) + 1)] if place % 5 == 0 else whole)
        time.sleep(chance.uniform(0, 0.03))
        if place % 2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
