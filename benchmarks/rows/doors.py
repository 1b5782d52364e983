"""S20: every route of the engine and of the MCP server with eleven credentials and twelve hosts and origins."""

import http.client
import importlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from processes import KEY, address, engine
from rows.outcome import Outcome, Terms, few
from starlette.routing import Route
from tests.e2e.listeners import listening
from tests.e2e.test_http import METHODS, PATHS

from assaykit.engine.app import create_app

DEADLINE_S = 60
REFUSED = {401, 403, 421}
GRPC_METHODS = (
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "/arrow.flight.protocol.FlightService/DoGet",
    "/arrow.flight.protocol.FlightService/DoPut",
    "/arrow.flight.protocol.FlightService/ListFlights",
    "/arrow.flight.protocol.FlightService/Handshake",
    "/no.Service/Method",
)

Header = tuple[bytes, bytes]


class Address(NamedTuple):
    """A Host and an Origin, and the status that the right key gets with them; None for any but a refusal."""

    host: str
    origin: str | None
    refusal: int | None


ADDRESSES = (
    Address("127.0.0.1", None, None),
    Address("localhost:80", None, None),
    Address("[::1]", None, None),
    Address("127.0.0.1", "http://localhost:3000", None),
    Address("evil.example", None, 421),
    Address("127.0.0.1.nip.io", None, 421),
    Address("localhost.evil.example:80", None, 421),
    Address("", None, 421),
    Address("127.0.0.1", "null", 403),
    Address("127.0.0.1", "https://evil.example", 403),
    Address("localhost", "http://127.0.0.1.nip.io", 403),
    Address("[::1]", "file://", 403),
)


def credentials(key: str) -> Iterator[tuple[str, bool]]:
    """Eleven Authorization headers, and whether each is the key. "" stands for none."""
    bad = (
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {key}x",
        f"Bearer {key[:-1]}",
        f"Basic {key}",
        "Bearer \u00fc",
    )
    yield from ((sent, False) for sent in (*bad, f"Bearer {key} {key}"))
    yield f"Bearer {key}", True


def matrix(terms: Terms) -> Mapping[str, Outcome]:
    """Ask every route in each way; a request without the key must be refused."""
    faults: list[str] = []
    counted: Counter[str] = Counter()
    with engine(terms.folder / "engine") as doors:
        routes = [route for route in create_app("k").routes if isinstance(route, Route)]
        asked = [
            (method, _path(route)) for route in routes for method in sorted(route.methods or ()) if method != "HEAD"
        ]
        asked = asked[:: terms.of(40, 1)]
        counted["engine"] = _walk(address(doors), KEY, asked, faults)
        counted["gRPC"] = sum(
            _walk_grpc(f"127.0.0.1:{doors[port]}", header, faults)
            for port, header in (("ARIZE_OTLP_PORT", "authorization"), ("ARIZE_FLIGHT_PORT", "auth-token-bin"))
        )
    for transport in ("http", "sse") if terms.size == "long" else ("http",):
        home = terms.folder / transport
        home.mkdir()
        with listening(home, transport) as at:
            every = [(method, path) for path in PATHS for method in METHODS]
            # An open stream of events has no end, so the right key never begins one.
            counted["MCP"] += _walk(at.origin, at.token, every[:: terms.of(20, 1)], faults, streams=True)
    return {"S20": Outcome({**counted, "surprises": len(faults)}, few(faults))}


def _path(route: Route) -> str:
    return "".join("x" if part.startswith("{") else part for part in _parts(route.path))


def _parts(path: str) -> Iterator[str]:
    for piece in path.split("/"):
        if piece:
            yield "/"
            yield piece


def _walk(base: str, key: str, asked: list[tuple[str, str]], faults: list[str], *, streams: bool = False) -> int:
    """Ask; the number of requests."""
    client = http.client.HTTPConnection(urlsplit(base).netloc, timeout=DEADLINE_S)
    number = 0
    for method, path in asked:
        for sent, right in credentials(key):
            for one in ADDRESSES:
                if streams and right and one.refusal is None:
                    continue
                number += 1
                status = _status(client, method, path, sent, one)
                good = (
                    status in REFUSED
                    if not right
                    else (status == one.refusal if one.refusal else status not in REFUSED)
                )
                if not good:
                    shown = "the key" if right else repr(sent.replace(key, "KEY"))
                    faults.append(
                        f"{status} for {method} {path} with {shown}, Host {one.host!r}, Origin {one.origin!r}"
                    )
    client.close()
    return number


def _status(client: http.client.HTTPConnection, method: str, path: str, sent: str, one: Address) -> int:
    try:
        client.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        client.putheader("Host", one.host)
        if one.origin is not None:
            client.putheader("Origin", one.origin)
        if sent:
            client.putheader("Authorization", sent.encode())
        client.putheader("Content-Length", "0")
        client.endheaders()
        answer = client.getresponse()
        answer.read()
    except (http.client.HTTPException, ConnectionError):
        client.close()
        return 0
    else:
        return answer.status


def _walk_grpc(at: str, header: str, faults: list[str]) -> int:
    """Call every method with each wrong key; the number of calls."""
    grpc: Any = importlib.import_module("grpc")
    number = 0
    with grpc.insecure_channel(at) as channel:
        for method in GRPC_METHODS:
            call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
            for sent, right in credentials(KEY):
                if right:
                    continue
                number += 1
                metadata = [
                    (header, sent.encode() if header.endswith("-bin") else sent.encode("ascii", "replace").decode())
                ]
                try:
                    call(b"\x00garbage", metadata=metadata if sent else [], timeout=DEADLINE_S)
                    code = "OK"
                except grpc.RpcError as error:
                    code = error.code().name
                if code not in {"UNAUTHENTICATED", "UNIMPLEMENTED"}:
                    faults.append(f"{code} for {method} with {sent.replace(KEY, 'KEY')!r}")
    return number
