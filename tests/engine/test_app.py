"""The app in front of every route: keys, sizes, shapes, and errors that explain themselves."""

from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.testing import capture_logs
from tests.engine.door import KEY, Body, Door, problem_of, span

from assaykit.engine.app import BODY_LIMIT
from assaykit.engine.store.migrations import HEAD

LISTS = ["spaces", "projects", "datasets", "experiments", "evaluators", "ai-integrations", "tasks"]


def stranger(door: Door, **headers: str) -> httpx.AsyncClient:
    """A client that brings nothing but these headers."""
    transport = httpx.ASGITransport(door.engine.app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://engine", headers=headers)


async def test_a_request_without_the_key_is_refused_before_anything_else(door: Door) -> None:
    async with stranger(door) as http:
        for path in ("/v2/projects", "/x/status", "/v1/traces", "/nowhere"):
            response = await http.get(path)
            assert "Bearer" in problem_of(401, response)
            assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("sent", ["Bearer wrong", "wrong", "", "Bearer", "Basic k", "Bearer kk", "Bearer  k"])
async def test_a_wrong_key_is_refused_and_not_repeated(door: Door, sent: str) -> None:
    async with stranger(door, authorization=sent) as http:
        assert "wrong key" not in problem_of(401, await http.get("/v2/projects"))


@pytest.mark.parametrize("sent", [f"Bearer {KEY}", KEY, f"bearer {KEY}"])
async def test_the_key_is_taken_as_a_bearer_token_and_raw(door: Door, sent: str) -> None:
    async with stranger(door, authorization=sent) as http:
        assert (await http.get("/v2/projects")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/v2", "/v2/nowhere", "/v2/projects/", "/index.html", "/v2/projects/a/b"])
async def test_an_unknown_path_is_a_problem_and_never_a_page_or_a_redirect(door: Door, path: str) -> None:
    assert path in await door.refused(404, "GET", path, headers={"accept": "text/html"})


async def test_an_unknown_id_of_any_noun_is_named_in_the_404(door: Door) -> None:
    for noun in LISTS:
        assert "'no such id'" in await door.refused(404, "GET", f"/v2/{noun}/no such id")
    assert "'no such id'" in await door.refused(404, "GET", "/v2/task-runs/no such id")
    assert "'no such id'" in await door.refused(404, "GET", "/x/task-runs/no such id/report")


async def test_an_id_in_a_path_may_be_percent_encoded(door: Door) -> None:
    dataset, _ = await door.dataset([{"q": 1}])
    assert dataset.endswith("=")
    for encoded in (quote(dataset, safe=""), "".join(f"%{ord(each):02x}" for each in dataset)):
        assert (await door.get(f"/v2/datasets/{encoded}"))["id"] == dataset


async def test_a_wrong_method_is_answered_with_the_right_ones(door: Door) -> None:
    assert "only GET, HEAD, POST" in await door.refused(405, "PUT", "/v2/projects")
    response = await door.http.put("/v2/projects/some-id")
    assert response.headers["allow"] == "DELETE, GET, HEAD, PATCH"


async def test_a_body_declared_too_large_is_refused_unread(door: Door) -> None:
    async def never() -> AsyncGenerator[bytes]:
        pytest.fail("the body was read")
        yield b""

    for length in (str(BODY_LIMIT + 1), "9" * 5000):
        headers = {"content-length": length}
        detail = await door.refused(413, "POST", "/v2/projects", content=never(), headers=headers)
        assert str(BODY_LIMIT) in detail


async def test_an_undeclared_body_is_read_no_further_than_the_limit(door: Door) -> None:
    chunk, pulled = b" " * 1024 * 1024, 0

    async def long() -> AsyncGenerator[bytes]:
        nonlocal pulled
        while pulled < 3 * BODY_LIMIT:
            pulled += len(chunk)
            yield chunk

    for path in ("/v2/projects", "/v1/traces"):
        pulled = 0
        await door.refused(413, "POST", path, content=long(), headers={"content-type": "application/json"})
        assert pulled == BODY_LIMIT + len(chunk)


async def test_a_body_of_exactly_the_limit_is_read(door: Door) -> None:
    body = b'{"name": 1}'.rjust(BODY_LIMIT)
    assert "name" in await door.refused(400, "POST", "/v2/projects", content=body)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"\xff", "JSON"),
        (b'{"name": "\\ud800"}', "JSON"),
        (b'{"name": ' + b"[" * 9000, "JSON"),
        (b"", "name: required"),
        (b'{"name": "a", "space_id": 1}', "space_id"),
        (b'{"name": "", "space_id": "s"}', "name"),
        (b'{"nam": "a", "space_id": "s"}', "did you mean 'name'"),
        (b'{"name": "a", "space_id": "s", "colour": "red"}', "colour"),
    ],
)
async def test_a_body_of_the_wrong_shape_is_a_400_that_names_the_field(door: Door, body: bytes, word: str) -> None:
    assert word in await door.refused(400, "POST", "/v2/projects", content=body)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
async def test_a_number_that_json_does_not_have_is_refused(door: Door, value: str) -> None:
    body = f'{{"name": "d", "space_id": "{await door.space()}", "examples": [{{"score": {value}}}]}}'
    assert value in await door.refused(400, "POST", "/v2/datasets", content=body)


@pytest.mark.parametrize(
    "value", ["1e400", "-1E+400", "[1.5e0999]", "1" * 400, "9" * 5000, "9" * 300 + "e9", "9" * 300 + ".5e9"]
)
async def test_a_number_too_large_to_be_kept_is_refused(door: Door, value: str) -> None:
    body = f'{{"name": "d", "space_id": "{await door.space()}", "examples": [{{"score": {value}}}]}}'
    detail = await door.refused(400, "POST", "/v2/datasets", content=body)
    assert "largest number" in detail
    assert len(detail) < 200


async def test_numbers_near_every_limit_are_kept(door: Door) -> None:
    numbers = [1e308, -1.7976931348623157e308, 5e-324, 2**64, -(10**200), 1e-400]
    dataset, _ = await door.dataset([{"score": number} for number in numbers])
    found = (await door.get(f"/v2/datasets/{dataset}/examples"))["examples"]
    assert [example["score"] for example in found] == numbers


async def test_text_may_hold_the_words_that_numbers_may_not_be(door: Door) -> None:
    _, (example,) = await door.dataset([{"answer": "NaN, Infinity and 1e400"}])
    assert example


@pytest.mark.parametrize("limit", ["0", "-1", "101", "ten", "1.5", "", "9" * 5000])
async def test_a_limit_outside_its_range_is_a_400_for_every_list(door: Door, limit: str) -> None:
    for noun in LISTS:
        assert "1 to 100" in await door.refused(400, "GET", f"/v2/{noun}", params={"limit": limit})


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "WzFd WzFd", "W10=", "WzEsMl0=", "WyJhIl0=", "Wy0xXQ==", "WzEwMDAwMDAwMDAwMDAwMDAwMDAwMF0="],
)
async def test_a_cursor_that_no_list_gave_is_a_400(door: Door, cursor: str) -> None:
    assert "cursor" in await door.refused(400, "GET", "/v2/projects", params={"cursor": cursor})


async def test_a_cursor_of_another_list_is_a_400(door: Door) -> None:
    for name in ("a", "b"):
        await door.post("/v2/projects", {"name": name, "space_id": await door.space()})
    cursor = (await door.get("/v2/projects", limit=1))["pagination"]["next_cursor"]
    await door.refused(400, "GET", "/v2/evaluators", params={"cursor": cursor})


@pytest.mark.parametrize(
    ("start", "status"),
    [
        ("9999-12-31T23:59:59Z", 200),
        ("0001-01-01T00:00:00Z", 200),
        ("0001-01-01T00:00:00+14:00", 400),
        ("9999-12-31T23:59:59-14:00", 400),
        ("2026-01-01", 200),
        ("yesterday", 400),
    ],
)
async def test_no_moment_is_too_far_away_to_be_asked_for(door: Door, start: str, status: int) -> None:
    project = await door.send(span(0))
    body: dict[str, Any] = {"project_id": project, "start_time": start, "end_time": start}
    assert (await door.http.post("/v2/spans", json=body)).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("POST", "/v2/spans", {}, 200),
        ("POST", "/v2/traces", {}, 200),
        ("DELETE", "/v2/spans", {"span_ids": ["x"]}, 200),
        ("POST", "/v2/spans/annotate", {"annotations": [{"record_id": "x", "values": [{"name": "x"}]}]}, 404),
    ],
)
async def test_a_window_without_a_start_may_end_at_the_first_moment_there_is(
    door: Door, method: str, path: str, more: Body, status: int
) -> None:
    body = {"project_id": await door.send(span(0)), "end_time": "0001-01-01T00:00:00Z", **more}
    response = await door.http.request(method, path, json=body)
    assert response.status_code == status, response.text


async def test_a_crash_is_a_500_without_its_cause_which_is_logged(door: Door) -> None:
    async def crash(request: Request) -> Response:
        raise RuntimeError("a secret detail")

    door.engine.app.router.routes.append(Route("/crash", crash))
    with capture_logs() as logged:
        detail = await door.refused(500, "GET", "/crash")
    assert "secret" not in detail
    (entry,) = logged
    assert (entry["event"], entry["path"]) == ("engine_crashed", "/crash")
    assert isinstance(entry["exc_info"], RuntimeError)


async def test_the_status_says_where_the_store_is_and_what_it_holds(door: Door) -> None:
    status = await door.get("/x/status")
    assert status == {
        "home": str(door.engine.home), "schema_version": HEAD, "spans": 0, "projects": 0, "running": 0,
    }  # fmt: skip


async def test_no_route_has_a_parameter_in_its_noun(door: Door) -> None:
    """The router looks the noun of a path up before it tries the noun's routes."""
    nouns = {"/".join(route.path.split("/")[:3]) for route in door.engine.app.routes if isinstance(route, Route)}
    assert "/v2/tasks" in nouns
    assert [noun for noun in nouns if "{" in noun] == []
