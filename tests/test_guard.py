"""The guard of the HTTP doors: the Host and the Origin of a request decide before its token."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from assaykit.guard import Guard, LocalAddresses


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (["localhost"], 404),
        (["LOCALHOST:1"], 404),
        (["evil.example"], 421),
        (["evil.example", "localhost"], 421),
        (["localhost", "evil.example"], 421),
        (["127.0.0.1@evil.example"], 421),
        (["127.0.0.2"], 421),
        ([], 421),
    ],
)
async def test_a_request_passes_only_if_its_one_host_is_a_loopback_name(hosts: list[str], status: int) -> None:
    guard = Guard(Starlette(), "tok", "the file")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url="http://localhost") as client:
        request = client.build_request("GET", "/", headers={"authorization": "Bearer tok"})
        del request.headers["host"]
        headers = [*request.headers.raw, *((b"Host", host.encode()) for host in hosts)]
        response = await client.send(httpx.Request("GET", "http://localhost/", headers=headers) if hosts else request)
    assert response.status_code == status


RIGHT = "Bearer tok"

Headers = Mapping[str, str]


async def answer(app: ASGIApp, headers: Headers, scope: Mapping[str, Any] | None = None) -> tuple[int, str, Headers]:
    """The status, the detail and the headers of an answer; the app behind the guard has the status 404."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    request = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": raw}
    await app({**request, **(scope or {})}, receive, send)
    start, body = sent
    told = {name.decode(): value.decode() for name, value in start["headers"]}
    is_ours = told["content-type"] == "application/problem+json"
    return start["status"], json.loads(body["body"])["detail"] if is_ours else "", told


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"host": "localhost", "authorization": "Bearer tok"}, 404, ""),
        ({"host": "[::1]:80", "authorization": "bearer tok "}, 404, ""),
        ({"host": "localhost", "authorization": RIGHT, "origin": "http://127.0.0.1:3000"}, 404, ""),
        ({"host": "localhost", "authorization": RIGHT, "origin": "null"}, 403, "other origins"),
        ({"host": "localhost", "authorization": RIGHT, "origin": ""}, 403, "other origins"),
        ({"host": "localhost", "authorization": RIGHT, "origin": "https://evil.example"}, 403, "other origins"),
        ({"host": "localhost", "authorization": RIGHT, "origin": "http://[::1"}, 403, "other origins"),
        ({"host": "[::1", "authorization": RIGHT}, 421, "loopback names"),
        ({"host": "host.docker.internal", "authorization": RIGHT}, 421, "loopback names"),
        ({"host": "localhost"}, 401, "the token file of"),
        ({"host": "localhost", "authorization": "tok"}, 401, "missing or wrong"),
        ({"host": "localhost", "authorization": "Basic tok"}, 401, "missing or wrong"),
        ({"host": "localhost", "authorization": "Bearer to"}, 401, "missing or wrong"),
        ({"host": "localhost", "authorization": "Bearer"}, 401, "missing or wrong"),
        ({"host": "localhost", "authorization": "Bearer t\xf6k"}, 401, "missing or wrong"),
    ],
)
async def test_host_origin_and_token_decide(headers: Headers, status: int, said: str) -> None:
    found = await answer(Guard(Starlette(), "tok", "the token file"), headers)
    assert (found[0], said in found[1]) == (status, True), found
    assert (found[2].get("www-authenticate") == "Bearer") == (status == 401)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:4318"}, 404),
        ({"host": "host.docker.internal:4318"}, 404),
        ({"host": "host.containers.internal"}, 404),
        ({"host": "localhost", "origin": "http://host.docker.internal"}, 404),
        ({"host": "localhost", "origin": "https://evil.example"}, 403),
        ({"host": "evil.example"}, 421),
    ],
)
async def test_an_exporter_in_a_container_may_name_the_machine(headers: Headers, status: int) -> None:
    assert (await answer(LocalAddresses(Starlette()), headers))[0] == status


async def test_a_websocket_is_refused_and_the_start_of_the_app_is_passed_on() -> None:
    reached: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        reached.append(scope["type"])

    guard = Guard(app, "tok", "the file")
    headers = {"host": "localhost", "authorization": RIGHT}
    refused = await answer(guard, headers, {"type": "websocket", "extensions": {}})
    assert (refused[0], refused[1]) == (403, "Only HTTP is spoken here.")
    for door in (guard, LocalAddresses(app)):
        await door({"type": "lifespan"}, nothing, nothing)
    assert reached == ["lifespan"] * 2


async def nothing(*_: Any) -> Any:
    """Neither receive nor send."""


@pytest.mark.parametrize("token", ["", " ", "\n"])
def test_a_guard_without_a_token_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="not empty"):
        Guard(Starlette(), token, "the file")
