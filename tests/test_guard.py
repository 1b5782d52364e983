"""The guard of the HTTP doors: the Host and the Origin of a request decide before its token."""

import httpx
import pytest
from starlette.applications import Starlette

from assaykit.guard import Guard


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
