"""Calls of an app in the same process: what arrives at the app, and what becomes of its answers and crashes."""

import json
from collections.abc import AsyncGenerator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from assaykit.api import in_process
from assaykit.api.answers import UnreadableAnswer
from assaykit.api.in_process import InProcess

KEY = "k-0123456789"


async def echo(request: Request) -> Response:
    asked = {name: request.headers.get(name) for name in ("host", "authorization", "content-type", "content-length")}
    body = (await request.body()).decode()
    query = dict(request.query_params)
    return JSONResponse(
        {**asked, "method": request.method, "id": request.path_params["id"], "query": query, "body": body}
    )


async def crash(request: Request) -> Response:
    raise RuntimeError("a secret detail")


async def empty(request: Request) -> Response:
    return Response(status_code=204)


async def streamed(request: Request) -> Response:
    async def parts() -> AsyncGenerator[str]:
        for part in ("one ", "two ", "three"):
            yield part

    return StreamingResponse(parts())


@pytest.fixture
def client() -> InProcess:
    routes = [
        Route("/things/{id:path}", echo, methods=["GET", "PATCH"]),
        Route("/crash", crash),
        Route("/streamed", streamed),
        Route("/empty", empty),
    ]
    app = Starlette(routes=routes)

    async def opened() -> Starlette:
        return app

    return InProcess("http://engine.local", KEY, opened)


async def asked(
    client: InProcess, at: str, method: str = "GET", content: str | None = None, **params: str | int
) -> httpx.Response:
    kind = {} if content is None else {"content-type": "application/json"}
    return await client.answer(method, at, params=params, content=content, headers=kind)


async def test_the_path_the_query_the_body_and_the_key_arrive_as_they_were_meant(client: InProcess) -> None:
    found = await asked(client, "/things/a%2Fb%20%C3%A9%3F", "PATCH", '{"ä": 1}', name="x & y=é%", limit=5)
    assert found.status_code == 200
    assert json.loads(found.content) == {
        "host": "engine.local",
        "authorization": f"Bearer {KEY}",
        "content-type": "application/json",
        "content-length": "9",
        "method": "PATCH",
        "id": "a/b é?",
        "query": {"name": "x & y=é%", "limit": "5"},
        "body": '{"ä": 1}',
    }


async def test_a_streamed_answer_is_whole_and_an_empty_one_is_empty(client: InProcess) -> None:
    assert (await asked(client, "/streamed")).text == "one two three"
    nothing = await asked(client, "/empty")
    assert (nothing.status_code, nothing.content) == (204, b"")


async def test_a_crash_of_the_app_is_its_answer_of_500(client: InProcess) -> None:
    found = await asked(client, "/crash")
    assert found.status_code == 500
    assert "secret" not in found.text
    assert found.request.url == "http://engine.local/crash"


async def test_a_crash_before_any_answer_goes_on() -> None:
    async def opened() -> object:
        async def app(*_: object) -> None:
            raise RuntimeError("no answer")

        return app

    broken = InProcess("http://engine.local", KEY, opened)  # pyright: ignore[reportArgumentType]
    with pytest.raises(RuntimeError, match="no answer"):
        await asked(broken, "/")


async def test_an_answer_beyond_the_limit_is_refused(client: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_process, "LARGEST_ANSWER", 12)
    with pytest.raises(UnreadableAnswer):
        await asked(client, "/streamed")


async def test_a_path_that_no_url_could_hold_is_refused(client: InProcess) -> None:
    with pytest.raises(httpx.InvalidURL):
        await asked(client, "/things/x", name="n" * 70_000)
